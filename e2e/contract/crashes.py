"""headpond-operator with its Kubernetes runtime on a real API server, without nodes: killed after its writes, in a
namespace that goes, and with five hundred clusters."""

from __future__ import annotations

import concurrent.futures
import difflib
import json
import math
import os
import re
import signal
import time
from pathlib import Path

import kubernetes
import ours
from harness.check import Checks
from harness.process import Process, free_ports, wait_for
from kubelet import Kubelet
from relay import Relay

_GROUP = "/apis/headpond.dev/v1alpha1"
_KINDS = {"statefulsets": "/apis/apps/v1", "services": "/api/v1", "secrets": "/api/v1", "persistentvolumeclaims": "/api/v1",
          "configmaps": "/api/v1", "pods": "/api/v1", "poddisruptionbudgets": "/apis/policy/v1",
          "networkpolicies": "/apis/networking.k8s.io/v1"}
_LIFE_LIMIT_S = 90.0
_AT_A_TIME = 6
_LEAST_CRASHES = 22

MANY = 500
_MANY_LIMIT_S = 60.0
_MANY_PATIENCE_S = 400.0
_MOST_LOAD = 1.5  # a processor: the servers and the operator make one of their own
_MOST_REQUESTS = 30  # of one cluster that is made
_MANY_RSS_LIMIT = 128 << 20
_IDLE_S = 20.0
_IDLE_REQUESTS_A_MINUTE = 30  # seven watches, each renewed every five to ten minutes, and what settles late


def _spec(**more) -> dict:
    return {"runtime": {"type": "kubernetes"}, "rootUfs": {"uri": "s3://bucket/folder"}, **more}


class Site:
    """A namespace with a CacheCluster, and the operator that looks after it alone."""

    def __init__(self, server: kubernetes.KubernetesServer, folder: Path, name: str, url: str = "",
                 lease_namespace: str = ""):
        self.lease_namespace = lease_namespace or name
        self.api, self.name, self.folder = server.connect(), name, folder / name
        self.folder.mkdir(parents=True)
        self._config = self.folder / "kubeconfig"
        config = json.loads(server.kubeconfig.read_text())
        config["contexts"][0]["context"]["namespace"] = self.lease_namespace
        if url:
            config["clusters"][0]["cluster"] = {"server": url}
        self._config.write_text(json.dumps(config))
        self.operator: Process | None = None
        self.monitor = free_ports(1)[0]
        self.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def start(self) -> None:
        # What an operator that died leaves for 15 s.
        self.api.call("DELETE", f"/apis/coordination.k8s.io/v1/namespaces/{self.lease_namespace}/leases/headpond-operator")
        self.operator = Process("operator", [
            str(ours.program()), "run", "--kubeconfig", str(self._config), "--namespace", self.name,
            "--home", str(self.folder / "home"), "--monitor-port", str(self.monitor)], self.folder / "operator.log")

    def stop(self) -> None:
        if self.operator:
            self.operator.stop()

    def cluster(self, name: str = "c") -> dict:
        return self.api.call("GET", self.path(name)).body

    def path(self, name: str = "") -> str:
        return f"{_GROUP}/namespaces/{self.name}/cacheclusters{'/' if name else ''}{name}"

    def apply(self, name: str, spec: dict) -> None:
        made = self.api.call("POST", self.path(), {"apiVersion": "headpond.dev/v1alpha1", "kind": "CacheCluster",
                                                   "metadata": {"name": name}, "spec": spec})
        assert made.code == 201, made.text

    def patch(self, name: str, patch: dict) -> None:
        assert self.api.call("PATCH", self.path(name), patch, "application/merge-patch+json").code == 200

    def ready(self, name: str = "c") -> bool:
        cluster = self.cluster(name)
        status = cluster.get("status", {})
        return status.get("phase") == "Ready" and status.get("observedGeneration") == cluster["metadata"]["generation"]

    def objects(self, kind: str) -> list[dict]:
        return self.api.call("GET", f"{_KINDS[kind]}/namespaces/{self.name}/{kind}").body.get("items") or []

    def outcome(self) -> dict:
        """All there is, without what is another in each run: uids, hashes that contain them, times, addresses."""
        return {kind: sorted((self._lasting(one) for one in self.objects(kind)), key=lambda one: one["name"]) for kind in _KINDS}

    def _lasting(self, one: dict) -> dict:
        meta = one["metadata"]
        record = json.loads(meta.get("annotations", {}).get("headpond.dev/record", "{}"))
        spec = one.get("spec", {})
        for field in ("clusterIP", "clusterIPs", "volumeName"):
            spec.pop(field, None)
        labels = {key: value for key, value in meta.get("labels", {}).items() if key != "controller-revision-hash"}
        lasting = {"name": meta["name"], "labels": labels, "data": sorted(one.get("data") or {}), "spec": spec,
                   "owners": [(owner["kind"], owner["name"]) for owner in meta.get("ownerReferences", [])],
                   "annotations": sorted(meta.get("annotations") or {}), "going": "deletionTimestamp" in meta,
                   "crashes": record.get("crashes"), "refusal": record.get("refusal"), "stop": record.get("stopRequestedAtMs")}
        text = json.dumps(lasting, sort_keys=True).replace(self.name, "NAMESPACE")
        text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", text)
        return json.loads(re.sub(r"\b[0-9a-f]{8,16}\b", "HASH", text))

    def metric(self, name: str, without: str = "nothing") -> float:
        text = ours.metrics(self.monitor)
        return sum(float(n) for labels, n in re.findall(rf"^{name}(\{{[^}}]*\}})? ([0-9.e+]+)$", text, re.M) if without not in labels)


