"""One master and two workers, from manifests/samples/kubernetes.yaml."""

from __future__ import annotations

import time
from typing import Callable

import plain
from harness.process import wait_for
from harness.status_shape import check_shape
from pond import IMAGE, NAMESPACE, READY_LIMIT_S, Cluster, Pond


def steps(pond: Pond) -> list[Callable[[], bool]]:
    life = Life(pond)
    return [life.becomes_ready, life.looks_like_the_chart, life.is_used, life.asks_little, life.heals, life.rolls, life.takes_back, life.goes]


class Life:
    def __init__(self, pond: Pond):
        self._pond, self._checks = pond, pond.checks
        self._cluster = Cluster(pond, "lab", workers=2)

    def _in_a_pod(self, script: str) -> tuple[bool, str]:
        """What a client in a pod of its own finds."""
        return self._pond.in_a_pod(f"export ALLUXIO_MASTER_HOSTNAME=lab-master-0.{NAMESPACE}.svc; {script}")

    def becomes_ready(self) -> bool:
        self._pond.start_operator()
        self._pond.add_volumes("journal")
        self._cluster.apply("kubernetes.yaml")
        if not self._cluster.wait_ready("the sample is Ready after its apply"):
            return False
        self._checks.equal("pods", sorted(self._pond.pods()), ["lab-master-0-0", "lab-worker-0-0", "lab-worker-1-0"])
        check_shape(self._checks, self._cluster.status())
        claim = self._pond.bed.get("pvc", "lab-master-0-state", "-n", NAMESPACE)
        return self._checks.equal("the journal's claim", claim.get("status", {}).get("phase"), "Bound")

    def looks_like_the_chart(self) -> bool:
        """charts/headpond makes the same pods."""
        sets = {role: self._pond.bed.get("statefulset", f"lab-{role}-0", "-n", NAMESPACE) for role in ("master", "worker")}
        return plain.PlainLife(self._pond).has_the_shape_of("the operator", sets)

    def is_used(self) -> bool:
        worked, what = self._in_a_pod(
            "head -c 3000000 /dev/urandom > /tmp/a && fs='headpond fs' && $fs mkdir /d && "
            "$fs copyFromLocal /tmp/a /d/a && $fs copyToLocal /d/a /tmp/b && cmp /tmp/a /tmp/b")
        return self._checks.that("a pod writes a file and reads it back", worked, what)

    def asks_little(self) -> bool:
        """Ready and left alone, the operator only renews its lease and its watches."""
        operator = self._pond.operator
        cpu, before, begin = operator.cpu_seconds(), self._pond.requests(), time.monotonic()
        wait_for(lambda: False, 30)
        seconds = time.monotonic() - begin
        share = (operator.cpu_seconds() - cpu) / seconds
        beside = self._pond.requests() - before
        rss = operator.rss_bytes() / 2**20
        print(f"      idle: {beside * 60 / seconds:.1f} requests/min beside the lease, {100 * share:.2f} % CPU, {rss:.0f} MiB")
        self._checks.that("an idle cluster costs at most 2 requests a minute", beside * 60 / seconds <= 2.5, f"{beside}")
        return True

    def heals(self) -> bool:
        for pod in ("lab-worker-1-0", "lab-master-0-0"):
            before = self._pond.uids()[pod]
            self._pond.bed.kubectl("delete", "pod", pod, "-n", NAMESPACE, "--wait=false")
            begin = time.monotonic()
            healed = wait_for(lambda: self._pond.uids().get(pod, before) != before, 60, 0.2) and \
                wait_for(self._cluster.ready, READY_LIMIT_S, 0.2)
            if not self._checks.that(f"{pod} deleted: healed after {time.monotonic() - begin:.1f} s", bool(healed), self._cluster.text()):
                return False
        return self._heals_what_is_beside() and self._outlived_it()

    def _heals_what_is_beside(self) -> bool:
        """Services, the budget, network policies and the daemons' Secrets, deleted by somebody, come back and no pod goes."""
        bed, pods = self._pond.bed, self._pond.uids()
        label = bed.get("statefulset", "lab-master-0", "-n", NAMESPACE)["metadata"]["labels"]["headpond.dev/cluster-uid"]
        kinds = "services,secrets,poddisruptionbudgets,networkpolicies"
        names = lambda: set(bed.kubectl("get", kinds, "-n", NAMESPACE, "-o", "name",
                                        "-l", f"headpond.dev/cluster-uid={label}").split())
        guarded = lambda: {name.rpartition("/")[2] for name in names() if name.startswith("networkpolicy")}
        self._cluster.patch({"spec": {"security": {"networkPolicy": True}}})
        made = wait_for(lambda: guarded() == {"lab-masters", "lab-workers"}, 30, 0.2)
        self._checks.that("network policies come when asked for", bool(made), self._cluster.text())
        before = names()
        for name in before:
            bed.kubectl("delete", name, "-n", NAMESPACE, "--wait=false")
        begin = time.monotonic()
        healed = wait_for(lambda: names() == before and self._cluster.ready(), 60, 0.2)
        self._checks.that(f"{len(before)} objects beside the pods deleted: healed after {time.monotonic() - begin:.1f} s",
                          bool(healed) and len(before) >= 9, f"{before}\n{names()}")
        self._cluster.patch({"spec": {"security": {"networkPolicy": False}}})
        self._checks.that("network policies go when they are switched off", bool(wait_for(lambda: not guarded(), 30, 0.2)), self._cluster.text())
        return self._checks.equal("pods that went with them", {n for n, uid in pods.items() if self._pond.uids().get(n) != uid}, set())

    def _outlived_it(self) -> bool:
        worked, what = self._in_a_pod("headpond fs ls /d && test $(headpond fs cat /d/a | wc -c) = 3000000")
        return self._checks.that("the namespace outlived its master's pod", worked, what)

    def rolls(self) -> bool:
        before = self._pond.uids()
        self._cluster.patch({"spec": {"properties": {"alluxio.user.block.size.bytes.default": "8MB"}}})
        begin = time.monotonic()
        def rolled() -> bool:
            now = self._pond.uids()
            return now.keys() == before.keys() and all(now[name] != before[name] for name in now) and self._cluster.ready()
        done = wait_for(rolled, 120, 0.3)
        return self._checks.that(f"a changed property reaches every daemon: {time.monotonic() - begin:.1f} s", bool(done), self._cluster.text())

    def takes_back(self) -> bool:
        self._cluster.patch({"spec": {"image": "headpond/nowhere:1"}})
        def halted() -> bool:
            conditions = self._cluster.status().get("conditions", [])
            master = self._pond.pods().get("lab-master-0-0", {})
            image = master.get("spec", {}).get("containers", [{}])[0].get("image")
            return image == IMAGE and any("ImagePull" in c.get("reason", "") + c.get("message", "") for c in conditions)
        back = wait_for(halted, 120, 0.5)
        self._checks.that("an image that can't be had is taken back, and the condition says so", bool(back), self._cluster.text())
        self._cluster.patch({"spec": {"image": IMAGE}})
        return self._cluster.wait_ready("the good image again: Ready")

    def goes(self) -> bool:
        self._cluster.delete()
        return self._cluster.leaves_only(["lab-master-0-state"])
