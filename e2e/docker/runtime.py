"""Clusters in containers, driven by the operator: up, healed, changed, refused, down.

  e2e/docker/runtime.sh [bridge|host...]

Binaries: the folder of HEADPOND_BIN, or the release build. Image: HEADPOND_IMAGE, or made from the release build. Exit
code: 0 when everything held, 77 with the reason when something is missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
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
from harness.status_shape import check_shape
from run import build_images

_ROOT = Path(__file__).resolve().parents[2]
_IMAGE = os.environ.get("HEADPOND_IMAGE", "headpond/headpond:latest")
_READY_LIMIT_S = 10
_HEAL_LIMIT_S = 3
_UID_LABEL = "headpond.dev/cluster-uid"


def engine_socket() -> str:
    named = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not named.startswith("unix://"):
        raise parts.Missing(f"DOCKER_HOST={named} is no socket file, which these tests shut and open")
    return named.removeprefix("unix://")


def run(*words: str, env=None, text: str | None = None, limit_s: float = 120) -> subprocess.CompletedProcess:
    return subprocess.run(words, input=text, capture_output=True, text=True, errors="replace", env=env, timeout=limit_s)


def docker(*words: str) -> str:
    return run("docker", *words).stdout.strip()


def port_base(count: int = 14) -> int:
    """The first of so many free ports: two daemons' are ten apart."""
    for base in range(21000, 30000, 40):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + count):
                    one = stack.enter_context(socket.socket())
                    one.bind(("127.0.0.1", port))
                return base
            except OSError:
                continue
    raise RuntimeError("no free ports")


class Door:
    """A socket in front of the daemon's own that can be shut, as if the daemon had gone."""

    def __init__(self, path: Path):
        self.path = path
        self._open = None
        self.open()

    def open(self) -> None:
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen(64)
        self._open = (listener, stop := threading.Event(), threading.Thread(target=self._serve, args=(listener, stop)))
        self._open[2].start()

    def shut(self) -> None:
        listener, stop, thread = self._open
        stop.set()
        thread.join()
        listener.close()
        self.path.unlink(missing_ok=True)

    @staticmethod
    def _serve(listener: socket.socket, stop: threading.Event) -> None:
        peers: dict[socket.socket, socket.socket] = {}
        while not stop.is_set():
            for ready in select.select([listener, *peers], [], [], 0.05)[0]:
                if ready is listener:
                    client = listener.accept()[0]
                    engine = socket.socket(socket.AF_UNIX)
                    engine.connect(engine_socket())
                    peers[client], peers[engine] = engine, client
                    continue
                if ready not in peers:
                    continue
                other = peers[ready]
                try:
                    data = ready.recv(1 << 16)
                    if data:
                        other.sendall(data)
                except OSError:
                    data = b""
                if not data:
                    for end in (ready, other):
                        del peers[end]
                        end.close()
        for end in peers:
            end.close()


