#!/bin/sh
# The images, run as users do; see README.md beside it. Exit code 77: this machine can't run them, for the reason printed.
command -v python3 > /dev/null 2>&1 || { echo "SKIP: python3 is not installed" >&2; exit 77; }
exec python3 -B "$(dirname "$0")/run.py" "$@"
