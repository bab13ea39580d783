"""The life of a CacheCluster in pods: made, used, healed, changed, refused a bad change, removed.

The operator runs beside the cluster with the account of manifests/rbac/operator.yaml, and no other rights.
Exit code: 0 when everything held, 1 when not, 77 (with the reason) when something is missing.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import programs  # first: it says where the rest is
from bed import Bed, run
from harness.check import Checks
from harness.parts import SKIP_EXIT_CODE, Missing
from harness.process import Process, wait_for

_ROOT = Path(__file__).resolve().parents[2]
_IMAGE = "headpond/headpond:latest"
_OURS = "app.kubernetes.io/managed-by=headpond-operator"
_NAMESPACE = "pond"
_MONITOR_PORT = 18090
_READY_LIMIT_S = 90.0

# What the sample needs of the Kubernetes cluster: a default StorageClass without a provisioner, its volumes, the lake.
_STORAGE = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {{name: local, annotations: {{storageclass.kubernetes.io/is-default-class: "true"}}}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolume
metadata: {{name: journal}}
spec:
  capacity: {{storage: 2Gi}}
  accessModes: [ReadWriteOnce]
  storageClassName: local
  persistentVolumeReclaimPolicy: Retain
  local: {{path: {folder}/journal}}
  nodeAffinity: {{required: {{nodeSelectorTerms: [{{matchExpressions: [{{key: kubernetes.io/hostname, operator: In, values: [node0]}}]}}]}}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {{name: lake}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [ReadWriteMany]
  storageClassName: ""
  hostPath: {{path: {folder}/lake}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: lake, namespace: pond}}
spec:
  accessModes: [ReadWriteMany]
  storageClassName: ""
  volumeName: lake
  resources: {{requests: {{storage: 1Gi}}}}
"""

_CLIENT = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: pond}}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  containers:
  - name: client
    image: headpond/headpond:latest
    imagePullPolicy: Never
    terminationMessagePolicy: FallbackToLogsOnError
    env: [{{name: ALLUXIO_MASTER_HOSTNAME, value: {host}}}]
    command: [sh, -c, {script}]
