#!/bin/bash
# Runs a command against a real user manager of systemd, on a host whose PID 1 is not systemd (a container, CI).
#
#   with-systemd.sh [--ro SRC:DST]... -- COMMAND [ARG...]
#
# The command runs as the test user (uid 4242, HOME=/home/sdtest, exists only inside) with a live `systemctl --user`
# and a journal. Its exit code is ours; 98 = it could not be set up (the manager's log is printed).
#
# Inside, / is an overlay of the host's root whose writes go to a tmpfs: host files are readable at their own paths,
# /tmp /var/tmp /run /home /dev are private and empty. `--ro` shows a host directory, read-only, at another path.
# Needs root (CAP_SYS_ADMIN), cgroup2 mounted (alone or as "unified"), systemd, util-linux, procps, iproute2.
#
# SAFETY. No system manager is started, ever: it would run systemd-tmpfiles, which empties /tmp. And because a mount
# namespace protects mounts and not files, (1) the root is an overlay, entered by pivot_root, the old root detached;
# (2) the guard below starts nothing while a host file system that can be written to is in reach. Weaken neither.
set -u
TESTER=sdtest TESTER_ID=4242
die() { echo "with-systemd: $*" >&2; exit 98; }

# ---------------------------------------------------------------- inside: PID 1 of the new namespaces
if [ "${1:-}" = --inside ]; then
  set -eu
  [ $$ = 1 ] || die "--inside is for the script itself"
  work=$2 new=$2/root
  mkdir -p "$new" "$work/layer"
  mount -t tmpfs -o mode=755 tmpfs "$work/layer"
  mkdir "$work/layer/upper" "$work/layer/work"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$work/layer/upper,workdir=$work/layer/work" "$new"
  for dir in run:755 tmp:1777 var/tmp:1777 home:755 etc/systemd/system:755 etc/systemd/user:755 var/log/journal:2755 var/lib/systemd:755; do
    mkdir -p "$new/${dir%:*}"
    mount -t tmpfs -o "mode=${dir#*:}" tmpfs "$new/${dir%:*}"
  done
  mount -t tmpfs -o mode=755,nosuid tmpfs "$new/dev"
  for node in null zero full random urandom tty; do
    touch "$new/dev/$node"
    mount --bind "/dev/$node" "$new/dev/$node"
  done
  mkdir "$new/dev/pts" "$new/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$new/dev/pts"
  ln -s pts/ptmx "$new/dev/ptmx"
  mount -t tmpfs -o mode=1777 tmpfs "$new/dev/shm"
  ln -s /proc/self/fd "$new/dev/fd"
  for stream in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${stream%%:*}" "$new/dev/${stream##*:}"; done
  mount -t proc proc "$new/proc"
  mount --bind "$new/proc/sys" "$new/proc/sys"
  mount -o remount,bind,ro "$new/proc/sys"
  [ ! -e "$new/proc/sysrq-trigger" ] || mount --bind /dev/null "$new/proc/sysrq-trigger"
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$new/sys"
  mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup"
  while read -r source target; do
    mkdir -p "$new$target"
    mount --bind "$source" "$new$target"
    mount -o remount,bind,ro "$new$target"
  done <"$work/binds"
  host=$(stat -c %d /)
  mkdir "$new/.old"
  cd "$new"
  pivot_root . .old
  cd /
  umount -l /.old
  rmdir /.old

  # The guard: fails closed.
  refuse() { echo "with-systemd: ISOLATION GUARD: $*; nothing was started" >&2; exit 99; }
  for dir in / /tmp /var/tmp /etc /var /root /home /run /usr; do
    [ "$(stat -c %d $dir)" != "$host" ] || refuse "$dir is on the host's root"
  done
  [ -z "$(ls -A /tmp)$(ls -A /var/tmp)" ] || refuse "/tmp is not private"
  while read -r _ _ _ _ point options rest; do
    kind=" $rest" kind=${kind#* - } kind=${kind%% *}
    case "$kind" in tmpfs | proc | sysfs | devpts | cgroup2 | mqueue) continue ;; esac
    [ "$point" = / ] && [ "$kind" = overlay ] && continue
    case ",$options," in *,ro,*) continue ;; esac
    # The nodes of /dev come one by one from the host.
    case "$point" in /dev/null | /dev/zero | /dev/full | /dev/random | /dev/urandom | /dev/tty | /proc/sysrq-trigger) continue ;; esac
    refuse "writable $kind at $point"
  done </proc/self/mountinfo

  mount --make-rshared / # as on a host that was booted
  sed -i "/^$TESTER:/d" /etc/passwd /etc/group /etc/shadow
  echo "$TESTER:x:$TESTER_ID:$TESTER_ID::/home/$TESTER:/bin/bash" >>/etc/passwd
  echo "$TESTER:x:$TESTER_ID:" >>/etc/group
  echo "$TESTER:!:19000::::::" >>/etc/shadow
  mkdir -p /home/$TESTER /run/lock /run/systemd/system /run/systemd/unit-root /run/systemd/propagate /etc/systemd/journald.conf.d /var/lib/systemd/linger
  chown $TESTER_ID:$TESTER_ID /home/$TESTER
  chmod 700 /home/$TESTER
  printf '[Journal]\nStorage=persistent\nReadKMsg=no\nAudit=no\nForwardToWall=no\nRateLimitIntervalSec=0\nSyncIntervalSec=1s\nSystemMaxUse=64M\n' >/etc/systemd/journald.conf.d/50-test.conf
  [ -s /etc/machine-id ] || tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
  mkdir -p "/var/log/journal/$(cat /etc/machine-id)" /run/systemd/journal
  touch /run/systemd/journal/flushed # the journal in /var/log has a file for each user
  ip link set lo up 2>/dev/null || true
  # The control groups of a host that was booted: what a process is told of its unit rests on them.
  groups=/sys/fs/cgroup journal=$groups/system.slice/systemd-journald.service
  manager=$groups/user.slice/user-$TESTER_ID.slice/user@$TESTER_ID.service
  mkdir -p "$journal" "$manager" $groups/init.scope
  echo $$ >$groups/init.scope/cgroup.procs
  chown $TESTER_ID:$TESTER_ID "$manager" "$manager"/cgroup.{procs,subtree_control,threads}
  (
    echo $BASHPID >"$journal/cgroup.procs"
    exec /lib/systemd/systemd-journald
  ) &
  for _ in $(seq 250); do
    [ -S /run/systemd/journal/stdout ] && break
    sleep 0.02
  done
  mkdir -p /run/user/$TESTER_ID
  chown $TESTER_ID:$TESTER_ID /run/user/$TESTER_ID
  chmod 700 /run/user/$TESTER_ID
  # A boot of the machine is a manager that ends and starts again: as often as somebody asks for it.
  while :; do
    (
      echo $BASHPID >"$manager/cgroup.procs"
      cd /
      exec setpriv --reuid=$TESTER_ID --regid=$TESTER_ID --clear-groups env -i PATH=/usr/local/bin:/usr/bin:/bin \
        HOME=/home/$TESTER USER=$TESTER LOGNAME=$TESTER SHELL=/bin/bash XDG_RUNTIME_DIR=/run/user/$TESTER_ID /lib/systemd/systemd --user
    ) &
    wait $! || true
    [ -e /run/user/$TESTER_ID/boot-again ] || exit 0
    # What the shutdown of a machine does: nothing of the user lives on, nothing of the runtime directory.
    for group in $(find "$manager" -type d); do
      while read -r pid; do kill -9 "$pid" 2>/dev/null || true; done <"$group/cgroup.procs"
    done
    find /run/user/$TESTER_ID -mindepth 1 -delete 2>/dev/null || true
    find /tmp -mindepth 1 -delete 2>/dev/null || true
  done
