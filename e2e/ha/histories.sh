#!/bin/sh
# Whether what clients of three masters see is one file system while masters die, stop and lose each other; see README.md.
#
#   e2e/ha/histories.sh [--seconds N] [--rounds N] [--longest N] [--seed N] [--only TEXT]      binary: $HEADPOND_BIN, or the release build
#
# Exit code 77: this machine can't run it, for the reason printed.
command -v python3 > /dev/null 2>&1 || { echo "SKIP: python3 is not installed" >&2; exit 77; }
exec python3 -B "$(dirname "$0")/histories.py" "$@"
