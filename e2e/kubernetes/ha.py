"""Three masters and two workers, from manifests/samples/kubernetes-ha.yaml: the leader's pod is deleted, every daemon gets
another configuration, then there are five masters and three again, while folders are made and files written. Nothing that was asked for may fail."""

from __future__ import annotations

import re
import time
from typing import Callable

from harness.process import wait_for
from pond import NAMESPACE, READY_LIMIT_S, Cluster, Pond

_MASTERS = [f"pond-master-{number}" for number in range(3)]
_MORE = [f"pond-master-{number}" for number in range(5)]
_READY_S = 20.0
_FAILOVER_S = 5.0
_WAIT_S = 60.0

# Until /log/stop is there; what was acknowledged and when is in /log/<kind>.made, the rest in /log/failed.
_WRITER = """
options=-Dalluxio.master.rpc.addresses={masters}
head -c 200000 /dev/urandom > /tmp/source
headpond fs mkdir $options {top}/folders && headpond fs mkdir $options {top}/files || exit 1
write() {{
  n=0
  while [ ! -e /log/stop ]; do
    begun=$(date +%s.%N)
    if out=$("$@" {top}/$kind/$n $options 2>&1); then echo $begun $(date +%s.%N) >> /log/$kind.made; n=$((n + 1))
    else echo "$kind $n: $out" >> /log/failed; fi
  done
  headpond fs ls $options {top}/$kind | wc -l > /log/$kind.there
}}
kind=folders; write headpond fs mkdir &
kind=files; write headpond fs copyFromLocal /tmp/source &
wait
touch /log/ended
until [ -e /log/read ]; do sleep 0.1; done  # the folder goes with the pod
"""


def steps(pond: Pond) -> list[Callable[[], bool]]:
    life = HaLife(pond)
    return [life.becomes_ready, life.keeps_a_quorum, life.loses_its_leader, life.changes_with_the_leader_last, life.grows_and_shrinks, life.goes]


class Writers:
    """In a pod: one makes folders, one writes files, which need workers."""

    def __init__(self, pond: Pond, top: str, names: list[str] = _MORE):
        self._pond = pond
        masters = ",".join(f"{master}.{NAMESPACE}.svc:19998" for master in names)
        self._name = pond.start_client(_WRITER.format(masters=masters, top=top))
        wait_for(lambda: pond.client(self._name).get("metadata", {}).get("uid"), _WAIT_S)
        self._folder = pond.folder_of(self._name)
        wait_for(lambda: len(self.made("folders")) >= 3 and len(self.made("files")) >= 3, _WAIT_S)

    def _text(self, name: str) -> str:
        path = self._folder / name
        return path.read_text() if path.exists() else ""

    def made(self, kind: str) -> list[list[float]]:
        """When each was begun and acknowledged."""
        return [[float(word) for word in line.split()] for line in self._text(f"{kind}.made").splitlines()]

    def first_after(self, moment: float, kind: str = "folders") -> float | None:
        return next((done for begun, done in self.made(kind) if begun >= moment), None)

    def end(self) -> None:
        checks = self._pond.checks
        (self._folder / "stop").touch()
        ended = wait_for((self._folder / "ended").exists, _WAIT_S)
        checks.that("the writers end", bool(ended), str(self._pond.client(self._name).get("status")))
        for kind in ("folders", "files"):
            made = self.made(kind)
            slowest = max((done - begun for begun, done in made), default=0)
            checks.equal(f"{kind} that are there, the slowest after {slowest:.2f} s", self._text(f"{kind}.there").strip(), str(len(made)))
            checks.that(f"{len(made)} {kind} were made", len(made) >= 3)
        checks.equal("what could not be made", self._text("failed"), "")
        (self._folder / "read").touch()


