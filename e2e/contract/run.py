"""The API that headpond-operator serves, and the CustomResourceDefinitions, measured against a real kube-apiserver; and its
Kubernetes runtime on that, without nodes.

Exit code: 0 when everything held, 1 when not, 77 (with the reason) when the server or the operator is missing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import compare
import crashes
import kubernetes
import ours
from agreement import Agreement
from client import Api
from harness.check import Checks
from harness.process import Process, wait_for

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_ESTABLISHED_LIMIT_S = 30.0
_DEFAULT_PARTS = ("operator", "specs", "contract", "crashes")
_PARTS = (*_DEFAULT_PARTS, "many")  # many: minutes, most of them etcd's and the API server's
_OPERATOR_LIMIT_S = 30.0
_CLUSTERS = "/apis/headpond.dev/v1alpha1/namespaces/default/cacheclusters"


def skip(reason: str) -> None:
    print(f"SKIP: {reason}", file=sys.stderr, flush=True)
    sys.exit(77)


def install_crds(api: Api, checks: Checks) -> dict:
    """Applies what `headpond-operator crds` prints; the definitions by kind, as the server stores them."""
    text = subprocess.run([str(ours.program()), "crds"], capture_output=True, text=True, check=True, timeout=60).stdout
    names = []
    for document in filter(str.strip, text.split("---\n")):
        made = api.call("POST", _CRDS, document, "application/yaml")
        if checks.that("the server takes a CustomResourceDefinition", made.code == 201, made.text):
            names.append(made.body["metadata"]["name"])

    def established() -> bool:
        conditions = [api.call("GET", f"{_CRDS}/{name}").body.get("status", {}).get("conditions") or [] for name in names]
        return all(any(c["type"] == "Established" and c["status"] == "True" for c in one) for one in conditions)

    checks.that("the definitions are established", wait_for(established, _ESTABLISHED_LIMIT_S))
    for name in names:
        plural, group = name.split(".", 1)
        path = f"/apis/{group}/v1alpha1/{plural}"
        wait_for(lambda: api.call("GET", path).code == 200, _ESTABLISHED_LIMIT_S)
    definitions = [api.call("GET", f"{_CRDS}/{name}").body for name in names]
    return {one["spec"]["names"]["kind"]: one for one in definitions}


def judge_specs(definitions: dict, mine: Api, real: Api, checks: Checks) -> int:
    count = 0
    for definition in definitions.values():
        agreement = Agreement(definition, mine, real, checks)
        agreement.run()
        count += agreement.count
    return count


class WaitingOperator:
    """An operator that takes its clusters from a server which does not have the kinds yet."""

    def __init__(self, server: kubernetes.KubernetesServer, folder: Path, checks: Checks):
        self._api = server.api
        self._checks = checks
        self._process = Process(
            "operator", [str(ours.program()), "run", "--kubeconfig", str(server.kubeconfig), "--home", str(folder)],
            folder.parent / "operator.log")

    def says_what_is_missing(self) -> None:
        wait_for(lambda: "kubectl apply" in self._process.tail(100), _OPERATOR_LIMIT_S)
        self._checks.that("without the kinds the operator says which command installs them",
                          "headpond-operator crds | kubectl apply -f -" in self._process.tail(100), self._process.tail())

    def goes_on(self) -> None:
        made = self._api.call("POST", _CLUSTERS, {"apiVersion": "headpond.dev/v1alpha1", "kind": "CacheCluster",
                                                  "metadata": {"name": "paused"}, "spec": {"paused": True}})
        self._checks.that("a cluster can be made", made.code == 201, made.text)
        phase = wait_for(lambda: self._api.call("GET", f"{_CLUSTERS}/paused").body.get("status", {}).get("phase"), _OPERATOR_LIMIT_S)
        self._checks.that("once they are there it goes on, and its status fits the schema", phase == "Paused", f"{phase}\n{self._process.tail()}")
        self._api.call("DELETE", f"{_CLUSTERS}/paused")
        gone = wait_for(lambda: self._api.call("GET", f"{_CLUSTERS}/paused").code == 404, _OPERATOR_LIMIT_S)
        self._checks.that("it lets the cluster go", gone, self._process.tail())
        self._checks.that("it ends when asked", self._process.stop() == 0, self._process.tail())


def main() -> int:
    if not os.access(ours.program(), os.X_OK):
        skip(f"{ours.program()} is not built")
    parts = sys.argv[1:] or _DEFAULT_PARTS
    if set(parts) - set(_PARTS):
        print(f"usage: run.py [{'|'.join(_PARTS)}]...", file=sys.stderr)
        return 2
    checks = Checks()
    counts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="headpond-contract-") as folder:
        try:
            real = kubernetes.KubernetesServer(Path(folder) / "kubernetes")
            with real as theirs, ours.HeadpondServer(Path(folder) / "headpond") as served:
                operator = WaitingOperator(theirs, Path(folder) / "operator", checks) if "operator" in parts else None
                if operator:
                    operator.says_what_is_missing()
                definitions = install_crds(theirs.api, checks)
                if operator:
                    operator.goes_on()
                if "specs" in parts:
                    counts.append(f"{judge_specs(definitions, served.api, theirs.api, checks)} specs judged alike")
                if "contract" in parts:
                    counts.append(f"{compare.run(served.api, theirs.api, checks)} calls answered alike")
                if "crashes" in parts:
                    counts.append(crashes.run_crashes(theirs, Path(folder), checks))
                if "many" in parts:
                    counts.append(crashes.run_many(theirs, Path(folder), checks))
        except kubernetes.Unavailable as reason:
            skip(str(reason))
    print(", ".join(counts), flush=True)
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
