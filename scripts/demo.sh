#!/bin/bash
# demo.sh run|stop: a cluster from manifests/samples/quickstart.yaml and a look at what it does with real files.
#
# Environment: HEADPOND_BIN   folder of headpond and headpond-operator (default build/release/bin)
#              PORT_BASE      first of four other ports, when the usual ones are taken
#              DEMO_MB        how much data to use (default 300)
set -euo pipefail
cd "$(dirname "$0")/.."

readonly name=quickstart
readonly manifest=manifests/samples/quickstart.yaml
readonly bin=${HEADPOND_BIN:-$PWD/build/release/bin}
readonly megabytes=${DEMO_MB:-300}
# The machine's own documents, libraries and data: real files that are there everywhere.
readonly sources=(/usr/share/doc /usr/lib /usr/share)
readonly smallest=+64k # smaller files would make this a test of metadata

headpond() { "$bin/headpond" "$@"; }

die() {
  echo "demo: $*" >&2
  exit 1
}

# The value of one labelled line of `headpond status`.
status_line() { headpond status "$name" 2>/dev/null | sed -n "s/^  $1 *//p" | head -1; }

is_ready() { headpond status "$name" 2>/dev/null | grep -qx "cluster $name: Ready"; }

# Copies files into a folder of the under-store until there are enough; symbolic links and unreadable files are left out.
make_data() {
  local folder=$1 part=$1.part
  [ -d "$folder" ] && return
  rm -rf "$part"
  mkdir -p "$part"
  echo "copying up to $megabytes MB of this machine's files into the under-store ..."
  find "${sources[@]}" -xdev -type f -readable -size "$smallest" -printf '%s\t%p\0' 2>/dev/null |
    awk -v RS='\0' -v ORS='\0' -F '\t' -v most=$((megabytes << 20)) '!seen[$2]++ && sum + $1 <= most { sum += $1; print $2 }' |
    xargs -0 cp --parents --no-preserve=ownership -t "$part" 2>/dev/null || true
  mv "$part" "$folder"
}

# Asks the kernel to forget its copies, so that the first read comes from the disk.
forget_pages() {
  sync -f "$1"
  find "$1" -type f -exec sh -c 'for file; do dd if="$file" iflag=nocache count=0 status=none; done' sh {} +
}

# Reads every file of the cache's folder $1 through the cluster; prints the seconds it took.
read_all() {
  local folder=$1 scratch start end
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/headpond-demo.XXXXXX")
  start=$EPOCHREALTIME
  headpond fs "${client[@]}" copyToLocal "$folder" "$scratch" >/dev/null
  end=$EPOCHREALTIME
  rm -rf "$scratch"
  awk -v start="$start" -v end="$end" 'BEGIN { printf "%.2f", end - start }'
}

speed() { awk -v bytes="$1" -v seconds="$2" 'BEGIN { printf "%.0f MB/s", bytes / seconds / 1e6 }'; }

report() {
  cat "$1"
  headpond status "$name"
  echo
  echo "stop it with: make stop     (its data stays; $bin/headpond down --delete-data removes it)"
}

run() {
  [ -x "$bin/headpond" ] || die "$bin/headpond is not there: run make build"
  if is_ready; then
    local kept
    kept=$(dirname "$(status_line under-store)")/demo-report.txt
    [ -f "$kept" ] && { report "$kept"; return; }
  fi
  headpond up -f "$manifest" --wait ${PORT_BASE:+--port-base "$PORT_BASE"} >/dev/null

  local under_store address bytes files cold hot
  under_store=$(status_line under-store)
  address=$(status_line "clients connect to" | sed 's,alluxio://,,')
  client=("-Dalluxio.master.hostname=${address%:*}" "-Dalluxio.master.rpc.port=${address##*:}")
  make_data "$under_store/demo"
  bytes=$(find "$under_store/demo" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')
  files=$(find "$under_store/demo" -type f | wc -l)
  forget_pages "$under_store/demo"

  echo "reading them through the cluster, twice ..."
  cold=$(read_all /demo)
  hot=$(read_all /demo)
  {
    echo "$files files, $((bytes / 1000000)) MB:"
    echo "  first read, from the under-store   $cold s   $(speed "$bytes" "$cold")"
    echo "  second read, from the cache        $hot s   $(speed "$bytes" "$hot")"
    echo
  } >"$(dirname "$under_store")/demo-report.txt"
  report "$(dirname "$under_store")/demo-report.txt"
}

stop() { headpond down "$name"; }

case "${1:-}" in
  run | stop) "$1" ;;
  *) die "usage: scripts/demo.sh run|stop" ;;
esac
