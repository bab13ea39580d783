"""The operator as a pod, from charts/headpond-operator: installed, at work with the rights that the chart gives it, upgraded
to two of which one acts, uninstalled and installed again, while a CacheCluster goes on."""

from __future__ import annotations

import itertools
import subprocess
import time
from typing import Callable

from bed import run
from harness.process import wait_for
from pond import NAMESPACE, OPERATOR_IMAGE, ROOT, Cluster, Pond
from releases import Helm

_CHART = str(ROOT / "charts/headpond-operator")
_RELEASE = "headpond"
_NAME = "headpond-operator"
_ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{_NAME}"
_WAIT_S = 60.0
_TAKEOVER_S = 25.0  # a lease lasts 15 s, and a new operator has to look at everything first
_KEEP = "helm.sh/resource-policy"
# What must be refused, and the key that has to be named.
_BAD_VALUES = {"scope=everything": "scope", "replicas=-1": "replicas", "image.pullpolicy=Never": "pullpolicy",
               "metrics.port=80": "port", "serviceAccount.create=false": "serviceAccount.name"}


def steps(pond: Pond) -> list[Callable[[], bool]]:
    life = ChartLife(pond)
    return [life.is_well_formed, life.is_installed, life.runs_a_cluster, life.has_no_other_rights, life.is_upgraded,
            life.leaves_clusters_alone, life.ends]


