"""Clusters on a Docker daemon that comes and goes, alone and as one of two nodes.

  e2e/docker/nodes.sh [nodes|restart|live-restore...]

The daemon that goes is always a second one, started here; the one that the other tests use is never touched but for its
containers. Binaries and image as for runtime.sh. Exit code: 0 when everything held, 77 with the reason when something is
missing.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from engine import Engine, SecondDaemon, end_on_sigterm
from harness import parts
from harness.check import Checks
from harness.process import wait_for
from run import build_images
from runtime import Cluster, binaries, data_goes_through, engine_socket

_IMAGE = os.environ.get("HEADPOND_IMAGE", "headpond/headpond:latest")
_READY_LIMIT_S = 15
_HEAL_LIMIT_S = 3
_GONE_S = 30


def running(daemon: SecondDaemon, cluster: Cluster) -> dict[str, str]:
    """Ids by name."""
    lines = daemon.docker("ps", "--no-trunc", "--filter", f"name=^{cluster.name}-", "--format", "{{.Names}} {{.ID}}")
    return dict(line.split() for line in lines.splitlines())


def started_at(daemon: SecondDaemon, names) -> list[str]:
    return [daemon.docker("inspect", "-f", "{{.State.StartedAt}}", name) for name in sorted(names)]


def goes_down_everywhere(cluster: Cluster, daemon: SecondDaemon, checks: Checks) -> None:
    done = cluster.headpond("down", cluster.name, "--delete-data")
    checks.that("down ends", done.returncode == 0, done.stderr)
    checks.equal("no container is left here", cluster.containers(), {})
    checks.equal("nor on the second daemon", daemon.docker("ps", "-aq"), "")
    checks.equal("volumes of the second daemon are gone", [v for v in daemon.docker("volume", "ls", "-q").split() if "under-store" not in v], [])


def two_nodes(cluster: Cluster, daemon: SecondDaemon, checks: Checks) -> None:
    # The first node is the operator's own engine. Both see one folder of the host.
    store = cluster.folder / "store"
    store.mkdir()
    os.chown(store, 1000, 1000)
    cluster.folder.chmod(0o755)
    cluster.spec["rootUfs"] = {"uri": str(store)}
    cluster.spec["runtime"]["docker"] = {
        "nodes": [{"name": "a"}, {"name": "b", "endpoint": daemon.address}],
        "masterNodes": ["a"],
    }
    start = time.monotonic()
    done = cluster.apply("--wait")
    took = time.monotonic() - start
    checks.that(f"a worker on each daemon, ready after {took:.2f} s", done.returncode == 0 and took < _READY_LIMIT_S, done.stdout + done.stderr + cluster.log())
    first, second = cluster.containers(), running(daemon, cluster)
    worker = f"{cluster.name}-worker-1"
    checks.equal("the first node's", sorted(first), [f"{cluster.name}-master-0", f"{cluster.name}-worker-0"])
    checks.equal("the second node's", sorted(second), [worker])
    checks.equal("the master knows both workers", cluster.status().get("workers", {}).get("registered"), 2)
    data_goes_through(cluster, checks)

    start = time.monotonic()
    daemon.docker("rm", "-f", worker)
    wait_for(lambda: worker in running(daemon, cluster), 20, 0.05)
    took = time.monotonic() - start
    checks.that(f"docker rm -f on the second node is healed after {took:.2f} s", took < _HEAL_LIMIT_S, cluster.log())
    checks.that("and serves", wait_for(cluster.is_settled, 20), cluster.log())

    daemon.stop()
    gone = time.monotonic()
    wait_for(lambda: cluster.condition("Degraded").get("reason") == "NodeUnavailable", 10)
    degraded = cluster.condition("Degraded")
    checks.that("a node that is gone is named", degraded.get("reason") == "NodeUnavailable" and "node b: " in degraded.get("message", ""), json.dumps(degraded))
    checks.equal("and has a state", [node["state"] for node in cluster.status()["nodes"]], ["Reachable", "Unreachable"])
    checks.equal("the rest is ready", cluster.condition("Ready").get("status"), "True")
    time.sleep(max(0.0, _GONE_S - (time.monotonic() - gone)))
    checks.equal("files are read meanwhile", cluster.fs("ls", "/").returncode, 0)
    checks.equal(f"after {_GONE_S} s the first node's containers are the same", cluster.containers(), first)
    daemon.start()
    start = time.monotonic()
    wait_for(lambda: worker in running(daemon, cluster), 20, 0.05)
    took = time.monotonic() - start
    checks.that(f"the worker runs again {took:.2f} s after its daemon's return", took < _HEAL_LIMIT_S, cluster.log())
    checks.that("and serves", wait_for(cluster.is_settled, 20), cluster.log())
    checks.equal("the first node's containers were never touched", cluster.containers(), first)

    cluster.spec["runtime"]["docker"]["nodes"].pop()
    cluster.spec["worker"]["replicas"] = 1
    checks.equal("a node is taken away", cluster.apply("--wait").returncode, 0)
    checks.that("and forgotten when it is empty", wait_for(lambda: len(cluster.status()["nodes"]) == 1, 20), json.dumps(cluster.status().get("nodes")))
    checks.equal("its containers are gone", daemon.docker("ps", "-aq"), "")
    checks.equal("the first node's are the same", cluster.containers(), first)
    checks.that("its data stays", f"{worker}-state" in daemon.docker("volume", "ls", "-q").split())
    done = cluster.headpond("down", cluster.name, "--delete-data")
    checks.equal("down ends", (done.returncode, cluster.containers()), (0, {}))


def _on_the_second(cluster: Cluster, daemon: SecondDaemon, checks: Checks) -> None:
    cluster.spec["runtime"]["docker"] = {"endpoint": daemon.address}
    done = cluster.apply("--wait")
    checks.that("a cluster on the engine that its spec names", done.returncode == 0, done.stdout + done.stderr + cluster.log())
    checks.equal("nothing of it is here", cluster.containers(), {})


def ends_and_comes_back(cluster: Cluster, daemon: SecondDaemon, checks: Checks) -> None:
    """Without live-restore a dockerd that ends takes its containers with it."""
    _on_the_second(cluster, daemon, checks)
    before = running(daemon, cluster)
    daemon.stop()
    checks.that("an engine that is gone is a condition", wait_for(lambda: cluster.condition("Degraded").get("status") == "True", 10), cluster.log())
    daemon.start()
    start = time.monotonic()
    wait_for(lambda: running(daemon, cluster).keys() == before.keys(), 20, 0.05)
    took = time.monotonic() - start
    checks.that(f"all run again {took:.2f} s after a restart of dockerd", took < _HEAL_LIMIT_S, cluster.log())
    checks.equal("in their old containers", running(daemon, cluster), before)
    checks.that("and serve", wait_for(cluster.is_settled, 20), cluster.log())
    checks.equal("the namespace is there", cluster.fs("ls", "/").returncode, 0)
    goes_down_everywhere(cluster, daemon, checks)


def runs_on_meanwhile(cluster: Cluster, daemon: SecondDaemon, checks: Checks) -> None:
    """With live-restore containers don't notice."""
    _on_the_second(cluster, daemon, checks)
    before = running(daemon, cluster)
    since = started_at(daemon, before)
    daemon.stop()
    checks.that("an engine that is gone is a condition", wait_for(lambda: cluster.condition("Degraded").get("status") == "True", 10), cluster.log())
    checks.equal("its daemons serve meanwhile", cluster.fs("ls", "/").returncode, 0)
    daemon.start()
    start = time.monotonic()
    wait_for(lambda: cluster.is_settled() and cluster.condition("Degraded").get("status") == "False", 20, 0.05)
    took = time.monotonic() - start
    checks.that(f"all is well {took:.2f} s after a restart of dockerd", took < _HEAL_LIMIT_S, cluster.log())
    checks.equal("the containers are the same", running(daemon, cluster), before)
    checks.equal("and were never restarted", started_at(daemon, before), since)
    goes_down_everywhere(cluster, daemon, checks)


