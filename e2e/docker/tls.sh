#!/bin/sh
# A Docker daemon behind TLS; see README.md beside it. Exit code 77: something is missing, as printed.
command -v python3 > /dev/null 2>&1 || { echo "SKIP: python3 is not installed" >&2; exit 77; }
exec python3 -B "$(dirname "$0")/tls.py" "$@"
