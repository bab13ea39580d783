#!/bin/bash
# deps.sh [LIST...]: installs what the lists name (default: apt-packages.txt) from Debian 12's archive, if anything is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- "$here/apt-packages.txt"
mapfile -t wanted < <(grep -hv '^#' "$@" | sed '/^$/d')
# A Rust of another origin (rustup) serves as well, if it is as new as the crate asks (daemons/consensus/raft/Cargo.toml).
rust_here() {
  local version
  version=$(cargo --version 2>/dev/null | cut -d' ' -f2) && [ -n "$version" ] && command -v rustc >/dev/null &&
    printf '%s\n' 1.85 "$version" | sort -CV
}
missing=()
for package in "${wanted[@]}"; do
  case $package in cargo-web | rustc-web) ! rust_here || continue ;; esac
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
for package in "${missing[@]}"; do
  case $package in
    cargo-web | rustc-web)
      apt-cache show "$package" >/dev/null 2>&1 || {
        echo "this archive has no $package (it is in bookworm main and its updates): complete the sources, or install Rust" \
             "1.85 or newer from https://rustup.rs, then run this again" >&2
        exit 1
      } ;;
  esac
done
"${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
