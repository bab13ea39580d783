"""Starts a cluster on free loopback ports, runs the stock-client tests, tells what passed.

One line per test: PASS, FAIL or SKIP, the name, the seconds, and for the last two the reason.
Exit code: 0 when nothing failed and something ran, 77 when everything was skipped, else 1.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.cluster import Cluster, StartFailed, server_from_environment
from harness.process import Process

_HERE = Path(__file__).resolve().parent

# How a sanitizer or the runtime announces a defect that a passing test would hide.
_DEFECTS = ("ERROR: AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")


@dataclasses.dataclass(frozen=True)
class Test:
    name: str
    command: tuple[str, ...]  # a script of tests/ and its arguments
    limit_s: float
    needs: tuple = ()  # the fetched parts it uses
    profile: str = "plain"  # the cluster it runs against


_CLIENT = (parts.java, parts.client_jars)
TESTS = (
    Test("run-tests", ("run_tests.py",), 120, _CLIENT),
    Test("shell", ("shell.py",), 240, _CLIENT),
    Test("persist", ("persist.py",), 180, _CLIENT),
    Test("remote", ("data_path.py", "remote"), 60, _CLIENT),
    Test("short-circuit", ("data_path.py", "short-circuit"), 60, _CLIENT),
    Test("broken-read", ("broken_read.py",), 60, _CLIENT),
    Test("spark", ("spark.py",), 240, (*_CLIENT, parts.shaded_client, parts.spark_python)),
    Test("terasort", ("terasort.py",), 240, (*_CLIENT, parts.shaded_client, parts.mapreduce_jars)),
    Test("domain-socket", ("data_path.py", "domain-socket"), 60, _CLIENT, "domain-socket"),
)


def profile_cluster(profile: str, server, folder: Path) -> tuple[Cluster, dict[str, str]]:
    """The cluster of a profile, and what its tests may know about it."""
    if profile == "plain":
        cluster = Cluster(server, folder)
        return cluster, {
            "UNDER_STORE": str(cluster.under_store),
            "BLOCK_STORE": str(cluster.block_store),
            "TTL_CHECKED_EVERY_SECOND": "1",
        }
    # The worker's name resolves to an address it does not listen on: only the socket is left.
    properties = {
        "alluxio.worker.hostname": "127.0.0.2",
        "alluxio.worker.data.server.domain.socket.address": folder / "sockets",
        "alluxio.worker.data.server.domain.socket.as.uuid": "true",
    }
    (folder / "sockets").mkdir(parents=True)
    cluster = Cluster(server, folder, properties, roles=["master", "worker"])
    return cluster, {"WORKER_TCP_CLOSED": "1"}


class Report:
    def __init__(self):
        self.counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}

    def line(self, outcome: str, name: str, seconds: float, reason: str = "") -> None:
        self.counts[outcome] += 1
        print(f"{outcome} {name:<24} {seconds:6.1f} s  {reason}".rstrip(), flush=True)

    def finish(self) -> int:
        passed, failed, skipped = self.counts.values()
        print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
        if failed:
            return 1
        return 0 if passed else parts.SKIP_EXIT_CODE


def last_reason(log: Path) -> str:
    """What a failed test complained about first, or its last words."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    wrong = list(dict.fromkeys(line for line in lines if line.startswith("WRONG ")))
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        return wrong[0].removeprefix("WRONG ") + more
    return lines[-1].strip() if lines else "no output"


