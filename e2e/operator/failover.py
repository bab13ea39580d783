"""Two operators of one API server: one acts, the other takes over; neither loss of an operator nor of the API server
touches a daemon.

Exit code: 0 when everything held, 77 (with the reason) when kubectl or the binaries are missing.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness.check import Checks
from harness.process import Process, free_ports, wait_for
from kubectl import Kubectl, binaries, kubectl_program, said, write_manifest

_WAIT_S = 30.0
# A lease of 15 s that nobody renews, a look every 2 s, and the start of the one who waited.
_TAKE_OVER_S = 25.0
_AWAY_S = 30.0
_RECOVERY_S = 3.0


class Operators:
    """The API server and two operators that share a home, as they would share a Docker daemon."""

    def __init__(self, folder: Path, program: Path):
        self._folder = folder
        self._program = str(program)
        self._port = free_ports(1)[0]
        self.kubeconfig = folder / "home" / "api" / "kubeconfig"
        self.api = self.start_api()
        self.running: dict[str, Process] = {}
        self._monitors: dict[str, int] = {}

    def start_api(self) -> Process:
        command = [self._program, "api", "--home", str(self._folder / "home"), "--api-port", str(self._port)]
        return Process("api", command, self._folder / "api.log")

    def start(self, name: str) -> Process:
        port = self._monitors[name] = free_ports(1)[0]
        command = [self._program, "run", "--kubeconfig", str(self.kubeconfig), "--home", str(self._folder / "daemons")]
        command += ["--monitor-port", str(port)]
        self.running[name] = Process(name, command, self._folder / f"{name}.log")
        return self.running[name]

    def ask(self, name: str, path: str) -> tuple[int, str]:
        """What an operator tells monitors: status code and text; 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._monitors[name]}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, name: str, metric: str) -> float:
        """The value of one line, 0 when it isn't there."""
        for line in self.ask(name, "/metrics")[1].splitlines():
            if line.startswith(f"{metric} "):
                return float(line.rsplit(" ", 1)[1])
        return 0

    def logs(self) -> str:
        return "\n".join(f"--- {log.name}\n{log.read_text()}" for log in sorted(self._folder.glob("*.log")))

    def stop(self) -> None:
        for process in [*self.running.values(), self.api]:
            process.stop()


def daemon_pids(folder: Path) -> dict[str, int]:
    """The running daemons of the cluster by name: those that were started from its folder."""
    pids = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        text = b" ".join(words).decode(errors="replace")
        if str(folder / "daemons") in text and state != "Z" and len(words) > 1 and words[1] in (b"master", b"worker"):
            pids[words[1].decode()] = int(entry.name)
    return pids


def monitors_are_told(operators: Operators, checks: Checks) -> None:
    """Of both operators, of which the first leads and has made a cluster."""
    for name in ("first", "second"):
        for path in ("/healthz", "/readyz"):
            ready = wait_for(lambda: operators.ask(name, path) == (200, "ok"), 5)
            checks.that(f"{path} of the {name} operator", bool(ready), str(operators.ask(name, path)))
    leads = 'leader_election_master_status{name="headpond-operator"}'
    checks.equal("who leads, by their metrics", [operators.metric(name, leads) for name in ("first", "second")], [1, 0])
    reconciled = 'controller_runtime_reconcile_total{controller="cachecluster",result="success"}'
    checks.that("the leader has reconciled", operators.metric("first", reconciled) > 0)
    checks.equal("the other one has not", operators.metric("second", reconciled), 0)
    checks.that("calls are counted", operators.metric("first", 'rest_client_requests_total{code="200",method="GET"}') > 0)
    text = operators.ask("first", "/metrics")[1]
    for metric, kind in (
        ("controller_runtime_reconcile_errors_total", "counter"),
        ("controller_runtime_reconcile_time_seconds", "histogram"),
        ("process_resident_memory_bytes", "gauge"),
        ("process_cpu_seconds_total", "counter"),
    ):
        checks.equal(f"{metric} has one type", text.count(f"# TYPE {metric} {kind}\n"), 1)
    checks.equal("there is no other page", operators.ask("first", "/else")[0], 404)