class Life:
    """A cluster is made, changed and deleted with its data, by an operator that dies after its k-th write."""

    def __init__(self, server: kubernetes.KubernetesServer, folder: Path, k: int):
        self.k, self.writes, self.deaths = k, 0, 0
        self.outcomes: list = []
        self.trouble = ""
        with Relay(server.connection) as relay:
            site = Site(server, folder, f"life-{k}", relay.url)
            relay.crash_after = k
            relay.crash = lambda: os.kill(site.operator.pid, signal.SIGKILL)
            try:
                self._live(site)
            except TimeoutError as late:
                self.trouble = f"{late}\n{json.dumps(site.cluster(), indent=1)[-1500:]}\n{site.operator.tail(15)}"
            finally:
                site.stop()
                self.writes = relay.writes

    def _live(self, site: Site) -> None:
        site.apply("c", _spec(security={"networkPolicy": True}, worker={"tieredStore": {"levels": [
            {"alias": "MEM", "quota": "1Mi"}, {"alias": "SSD", "quota": "64Mi"}]}}))
        site.start()
        self._until(site, "Ready", site.ready)
        self.outcomes.append(site.outcome())
        site.patch("c", {"spec": {"properties": {"alluxio.user.block.size.bytes.default": "8MB"}}})
        self._until(site, "Ready again", site.ready)
        self.outcomes.append(site.outcome())
        site.patch("c", {"metadata": {"annotations": {"headpond.dev/delete-data": "true"}}})
        site.api.call("DELETE", site.path("c"))
        # Claims go when their controller has seen that no pod has them.
        self._until(site, "gone", lambda: site.cluster().get("code") == 404 and not site.objects("persistentvolumeclaims"))
        self.outcomes.append(site.outcome())

    def _until(self, site: Site, what: str, done) -> None:
        def looks() -> bool:
            if not site.operator.alive():
                self.deaths += 1
                site.start()
            return done()
        if not wait_for(looks, _LIFE_LIMIT_S, 0.1):
            raise TimeoutError(f"not {what} after {_LIFE_LIMIT_S:.0f} s")


def run_crashes(server: kubernetes.KubernetesServer, folder: Path, checks: Checks) -> str:
    begin = time.monotonic()
    with Kubelet(server.connect()):
        reference = Life(server, folder, 0)
        if not checks.that(f"an operator that lives takes {reference.writes} writes", not reference.trouble, reference.trouble):
            return ""
        checks.that("there are enough of them", reference.writes >= _LEAST_CRASHES)
        checks.equal("what is left after the deletion", {kind: found for kind, found in reference.outcomes[-1].items() if found}, {})
        died = 0
        with concurrent.futures.ThreadPoolExecutor(_AT_A_TIME) as pool:
            for life in pool.map(lambda k: Life(server, folder, k), _moments(reference.writes)):
                died += life.deaths
                same = life.outcomes == reference.outcomes
                if life.trouble or not same:
                    checks.that(f"the same end after death at write {life.k}", False,
                                life.trouble or _differences(reference.outcomes, life.outcomes))
        checks.that(f"killed after one of {died} writes, it ends the same", died >= _LEAST_CRASHES, f"{died} deaths")
        _namespace_goes(server, folder, checks)
    return f"{died} deaths of the operator left no trace ({time.monotonic() - begin:.0f} s)"


def _moments(writes: int) -> list[int]:
    """The first ones, in which all that a cluster is made of is written, and some of the rest."""
    return [k for k in range(1, writes + 1) if k <= _LEAST_CRASHES or k % 3 == 0]


