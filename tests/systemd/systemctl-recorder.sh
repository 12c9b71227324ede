#!/bin/sh
# A `systemctl` that notes every call and remembers what it was told, in place of a manager. Called as
# ROOT/bin/systemctl (a link to this): the units are in ROOT/home/.config/systemd/user, its memory in ROOT/manager.
root=${0%/bin/systemctl} units=${0%/bin/systemctl}/home/.config/systemd/user
mkdir -p "$root/manager/known" "$root/manager/enabled"
while :; do case $1 in --user | --system | --no-*) shift ;; *) break ;; esac; done
case $1 in
is-system-running) cat "$root/manager/is" 2>/dev/null || echo running ; exit ;;
show)
    for file in "$units"/claude-failover-*; do
        name=${file##*/} outdated=no load=not-found file=static active=inactive
        [ -e "$units/$name" ] || continue
        if [ -e "$root/manager/known/$name" ]; then
            load=loaded
            cmp -s "$root/manager/known/$name" "$units/$name" || outdated=yes
        fi
        if [ "$(cat "$root/manager/enabled/$name" 2>/dev/null)" = yes ]; then file=enabled active=active; fi
        # What a test wants it to say instead: a load, an active state, a state of the file.
        [ -e "$root/manager/is-$name" ] && read -r load active file <"$root/manager/is-$name"
        printf 'Id=%s\nLoadState=%s\nUnitFileState=%s\nActiveState=%s\nNeedDaemonReload=%s\n\n' "$name" $load $file $active $outdated
    done
    exit
    ;;
list-timers) echo '[]' ; exit ;;
show-environment) cat "$root/manager/environment" 2>/dev/null || echo PATH=/usr/bin:/bin ; exit ;;
cat) cat "$units/$2" "$units/$2.d/"*.conf 2>/dev/null ; [ -e "$units/$2" ] ; exit ;;
daemon-reload) cp "$units"/claude-failover-* "$root/manager/known/" 2>/dev/null ;;
esac
verb=$1
for word; do
    case $verb:$word in
    enable:claude-*) [ -e "$root/manager/known/$word" ] || { echo "Unit $word does not exist" >&2; exit 1; } ; echo yes >"$root/manager/enabled/$word" ;;
    disable:claude-*) echo no >"$root/manager/enabled/$word" ;;
    esac
done
echo "$*" >>"$root/manager/log"
