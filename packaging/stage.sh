#!/bin/sh
# Lays out everything that is installed, with modes, below ROOT: stage.sh PROGRAM ROOT PREFIX
# PROGRAM is run: it writes its own manual and units.
set -eu
umask 022
[ $# -eq 3 ] || { echo "usage: stage.sh PROGRAM ROOT PREFIX" >&2; exit 2; }
program=$(realpath -- "$1") root=$2 prefix=$3
case $prefix in /*) ;; *) echo "PREFIX is not an absolute path: \`$prefix\`" >&2; exit 2 ;; esac
to=$root${prefix%/}
cd -- "$(dirname -- "$0")/.."

put() { install -D -m "$1" -- "$2" "$to/$3"; }

put 755 "$program" bin/claude-failover
put 644 completions/claude-failover.bash share/bash-completion/completions/claude-failover
put 644 completions/claude-failover.zsh share/zsh/site-functions/_claude-failover
put 644 completions/claude-failover.fish share/fish/vendor_completions.d/claude-failover.fish
for file in README.md CHANGELOG.md LICENSE; do
    put 644 "$file" "share/doc/claude-failover/$file"
done
# Programs of the tests and of the demo are no examples for anybody else.
find examples -type f ! -name '*.rs' ! -name demo.sh | while IFS= read -r file; do
    case $file in *.sh) mode=755 ;; *) mode=644 ;; esac
    put "$mode" "$file" "share/doc/claude-failover/$file"
done
"$program" man "$to/share/man/man1"
# For any user, enabled by nobody: `timers install` writes those of a configuration.
"$program" timers print --generic --program "${prefix%/}/bin/claude-failover" --to "$to/lib/systemd/user"
