"""Jobs nobody here wrote, on three masters whose leader is killed five times meanwhile: the stock TestRunner and a Spark job.

One line per expectation. Exit code: 0 when everything held, 77 when a part is missing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.check import Checks
from masters import tell, wait_for
from run import QuorumMasters, check_start

_TESTS = parts.E2E / "stock" / "tests"
_KILLS = 5
_PAUSE_S = 3.0  # of work between the return of one master and the death of the next
_JOB_LIMIT_S = 300.0


class Killer(threading.Thread):
    """Kills whoever leads, starts it again, and goes on once all are in step."""

    def __init__(self, masters: QuorumMasters):
        super().__init__(daemon=True)
        self._masters = masters
        self._ended = threading.Event()
        self.killed = 0
        self.trouble = ""

    def run(self) -> None:
        while not self._ended.wait(_PAUSE_S):
            leader = self._masters.await_leader()
            if leader is None or not wait_for(self._masters.all_available):
                self.trouble = f"after {self.killed} kills the masters don't find together: {self._masters.quorum()}"
                return
            self._masters.masters[leader].kill()
            self.killed += 1
            self._masters.start_master(leader)

    def end(self) -> None:
        self._ended.set()
        self.join()


def check_job(checks: Checks, masters: QuorumMasters, job: str) -> None:
    """One job, again and again until the leader has died often enough."""
    addresses = masters.client["alluxio.master.rpc.addresses"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "SPARK_LOCAL_IP": "127.0.0.1", "TMPDIR": str(masters.folder)}
    killer, begun, times = Killer(masters), time.monotonic(), 0
    killer.start()
    while killer.killed < _KILLS and killer.is_alive() and times < 10:
        times += 1
        done = subprocess.run([sys.executable, "-B", str(_TESTS / job)], env={**environment, "MASTER": addresses},
                              capture_output=True, text=True, timeout=_JOB_LIMIT_S)
        if not checks.equal(f"exit code of {job}, run {times}", done.returncode, 0):
            print(done.stdout[-4000:] + done.stderr[-4000:] + masters.logs())
            break
    killer.end()
    took = time.monotonic() - begun
    checks.that(f"the leader was killed {killer.killed} times in {took:.0f} s of {job}", killer.killed >= _KILLS, killer.trouble)
    checks.that("all masters are in step again", wait_for(masters.all_available), masters.logs())


def story(checks: Checks, masters: QuorumMasters) -> None:
    check_start(checks, masters)
    for job in ("run_tests.py", "spark.py"):
        check_job(checks, masters, job)


def main() -> int:
    for part in (parts.java, parts.client_jars, parts.shaded_client, parts.spark_python):
        part()  # or there is no need to go on
    return tell("headpond-jobs-", QuorumMasters, story)


if __name__ == "__main__":
    parts.run_as_test(main)
