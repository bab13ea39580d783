#!/bin/sh
# Runs the stock-client tests against a cluster it starts itself; see README.md beside it.
#
#   e2e/stock/run.sh [TEST...]                   our server: $HEADPOND_BIN or the release build
#   SERVER=stock e2e/stock/run.sh [TEST...]      the same against the stock server
command -v python3 > /dev/null 2>&1 || { echo "SKIP: python3 is not installed" >&2; exit 77; }
exec python3 -B "$(dirname "$0")/run.py" "$@"