def one_acts_at_a_time(folder: Path, kubectl: Kubectl, operators: Operators, checks: Checks) -> None:
    def ready() -> bool:
        done = kubectl.run("wait", "--for=condition=Ready", "cc/quickstart", "--timeout=1s")
        return done.returncode == 0

    def holder() -> str:
        return kubectl.run("get", "lease", "headpond-operator", "-o", "jsonpath={.spec.holderIdentity}").stdout

    operators.start("first")
    checks.that("the first operator leads", wait_for(holder, _WAIT_S), operators.logs())
    leader = holder()
    operators.start("second")
    manifest = folder / "cluster.yaml"
    write_manifest(manifest)
    applied = kubectl.run("apply", "-f", str(manifest))
    checks.that("apply", applied.returncode == 0, said(applied))
    checks.that("the cluster is Ready", wait_for(ready, _WAIT_S), operators.logs())
    before = daemon_pids(folder)
    checks.equal("a master and a worker run", sorted(before), ["master", "worker"])
    checks.equal("the first operator leads still", holder(), leader)

    monitors_are_told(operators, checks)

    operators.running["first"].kill()
    checks.that("the second takes over", wait_for(lambda: holder() not in ("", leader), _TAKE_OVER_S), holder())
    os.kill(before["worker"], signal.SIGKILL)
    healed = wait_for(lambda: daemon_pids(folder).get("worker", before["worker"]) != before["worker"], _WAIT_S)
    checks.that("the second heals the worker", healed, operators.logs())
    leads = 'leader_election_master_status{name="headpond-operator"}'
    checks.that("its metrics say that it leads", wait_for(lambda: operators.metric("second", leads) == 1, 5))
    checks.equal("the master was not touched", daemon_pids(folder).get("master"), before["master"])
    checks.that("the cluster is Ready again", wait_for(ready, _WAIT_S), operators.logs())


def the_api_server_goes_and_comes(folder: Path, kubectl: Kubectl, operators: Operators, checks: Checks) -> None:
    """For longer than a lease lasts: who acts can't know whether it still may, and stops."""
    leads = 'leader_election_master_status{name="headpond-operator"}'
    before = daemon_pids(folder)
    operators.api.kill()
    os.kill(before["worker"], signal.SIGKILL)
    gone_since = time.monotonic()
    healed = wait_for(lambda: daemon_pids(folder).get("worker", before["worker"]) != before["worker"], 8.0)
    checks.that("a worker is healed while the API server is away", healed, operators.logs())
    during = daemon_pids(folder)
    stopped = wait_for(lambda: operators.metric("second", leads) == 0, _TAKE_OVER_S)
    checks.that("who can't renew its lease stops acting", stopped, operators.logs())
    checks.equal("daemons run on", daemon_pids(folder), during)
    os.kill(during["worker"], signal.SIGKILL)
    wait_for(lambda: time.monotonic() - gone_since >= _AWAY_S, _AWAY_S)
    checks.equal("nobody acts without a lease", daemon_pids(folder), {"master": before["master"]})

    operators.api = operators.start_api()
    back = time.monotonic()

    def status(field: str) -> str:
        return kubectl.run("get", "cc", "quickstart", "-o", f"jsonpath={{.status.{field}}}").stdout

    known = wait_for(lambda: status("phase") not in ("", "Ready"), _WAIT_S, 0.02)
    took_s = time.monotonic() - back
    print(f"away for {back - gone_since:.0f} s; the operator acts {took_s:.1f} s after the API server's start", flush=True)
    checks.that(f"within {_RECOVERY_S} s: {took_s:.1f}", known and took_s < _RECOVERY_S, operators.logs())
    # The third crash in a row: a daemon that crashes is started again later each time.
    checks.that("a worker is healed", wait_for(lambda: "worker" in daemon_pids(folder), _WAIT_S), operators.logs())
    told = wait_for(lambda: str(daemon_pids(folder).get("worker", 0)) in status("daemons[*].pid").split(), _WAIT_S)
    checks.that("the status follows", told, operators.logs())
    checks.equal("the master was not touched", daemon_pids(folder).get("master"), before["master"])
    deleted = kubectl.run("delete", "cc", "quickstart", "--timeout=40s")
    checks.that("delete ends", deleted.returncode == 0, said(deleted))
    checks.equal("no daemon is left", daemon_pids(folder), {})


def main() -> int:
    program = kubectl_program()
    operator = binaries() / "headpond-operator"
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="headpond-e2e-") as name:
        folder = Path(name)
        operators = Operators(folder, operator)
        kubectl = Kubectl(program, folder)
        try:
            if checks.that("the API serves", wait_for(operators.kubeconfig.exists, _WAIT_S), operators.logs()):
                one_acts_at_a_time(folder, kubectl, operators, checks)
                the_api_server_goes_and_comes(folder, kubectl, operators, checks)
        finally:
            kubectl.run("delete", "cc", "--all", "--timeout=40s")
            operators.stop()
            for pid in daemon_pids(folder).values():
                os.kill(pid, signal.SIGKILL)
        if checks.wrong:
            print(operators.logs())
        return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
