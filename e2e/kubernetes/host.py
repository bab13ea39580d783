"""A cluster on its nodes' network: refused by a restricted namespace with a reason, then reached at the node's own address; a
second one with the same ports waits, and says for what; and one that is changed over while it has files."""

from __future__ import annotations

import time
from typing import Callable

from bed import run
from harness.process import wait_for
from pond import NAMESPACE, READY_LIMIT_S, ROOT, Cluster, Pond

_LEVEL = "pod-security.kubernetes.io/enforce"


def steps(pond: Pond) -> list[Callable[[], bool]]:
    life = HostLife(pond)
    return [life.is_refused_by_the_namespace, life.is_admitted, life.is_reached_at_the_node, life.keeps_its_ports, life.goes_back]


class HostLife:
    def __init__(self, pond: Pond):
        self._pond, self._bed, self._checks = pond, pond.bed, pond.checks
        self._cluster = Cluster(pond, "wide-open", workers=1)

    def _apply(self, name: str) -> None:
        text = (ROOT / "manifests/samples/kubernetes-host-network.yaml").read_text().replace("name: open", f"name: {name}", 1)
        self._bed.kubectl("apply", "-n", NAMESPACE, "-f", "-", text_in=text)

    def _uses(self, what: str, script: str) -> bool:
        worked, said = self._pond.in_a_pod(f"export ALLUXIO_MASTER_HOSTNAME=wide-open-master-0; fs='headpond fs'; {script}")
        return self._checks.that(what, worked, said)

    def _shares_the_nodes_network(self) -> bool:
        nodes = {address["address"] for node in self._bed.get("nodes")["items"] for address in node["status"]["addresses"]}
        return all(pod["status"].get("podIP") in nodes for pod in self._pond.pods().values())

    def is_refused_by_the_namespace(self) -> bool:
        self._pond.start_operator()
        self._pond.add_volumes("open-journal", "late-journal")
        self._apply("wide-open")
        said = self._cluster.says("a pod that the namespace forbids is missed", "kubectl describe statefulset wide-open-master-0")
        events = self._bed.kubectl("describe", "statefulset", "wide-open-master-0", "-n", NAMESPACE)
        return self._checks.that("and why stands where it says", "violates PodSecurity" in events and "hostNetwork" in events,
                                 events[-2000:]) and said

    def is_admitted(self) -> bool:
        self._bed.kubectl("label", "namespace", NAMESPACE, "--overwrite", f"{_LEVEL}=privileged")
        ready = self._cluster.wait_ready("admitted, the cluster is Ready")
        return self._checks.that("its pods have their node's address", self._shares_the_nodes_network(), self._pond.pods()) and ready

    def is_reached_at_the_node(self) -> bool:
        node = next(iter(self._pond.pods().values()))["status"]["hostIP"]
        answer = run(*self._bed.inside("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{node}:19999/api/v1/master/info"))
        self._checks.equal("the master's page, at the node's address", answer, "200")
        return self._uses("a pod of another network writes a file", "$fs mkdir /a && $fs copyFromLocal /etc/passwd /a/f && $fs cat /a/f | grep -q root")

    def keeps_its_ports(self) -> bool:
        late = Cluster(self._pond, "late", workers=1)
        before = self._pond.uids()
        self._apply("late")
        said = late.says("one with the same ports waits, and says for what", "free ports")
        self._checks.equal("pods that were there", {name: uid for name, uid in self._pond.uids().items() if name in before}, before)
        late.patch({"spec": {"ports": {"master": {"rpc": 20998, "web": 20999}, "worker": {"rpc": 30999, "web": 31000}}}})
        ready = late.wait_ready("with other ports, it is Ready beside it")
        late.delete(with_data=True)
        return ready and said

    def goes_back(self) -> bool:
        self._cluster.patch({"spec": {"runtime": {"kubernetes": {"hostNetwork": False}}}})
        begun = time.monotonic()
        back = wait_for(lambda: self._cluster.ready() and not any(p["spec"].get("hostNetwork") for p in self._pond.pods().values()),
                        READY_LIMIT_S, 0.5)
        self._checks.that(f"changed over to a network of its pods: {time.monotonic() - begun:.1f} s", bool(back), self._cluster.text())
        used = self._uses("the file is there", "$fs cat /a/f | grep -q root")
        self._cluster.delete(with_data=True)
        self._bed.kubectl("label", "namespace", NAMESPACE, "--overwrite", f"{_LEVEL}=restricted")
        return bool(back) and used