"""


def skip(reason: object) -> None:
    print(f"SKIP: {reason}", file=sys.stderr, flush=True)
    sys.exit(SKIP_EXIT_CODE)


class Life:
    def __init__(self, bed: Bed, operator: Path, checks: Checks):
        self._bed = bed
        self._program = operator
        self._checks = checks
        self._operator: Process | None = None
        self._clients = 0

    def run(self) -> None:
        self._prepare()
        for step in (self.becomes_ready, self.is_used, self.asks_little, self.heals, self.rolls, self.takes_back, self.goes):
            if not step():
                self._tell()
                break
        if self._operator:
            self._operator.stop()

    def _prepare(self) -> None:
        for name in ("journal", "lake"):
            folder = self._bed.folder / name
            folder.mkdir()
            os.chown(folder, 1000, 1000)
        self._bed.kubectl("create", "namespace", _NAMESPACE)
        # As strict as Kubernetes knows: what violates it is not admitted.
        self._bed.kubectl("label", "namespace", _NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
        self._bed.kubectl("apply", "-f", "-", text_in=run(str(self._program), "crds"))
        self._bed.kubectl("wait", "--for=condition=Established", "crd/cacheclusters.headpond.dev", "--timeout=30s")
        self._bed.kubectl("apply", "-n", _NAMESPACE, "-f", str(_ROOT / "manifests/rbac/operator.yaml"))
        self._bed.kubectl("apply", "-f", "-", text_in=_STORAGE.format(folder=self._bed.folder))
        account = f"/api/v1/namespaces/{_NAMESPACE}/serviceaccounts/headpond-operator/token"
        # Not `kubectl create token`, which older ones haven't.
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
        answer = self._bed.kubectl("create", "--raw", account, "-f", "-", text_in=json.dumps(request))
        config = self._bed.kubeconfig("operator", json.loads(answer)["status"]["token"], _NAMESPACE)
        self._operator = Process("operator", self._bed.inside(
            str(self._program), "run", f"--kubeconfig={config}", f"--namespace={_NAMESPACE}",
            f"--home={self._bed.folder}/home", f"--monitor-port={_MONITOR_PORT}"),
            self._bed.folder / "logs" / "operator.log")

    # Looks.

    def _cluster(self) -> dict:
        return self._bed.get("cachecluster", "lab", "-n", _NAMESPACE)

    def _ready(self) -> bool:
        cluster = self._cluster()
        status = cluster.get("status", {})
        if status.get("observedGeneration") != cluster.get("metadata", {}).get("generation"):
            return False
        return status.get("phase") == "Ready" and status.get("workers", {}).get("ready") == 2

    def _pods(self) -> dict[str, dict]:
        items = self._bed.get("pods", "-n", _NAMESPACE, "-l", _OURS).get("items", [])
        return {item["metadata"]["name"]: item for item in items}

    def _wait_ready(self, what: str) -> bool:
        begin = time.monotonic()
        ready = wait_for(self._ready, _READY_LIMIT_S, 0.2)
        return self._checks.that(f"{what}: {time.monotonic() - begin:.1f} s", bool(ready), self._status_text())

    def _status_text(self) -> str:
        return self._bed.kubectl("get", "cachecluster", "lab", "-n", _NAMESPACE, "-o", "yaml", check=False)[-3000:]

    def _tell(self) -> None:
        print(self._bed.kubectl("get", "all,pvc", "-n", _NAMESPACE, "-o", "wide", check=False))
        print(self._bed.kubectl("get", "events", "-n", _NAMESPACE, check=False)[-3000:])
        print(self._bed.kubectl("describe", "pods", "-n", _NAMESPACE, check=False)[-6000:])
        print(self._operator.tail(40) if self._operator else "")

    def _in_a_pod(self, script: str) -> tuple[bool, str]:
        """What a client in a pod of its own finds."""
        self._clients += 1
        name = f"client-{self._clients}"
        # The namespace is restricted, so the client is, too.
        pod = _CLIENT.format(name=name, host=f"lab-master-0.{_NAMESPACE}.svc", script=repr(script))
        pod += ("    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}\n"
                "  securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}\n")
        self._bed.kubectl("apply", "-f", "-", text_in=pod)
        def phase() -> str:
            found = self._bed.get("pod", name, "-n", _NAMESPACE).get("status", {}).get("phase", "")
            return found if found in ("Succeeded", "Failed") else ""
        ended = wait_for(phase, 60, 0.3)
        status = self._bed.get("pod", name, "-n", _NAMESPACE).get("status", {})
        states = [c["state"].get("terminated", {}) for c in status.get("containerStatuses", [])]
        return ended == "Succeeded", str(states or status)

    # Steps: each returns whether the next makes sense.

    def becomes_ready(self) -> bool:
        self._bed.kubectl("apply", "-n", _NAMESPACE, "-f", str(_ROOT / "manifests/samples/kubernetes.yaml"))
        if not self._wait_ready("the sample is Ready after its apply"):
            return False
        pods = self._pods()
        self._checks.equal("pods", sorted(pods), ["lab-master-0-0", "lab-worker-0-0", "lab-worker-1-0"])
        claim = self._bed.get("pvc", "lab-master-0-state", "-n", _NAMESPACE)
        return self._checks.equal("the journal's claim", claim.get("status", {}).get("phase"), "Bound")

    def is_used(self) -> bool:
        worked, what = self._in_a_pod(
            "head -c 3000000 /dev/urandom > /tmp/a && fs='headpond fs' && $fs mkdir /d && "
            "$fs copyFromLocal /tmp/a /d/a && $fs copyToLocal /d/a /tmp/b && cmp /tmp/a /tmp/b")
        return self._checks.that("a pod writes a file and reads it back", worked, what)

    def asks_little(self) -> bool:
        """Ready and left alone, the operator only renews its lease and its watches."""
        def requests() -> float:
            """Without those of the lease, each renewal of which is a GET and a PUT."""
            # The command runs in the cluster's network, where the operator listens.
            text = run(*self._bed.inside("curl", "-s", f"http://127.0.0.1:{_MONITOR_PORT}/metrics"))
            counts = re.findall(r'^rest_client_requests_total\{([^}]*)\} ([0-9.e+]+)$', text, re.M)
            return sum(float(n) * (-1 if 'method="PUT"' in labels else 1) for labels, n in counts)
        cpu, before, begin = self._operator.cpu_seconds(), requests(), time.monotonic()
        wait_for(lambda: False, 30)
        seconds = time.monotonic() - begin
        share = (self._operator.cpu_seconds() - cpu) / seconds
        beside = requests() - before
        rss = self._operator.rss_bytes() / 2**20
        print(f"      idle: {beside * 60 / seconds:.1f} requests/min beside the lease, {100 * share:.2f} % CPU, {rss:.0f} MiB")
        self._checks.that("an idle cluster costs at most 2 requests a minute", beside * 60 / seconds <= 2.5, f"{beside}")
        return True

    def heals(self) -> bool:
        for pod in ("lab-worker-1-0", "lab-master-0-0"):
            before = self._pods()[pod]["metadata"]["uid"]
            self._bed.kubectl("delete", "pod", pod, "-n", _NAMESPACE, "--wait=false")
            def replaced() -> bool:
                now = self._pods().get(pod)
                return now is not None and now["metadata"]["uid"] != before
            begin = time.monotonic()
            healed = wait_for(replaced, 60, 0.2) and wait_for(self._ready, _READY_LIMIT_S, 0.2)
            if not self._checks.that(f"{pod} deleted: healed after {time.monotonic() - begin:.1f} s", bool(healed), self._status_text()):
                return False
        worked, what = self._in_a_pod("headpond fs ls /d && test $(headpond fs cat /d/a | wc -c) = 3000000")
        return self._checks.that("the namespace outlived its master's pod", worked, what)

    def _patch(self, patch: str) -> None:
        self._bed.kubectl("patch", "cachecluster", "lab", "-n", _NAMESPACE, "--type=merge", "-p", patch)

    def rolls(self) -> bool:
        before = {name: pod["metadata"]["uid"] for name, pod in self._pods().items()}
        self._patch('{"spec": {"properties": {"alluxio.user.block.size.bytes.default": "8MB"}}}')
        begin = time.monotonic()
        def rolled() -> bool:
            now = {name: pod["metadata"]["uid"] for name, pod in self._pods().items()}
            return now.keys() == before.keys() and all(now[name] != before[name] for name in now) and self._ready()
        done = wait_for(rolled, 120, 0.3)
        return self._checks.that(f"a changed property reaches every daemon: {time.monotonic() - begin:.1f} s", bool(done), self._status_text())

    def takes_back(self) -> bool:
        self._patch('{"spec": {"image": "headpond/nowhere:1"}}')
        def halted() -> bool:
            conditions = self._cluster().get("status", {}).get("conditions", [])
            master = self._pods().get("lab-master-0-0", {})
            image = master.get("spec", {}).get("containers", [{}])[0].get("image")
            return image == _IMAGE and any("ImagePull" in c.get("reason", "") + c.get("message", "") for c in conditions)
        back = wait_for(halted, 120, 0.5)
        self._checks.that("an image that can't be had is taken back, and the condition says so", bool(back), self._status_text())
        self._patch(f'{{"spec": {{"image": "{_IMAGE}"}}}}')
        return self._wait_ready("the good image again: Ready")

    def goes(self) -> bool:
        self._bed.kubectl("delete", "cachecluster", "lab", "-n", _NAMESPACE, "--timeout=90s")
        kinds = "statefulsets,pods,services,secrets,poddisruptionbudgets"
        def left() -> str:
            return self._bed.kubectl("get", kinds, "-n", _NAMESPACE, "-l", _OURS, "-o", "name", check=False).strip()
        wait_for(lambda: not left(), 30, 0.5)
        self._checks.equal("objects that are left", left(), "")
        claims = self._bed.kubectl("get", "pvc", "-n", _NAMESPACE, "-o", "name").split()
        return self._checks.equal("claims that are kept", sorted(claims), [
            "persistentvolumeclaim/lab-master-0-state", "persistentvolumeclaim/lake"])


def main() -> int:
    try:
        programs.check()
        headpond = Path(os.environ.get("HEADPOND_BIN") or _ROOT / "build/release/bin/headpond")
        operator = headpond.parent / "headpond-operator"
        if not operator.exists():
            raise Missing(f"{operator} is not built: run make build")
        with tempfile.TemporaryDirectory() as folder:
            images = [programs.pause_image(Path(folder)), programs.saved_image(_IMAGE, Path(folder))]
            checks = Checks()
            begin = time.monotonic()
            with Bed(images) as bed:
                print(f"      a node is ready after {time.monotonic() - begin:.1f} s", flush=True)
                Life(bed, operator, checks).run()
            print(f"      {time.monotonic() - begin:.0f} s in all")
            return checks.exit_code()
    except Missing as reason:
        skip(reason)
    return 1


if __name__ == "__main__":
    sys.exit(main())
