#!/bin/sh
# Measures our server beside the stock one and writes docs/benchmarks.md; see README.md beside it.
#
#   e2e/bench/run.sh [--quick] [--rounds N] [--stock-only] [start|memory|meta|io|namespace]...
command -v python3 > /dev/null 2>&1 || { echo "SKIP: python3 is not installed" >&2; exit 77; }
exec python3 -B "$(dirname "$0")/run.py" "$@"
