"""Three masters and two workers in containers, driven by the operator: up, the leader's container killed, a change that
reaches the leader last, two masters more and two less, down.

  e2e/docker/ha.sh [bridge|host...]

Binaries and image: as for runtime.py. Exit code: 0 when everything held, 77 with the reason when something is missing.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from engine import Engine, end_on_sigterm
from harness import parts
from harness.check import Checks
from harness.process import wait_for
from run import build_images
from runtime import Cluster, binaries, docker, engine_socket, goes_down_with_its_data, port_base

_READY_LIMIT_S = 20
_FAILOVER_LIMIT_S = 1.5
_WAIT_S = 60
_MASTERS = 3
_MOST = 5  # that there ever are
_PORTS = 10 * (_MOST - 1) + 5


class HaCluster(Cluster):
    def __init__(self, folder: Path, programs: Path, name: str, network: str):
        super().__init__(folder, programs, name, network)
        self.base = port_base(_PORTS)
        self.spec["master"] = {"replicas": _MASTERS}
        self.spec["ports"] = {
            "master": {"rpc": self.base, "web": self.base + 1, "embedded": self.base + 4},
            "worker": {"rpc": self.base + 2, "web": self.base + 3},
        }

    def _ask(self, command: str, *words: str):
        masters = ",".join(f"localhost:{self.base + 10 * number}" for number in range(_MOST))
        options = {"master.rpc.addresses": masters, "security.login.username": "alluxio"}
        return self.headpond(command, *words, *(f"-Dalluxio.{key}={value}" for key, value in options.items()))

    def fs(self, *words: str):
        return self._ask("fs", *words)

    def quorum(self) -> list[str]:
        """Addresses of the members, as the masters say."""
        done = self._ask("fsadmin", "journal", "quorum", "info", "-domain", "MASTER", "-o", "json")
        return sorted(member["address"] for member in json.loads(done.stdout)) if done.returncode == 0 else []

    def masters(self) -> list[str]:
        return [f"{self.name}-master-{number}" for number in range(_MASTERS)]

    def leader(self) -> str:
        return self.status().get("leader", {}).get("name", "")


class Maker(threading.Thread):
    """Makes folders one after another, and remembers when."""

    def __init__(self, cluster: HaCluster, top: str):
        super().__init__(daemon=True)
        self._cluster, self._top = cluster, top
        self._ended = threading.Event()
        self.made: list[tuple[float, float]] = []  # begun, acknowledged
        self.failed: list[str] = []
        cluster.fs("mkdir", top)
        self.start()
        wait_for(lambda: len(self.made) >= 3, _WAIT_S)

    def run(self) -> None:
        while not self._ended.is_set():
            begun = time.monotonic()
            done = self._cluster.fs("mkdir", f"{self._top}/{len(self.made)}")
            if done.returncode == 0:
                self.made.append((begun, time.monotonic()))
            else:
                self.failed.append(done.stdout + done.stderr)

    def end(self, checks: Checks) -> None:
        self._ended.set()
        self.join()
        checks.equal(f"folders that could not be made, of {len(self.made)}", self.failed, [])
        there = len(self._cluster.fs("ls", self._top).stdout.splitlines())
        checks.equal("folders that are there", there, len(self.made))

    def first_after(self, moment: float) -> float | None:
        return next((done for begun, done in list(self.made) if begun >= moment), None)


def comes_up(cluster: HaCluster, checks: Checks) -> None:
    begun = time.monotonic()
    done = cluster.apply("--wait")
    took = time.monotonic() - begun
    checks.that(f"ready with 3 masters and 2 workers after {took:.2f} s", done.returncode == 0 and took < _READY_LIMIT_S, done.stdout + done.stderr)
    checks.equal("QuorumHealthy", cluster.condition("QuorumHealthy").get("status"), "True")
    published = docker("port", f"{cluster.name}-master-0")
    checks.that("the journal's port is not published", str(cluster.base + 4) not in published, published)
    source = cluster.folder / "source"
    source.write_bytes(os.urandom(1_000_001))
    target = cluster.folder / "target"
    cluster.fs("copyFromLocal", str(source), "/file")
    done = cluster.fs("copyToLocal", "/file", str(target))
    checks.that("a file goes in and out", target.exists() and target.read_bytes() == source.read_bytes(), done.stdout + done.stderr)


def loses_its_leader(cluster: HaCluster, checks: Checks) -> None:
    maker = Maker(cluster, "/kill")
    before, leader = cluster.containers(), cluster.leader()
    docker("kill", "--signal", "KILL", leader)
    killed = time.monotonic()
    seen = wait_for(lambda: cluster.condition("QuorumHealthy").get("status") == "False", 5, 0.02)
    checks.that("QuorumHealthy goes False", bool(seen))
    done = wait_for(lambda: maker.first_after(killed), _WAIT_S, 0.02) or float("inf")
    checks.that(f"a folder is made {done - killed:.2f} s after the leader's death", done - killed < _FAILOVER_LIMIT_S)
    healed = wait_for(lambda: cluster.condition("QuorumHealthy").get("status") == "True", _WAIT_S)
    checks.that(f"QuorumHealthy is True again {time.monotonic() - killed:.1f} s after it", bool(healed), cluster.log())
    checks.that("another one leads", cluster.leader() not in ("", leader), cluster.leader())
    others = {name: id for name, id in cluster.containers().items() if name != leader}
    checks.equal("the other containers", others, {name: id for name, id in before.items() if name != leader})
    maker.end(checks)


def changes_with_the_leader_last(cluster: HaCluster, checks: Checks) -> None:
    maker = Maker(cluster, "/roll")
    leader, said = cluster.leader(), len(cluster.log())
    cluster.spec["properties"]["alluxio.user.file.buffer.bytes"] = "2MB"
    begun = time.monotonic()
    done = cluster.apply("--wait", "--timeout", "120s")
    checks.that(f"a change is everywhere after {time.monotonic() - begun:.1f} s", done.returncode == 0, done.stdout + done.stderr)
    maker.end(checks)
    log = cluster.log()[said:]
    stops = [line.split(": stop ")[1].split()[0] for line in log.splitlines() if ": stop " in line and "-master-" in line]
    checks.equal("masters, as they were stopped", stops, [m for m in cluster.masters() if m != leader] + [leader])
    checks.equal("how often leadership was moved", log.count("transfer leadership from"), 1)


def grows_and_shrinks(cluster: HaCluster, checks: Checks) -> None:
    maker = Maker(cluster, "/scale")
    for count in (_MOST, _MASTERS):
        cluster.spec["master"]["replicas"] = count
        begun = time.monotonic()
        done = cluster.apply("--wait", "--timeout", "180s")
        checks.that(f"{count} masters after {time.monotonic() - begun:.1f} s", done.returncode == 0, done.stdout + done.stderr + cluster.log())
        checks.equal("members of the quorum", len(cluster.quorum()), count)
        checks.equal("QuorumHealthy", cluster.condition("QuorumHealthy").get("status"), "True")
    left = [name for name in cluster.containers() if "-master-" in name]
    checks.equal("masters' containers", sorted(left), cluster.masters())
    maker.end(checks)


_LIFE = (comes_up, loses_its_leader, changes_with_the_leader_last, grows_and_shrinks)


def main() -> int:
    chosen = sys.argv[1:] or ["bridge", "host"]
    end_on_sigterm()
    checks = Checks()
    with Engine() as engine:
        engine_socket()
        if "HEADPOND_IMAGE" not in os.environ:
            build_images()
        for network in chosen:
            with tempfile.TemporaryDirectory(prefix="hp-e2e-") as folder:
                cluster = HaCluster(Path(folder), binaries(), f"{engine.prefix}-ha-{network}", network)
                try:
                    for test in _LIFE:
                        print(f"-- {network}: {test.__name__}", flush=True)
                        test(cluster, checks)
                    goes_down_with_its_data(cluster, checks)
                    if checks.wrong:
                        print(cluster.log())
                finally:
                    cluster.clean()
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
