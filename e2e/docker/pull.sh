#!/bin/sh
# Images of a private registry, with Secrets; see README.md beside it. Exit code 77: something is missing, as printed.
command -v python3 > /dev/null 2>&1 || { echo "SKIP: python3 is not installed" >&2; exit 77; }
exec python3 -B "$(dirname "$0")/pull.py" "$@"
