#!/bin/sh
# Stock kubectl against the API that the operator serves itself, with a real cluster behind it; then two operators, of
# which one acts, against an API server that comes and goes.
#
#   e2e/operator/run.sh    binaries: the folder of $HEADPOND_BIN, or the release build; kubectl: $KUBECTL, or from PATH
command -v python3 > /dev/null 2>&1 || { echo "SKIP: python3 is not installed" >&2; exit 77; }
cd "$(dirname "$0")" || exit 1
python3 -B kubectl.py || exit
exec python3 -B failover.py
