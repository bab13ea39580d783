"""A namespace that admits restricted pods only, with what clusters need and an operator beside it that has the account of
manifests/rbac/operator.yaml and no other rights; and looks at what it does."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

from bed import Bed, run
from harness.check import Checks
from harness.process import Process, wait_for

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "headpond/headpond:latest"
OPERATOR_IMAGE = "headpond/headpond-operator:latest"
OURS = "app.kubernetes.io/managed-by=headpond-operator"
NAMESPACE = "pond"
READY_LIMIT_S = 90.0
_SAID_WITHIN_S = 60.0
_MONITOR_PORT = 18090

# What the samples need of the Kubernetes cluster: a default StorageClass without a provisioner and one whose
# volumes all nodes reach, the lake, and volumes.
_STORAGE = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {{name: local, annotations: {{storageclass.kubernetes.io/is-default-class: "true"}}}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {{name: anywhere}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
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

_VOLUME = """---
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  capacity: {{storage: 2Gi}}
  accessModes: [ReadWriteOnce]
  storageClassName: {of_class}
  persistentVolumeReclaimPolicy: Retain
  {source}: {{path: {folder}/{name}}}
"""

_ON_THE_FIRST_NODE = """  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node0]}]}]}}
"""

# The namespace is restricted, so a client is, too. Its node is never lost, nor drained.
_CLIENT = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: pond}}
spec:
  restartPolicy: Never
  nodeName: node0
  automountServiceAccountToken: false
  securityContext: {{runAsNonRoot: true, runAsUser: 1000, seccompProfile: {{type: RuntimeDefault}}}}
  volumes: [{{name: log, emptyDir: {{}}}}]
  containers:
  - name: client
    image: headpond/headpond:latest
    imagePullPolicy: Never
    terminationMessagePolicy: FallbackToLogsOnError
    volumeMounts: [{{name: log, mountPath: /log}}]
    securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
    command: [sh, -c, {script}]
"""


class Pond:
    def __init__(self, bed: Bed, program: Path, checks: Checks):
        self.bed = bed
        self.checks = checks
        self.program = program
        self.operator: Process | None = None
        self._clients = 0

    def prepare(self) -> None:
        self._folder("lake")
        self.bed.kubectl("create", "namespace", NAMESPACE)
        # As strict as Kubernetes knows: what violates it is not admitted.
        self.bed.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
        self.bed.kubectl("apply", "-f", "-", text_in=_STORAGE.format(folder=self.bed.folder))

    def _folder(self, name: str) -> None:
        folder = self.bed.folder / name
        folder.mkdir()
        os.chown(folder, 1000, 1000)

    def add_volumes(self, *names: str, anywhere: bool = False) -> None:
        """For claims of the default class, on the first node; or of class `anywhere`, which pods take with them."""
        for name in names:
            self._folder(name)
        of_class, source, node = ("anywhere", "hostPath", "") if anywhere else ("local", "local", _ON_THE_FIRST_NODE)
        self.bed.kubectl("apply", "-f", "-", text_in="".join(
            _VOLUME.format(name=name, folder=self.bed.folder, of_class=of_class, source=source) + node for name in names))

    def start_operator(self, without: str = "") -> None:
        """`without`: a kind of objects that it has no rights on."""
        if self.operator:
            return
        self.bed.kubectl("apply", "-f", "-", text_in=run(str(self.program), "crds"))
        self.bed.kubectl("wait", "--for=condition=Established", "crd/cacheclusters.headpond.dev", "--timeout=30s")
        rights = (ROOT / "manifests/rbac/operator.yaml").read_text()
        self.bed.kubectl("apply", "-n", NAMESPACE, "-f", "-", text_in=rights.replace(without, "nothing") if without else rights)
        account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/headpond-operator/token"
        # Not `kubectl create token`, which older ones haven't.
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
        answer = self.bed.kubectl("create", "--raw", account, "-f", "-", text_in=json.dumps(request))
        config = self.bed.kubeconfig("operator", json.loads(answer)["status"]["token"], NAMESPACE)
        self.operator = Process("operator", self.bed.inside(
            str(self.program), "run", f"--kubeconfig={config}", f"--namespace={NAMESPACE}",
            f"--home={self.bed.folder}/home", f"--monitor-port={_MONITOR_PORT}"),
            self.bed.folder / "logs" / "operator.log")

    def stop_operator(self) -> None:
        if self.operator:
            self.operator.stop()
            self.operator = None

    def log(self) -> str:
        return self.operator.log.read_text(errors="replace")

    def requests(self) -> float:
        """The operator's, without those of the lease, each renewal of which is a GET and a PUT."""
        # The command runs in the cluster's network, where the operator listens.
        text = run(*self.bed.inside("curl", "-s", f"http://127.0.0.1:{_MONITOR_PORT}/metrics"))
        counts = re.findall(r'^rest_client_requests_total\{([^}]*)\} ([0-9.e+]+)$', text, re.M)
        return sum(float(n) * (-1 if 'method="PUT"' in labels else 1) for labels, n in counts)

    def pods(self) -> dict[str, dict]:
        items = self.bed.get("pods", "-n", NAMESPACE, "-l", OURS).get("items", [])
        return {item["metadata"]["name"]: item for item in items}

    def uids(self) -> dict[str, str]:
        return {name: pod["metadata"]["uid"] for name, pod in self.pods().items()}

    def tell(self) -> None:
        """What people look at when something is wrong."""
        print(self.bed.kubectl("get", "all,pvc", "-n", NAMESPACE, "-o", "wide", check=False))
        print(self.bed.kubectl("get", "events", "-n", NAMESPACE, check=False)[-3000:])
        print(self.bed.kubectl("describe", "pods", "-n", NAMESPACE, check=False)[-6000:])
        print(self.operator.tail(40) if self.operator else "")

    # Clients, in pods of their own.

    def start_client(self, script: str) -> str:
        self._clients += 1
        name = f"client-{self._clients}"
        self.bed.kubectl("apply", "-f", "-", text_in=_CLIENT.format(name=name, script=json.dumps(script)))
        return name

    def client(self, name: str) -> dict:
        return self.bed.get("pod", name, "-n", NAMESPACE)

    def end_of(self, name: str, limit_s: float = 60) -> tuple[bool, str]:
        """Whether it succeeded, and what it said otherwise."""
        def phase() -> str:
            found = self.client(name).get("status", {}).get("phase", "")
            return found if found in ("Succeeded", "Failed") else ""
        ended = wait_for(phase, limit_s, 0.3)
        status = self.client(name).get("status", {})
        states = [c["state"].get("terminated", {}) for c in status.get("containerStatuses", [])]
        return ended == "Succeeded", str(states or status)

    def in_a_pod(self, script: str) -> tuple[bool, str]:
        return self.end_of(self.start_client(script))

    def folder_of(self, client: str) -> Path:
        """Its /log, as this machine sees it."""
        return self.bed.empty_dir(self.client(client)["metadata"]["uid"], "log")


