#!/bin/sh
# What headpond-operator serves, and its CustomResourceDefinitions, against a real kube-apiserver; see README.md beside it.
#
#   e2e/contract/run.sh [operator|specs|contract|crashes|many]...    binaries: the folder of $HEADPOND_BIN, or the release build
#
# Exit code 77: this machine can't run it, for the reason printed.
command -v python3 > /dev/null 2>&1 || { echo "SKIP: python3 is not installed" >&2; exit 77; }
exec python3 -B "$(dirname "$0")/run.py" "$@"
