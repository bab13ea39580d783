"""Three masters and two workers by the operator, from manifests/samples/ha.yaml: the leader is killed, then every daemon
gets another configuration, while folders are made and files written. Nothing that was asked for may fail.

Exit code: 0 when everything held, 77 (with the reason) when the binaries are missing.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterable

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.check import Checks, in_folder
from harness.cluster import HeadpondServer
from harness.process import Process, wait_for
from writer import Writer

_SAMPLE = Path(__file__).resolve().parents[2] / "manifests" / "samples" / "ha.yaml"
_COMMAND_LIMIT_S = 60
_WAIT_S = 30.0
_READY_S = 10.0
_FAILOVER_S = 1.0
_MASTERS = ["ha-master-0", "ha-master-1", "ha-master-2"]


class Cluster:
    """The sample on free ports, and an operator with a home of its own. Clients know `masters` of them."""

    name = "ha"

    def __init__(self, folder: Path, programs: Path, masters: int = 3):
        self.folder = folder
        self._headpond = str(programs / "headpond")
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "HEADPOND_HOME": str(folder / "home")}
        # Below the range of ports that connections get: what is free now is free later, too.
        self._base = 21000 + os.getpid() % 200 * 50
        self._command = [str(programs / "headpond-operator"), "run"]
        self.run_operator()
        addresses = ",".join(f"localhost:{self._base + 10 * number}" for number in range(masters))
        self.client = [f"-Dalluxio.master.rpc.addresses={addresses}"]

    def run_operator(self) -> None:
        self.operator = Process("operator", self._command, self.folder / "operator.log", env=self._environment)

    def run(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self._headpond, *words], input=text, capture_output=True, text=True, env=self._environment, timeout=_COMMAND_LIMIT_S
        )

    def fs(self, *words: str) -> subprocess.CompletedProcess:
        return self.run("fs", *words, *self.client)

    def up(self, change=lambda text: text, wait: bool = True) -> subprocess.CompletedProcess:
        text = change(_SAMPLE.read_text())
        words = ["--wait"] if wait else []
        return self.run("up", "-f", "-", *words, "--port-base", str(self._base), text=text)

    def status(self) -> dict:
        done = self.run("status", self.name, "-o", "json")
        return json.loads(done.stdout).get("status", {}) if done.returncode == 0 else {}

    def daemons(self) -> dict[str, dict]:
        return {daemon["name"]: daemon for daemon in self.status().get("daemons", [])}

    def pids(self) -> dict[str, int]:
        return {name: daemon.get("pid", 0) for name, daemon in self.daemons().items()}

    def leader(self) -> str:
        return self.status().get("leader", {}).get("name", "")

    def condition(self, kind: str) -> str:
        return next((c["status"] for c in self.status().get("conditions", []) if c["type"] == kind), "")

    def journal(self, ordinal: int) -> str:
        """The address of a master's journal."""
        return f"localhost:{self._base + 4 + 10 * ordinal}"

    def quorum(self) -> list[dict]:
        """The members, as the masters say; empty while none leads."""
        done = self.run("fsadmin", "journal", "quorum", "info", "-domain", "MASTER", "-o", "json", *self.client)
        return json.loads(done.stdout) if done.returncode == 0 else []

    def log(self) -> str:
        return self.operator.log.read_text(errors="replace")

    def actions(self) -> list[str]:
        """What the operator did, in order: "stop ha-master-1"."""
        found = re.findall(r"cluster default/ha: (start|stop|transfer leadership from|dismiss) (?:master )?(\S+)", self.log())
        return [f"{verb.split()[0]} {name}" for verb, name in found]


class Writers:
    """One makes folders, one writes files: those need workers, which a new leader waits for."""

    def __init__(self, cluster: Cluster, top: str):
        source = cluster.folder / "source"
        source.write_bytes(os.urandom(200_000))
        for kind in ("folders", "files"):
            cluster.fs("mkdir", f"{top}/{kind}")
        self.folders = Writer(lambda path: cluster.fs("mkdir", path), f"{top}/folders")
        copy = lambda path: cluster.fs("copyFromLocal", str(source), path)
        self.files = Writer(copy, f"{top}/files")
        for writer in (self.folders, self.files):
            writer.start()
        wait_for(lambda: len(self.folders.made) >= 3 and len(self.files.made) >= 3, _WAIT_S)

    def end(self, cluster: Cluster, checks: Checks) -> None:
        print(f"      {len(self.folders.made)} folders, {len(self.files.made)} files")
        for writer, what, flag in ((self.folders, "folders", "-d"), (self.files, "files", "-f")):
            writer.end()
            checks.equal(f"{what} that could not be made, of {len(writer.made)}", writer.failed, [])
            lost = [path for path, _, _ in writer.made if cluster.fs("test", flag, path).returncode != 0]
            checks.equal(f"{what} that are lost", lost, [])
        print(f"      the slowest took {self.folders.slowest():.2f} s for a folder, {self.files.slowest():.2f} s for a file")