def _differences(expected: list, actual: list) -> str:
    lines = []
    for stage, (was, found) in enumerate(zip(expected, actual)):
        for kind in was:
            texts = [json.dumps(one[kind], indent=1, sort_keys=True).splitlines() for one in (was, found)]
            lines += [f"{('Ready', 'Ready again', 'gone')[stage]}, {kind}: {line}"
                      for line in difflib.unified_diff(*texts, n=1, lineterm="")]
    return "\n".join(lines[:30])


def _namespace_goes(server: kubernetes.KubernetesServer, folder: Path, checks: Checks) -> None:
    """While the operator, which is elsewhere, makes clusters in it, and looks after others."""
    site = Site(server, folder, "goes", lease_namespace="default")
    for name in ("old", "other"):
        site.apply(name, _spec())
    site.start()
    wait_for(lambda: site.ready("old") and site.ready("other"), _LIFE_LIMIT_S)
    site.apply("new", _spec())
    before = len(site.operator.log.read_text().splitlines())
    begin = time.monotonic()
    site.api.call("DELETE", "/api/v1/namespaces/goes")
    gone = wait_for(lambda: site.api.call("GET", "/api/v1/namespaces/goes").code == 404, 60, 0.2)
    checks.that(f"a namespace with three clusters goes: {time.monotonic() - begin:.1f} s", bool(gone), site.operator.tail(40))
    def troubles() -> list[str]:
        return [line for line in site.operator.log.read_text().splitlines()[before:] if re.search(r"\b(WARN|ERROR)\b", line)]
    during = len(troubles())
    time.sleep(5)  # in which it has nothing to complain of
    after = troubles()[during:]
    checks.that(f"{during} warnings meanwhile, {len(after)} in the 5 s after", site.operator.alive() and during < 100 and not after,
                "\n".join(troubles()[-30:]))
    site.stop()


def run_many(server: kubernetes.KubernetesServer, folder: Path, checks: Checks) -> str:
    site = Site(server, folder, "many")
    for i in range(MANY):
        site.apply(f"c{i}", _spec(worker={"replicas": 0}))
    begin = time.monotonic()
    site.start()
    made = wait_for(lambda: len(site.objects("statefulsets")) == MANY, _MANY_PATIENCE_S, 1)
    seconds = time.monotonic() - begin
    requests = site.metric("rest_client_requests_total")
    # How long requests take is not the operator's doing where the processors are others', too.
    limit = _MANY_LIMIT_S if os.getloadavg()[0] < _MOST_LOAD * os.cpu_count() else math.inf
    checks.that(f"{MANY} clusters have their objects after {seconds:.0f} s, {requests:.0f} requests",
                bool(made) and seconds < limit and requests < _MOST_REQUESTS * MANY, site.operator.tail())
    with Kubelet(server.connect()):
        def ready() -> int:
            return sum(one.get("status", {}).get("phase") == "Ready" for one in site.api.call("GET", site.path()).body["items"])
        wait_for(lambda: ready() == MANY, _MANY_PATIENCE_S, 2)
        checks.equal("clusters that are Ready", ready(), MANY)
        _starts_again(site, checks)
    rss = site.operator.rss_bytes()
    checks.that(f"with {MANY} clusters it takes {rss >> 20} MiB", rss < _MANY_RSS_LIMIT)
    idle = _idle(site)
    checks.that(f"idle, it asks {idle:.0f} times a minute beside the lease", idle <= _IDLE_REQUESTS_A_MINUTE)
    site.stop()
    return f"{MANY} clusters made in {seconds:.0f} s, {rss >> 20} MiB, {idle:.0f} requests a minute"


def _starts_again(site: Site, checks: Checks) -> None:
    """With everything there, so that it need not write."""
    site.stop()
    site.start()
    begin = time.monotonic()
    wait_for(lambda: site.metric("controller_runtime_reconcile_total") >= MANY, _MANY_LIMIT_S, 0.2)
    seconds = time.monotonic() - begin
    requests = site.metric("rest_client_requests_total")
    checks.that(f"started again, it has looked at all after {seconds:.1f} s and {requests:.0f} requests: 20 a second would do",
                seconds < _MANY_LIMIT_S and requests < 20 * _MANY_LIMIT_S)


def _idle(site: Site) -> float:
    """Each renewal of the lease is a GET and a PUT."""
    def asked() -> float:
        return site.metric("rest_client_requests_total", without='method="PUT"') - _puts(site)
    before = asked()
    time.sleep(_IDLE_S)
    return (asked() - before) * 60 / _IDLE_S


def _puts(site: Site) -> float:
    return site.metric("rest_client_requests_total") - site.metric("rest_client_requests_total", without='method="PUT"')