class ChartLife:
    def __init__(self, pond: Pond):
        self._pond, self._bed, self._checks = pond, pond.bed, pond.checks
        self._cluster = Cluster(pond, "lab", workers=2)
        self._helm = Helm(pond.bed)
        self._package = ""  # what users install

    def _release(self, verb: str, *words: str) -> bool:
        done = self._helm(verb, _RELEASE, *([self._package] if verb != "uninstall" else []), "-n", NAMESPACE, "--wait", "--timeout=60s", *words)
        return self._checks.that(f"helm {verb} {' '.join(words)}".strip(), done.returncode == 0, done.stdout + done.stderr)

    def _install(self, *words: str) -> bool:
        _, tag = OPERATOR_IMAGE.split(":")
        return self._release("install", "--set", f"image.tag={tag}", *words)

    def _holder(self) -> str:
        lease = self._bed.get("lease", "headpond-operator", "-n", NAMESPACE)
        return lease.get("spec", {}).get("holderIdentity") or ""

    def _operators(self) -> list[dict]:
        return self._bed.get("pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/instance={_RELEASE}").get("items", [])

    def _may(self, verb: str, kind: str, namespace: str) -> bool:
        return self._bed.kubectl("auth", "can-i", verb, *kind.split(), "-n", namespace, f"--as={_ACCOUNT}", check=False).strip() == "yes"

    # Steps.

    def is_well_formed(self) -> bool:
        lint = self._helm("lint", "--strict", _CHART)
        self._checks.that("helm lint", lint.returncode == 0 and "WARNING" not in lint.stdout, lint.stdout + lint.stderr)
        packed = self._helm("package", _CHART, "-d", str(self._bed.folder / "helm"))
        self._checks.that("helm package", packed.returncode == 0, packed.stderr)
        self._package = packed.stdout.strip().rpartition(" ")[2]
        for scope, replicas in itertools.product(("namespace", "cluster"), ("1", "3")):
            words = [f"scope={scope}", f"replicas={replicas}", "metrics.service.annotations.a=b"]
            text = self._helm("template", _RELEASE, _CHART, "-n", NAMESPACE, "--set", ",".join(words))
            done = self._helm.dry_run(text.stdout)
            self._checks.that(f"the API server takes {' '.join(words[:2])}", text.returncode == 0 and done.returncode == 0, text.stderr + done.stderr)
        monitored = self._helm("template", _RELEASE, _CHART, "--set", "metrics.serviceMonitor.enabled=true")
        self._checks.that("a ServiceMonitor is made on demand", "kind: ServiceMonitor" in monitored.stdout, monitored.stderr)
        for value, key in _BAD_VALUES.items():
            done = self._helm("template", _RELEASE, _CHART, "--set", value)
            self._checks.that(f"{value} is refused by name", done.returncode != 0 and key in done.stderr, done.stdout[-500:] + done.stderr)
        return True

    def is_installed(self) -> bool:
        if not self._install():
            return False
        definitions = self._bed.get("crd").get("items", [])
        ours = [crd for crd in definitions if crd["spec"]["group"] == "headpond.dev"]
        kept = [crd["spec"]["names"]["kind"] for crd in ours if crd["metadata"]["annotations"].get(_KEEP) == "keep"]
        self._checks.equal("kinds that are kept", sorted(kept), ["Backup", "CacheCluster", "ContainerDefinition", "ContainerTask", "Restore"])
        self._bed.kubectl("wait", "--for=condition=Established", *(f"crd/{crd['metadata']['name']}" for crd in ours), "--timeout=30s")
        same = subprocess.run(
            self._bed.inside("kubectl", f"--kubeconfig={self._bed.kubeconfig('admin')}", "diff", "-f", "-"),
            input=run(str(self._pond.program), "crds"), capture_output=True, text=True, timeout=120)
        self._checks.that("the kinds are those of `headpond-operator crds`", same.returncode == 0, same.stdout[-2000:] + same.stderr)
        return True

    def runs_a_cluster(self) -> bool:
        self._pond.add_volumes("chart-journal")
        self._cluster.apply("kubernetes.yaml")
        if not self._cluster.wait_ready("an operator in a pod has the sample Ready"):
            return False
        address = self._operators()[0]["status"]["podIP"]
        metrics = run(*self._bed.inside("curl", "-s", f"http://{address}:8080/metrics"))
        return self._checks.that("it tells how it does", 'controller_runtime_reconcile_total{controller="cachecluster"' in metrics, metrics[:2000])

    def has_no_other_rights(self) -> bool:
        wrong = [f"{verb} {kind} in {namespace}: {not wanted}" for verb, kind, namespace, wanted in (
            ("list", "secrets", NAMESPACE, True), ("list", "secrets", "default", False), ("create", "pods", NAMESPACE, False),
            ("get", "nodes", NAMESPACE, False), ("delete", "cacheclusters.headpond.dev", NAMESPACE, False),
            ("create", "roles.rbac.authorization.k8s.io", NAMESPACE, False), ("create", "pods --subresource=exec", NAMESPACE, False),
            ("delete", "leases.coordination.k8s.io", NAMESPACE, False)) if self._may(verb, kind, namespace) != wanted]
        self._checks.equal("rights that differ from what they should be", wrong, [])
        edits = self._bed.kubectl("auth", "can-i", "create", "cacheclusters.headpond.dev", "-n", NAMESPACE, "--as=somebody", check=False).strip()
        self._bed.kubectl("create", "rolebinding", "somebody", "--clusterrole=edit", "--user=somebody", "-n", NAMESPACE)
        def may_edit() -> bool:
            return self._bed.kubectl("auth", "can-i", "create", "cacheclusters.headpond.dev", "-n", NAMESPACE, "--as=somebody", check=False).strip() == "yes"
        self._checks.that("who may edit the namespace may make clusters, and nobody else", edits == "no" and bool(wait_for(may_edit, 15, 0.5)))
        return True

    def is_upgraded(self) -> bool:
        """To two, the first of which is lost then: the cluster's pods see nothing of it."""
        before = self._pond.uids()
        if not self._release("upgrade", "--reuse-values", "--set", "replicas=2"):
            return False
        # The pod's name is the beginning of who it says it is.
        def leader() -> str:
            names = [pod["metadata"]["name"] for pod in self._operators() if not pod["metadata"].get("deletionTimestamp")]
            return next((name for name in names if self._holder().startswith(name)), "")
        first = wait_for(leader, _WAIT_S, 0.3)
        self._bed.kubectl("delete", "pod", first, "-n", NAMESPACE, "--force", "--grace-period=0")
        begun = time.monotonic()
        second = wait_for(lambda: leader() not in ("", first) and leader(), _WAIT_S, 0.3)
        took = time.monotonic() - begun
        self._checks.that(f"the other one acts {took:.1f} s after the first was killed", bool(second) and took < _TAKEOVER_S, self._holder())
        self._cluster.patch({"spec": {"worker": {"replicas": 1}}})
        one = Cluster(self._pond, "lab", workers=1)
        self._checks.that("it does what it is asked for", bool(wait_for(one.ready, _WAIT_S, 0.3)), one.text())
        kept = {name: uid for name, uid in self._pond.uids().items()}
        return self._checks.equal("pods of the cluster", kept, {name: before[name] for name in ("lab-master-0-0", "lab-worker-0-0")})

    def leaves_clusters_alone(self) -> bool:
        before = self._pond.uids()
        self._release("uninstall")
        self._checks.equal("operators", [pod for pod in self._operators() if not pod["metadata"].get("deletionTimestamp")], [])
        self._checks.equal("pods of the cluster", self._pond.uids(), before)
        self._checks.equal("the cluster", self._cluster.status().get("phase"), "Ready")
        if not self._install():
            return False
        self._cluster.patch({"spec": {"worker": {"replicas": 2}}})
        return self._cluster.wait_ready("installed again, it goes on")

    def ends(self) -> bool:
        self._cluster.delete(with_data=True)
        self._cluster.leaves_only([])
        self._release("uninstall")
        # The last one could not give it up: its rights went first.
        self._bed.kubectl("delete", "lease", "headpond-operator", "-n", NAMESPACE)
        left = self._bed.kubectl("get", "roles,rolebindings,serviceaccounts,services,deployments,clusterroles", "-n", NAMESPACE,
                                 "-l", f"app.kubernetes.io/instance={_RELEASE}", "-o", "name", check=False).strip()
        return self._checks.equal("objects that are left of the release", left, "")