def live(prefix: str, name: str, life, live_restore: bool, checks: Checks) -> None:
    with tempfile.TemporaryDirectory(prefix="hp-e2e-") as folder:
        (second := Path(folder) / "second").mkdir()
        cluster = Cluster(Path(folder), binaries(), f"{prefix}-{name}", "host")
        daemon = None
        try:
            daemon = SecondDaemon(second, live_restore)
            daemon.load(_IMAGE)
            print(f"-- {name}: {life.__name__}", flush=True)
            life(cluster, daemon, checks)
            if checks.wrong:
                print(cluster.log())
        finally:
            cluster.clean()
            if daemon:
                daemon.close()


def bridge_address() -> str | None:
    address = Path("/sys/class/net/docker0/address")
    return address.read_text().strip() if address.exists() else None


def main() -> int:
    lives = {
        "nodes": (two_nodes, False),
        "restart": (ends_and_comes_back, False),
        "live-restore": (runs_on_meanwhile, True),
    }
    end_on_sigterm()
    checks = Checks()
    with Engine() as engine:
        engine_socket()
        if "HEADPOND_IMAGE" not in os.environ:
            build_images()
        before = bridge_address()
        for name in sys.argv[1:] or list(lives):
            live(engine.prefix, name, *lives[name], checks)
        checks.equal("the first daemon's bridge", bridge_address(), before)
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