class HaLife:
    def __init__(self, pond: Pond):
        self._pond, self._checks = pond, pond.checks
        self._cluster = Cluster(pond, "pond", workers=2)

    def _quorum(self) -> str:
        return self._cluster.condition("QuorumHealthy").get("status", "")

    def becomes_ready(self) -> bool:
        self._pond.start_operator()
        self._pond.add_volumes(*(f"{master}-journal" for master in _MORE))
        self._cluster.apply("kubernetes-ha.yaml")
        begun = time.monotonic()
        ready = wait_for(self._cluster.ready, READY_LIMIT_S, 0.2)
        took = time.monotonic() - begun
        if not self._checks.that(f"3 masters and 2 workers are ready after {took:.1f} s", bool(ready) and took < _READY_S, self._cluster.text()) and not ready:
            return False
        standings = [d.get("standing") for d in self._cluster.status()["daemons"] if d["role"] == "master"]
        self._checks.equal("how the masters stand", sorted(map(str, standings)), ["Leader", "Standby", "Standby"])
        self._checks.equal("QuorumHealthy", self._quorum(), "True")
        return self._checks.that("the leader has a name", self._cluster.leader() in _MASTERS, self._cluster.text())

    def keeps_a_quorum(self) -> bool:
        """Of three masters that are ready one may be evicted, and no second one with it."""
        def allowed() -> int:
            budget = self._pond.bed.get("poddisruptionbudget", "pond-masters", "-n", NAMESPACE)
            return budget.get("status", {}).get("disruptionsAllowed", -1)
        wait_for(lambda: allowed() == 1, 30, 0.5)
        return self._checks.equal("masters that may be evicted", allowed(), 1)

    def loses_its_leader(self) -> bool:
        writers = Writers(self._pond, "/kill")
        before, leader = self._pond.uids(), self._cluster.leader()
        lost = time.time()
        self._pond.bed.kubectl("delete", "pod", f"{leader}-0", "-n", NAMESPACE, "--wait=false")
        seen = wait_for(lambda: self._quorum() == "False", 10, 0.05)
        self._checks.that("QuorumHealthy goes False", bool(seen), self._cluster.text())
        done = wait_for(lambda: writers.first_after(lost), _WAIT_S, 0.1) or float("inf")
        self._checks.that(f"a folder is made {done - lost:.2f} s after the leader's pod was deleted", done - lost < _FAILOVER_S)
        healed = wait_for(lambda: self._quorum() == "True", _WAIT_S, 0.1)
        self._checks.that(f"QuorumHealthy is True again {time.time() - lost:.1f} s after it", bool(healed), self._cluster.text())
        self._checks.that("another one leads", self._cluster.leader() not in ("", leader), self._cluster.text())
        now = self._pond.uids()
        self._checks.equal("pods that are new", [name for name in now if now[name] != before.get(name)], [f"{leader}-0"])
        wait_for(lambda: writers.first_after(lost, "files"), _WAIT_S, 0.1)
        writers.end()
        return bool(healed)

    def changes_with_the_leader_last(self) -> bool:
        writers = Writers(self._pond, "/roll")
        before, leader, said = self._pond.uids(), self._cluster.leader(), len(self._pond.log())
        self._cluster.patch({"spec": {"properties": {"alluxio.user.file.buffer.bytes": "2MB"}}})
        begun = time.monotonic()
        def rolled() -> bool:
            now = self._pond.uids()
            return now.keys() == before.keys() and all(now[name] != before[name] for name in now) and self._cluster.ready()
        done = wait_for(rolled, 150, 0.3)
        self._checks.that(f"a change is everywhere after {time.monotonic() - begun:.1f} s", bool(done), self._cluster.text())
        writers.end()
        log = self._pond.log()[said:]
        stops = re.findall(r"cluster pond/pond: stop (pond-master-\d)", log)
        self._checks.equal("masters, as they were stopped", stops, [m for m in _MASTERS if m != leader] + [leader])
        self._checks.equal("how often leadership was moved", log.count("transfer leadership from"), 1)
        return bool(done)

    def grows_and_shrinks(self) -> bool:
        writers = Writers(self._pond, "/scale")
        for masters in (_MORE, _MASTERS):
            said, begun = len(self._pond.log()), time.monotonic()
            self._cluster.patch({"spec": {"master": {"replicas": len(masters)}}})
            def settled() -> bool:
                counts = self._cluster.status().get("masters", {})
                there = [counts.get(key) for key in ("desired", "ready", "updated")]
                pods = sorted(name[:-2] for name in self._pond.uids() if "-master-" in name)
                return there == [len(masters)] * 3 and pods == masters and self._quorum() == "True" and self._cluster.ready()
            done = wait_for(settled, 240, 0.3)
            self._checks.that(f"{len(masters)} masters after {time.monotonic() - begun:.1f} s", bool(done), self._cluster.text() + self._pond.log()[said:])
            left = re.findall(r"cluster pond/pond: dismiss master (\S+)", self._pond.log()[said:])
            self._checks.equal("masters that were dismissed", len(set(left)), len(_MORE) - len(_MASTERS) if masters is _MASTERS else 0)
        writers.end()
        return bool(done)

    def goes(self) -> bool:
        kept = self._pond.bed.kubectl("get", "pvc", "-n", NAMESPACE, "-o", "name").split()
        self._cluster.delete()
        return self._cluster.leaves_only([name.split("/")[1] for name in kept if not name.endswith("/lake")])