class Cluster:
    """One CacheCluster of the namespace."""

    def __init__(self, pond: Pond, name: str, workers: int):
        self.pond, self.name, self._workers = pond, name, workers

    def apply(self, sample: str) -> None:
        self.pond.bed.kubectl("apply", "-n", NAMESPACE, "-f", str(ROOT / "manifests/samples" / sample))

    def patch(self, patch: dict) -> None:
        self.pond.bed.kubectl("patch", "cachecluster", self.name, "-n", NAMESPACE, "--type=merge", "-p", json.dumps(patch))

    def delete(self, with_data: bool = False) -> None:
        if with_data:
            self.pond.bed.kubectl("annotate", "cachecluster", self.name, "-n", NAMESPACE, "headpond.dev/delete-data=true")
        self.pond.bed.kubectl("delete", "cachecluster", self.name, "-n", NAMESPACE, "--timeout=90s")

    def look(self) -> dict:
        return self.pond.bed.get("cachecluster", self.name, "-n", NAMESPACE)

    def status(self) -> dict:
        return self.look().get("status", {})

    def condition(self, kind: str) -> dict:
        return next((c for c in self.status().get("conditions", []) if c["type"] == kind), {})

    def leader(self) -> str:
        return self.status().get("leader", {}).get("name", "")

    def ready(self) -> bool:
        cluster = self.look()
        status = cluster.get("status", {})
        if status.get("observedGeneration") != cluster.get("metadata", {}).get("generation"):
            return False
        return status.get("phase") == "Ready" and status.get("workers", {}).get("ready") == self._workers

    def text(self) -> str:
        return self.pond.bed.kubectl("get", "cachecluster", self.name, "-n", NAMESPACE, "-o", "yaml", check=False)[-4000:]

    def says(self, what: str, *words: str) -> bool:
        """In its status, within a minute."""
        told = wait_for(lambda: all(word in self.text() for word in words), _SAID_WITHIN_S, 0.5)
        return self.pond.checks.that(what, bool(told), self.text())

    def wait_ready(self, what: str) -> bool:
        begin = time.monotonic()
        ready = wait_for(self.ready, READY_LIMIT_S, 0.2)
        return self.pond.checks.that(f"{what}: {time.monotonic() - begin:.1f} s", bool(ready), self.text())

    def leaves_only(self, claims: list[str]) -> bool:
        """After its deletion: nothing but these claims, and the lake's."""
        bed = self.pond.bed
        kinds = "statefulsets,pods,services,secrets,poddisruptionbudgets,networkpolicies"
        def left() -> str:
            return bed.kubectl("get", kinds, "-n", NAMESPACE, "-l", OURS, "-o", "name", check=False).strip()
        wait_for(lambda: not left(), 30, 0.5)
        self.pond.checks.equal("objects that are left", left(), "")
        kept = bed.kubectl("get", "pvc", "-n", NAMESPACE, "-o", "name").split()
        return self.pond.checks.equal("claims that are kept", sorted(name.split("/")[1] for name in kept), sorted([*claims, "lake"]))
