"""Jobs nobody here wrote, on three masters whose leader is killed five times meanwhile: the stock TestRunner and a Spark job.

One line per expectation. Exit code: 0 when everything held, 77 when a part is missing.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.check import Checks
from harness.process import Process
from masters import tell, wait_for
from run import QuorumMasters, check_start

_TESTS = parts.E2E / "stock" / "tests"
_KILLS = 5
_PAUSE_S = 3.0  # of work between the return of one master and the death of the next
_JOB_LIMIT_S = 400.0
_MOST_RUNS = 10
_TAIL_LINES = 120


def kill_leader(masters: QuorumMasters) -> str:
    """Kills whoever leads once all are in step, and starts it again; what is wrong, if anything."""
    leader = masters.await_leader()
    if leader is None or not wait_for(masters.all_available):
        return f"the masters don't find together: {masters.quorum()}\n{masters.logs()}"
    masters.masters[leader].kill()
    masters.start_master(leader)
    return ""


def check_job(checks: Checks, masters: QuorumMasters, job: str) -> None:
    """One job, again and again until the leader has died often enough."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "SPARK_LOCAL_IP": "127.0.0.1", "TMPDIR": str(masters.folder),
                   "MASTER": masters.client["alluxio.master.rpc.addresses"]}
    begun, killed, runs, trouble = time.monotonic(), 0, 0, ""
    while killed < _KILLS and runs < _MOST_RUNS and not trouble:
        runs += 1
        log = masters.folder / f"{job}-{runs}.log"
        process = Process(job, [sys.executable, "-B", str(_TESTS / job)], log, environment)
        while process.wait(_PAUSE_S) is None and not trouble and time.monotonic() - begun < _JOB_LIMIT_S:
            if killed < _KILLS:
                trouble = kill_leader(masters)
                killed += 1
        code = process.wait(0)
        process.kill()
        if not checks.that(f"{job} ends well, run {runs}", code == 0, f"exit code {code}"):
            trouble = process.tail(_TAIL_LINES) + masters.logs()
    checks.that(f"the leader was killed {killed} times in {time.monotonic() - begun:.0f} s of {job}", killed >= _KILLS and not trouble, trouble)
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
