#!/bin/sh
# Builds and checks a Debian package of a built program: deb.sh PROGRAM DIRECTORY. Prints the path of the package.
# The same sources and program give the same package, byte for byte.
set -eu
umask 022
[ $# -eq 2 ] || { echo "usage: deb.sh PROGRAM DIRECTORY" >&2; exit 2; }
program=$(realpath -- "$1")
mkdir -p -- "$2"
out=$(realpath -- "$2")
cd -- "$(dirname -- "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)-1
arch=$(dpkg --print-architecture)
maintainer='The claude-failover authors <claude-failover@users.noreply.github.com>'
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}"
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
root=$work/root
packaging/stage.sh "$program" "$root" /usr

# Where Debian wants it.
share=$root/usr/share doc=$root/usr/share/doc/claude-failover
mv -- "$share/zsh/site-functions" "$share/zsh/vendor-completions"
rm -- "$doc/LICENSE"
install -m 644 packaging/copyright "$doc/copyright"
install -D -m 644 packaging/lintian-overrides "$share/lintian/overrides/claude-failover"
mv -- "$doc/CHANGELOG.md" "$doc/changelog"
cat >"$doc/changelog.Debian" <<END
claude-failover ($version) unstable; urgency=medium

  * Version ${version%-*}; what is new is in changelog.gz.

 -- $maintainer  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END
gzip -9n -- "$doc/changelog" "$doc/changelog.Debian" "$share"/man/man1/*.1
strip --strip-unneeded --remove-section=.comment --remove-section=.note -- "$root/usr/bin/claude-failover"

# What the program is linked with: dpkg-shlibdeps reads the name of the package from a debian/control.
mkdir -- "$work/debian" "$root/DEBIAN"
printf 'Source: claude-failover\n\nPackage: claude-failover\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd -- "$work" && dpkg-shlibdeps -O -e"$root/usr/bin/claude-failover" | sed -n 's/^shlibs:Depends=//p')
[ -n "$libraries" ] || { echo "dpkg-shlibdeps found no library" >&2; exit 1; }
cat >"$root/DEBIAN/control" <<END
Package: claude-failover
Version: $version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du -k -s --apparent-size -- "$root/usr" | cut -f 1)
Depends: $libraries, tmux (>= 3.2)
Recommends: systemd
Suggests: bash-completion, git, libnotify-bin
Section: utils
Priority: optional
Homepage: $(sed -n 's/^repository = "\(.*\)"/\1/p' Cargo.toml)
Description: pool of Claude Code sessions, kept busy and alive
 Hands task files to idle Claude Code sessions in tmux, watches each session
 through what the client itself reports, resumes what dies with its
 conversation intact, moves sessions to another account of yours before one
 runs out, and says what it did and why.
 .
 There is no daemon: each command runs to its end, started by timers, by the
 hooks of the client, by a person or by a script.
END
(cd -- "$root" && find usr -type f | LC_ALL=C sort | xargs -d '\n' md5sum) >"$root/DEBIAN/md5sums"
package=$out/claude-failover_${version}_$arch.deb
dpkg-deb --root-owner-group ${COMPRESSION:+"-Z$COMPRESSION"} --build "$root" "$package" >&2
# Debian's own checks; exceptions and their reasons are in lintian-overrides.
if command -v lintian >/dev/null; then
    lintian --allow-root --pedantic --fail-on error,warning "$package" >&2
else
    echo "not checked: lintian is not installed" >&2
fi
echo "$package"
