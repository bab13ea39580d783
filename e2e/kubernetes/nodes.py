"""Three masters and two workers on two nodes, with journals on volumes that every node reaches: one node is drained, then one
is lost and comes back, and is lost for good, while folders are made and files written from a third."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Callable

from ha import Writers
from harness.process import wait_for
from node import Node
from pond import NAMESPACE, OURS, READY_LIMIT_S, ROOT, Cluster, Pond

_MASTERS = [f"wide-master-{number}" for number in range(3)]
_WAIT_S = 60.0
_LOST_AFTER_S = 20.0  # the bed's controller manager waits for 12 s
_EVICTED_AFTER_S = 5
_FIRST = "node0"  # of the control plane and of clients


def steps(pond: Pond) -> list[Callable[[], bool]]:
    life = NodesLife(pond)
    return [life.spreads, life.is_drained, life.spreads_again, life.loses_a_node, life.has_it_back, life.loses_it_for_good,
            life.goes]


def _is_ready(pod: dict) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


class NodesLife:
    def __init__(self, pond: Pond):
        self._pond, self._bed, self._checks = pond, pond.bed, pond.checks
        self._cluster = Cluster(pond, "wide", workers=2)
        self._nodes: list[Node] = []
        self._lost: Node | None = None
        self._on_lost: dict[str, str] = {}
        self._writers: Writers | None = None

    # Looks.

    def _on(self, role: str) -> Counter:
        """How many pods of a role each node has."""
        return Counter(pod["spec"].get("nodeName", "") for name, pod in self._pond.pods().items() if f"-{role}-" in name)

    def _is_spread(self) -> bool:
        return sorted(self._on("master").values()) == [1, 2] and sorted(self._on("worker").values()) == [1, 1]

    def _all_is_well(self) -> bool:
        return self._cluster.ready() and self._cluster.condition("QuorumHealthy").get("status") == "True" and \
            all(map(_is_ready, self._pond.pods().values()))

    def _wait_well(self, what: str, also: Callable[[], bool] = lambda: True) -> bool:
        begun = time.monotonic()
        well = wait_for(lambda: self._all_is_well() and also(), READY_LIMIT_S, 0.3)
        where = {name: pod["spec"].get("nodeName") for name, pod in self._pond.pods().items()}
        return self._checks.that(f"{what}: {time.monotonic() - begun:.1f} s", bool(well), f"{where}\n{self._cluster.text()}")

    # Steps.

    def spreads(self) -> bool:
        self._pond.start_operator()
        begun = time.monotonic()
        self._nodes = self._bed.add_nodes(2)
        print(f"      two more nodes are ready after {time.monotonic() - begun:.1f} s", flush=True)
        self._bed.kubectl("cordon", _FIRST)
        self._pond.add_volumes(*(f"{master}-journal" for master in _MASTERS), anywhere=True)
        sample = str(ROOT / "manifests/samples/kubernetes-ha.yaml")
        cluster = json.loads(self._bed.kubectl("create", "--dry-run=client", "-o", "json", "-n", NAMESPACE, "-f", sample))
        cluster["metadata"]["name"] = "wide"
        spec = cluster["spec"]
        spec["runtime"]["kubernetes"]["storageClass"] = "anywhere"
        for role in ("master", "worker"):
            spec[role]["placement"] = {"tolerations": [
                {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _EVICTED_AFTER_S}
                for taint in ("unreachable", "not-ready")]}
        self._bed.kubectl("apply", "-f", "-", text_in=json.dumps(cluster))
        if not self._wait_well("3 masters and 2 workers are ready, spread over two nodes", self._is_spread):
            return False
        told = {daemon["name"]: daemon.get("node") for daemon in self._cluster.status()["daemons"]}
        there = {name[:-2]: pod["spec"]["nodeName"] for name, pod in self._pond.pods().items()}
        self._checks.equal("nodes, as the status names them", told, there)
        return True

    def is_drained(self) -> bool:
        """Cordoned and its pods evicted, as `kubectl drain` does it."""
        writers = Writers(self._pond, "/drain", _MASTERS)
        node = self._on("master").most_common(1)[0][0]  # of two masters there only one may go at a time
        self._bed.kubectl("cordon", node)
        begun, refused, fewest = time.monotonic(), 0, 3
        def drained() -> bool:
            nonlocal refused, fewest
            pods = self._pond.pods()
            fewest = min(fewest, sum("-master-" in name and _is_ready(pod) for name, pod in pods.items()))
            left = [name for name, pod in pods.items() if pod["spec"].get("nodeName") == node]
            refused += sum(not self._evict(name) for name in left if "deletionTimestamp" not in pods[name]["metadata"])
            return not left and len(pods) == 5
        done = wait_for(drained, READY_LIMIT_S, 0.5)
        self._checks.that(f"{node} is drained after {time.monotonic() - begun:.1f} s", bool(done), self._cluster.text())
        self._checks.that(f"the budget refused {refused} evictions", refused > 0)
        well = self._wait_well("the pods are ready elsewhere")
        self._checks.equal("masters that were ready at least", fewest, 2)
        self._checks.equal("nodes of the pods", set((self._on("master") + self._on("worker"))) & {node}, set())
        writers.end()
        self._bed.kubectl("uncordon", node)
        return bool(done) and well

    def _evict(self, pod: str) -> bool:
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": NAMESPACE}}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
        try:
            self._bed.kubectl("create", "--raw", path, "-f", "-", text_in=json.dumps(eviction))
        except RuntimeError as error:
            if "disruption budget" not in str(error):
                raise
            return False
        return True

    def spreads_again(self) -> bool:
        """Nobody moves pods to an empty node; those that are made anew go there."""
        for pod in (f"{self._cluster.leader()}-0", "wide-worker-0-0"):
            self._bed.kubectl("delete", "pod", pod, "-n", NAMESPACE, "--wait=false")
            if not self._wait_well(f"{pod}, deleted, is elsewhere", lambda: len(self._pond.pods()) == 5):
                return False
        return self._checks.that("both nodes have pods again", self._is_spread(), self._cluster.text())

    def loses_a_node(self) -> bool:
        self._writers = Writers(self._pond, "/loss", _MASTERS)
        name = self._on("master").most_common()[-1][0]  # the others are a majority
        self._lost = next(node for node in self._nodes if node.name == name)
        self._on_lost = {pod: it["metadata"]["uid"] for pod, it in self._pond.pods().items() if it["spec"]["nodeName"] == name}
        lost = time.time()
        self._lost.lose()
        gone = wait_for(lambda: not self._lost.is_ready(), _LOST_AFTER_S, 0.3)
        self._checks.that(f"{name} is not ready {time.time() - lost:.1f} s after it was lost", bool(gone))
        def said() -> bool:
            degraded = self._cluster.condition("Degraded")
            return degraded.get("reason") == "NodeUnavailable" and name in degraded["message"]
        self._checks.that("Degraded names the node", bool(wait_for(said, _WAIT_S, 0.3)), self._cluster.text())
        def all_go() -> bool:
            pods = self._pond.pods()
            return all("deletionTimestamp" in pods[pod]["metadata"] for pod in self._on_lost)
        self._checks.that("its pods are to go", bool(wait_for(all_go, _WAIT_S, 0.5)), str(self._on_lost))
        return self._says_what_is_missing(name) and self._serves_on(lost)

    def _says_what_is_missing(self, node: str) -> bool:
        master = next(pod for pod in self._on_lost if "-master-" in pod)[:-2]
        def told() -> bool:
            quorum = self._cluster.condition("QuorumHealthy")
            daemons = {daemon["name"]: daemon for daemon in self._cluster.status().get("daemons", [])}
            return quorum.get("reason") == "MemberMissing" and master in quorum["message"] and \
                all(daemons[pod[:-2]].get("state") == "Unreachable" and daemons[pod[:-2]].get("node") == node for pod in self._on_lost)
        self._checks.that("QuorumHealthy and the daemons say who is missing", bool(wait_for(told, 10, 0.3)), self._cluster.text())
        message = self._cluster.condition("Degraded").get("message", "")
        print(f"      {message}", flush=True)
        self._checks.that("Degraded says what can be done about it", f"kubectl delete node {node}" in message, message)
        return self._checks.equal("Ready", self._cluster.condition("Ready").get("status"), "True")

    def _serves_on(self, lost: float) -> bool:
        """And nothing runs twice: a pod that nobody can see may have its journal still."""
        for kind in ("folders", "files"):
            done = wait_for(lambda: self._writers.first_after(lost, kind), _WAIT_S, 0.1) or float("inf")
            self._checks.that(f"{kind} are made {done - lost:.2f} s after the loss", done - lost < _WAIT_S)
        settled = time.time()
        went_on = wait_for(lambda: self._writers.first_after(settled, "files") and self._writers.first_after(settled), _WAIT_S, 0.2)
        self._checks.that("and later", bool(went_on))
        wait_for(lambda: False, 5)  # for somebody to do something
        now = self._pond.uids()
        self._checks.equal("pods", len(now), 5)
        return self._checks.equal("pods of the lost node that are as they were", {pod: now.get(pod) for pod in self._on_lost}, self._on_lost)

    def has_it_back(self) -> bool:
        begun = time.monotonic()
        self._lost.start()
        def renewed() -> bool:
            now = self._pond.uids()
            return len(now) == 5 and not any(now.get(pod) == uid for pod, uid in self._on_lost.items())
        well = self._wait_well("the node is back, and all is well", renewed)
        print(f"      {time.monotonic() - begun:.1f} s after its start", flush=True)
        self._writers.end()
        sets = self._bed.get("statefulsets", "-n", NAMESPACE, "-l", OURS).get("items", [])
        self._checks.equal("pods of each StatefulSet", {item["status"].get("replicas") for item in sets}, {1})
        self._checks.equal("Degraded", self._cluster.condition("Degraded").get("status"), "False")
        return well

    def loses_it_for_good(self) -> bool:
        """Whoever knows that a lost node is off says so: then its pods are gone, and come up elsewhere."""
        name = self._lost.name
        self._lost.lose()
        if not self._checks.that("the node is lost again", bool(wait_for(lambda: not self._lost.is_ready(), _LOST_AFTER_S, 0.3))):
            return False
        self._bed.kubectl("taint", "node", name, "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute")
        def moved() -> bool:
            pods = self._pond.pods()
            return len(pods) == 5 and all(pod["spec"].get("nodeName") != name for pod in pods.values())
        return self._wait_well("all pods are elsewhere once it is out of service", moved)

    def goes(self) -> bool:
        kept = self._bed.kubectl("get", "pvc", "-n", NAMESPACE, "-o", "name").split()
        self._cluster.delete()
        self._bed.kubectl("uncordon", _FIRST)
        return self._cluster.leaves_only([name.split("/")[1] for name in kept if not name.endswith("/lake")])
