#!/bin/bash
# deps.sh [LIST...]: installs what the lists name (default: apt-packages.txt) from Debian 12's archive, if anything is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- "$here/apt-packages.txt"
mapfile -t wanted < <(grep -hv '^#' "$@" | sed '/^$/d')
missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
sudo=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "missing packages: ${missing[*]}; install them as root, or install sudo" >&2; exit 1; }
  sudo=(sudo)
fi
echo "installing from apt: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