def comes_up(cluster: Cluster, checks: Checks) -> None:
    begun = time.monotonic()
    done = cluster.up()
    took = time.monotonic() - begun
    checks.that(f"3 masters and 2 workers are ready after {took:.2f} s", done.returncode == 0 and took < _READY_S, done.stdout + done.stderr + cluster.log())
    checks.that("up names all masters to clients", "alluxio://localhost:" in done.stdout and done.stdout.count(",localhost:") == 2, done.stdout)
    daemons = cluster.daemons()
    standings = sorted(daemons[name].get("standing", "") for name in _MASTERS)
    checks.equal("how the masters stand", standings, ["Leader", "Standby", "Standby"])
    checks.equal("QuorumHealthy", cluster.condition("QuorumHealthy"), "True")
    refused = cluster.run("up", "-f", "-", text=_SAMPLE.read_text().replace("replicas: 3", "replicas: 1"))
    checks.that("one master is refused with the reason", refused.returncode == 1 and "don't become one" in refused.stderr, refused.stderr)


def loses_its_leader(cluster: Cluster, checks: Checks) -> None:
    writers = Writers(cluster, "/kill")
    before, leader = cluster.pids(), cluster.leader()
    killed = time.monotonic()
    os.kill(before[leader], signal.SIGKILL)
    checks.that("QuorumHealthy goes False", wait_for(lambda: cluster.condition("QuorumHealthy") == "False", 5, 0.02), cluster.log())
    done = wait_for(lambda: writers.folders.first_after(killed), _WAIT_S, 0.02) or float("inf")
    checks.that(f"a folder is made {done - killed:.2f} s after the leader's death", done - killed < _FAILOVER_S)
    checks.that("QuorumHealthy is True again", wait_for(lambda: cluster.condition("QuorumHealthy") == "True", _WAIT_S), cluster.log())
    wait_for(lambda: writers.files.first_after(killed), _WAIT_S)
    checks.equal("how the one that died stands", cluster.daemons()[leader].get("standing"), "Standby")
    changed = [name for name, pid in cluster.pids().items() if pid != before[name]]
    checks.equal("what was started again", changed, [leader])
    writers.end(cluster, checks)


def changes_its_configuration(cluster: Cluster, checks: Checks) -> None:
    writers = Writers(cluster, "/roll")
    before, leader, seen = cluster.pids(), cluster.leader(), len(cluster.actions())
    change = lambda text: text.replace("  master:\n", "  properties: {alluxio.user.file.buffer.bytes: 2MB}\n  master:\n", 1)
    begun = time.monotonic()
    done = cluster.up(change)
    checks.that(f"a change is everywhere after {time.monotonic() - begun:.1f} s", done.returncode == 0, done.stdout + done.stderr + cluster.log())
    writers.end(cluster, checks)
    checks.equal("daemons that were not replaced", [n for n, pid in cluster.pids().items() if pid == before[n]], [])
    actions = cluster.actions()[seen:]
    standbys = [name for name in _MASTERS if name != leader]
    expected = [f"{verb} {name}" for name in standbys for verb in ("stop", "start")]
    expected += [f"transfer {leader}", f"stop {leader}", f"start {leader}"]
    checks.equal("what was done to masters", actions[: len(expected)], expected)
    checks.that("workers come after them", all("worker" in action for action in actions[len(expected) :]), str(actions))


def tell(parts_of_it: Iterable[Callable[[Cluster, Checks], None]], masters: int = 3) -> int:
    """Runs parts that share a cluster of up to so many masters, and says what became of it."""
    programs = Path(HeadpondServer().binary).parent
    if not os.access(programs / "headpond-operator", os.X_OK):
        raise parts.Missing(f"{programs / 'headpond-operator'} is not built")

    def body(checks: Checks, folder: Path) -> None:
        cluster = Cluster(folder, programs, masters)
        try:
            for part in parts_of_it:
                part(cluster, checks)
            done = cluster.run("down", cluster.name, "--delete-data")
            checks.equal("exit code of down", done.returncode, 0)
        finally:
            for pid in cluster.pids().values():
                if pid:
                    os.kill(pid, signal.SIGKILL)
            cluster.operator.stop()
        if checks.wrong:
            print(cluster.log())

    return in_folder("headpond-e2e-ha-", body)


if __name__ == "__main__":
    parts.run_as_test(lambda: tell((comes_up, loses_its_leader, changes_its_configuration)))