fi

# ---------------------------------------------------------------- outside
: "${TMPDIR:=/tmp}"
binds=
while [ $# -gt 0 ]; do
  case "$1" in
  --ro)
    source=$(realpath -e "${2%%:*}") || die "no ${2%%:*}"
    case "${2#*:}" in /opt/*) ;; *) die "shown below /opt only" ;; esac
    binds+="$source ${2#*:}"$'\n'
    shift 2
    ;;
  --)
    shift
    break
    ;;
  *) die "unknown option $1" ;;
  esac
done
[ $# -gt 0 ] || die "no command"
[ "$(id -u)" = 0 ] || die "needs root"
for tool in unshare nsenter setpriv pivot_root pgrep ip /lib/systemd/systemd /lib/systemd/systemd-journald; do
  command -v $tool >/dev/null || die "missing $tool (make tools)"
done
self=$(realpath "$0")
work=$(mktemp -d "$TMPDIR/with-systemd.XXXXXX") || die "no work directory in $TMPDIR"
chmod 755 "$work"
printf %s "$binds" >"$work/binds"
# A fresh cgroup for the root of the namespace, and one beside it for the outer process.
if [ -e /sys/fs/cgroup/cgroup.procs ]; then tree=/sys/fs/cgroup; else tree=/sys/fs/cgroup/unified; fi
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
case "$own" in / | *..*) own= ;; esac
group=$tree$own/with-systemd-$$
started=
teardown() {
  [ -n "$started" ] && kill -9 "$started" 2>/dev/null && wait "$started" 2>/dev/null # the namespaces die with their PID 1
  for _ in $(seq 50); do
    find "$group" "$group.outer" -depth -type d -exec rmdir {} \; 2>/dev/null
    [ -d "$group" ] || [ -d "$group.outer" ] || break
    sleep 0.05
  done
  [ ! -d "$group" ] || echo "with-systemd: left cgroup $group" >&2
  rm -rf --one-file-system "$work"
}
trap teardown EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$group" "$group.outer" 2>/dev/null || die "cannot make cgroup $group: is cgroup2 mounted, and writable?"
(
  echo $BASHPID >"$group/cgroup.procs" || exit 97
  exec setsid unshare --fork --pid --kill-child=KILL --mount --propagation private --cgroup --uts --ipc --net /bin/bash "$self" --inside "$work"
) >"$work/manager.log" 2>&1 </dev/null &
started=$!
inner=
for _ in $(seq 250); do
  inner=$(pgrep -P $started 2>/dev/null | head -1)
  [ -z "$inner" ] || break
  kill -0 $started 2>/dev/null || break
  sleep 0.02
done
[ -n "$inner" ] || { cat "$work/manager.log" >&2; die "the namespace did not start"; }
echo $started >"$group.outer/cgroup.procs" 2>/dev/null
as_tester() {
  nsenter -t "$inner" -m -p -C -u -i -n setpriv --reuid=$TESTER_ID --regid=$TESTER_ID --clear-groups \
    env -i PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C.UTF-8 TERM=dumb HOME=/home/$TESTER USER=$TESTER LOGNAME=$TESTER SHELL=/bin/bash \
    XDG_RUNTIME_DIR=/run/user/$TESTER_ID WITH_SYSTEMD=user sh -c 'cd "$HOME" && exec "$@"' sh "$@"
}
ready=
for _ in $(seq 400); do
  kill -0 $started 2>/dev/null || break
  if as_tester test -S /run/user/$TESTER_ID/systemd/private 2>/dev/null; then
    ready=$(as_tester timeout 20 systemctl --user is-system-running --wait 2>/dev/null)
    case "$ready" in running | degraded) break ;; esac
  fi
  sleep 0.03
done
case "$ready" in running | degraded) ;; *) cat "$work/manager.log" >&2; die "the user manager did not start ($ready)" ;; esac
as_tester "$@"
