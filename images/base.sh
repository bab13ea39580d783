#!/bin/bash
# base.sh TAG: makes a base like debian:bookworm-slim, with the packages that our images need, from Debian's archive: for
# hosts that reach no image registry. Needs root and debootstrap.
set -euo pipefail
tag=$1
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "debootstrap needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "no debootstrap: install it from apt" >&2; exit 1; }
packages=$(grep -v '^#' "$here/../scripts/apt-packages-runtime.txt" | paste -sd,)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include="$packages" bookworm "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
  { tail -5 "$root.log" >&2; rm -f "$root.log"; exit 1; }
rm -f "$root.log"
# What the slim images leave out too; licences stay.
find "$root/usr/share/doc" -depth -type f ! -name copyright -delete
find "$root/usr/share/doc" -depth -type d -empty -delete
rm -rf "$root"/usr/share/{man,info,locale,lintian,bash-completion}/* "$root"/var/cache/{apt,debconf}/* \
  "$root"/var/lib/apt/lists/* "$root"/var/log/*
cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<'END'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
END
tar -C "$root" --numeric-owner -c . | docker import --change 'CMD ["bash"]' --change 'LABEL dev.headpond.base=bookworm' - "$tag" >/dev/null
