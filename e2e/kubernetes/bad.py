"""What a cluster can't have is said by its status with the remedy, and harms nothing: a right that the operator lacks, a quota,
a StorageClass that isn't there."""

from __future__ import annotations

import time
from typing import Callable

from harness.process import wait_for
from pond import NAMESPACE, READY_LIMIT_S, ROOT, Cluster, Pond


def steps(pond: Pond) -> list[Callable[[], bool]]:
    bad = Bad(pond)
    return [bad.lacks_a_right, bad.is_over_quota, bad.lacks_a_storage_class]


class Bad:
    def __init__(self, pond: Pond):
        self._pond, self._bed, self._checks = pond, pond.bed, pond.checks
        self._cluster = Cluster(pond, "poor", workers=2)

    def _apply(self, name: str, kubernetes: str = "") -> None:
        """The sample under another name, with one more setting of its runtime."""
        text = (ROOT / "manifests/samples/kubernetes.yaml").read_text().replace("name: lab", f"name: {name}", 1)
        text = text.replace("underStoreClaim:", f"{kubernetes}\n      underStoreClaim:", 1)
        self._bed.kubectl("apply", "-n", NAMESPACE, "-f", "-", text_in=text)

    def _goes(self, cluster: Cluster) -> bool:
        """With its data: claims of others are as they were."""
        own = f"{cluster.name}-master-0-state"
        kept = [name.split("/")[1] for name in self._bed.kubectl("get", "pvc", "-n", NAMESPACE, "-o", "name").split()]
        cluster.delete(with_data=True)
        return cluster.leaves_only([name for name in kept if name not in (own, "lake")])

    def lacks_a_right(self) -> bool:
        self._pond.stop_operator()
        self._pond.start_operator(without="poddisruptionbudgets")
        self._pond.add_volumes("bad-journal")
        self._apply("poor")
        said = self._cluster.says("a right that is missing is named, with the verb", "cannot list resource", "poddisruptionbudgets")
        self._checks.equal("pods meanwhile", self._pond.pods(), {})
        self._bed.kubectl("apply", "-n", NAMESPACE, "-f", str(ROOT / "manifests/rbac/operator.yaml"))
        return self._cluster.wait_ready("granted, the cluster is Ready") and said

    def is_over_quota(self) -> bool:
        before = self._pond.uids()
        self._bed.kubectl("create", "quota", "full", "-n", NAMESPACE, "--hard=pods=1")
        self._bed.kubectl("delete", "pod", "poor-worker-1-0", "-n", NAMESPACE, "--wait=false")
        said = self._cluster.says("a pod that the quota forbids is missed", "kubectl describe statefulset poor-worker-1")
        events = self._bed.kubectl("describe", "statefulset", "poor-worker-1", "-n", NAMESPACE)
        self._checks.that("and why stands where it says", "exceeded quota: full" in events, events[-2000:])
        left = {name: uid for name, uid in before.items() if name != "poor-worker-1-0"}
        self._checks.equal("pods that are not concerned", self._pond.uids(), left)
        self._bed.kubectl("delete", "quota", "full", "-n", NAMESPACE)
        begin = time.monotonic()
        back = wait_for(self._cluster.ready, READY_LIMIT_S, 0.5)
        self._checks.that(f"without it, the pod comes back: {time.monotonic() - begin:.1f} s", bool(back), self._cluster.text())
        return self._goes(self._cluster) and said

    def lacks_a_storage_class(self) -> bool:
        bare = Cluster(self._pond, "bare", workers=2)
        self._apply("bare", "storageClass: nowhere")
        # The scheduler's words, which the API server's text wraps.
        said = bare.says("a pod whose claims nobody fulfils says so", "the pod has no node", "unbound", "PersistentVolumeClaims")
        return self._goes(bare) and said