class Cluster:
    """One cluster of one operator with a home of its own."""

    def __init__(self, folder: Path, binaries: Path, name: str, network: str):
        self.name, self.folder, self.base = name, folder, port_base()
        self.door = Door(folder / "docker.sock")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "HEADPOND_HOME": str(folder / "home"),
            "DOCKER_HOST": f"unix://{self.door.path}",
        }
        self._headpond = str(binaries / "headpond")
        worker = {"replicas": 2, "tieredStore": {"levels": [{"alias": "MEM", "quota": "64Mi"}]}}
        self.spec = {
            "runtime": {"type": "docker"},
            "image": _IMAGE,
            "imagePullPolicy": "Never",
            "network": {"mode": network},
            "ports": {
                "master": {"rpc": self.base, "web": self.base + 1},
                "worker": {"rpc": self.base + 2, "web": self.base + 3},
            },
            "worker": worker,
            "properties": {"alluxio.user.file.writetype.default": "CACHE_THROUGH"},
        }
        if network == "bridge":
            self.spec["network"]["name"] = f"{name}-network"

    def headpond(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess:
        return run(self._headpond, *words, env=self.environment, text=text)

    def apply(self, *flags: str) -> subprocess.CompletedProcess:
        header = {"apiVersion": "headpond.dev/v1alpha1", "kind": "CacheCluster", "metadata": {"name": self.name}}
        return self.headpond("up", "-f", "-", *flags, text=json.dumps({**header, "spec": self.spec}))

    def fs(self, *words: str) -> subprocess.CompletedProcess:
        # As the user of the containers, who owns the root of the namespace.
        options = {"master.hostname": "localhost", "master.rpc.port": self.base, "security.login.username": "alluxio"}
        return self.headpond("fs", *(f"-Dalluxio.{key}={value}" for key, value in options.items()), *words)

    def status(self) -> dict:
        done = self.headpond("status", self.name, "-o", "json")
        try:
            found = json.loads(done.stdout)
        except json.JSONDecodeError:
            return {}
        found = found[0] if isinstance(found, list) and found else found
        found = found.get("items", [found])[0] if isinstance(found, dict) else {}
        return found.get("status", {})

    def condition(self, kind: str) -> dict:
        return next((c for c in self.status().get("conditions", []) if c["type"] == kind), {})

    def is_settled(self) -> bool:
        status = self.status()
        by_type = {c["type"]: c["status"] for c in status.get("conditions", [])}
        return by_type.get("Ready") == "True" and by_type.get("Progressing") == "False" and by_type.get("WorkersReady") == "True"

    def containers(self) -> dict[str, str]:
        """Ids by name, running ones."""
        lines = docker("ps", "--no-trunc", "--filter", f"name=^{self.name}-", "--format", "{{.Names}} {{.ID}}").splitlines()
        return dict(line.split() for line in lines)

    def volumes(self) -> list[str]:
        return docker("volume", "ls", "-q", "--filter", f"name={self.name}-").split()

    def networks(self) -> list[str]:
        return docker("network", "ls", "-q", "--filter", f"name={self.name}-").split()

    def clean(self) -> None:
        self.headpond("down", "--all", "--delete-data")
        self.door.shut()
        for listing, removal in (
            (["ps", "-aq"], ["rm", "-f", "-v"]),
            (["network", "ls", "-q"], ["network", "rm"]),
            (["volume", "ls", "-q"], ["volume", "rm"]),
        ):
            found = docker(*listing, "--filter", f"name={self.name}-").split()
            if found:
                docker(*removal, *found)

    def log(self) -> str:
        path = self.folder / "home" / "operator.log"
        return path.read_text(errors="replace") if path.exists() else ""


def names(cluster: Cluster) -> list[str]:
    return sorted(f"{cluster.name}-{daemon}" for daemon in ("master-0", "worker-0", "worker-1"))


def comes_up(cluster: Cluster, checks: Checks) -> None:
    start = time.monotonic()
    done = cluster.apply("--wait")
    took = time.monotonic() - start
    checks.that(f"ready with 1 master and 2 workers after {took:.2f} s", done.returncode == 0 and took < _READY_LIMIT_S, done.stdout + done.stderr)
    checks.equal("the containers", sorted(cluster.containers()), names(cluster))
    inspected = json.loads(docker("inspect", f"{cluster.name}-worker-0"))[0]
    checks.equal("capabilities are dropped", inspected["HostConfig"]["CapDrop"], ["ALL"])
    checks.that("it carries its cluster's uid", bool(inspected["Config"]["Labels"].get(_UID_LABEL)))
    checks.equal("the user", inspected["Config"]["User"], "1000:1000")
    wait_for(cluster.is_settled, 10)
    check_shape(checks, cluster.status())


def data_goes_through(cluster: Cluster, checks: Checks) -> None:
    source = cluster.folder / "source"
    source.write_bytes(os.urandom(3_000_001))
    done = cluster.fs("copyFromLocal", str(source), "/file")
    checks.that("a file is written from outside", done.returncode == 0, done.stdout + done.stderr)
    target = cluster.folder / "target"
    done = cluster.fs("copyToLocal", "/file", str(target))
    same = target.exists() and target.read_bytes() == source.read_bytes()
    checks.that("and read back", same, done.stdout + done.stderr)


def applying_again_changes_nothing(cluster: Cluster, checks: Checks) -> None:
    before = cluster.containers()
    done = cluster.apply("--wait")
    checks.equal("applying again leaves the containers", (done.returncode, cluster.containers()), (0, before))


def removal_by_hand_is_healed(cluster: Cluster, checks: Checks) -> None:
    victim = f"{cluster.name}-worker-1"
    start = time.monotonic()
    docker("rm", "-f", victim)
    wait_for(lambda: victim in cluster.containers(), 20, 0.05)
    took = time.monotonic() - start
    checks.that(f"docker rm -f is healed after {took:.2f} s", took < _HEAL_LIMIT_S, cluster.log())
    checks.that("and serves", wait_for(cluster.is_settled, 20), cluster.log())


def an_engine_that_is_gone_is_found_again(cluster: Cluster, checks: Checks, gone_s: float = 30) -> None:
    before = cluster.containers()
    cluster.door.shut()
    said = wait_for(lambda: cluster.condition("Degraded").get("status") == "True", gone_s)
    checks.that("an engine that is gone is a condition", bool(said), cluster.log())
    victim = f"{cluster.name}-worker-0"
    docker("kill", victim)
    time.sleep(gone_s)
    served = cluster.fs("ls", "/").returncode == 0
    checks.that("daemons serve meanwhile", served)
    cluster.door.open()
    start = time.monotonic()
    wait_for(lambda: victim in cluster.containers(), 20, 0.05)
    took = time.monotonic() - start
    checks.that(f"what ended meanwhile runs again {took:.2f} s after its return", took < _HEAL_LIMIT_S, cluster.log())
    checks.that("and serves", wait_for(cluster.is_settled, 20), cluster.log())
    checks.equal("the others were left alone", cluster.containers()[f"{cluster.name}-master-0"], before[f"{cluster.name}-master-0"])


def an_image_that_is_missing_stops_nothing(cluster: Cluster, checks: Checks) -> None:
    before, cluster.spec["image"] = cluster.containers(), "headpond/no-such-image:1"
    cluster.apply()
    wait_for(lambda: cluster.condition("Degraded").get("status") == "True", 20)
    checks.equal("a missing image is a reason", cluster.condition("Degraded").get("reason"), "ImageNotPresent")
    checks.equal("and stops nothing", cluster.containers(), before)
    cluster.spec["image"] = _IMAGE
    checks.equal("the good one is at peace again", (cluster.apply("--wait").returncode, cluster.containers()), (0, before))


def what_crashes_is_taken_back(cluster: Cluster, checks: Checks) -> None:
    before, broken = cluster.containers(), f"{cluster.name}-broken"
    run("docker", "build", "-q", "-t", broken, "-", text=f'FROM {_IMAGE}\nENTRYPOINT ["/bin/false"]\n')
    cluster.spec["image"] = broken
    cluster.apply()
    start = time.monotonic()
    wait_for(lambda: cluster.condition("UpgradeBlocked").get("status") == "True", 60)
    blocked = cluster.condition("UpgradeBlocked")
    checks.that(f"an image that crashes is given up after {time.monotonic() - start:.1f} s", "exited with code 1" in blocked.get("message", ""), json.dumps(blocked))
    checks.that("the old ones serve", wait_for(lambda: cluster.condition("Ready").get("status") == "True", 20), cluster.log())
    checks.equal("and are the same", cluster.containers(), before)
    cluster.spec["image"] = _IMAGE
    checks.equal("all is at peace again", (cluster.apply("--wait").returncode, cluster.containers()), (0, before))
    docker("rmi", broken)


def a_change_rolls_through(cluster: Cluster, checks: Checks) -> None:
    before = cluster.containers()
    cluster.spec["worker"]["properties"] = {"alluxio.user.file.readtype.default": "CACHE"}
    done = cluster.apply("--wait")
    after = cluster.containers()
    checks.equal("a worker's change ends", done.returncode, 0)
    checks.equal("the master stays", after[f"{cluster.name}-master-0"], before[f"{cluster.name}-master-0"])
    checks.that("the workers are new", all(after[w] != before[w] for w in names(cluster)[1:]))
    left = docker("ps", "-aq", "--filter", f"name=^{cluster.name}-").split()
    checks.equal("no predecessor is left", len(left), 3)


def data_outlives_the_cluster(cluster: Cluster, checks: Checks) -> None:
    cluster.headpond("down", cluster.name)
    checks.equal("down leaves no container", docker("ps", "-aq", "--filter", f"name=^{cluster.name}-"), "")
    checks.equal("and no network", cluster.networks(), [])
    checks.that("but the journal", f"{cluster.name}-master-0-state" in cluster.volumes())
    checks.equal("up again", cluster.apply("--wait").returncode, 0)
    listed = cluster.fs("ls", "/")
    checks.that("the file is still known", "/file" in listed.stdout, listed.stdout + listed.stderr)


def a_name_that_is_taken_is_a_conflict(cluster: Cluster, checks: Checks) -> None:
    victim = f"{cluster.name}-worker-2"
    foreign = docker("create", "--name", victim, _IMAGE)
    cluster.spec["worker"]["replicas"] = 3
    cluster.apply()
    wait_for(lambda: cluster.condition("Degraded").get("status") == "True", 20)
    degraded = cluster.condition("Degraded")
    checks.equal("a name that is taken is a conflict", degraded.get("reason"), "NameConflict")
    checks.equal("and its container is left alone", docker("ps", "-aq", "--no-trunc", "--filter", f"name=^{victim}$"), foreign)
    docker("rm", victim)
    cluster.spec["worker"]["replicas"] = 2
    checks.equal("without the third, all is well", cluster.apply("--wait").returncode, 0)


def a_folder_that_is_missing_is_named(cluster: Cluster, checks: Checks) -> None:
    missing = cluster.folder / "disk"
    levels = cluster.spec["worker"]["tieredStore"]["levels"]
    levels.append({"alias": "SSD", "quota": "64Mi", "dirs": [{"path": str(missing)}]})
    cluster.apply()
    wait_for(lambda: cluster.condition("Degraded").get("status") == "True", 30)
    degraded = cluster.condition("Degraded")
    checks.that("a missing folder is named", str(missing) in degraded.get("message", ""), json.dumps(degraded))
    checks.that("and not made", not missing.exists())
    missing.mkdir()
    os.chown(missing, 1000, 1000)
    cluster.folder.chmod(0o755)
    checks.equal("once made, it is used", cluster.apply("--wait").returncode, 0)
    checks.that("for one folder per worker", (missing / f"{cluster.name}-worker-0" / ".headpond-volume").exists(), docker("logs", f"{cluster.name}-worker-0"))
    levels.pop()
    checks.equal("and given up again", cluster.apply("--wait").returncode, 0)


def goes_down_with_its_data(cluster: Cluster, checks: Checks) -> None:
    done = cluster.headpond("down", cluster.name, "--delete-data")
    checks.equal("down ends", done.returncode, 0)
    checks.equal("no container is left", docker("ps", "-aq", "--filter", f"name=^{cluster.name}-"), "")
    checks.equal("only the under-store is left", cluster.volumes(), [f"{cluster.name}-under-store"])


_LIFE = (
    comes_up,
    data_goes_through,
    applying_again_changes_nothing,
    removal_by_hand_is_healed,
    an_engine_that_is_gone_is_found_again,
    an_image_that_is_missing_stops_nothing,
    what_crashes_is_taken_back,
    a_change_rolls_through,
    a_name_that_is_taken_is_a_conflict,
    a_folder_that_is_missing_is_named,
    data_outlives_the_cluster,
    goes_down_with_its_data,
)
_LIFE_ON_HOST = (comes_up, data_goes_through, removal_by_hand_is_healed, goes_down_with_its_data)


def binaries() -> Path:
    chosen = os.environ.get("HEADPOND_BIN")
    folder = Path(chosen).resolve().parent if chosen else _ROOT / "build" / "release" / "bin"
    for name in ("headpond", "headpond-operator"):
        if not os.access(folder / name, os.X_OK):
            raise parts.Missing(f"{folder / name} is not built")
    return folder


def live(prefix: str, network: str, life, checks: Checks) -> None:
    with tempfile.TemporaryDirectory(prefix="hp-e2e-") as folder:
        cluster = Cluster(Path(folder), binaries(), f"{prefix}-{network}", network)
        try:
            for test in life:
                print(f"-- {network}: {test.__name__}", flush=True)
                test(cluster, checks)
            if checks.wrong:
                print(cluster.log())
        finally:
            cluster.clean()


def main() -> int:
    lives = {"bridge": _LIFE, "host": _LIFE_ON_HOST}
    chosen = sys.argv[1:] or list(lives)
    end_on_sigterm()
    checks = Checks()
    with Engine() as engine:
        engine_socket()
        if "HEADPOND_IMAGE" not in os.environ:
            build_images()
        for network in chosen:
            live(engine.prefix, network, lives[network], checks)
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
