#!/bin/sh
# Three masters with the embedded journal: leaders are killed, all are lost and begin with a backup, the same by the
# operator, masters that come and go, and a cluster that begins with a Backup; stock's tests and a Spark job meanwhile; and
# three that ZooKeeper elects. See README.md beside it.
#
#   e2e/ha/run.sh [--rounds N]        binaries: the folder of $HEADPOND_BIN, or the release build
#
# Exit code 77: this machine can't run a part, for the reason printed.
command -v python3 > /dev/null 2>&1 || { echo "SKIP: python3 is not installed" >&2; exit 77; }
cd "$(dirname "$0")" || exit 1
python3 -B run.py "$@"
status=$?
[ "$status" = 0 ] || [ "$status" = 77 ] || exit "$status"
python3 -B backup.py
backup=$?
[ "$backup" = 0 ] || [ "$backup" = 77 ] || exit "$backup"
python3 -B tls.py
secured=$?
[ "$secured" = 0 ] || [ "$secured" = 77 ] || exit "$secured"
python3 -B zookeeper.py
elected=$?
[ "$elected" = 0 ] || [ "$elected" = 77 ] || exit "$elected"
python3 -B jobs.py
jobs=$?
[ "$jobs" = 0 ] || [ "$jobs" = 77 ] || exit "$jobs"
python3 -B operated.py || exit
python3 -B scaled.py || exit
python3 -B restored.py || exit
for part in "$status" "$backup" "$secured" "$elected"; do
  [ "$part" = 0 ] || exit "$part"
done
exit "$jobs"
