#!/bin/sh
# Installs below $DESTDIR$PREFIX, or removes just that: install.sh PROGRAM | install.sh --remove
#
# What was put there, and which directories were made for it, stands in share/claude-failover/installed: removal
# needs no program, and takes nothing that somebody else put beside it.
set -eu
umask 022
[ $# -eq 1 ] || { echo "usage: install.sh PROGRAM | install.sh --remove" >&2; exit 2; }
prefix=${PREFIX:-/usr/local}
case $prefix in /*) ;; *) echo "PREFIX is not an absolute path: \`$prefix\`" >&2; exit 2 ;; esac
to=${DESTDIR:-}${prefix%/}
list=share/claude-failover/installed

# Removes what the list on stdin names: files, then the directories (they end with /) that are empty.
take_away() {
    sort -r | while IFS= read -r name; do
        case /$name in
        */../* | //*) echo "not a path below \`$to\`: \`$name\`" >&2; exit 1 ;;
        */) [ ! -d "$to/$name" ] || rmdir --ignore-fail-on-non-empty -- "$to/$name" ;;
        *) rm -f -- "$to/$name" ;;
        esac
    done
}

if [ "$1" = --remove ]; then
    [ -f "$to/$list" ] || { echo "nothing is installed: no \`$to/$list\`" >&2; exit 0; }
    names=$(cat -- "$to/$list")
    printf '%s\n' "$names" "$list" | take_away
    exit 0
fi

stage=$(mktemp -d)
trap 'rm -rf -- "$stage"' EXIT
"$(dirname -- "$0")/stage.sh" "$1" "$stage/root" "$prefix"
from=$stage/root${prefix%/}
mkdir -p -- "$from/${list%/*}" "$to"
: >"$from/$list"
(cd -- "$from" && find . -mindepth 1 -type d | sed 's|^\./||' | sort) >"$stage/dirs"
(cd -- "$from" && find . -type f | sed 's|^\./||' | sort) >"$stage/files"
cp -- "$stage/files" "$stage/list"
while IFS= read -r dir; do
    # Made now, or by an installation before this one.
    if [ ! -d "$to/$dir" ]; then
        mkdir -- "$to/$dir"
        echo "$dir/"
    elif [ -f "$to/$list" ]; then
        grep -Fx -- "$dir/" "$to/$list" || :
    fi
done <"$stage/dirs" >>"$stage/list"
# What an earlier version had, and this has not.
[ ! -f "$to/$list" ] || grep -Fxv -f "$stage/list" -- "$to/$list" | take_away
cp -- "$stage/list" "$from/$list"
while IFS= read -r file; do
    # In its place at once: a hook may be started at any moment.
    cp -p -- "$from/$file" "$to/$file.new"
    mv -f -- "$to/$file.new" "$to/$file"
done <"$stage/files"