class Runner:
    """Runs the tests of one profile against one cluster, started anew when a server has died."""

    def __init__(self, server, folder: Path, report: Report):
        self._server = server
        self._folder = folder
        self._report = report
        self._clusters = 0

    def run(self, profile: str, tests: list[Test]) -> None:
        waiting = list(tests)
        while waiting:
            self._clusters += 1
            folder = self._folder / f"{profile}-{self._clusters}"
            cluster, knowledge = profile_cluster(profile, self._server, folder)
            started = time.monotonic()
            try:
                cluster.start()
                while waiting and not cluster.died():
                    self._run_test(waiting.pop(0), cluster, knowledge, folder)
                self._stop(profile, cluster)
            except StartFailed as failure:
                reason = str(failure).replace("\n", "\n    ")
                for test in waiting:
                    self._report.line("FAIL", test.name, time.monotonic() - started, reason)
                    reason = "the cluster did not start"
                waiting.clear()
            finally:
                cluster.stop()

    def _run_test(self, test: Test, cluster: Cluster, knowledge: dict, folder: Path) -> None:
        script, *arguments = test.command
        environment = {**os.environ, **knowledge, "MASTER": cluster.master, "PYTHONUNBUFFERED": "1"}
        log = self._folder / f"{test.name}.log"
        started = time.monotonic()
        process = Process(
            test.name,
            [sys.executable, "-B", str(_HERE / "tests" / script), *arguments],
            log,
            {**environment, "TMPDIR": str(folder), "SPARK_LOCAL_IP": "127.0.0.1"},
        )
        try:
            exit_code = None
            while exit_code is None and time.monotonic() < started + test.limit_s:
                if cluster.died():
                    break
                exit_code = process.wait(1.0)
        finally:
            process.kill()
        seconds = time.monotonic() - started
        dead = cluster.died()
        if dead:
            self._report.line("FAIL", test.name, seconds, f"the {' and the '.join(dead)} ended")
            print("    " + cluster.log_of(dead[0]).replace("\n", "\n    "))
        elif exit_code is None:
            self._report.line("FAIL", test.name, seconds, f"no end within {test.limit_s:.0f} s")
        elif exit_code == parts.SKIP_EXIT_CODE:
            self._report.line("SKIP", test.name, seconds, last_reason(log))
        elif exit_code != 0:
            self._report.line("FAIL", test.name, seconds, last_reason(log))
        else:
            self._report.line("PASS", test.name, seconds)

    def _stop(self, profile: str, cluster: Cluster) -> None:
        """Servers must end by themselves on SIGTERM, and must not have reported a defect."""
        processes = dict(cluster.processes)
        started = time.monotonic()
        reasons = []
        for role, process in reversed(list(processes.items())):
            if process.alive() and process.stop() == -signal.SIGKILL:
                reasons.append(f"the {role} had to be killed")
        for role, process in processes.items():
            text = process.log.read_text(errors="replace")
            reasons += [f"the {role} logged '{defect}'" for defect in _DEFECTS if defect in text]
        outcome = "FAIL" if reasons else "PASS"
        name = f"stop ({profile})"
        self._report.line(outcome, name, time.monotonic() - started, "; ".join(reasons))


def missing_part(test: Test) -> str | None:
    """Fetches what the test needs; why it cannot run, if so."""
    try:
        for need in test.needs:
            need()
        return None
    except parts.Missing as why:
        return str(why)


def run_all(names: list[str], folder: Path) -> int:
    report = Report()
    chosen = [test for test in TESTS if not names or test.name in names]
    try:
        server = server_from_environment()
    except parts.Missing as why:
        for test in chosen:
            report.line("SKIP", test.name, 0, str(why))
        return report.finish()
    runnable = []
    for test in chosen:
        why = missing_part(test)
        if why is None:
            runnable.append(test)
        else:
            report.line("SKIP", test.name, 0, why)
    runner = Runner(server, folder, report)
    for profile in dict.fromkeys(test.profile for test in runnable):
        runner.run(profile, [test for test in runnable if test.profile == profile])
    return report.finish()


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.splitlines()[0])
    known = [test.name for test in TESTS]
    parser.add_argument("test", nargs="*", help=f"default: all of {', '.join(known)}")
    names = parser.parse_args().test
    if unknown := set(names) - set(known):
        parser.error(f"no such test: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    folder = Path(tempfile.mkdtemp(prefix="headpond-e2e-"))
    exit_code = 1
    try:
        exit_code = run_all(names, folder)
    finally:
        if exit_code == 1 or os.environ.get("KEEP_LOGS"):
            print(f"logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
