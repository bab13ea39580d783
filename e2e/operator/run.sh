#!/bin/sh
# Stock kubectl against the API that the operator serves itself, with a real cluster behind it.
#
#   e2e/operator/run.sh    binaries: the folder of $HEADPOND_BIN, or the release build; kubectl: $KUBECTL, or from PATH
command -v python3 > /dev/null 2>&1 || { echo "SKIP: python3 is not installed" >&2; exit 77; }
exec python3 -B "$(dirname "$0")/kubectl.py"
