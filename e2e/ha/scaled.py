"""The number of masters of a running cluster changes by the operator: 1, 3, 5, 3, and to and fro before a change is done,
while folders are made and files written; a master and the operator are killed meanwhile. Nothing may fail or be lost, and no
more than one master may join or leave at a time.

Exit code: 0 when everything held, 77 (with the reason) when the binaries are missing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.check import Checks
from harness.process import wait_for
from operated import Cluster, Writers, tell

_WAIT_S = 60.0
_MOST = 5
_WORKERS = ["ha-worker-0", "ha-worker-1"]


class Watch(threading.Thread):
    """Looks at who takes part all the time, as the masters say. It may miss a size that lasts for milliseconds."""

    def __init__(self, cluster: Cluster):
        super().__init__(daemon=True)
        self._cluster = cluster
        self._ended = threading.Event()
        self.sizes: list[int] = []  # of the quorum, without repetitions

    def run(self) -> None:
        while not self._ended.is_set():
            members = self._cluster.quorum()
            if not members:
                continue
            if not self.sizes or self.sizes[-1] != len(members):
                self.sizes.append(len(members))

    def end(self, checks: Checks, count: int) -> None:
        """Once there are so many: it went there, and never back."""
        wait_for(lambda: self.sizes[-1] == count, _WAIT_S, 0.02)
        self._ended.set()
        self.join()
        way = sorted(set(self.sizes), reverse=self.sizes[0] > count)
        checks.equal("sizes of the quorum, as far as seen", self.sizes, way)
        checks.equal("the last of them", self.sizes[-1], count)


def masters(count: int):
    return lambda text: text.replace("replicas: 3", f"replicas: {count}", 1)


def settled(cluster: Cluster, count: int) -> bool:
    """As many masters as wanted serve and vote, and nothing else is to be done."""
    status = cluster.status()
    counts = status.get("masters", {})
    if (counts.get("desired"), counts.get("ready"), counts.get("updated")) != (count, count, count):
        return False
    return cluster.condition("QuorumHealthy") == "True" and cluster.condition("Progressing") == "False" and len(cluster.quorum()) == count


def names(count: int) -> list[str]:
    return [f"ha-master-{number}" for number in range(count)]


def becomes(cluster: Cluster, checks: Checks, count: int, during=lambda: None) -> None:
    """The cluster gets that many masters; `during` happens while it does."""
    begun = time.monotonic()
    done = cluster.up(masters(count), wait=False)
    checks.that(f"{count} masters are accepted", done.returncode == 0, done.stderr)
    during()
    there = wait_for(lambda: settled(cluster, count), _WAIT_S, 0.1)
    checks.that(f"{count} masters keep the journal, and all else has its configuration, after {time.monotonic() - begun:.1f} s", there, cluster.log())
    daemons = [name for name in cluster.daemons() if "master" in name]
    checks.equal("masters", sorted(daemons), names(count))


def kill(cluster: Cluster, name: str) -> None:
    """The one that runs, not a predecessor that the status still tells of."""
    def killed() -> bool:
        try:
            os.kill(cluster.pids()[name], signal.SIGKILL)
        except (KeyError, ProcessLookupError):
            return False
        return True

    wait_for(killed, _WAIT_S, 0.02)


def kill_operator(cluster: Cluster) -> None:
    os.kill(cluster.operator.pid, signal.SIGKILL)
    cluster.operator.wait(_WAIT_S)
    cluster.run_operator()


def one_becomes_three(cluster: Cluster, checks: Checks) -> None:
    done = cluster.up(masters(1))
    checks.that("one master is ready", done.returncode == 0, done.stdout + done.stderr + cluster.log())
    cluster.fs("mkdir", "/alone")
    writers = Writers(cluster, "/three")
    becomes(cluster, checks, 3)
    writers.end(cluster, checks)
    checks.equal("what it knew alone is there", cluster.fs("test", "-d", "/alone").returncode, 0)


def three_become_five(cluster: Cluster, checks: Checks) -> None:
    writers, watch, seen = Writers(cluster, "/five"), Watch(cluster), len(cluster.actions())
    watch.start()
    wait_for(lambda: watch.sizes, _WAIT_S)

    def during() -> None:
        wait_for(lambda: len(cluster.quorum()) >= 4, _WAIT_S, 0.02)
        kill_operator(cluster)

    becomes(cluster, checks, 5, during)
    watch.end(checks, 5)
    actions = cluster.actions()[seen:]
    joins = actions.index("start ha-master-3")
    ended = [action for action in actions[:joins] if action.startswith("stop")]
    checks.equal("who ended with the shorter list before the fourth came", sorted(ended), [f"stop {name}" for name in names(3) + _WORKERS])
    checks.equal("masters that came then", [a for a in actions[joins:] if "master" in a], ["start ha-master-3", "start ha-master-4"])
    writers.end(cluster, checks)


def five_bear_two_failures(cluster: Cluster, checks: Checks) -> None:
    writers = Writers(cluster, "/bear")
    before, leader = cluster.pids(), cluster.leader()
    two = [leader, next(name for name in names(5) if name != leader)]
    for name in two:
        os.kill(before[name], signal.SIGSTOP)
    stopped = time.monotonic()
    done = wait_for(lambda: writers.folders.first_after(stopped), _WAIT_S, 0.02)
    took = (done or float("inf")) - stopped
    checks.that(f"a folder is made {took:.2f} s after two of five fell silent", took < 10)
    for name in two:
        os.kill(before[name], signal.SIGCONT)
    checks.that("all five are in step again", wait_for(lambda: settled(cluster, 5), _WAIT_S, 0.1), cluster.log())
    writers.end(cluster, checks)


def five_become_three(cluster: Cluster, checks: Checks) -> None:
    if cluster.leader() != "ha-master-4":
        leads = cluster.run("fsadmin", "journal", "quorum", "elect", "-address", cluster.journal(4), *cluster.client)
        checks.that("one that is to leave leads", leads.returncode == 0, leads.stdout + leads.stderr)
        wait_for(lambda: cluster.leader() == "ha-master-4", _WAIT_S)
    writers, watch, seen = Writers(cluster, "/less"), Watch(cluster), len(cluster.actions())
    watch.start()
    wait_for(lambda: watch.sizes, _WAIT_S)

    def during() -> None:
        wait_for(lambda: 0 < len(cluster.quorum()) <= 4, _WAIT_S, 0.02)
        kill(cluster, "ha-master-1")
        kill_operator(cluster)

    becomes(cluster, checks, 3, during)
    watch.end(checks, 3)
    actions = cluster.actions()[seen:]
    checks.that("who led handed over before it left", "transfer ha-master-4" in actions, str(actions))
    stops = [actions.index(f"stop ha-master-{number}") for number in (3, 4) if f"stop ha-master-{number}" in actions]
    gone = max(index for index, action in enumerate(actions) if action.startswith("dismiss"))
    checks.that("none was stopped before it had left", all(stop > gone for stop in stops), str(actions))
    writers.end(cluster, checks)


def to_and_fro(cluster: Cluster, checks: Checks) -> None:
    writers = Writers(cluster, "/fro")
    cluster.up(masters(5), wait=False)
    checks.that("a fourth master joins, whose folder is from before", wait_for(lambda: len(cluster.quorum()) >= 4, _WAIT_S, 0.02), cluster.log())
    becomes(cluster, checks, 3)
    cluster.up(masters(5), wait=False)
    becomes(cluster, checks, 5)
    cluster.up(masters(3), wait=False)
    wait_for(lambda: 0 < len(cluster.quorum()) <= 4, _WAIT_S, 0.02)
    becomes(cluster, checks, 5)
    becomes(cluster, checks, 3)
    writers.end(cluster, checks)


if __name__ == "__main__":
    story = (one_becomes_three, three_become_five, five_bear_two_failures, five_become_three, to_and_fro)
    parts.run_as_test(lambda: tell(story, _MOST))
