"""What a user does with kubectl, from apply to delete, against `headpond-operator run`.

Exit code: 0 when everything held, 77 (with the reason) when kubectl or the binaries are missing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import client_go
from harness.check import Checks
from harness.process import Process, free_ports, wait_for
from harness.status_shape import check_shape

_ROOT = Path(__file__).resolve().parents[2]
_COMMAND_LIMIT_S = 60
_WAIT_S = 30.0


def skip(reason: str) -> None:
    print(f"SKIP: {reason}", file=sys.stderr, flush=True)
    sys.exit(77)


def binaries() -> Path:
    """The folder that holds headpond and headpond-operator."""
    chosen = os.environ.get("HEADPOND_BIN")
    folder = Path(chosen).resolve().parent if chosen else _ROOT / "build" / "release" / "bin"
    for name in ("headpond", "headpond-operator"):
        if not os.access(folder / name, os.X_OK):
            skip(f"{folder / name} is not built")
    return folder


class Kubectl:
    def __init__(self, program: str, folder: Path):
        self._program = program
        self.kubeconfig = folder / "home" / "api" / "kubeconfig"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "KUBECONFIG": str(self.kubeconfig),
        }

    def command(self, *arguments: str) -> list[str]:
        return [self._program, *arguments]

    def run(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess:
        done = subprocess.run(
            self.command(*arguments),
            input=text,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=_COMMAND_LIMIT_S,
        )
        return done

    def json(self, *arguments: str):
        return json.loads(self.run(*arguments, "-o", "json").stdout)


def said(done: subprocess.CompletedProcess) -> str:
    return f"exit code {done.returncode}\n{done.stdout}{done.stderr}"


def life_of_a_cluster(kubectl: Kubectl, checks: Checks, manifest: Path, log: Path) -> None:
    def succeeds(what: str, *arguments: str, contains: str = "", text: str | None = None):
        done = kubectl.run(*arguments, text=text)
        checks.that(what, done.returncode == 0 and contains in done.stdout, said(done))
        return done

    succeeds("explain knows the fields", "explain", "cc.spec.worker.replicas", contains="The number of workers")
    succeeds("api-resources lists the kind", "api-resources", contains="cacheclusters")
    watch = Process("watch", kubectl.command("get", "cc", "-w"), log, env=kubectl.environment)
    try:
        succeeds("apply creates", "apply", "-f", str(manifest), contains="cachecluster.headpond.dev/quickstart created")
        # kubectl says "configured": it can't know that the missing fields of list items have defaults.
        first = kubectl.json("get", "cc", "quickstart")["metadata"]
        succeeds("apply again", "apply", "-f", str(manifest))
        again = kubectl.json("get", "cc", "quickstart")["metadata"]
        checks.equal("apply again changes no spec", again["generation"], first["generation"])
        succeeds("wait for Ready", "wait", "--for=condition=Ready", "cc/quickstart", "--timeout=50s", contains="condition met")
        succeeds("get shows the columns", "get", "cc", contains="MASTERS")
        succeeds("get -o yaml has the defaults", "get", "cc", "quickstart", "-o", "yaml", contains="terminationGracePeriodSeconds: 10")
        succeeds("describe shows what happened", "describe", "cc", "quickstart", contains="start quickstart-master-0")
        succeeds("get events", "get", "events", contains="1 of 1 masters and 1 of 1 workers are ready")
        check_shape(checks, kubectl.json("get", "cc", "quickstart")["status"])
        checks.that("get -w told of it", wait_for(lambda: "quickstart" in log.read_text(), _WAIT_S), log.read_text())
    finally:
        watch.stop()

    before = kubectl.json("get", "cc", "quickstart")
    succeeds("patch", "patch", "cc", "quickstart", "--type=merge", "-p", '{"spec":{"terminationGracePeriodSeconds":5}}', contains="patched")
    after = kubectl.json("get", "cc", "quickstart")
    checks.equal("the generation grew", after["metadata"]["generation"], before["metadata"]["generation"] + 1)
    succeeds("label", "label", "cc", "quickstart", "team=a", contains="labeled")
    checks.equal(
        "a label is no new generation",
        kubectl.json("get", "cc", "quickstart")["metadata"]["generation"],
        after["metadata"]["generation"],
    )
    succeeds("a selector finds it", "get", "cc", "-l", "team=a", contains="quickstart")

    typo = kubectl.run("apply", "-f", "-", text=manifest.read_text().replace("replicas:", "replica:"))
    checks.that("a typo is refused with its field", typo.returncode == 1 and "spec.worker.replica" in typo.stderr, said(typo))

    edited = kubectl.json("get", "cc", "quickstart")
    edited["spec"]["terminationGracePeriodSeconds"] = 4
    succeeds("replace, as edit does", "replace", "-f", "-", contains="replaced", text=json.dumps(edited))
    stale = kubectl.run("replace", "-f", "-", text=json.dumps(edited))
    checks.that("a stale replace is a conflict", stale.returncode == 1 and "Conflict" in stale.stderr, said(stale))
    bad = kubectl.run("patch", "cc", "quickstart", "--type=merge", "-p", '{"spec":{"worker":{"replicas":-1}}}')
    checks.that("a bad value is refused with its field", bad.returncode == 1 and "spec.worker.replicas" in bad.stderr, said(bad))
    succeeds("scale", "scale", "cc", "quickstart", "--replicas=0", contains="scaled")
    checks.that(
        "the operator scaled in",
        wait_for(lambda: kubectl.json("get", "cc", "quickstart")["status"]["workers"]["ready"] == 0, _WAIT_S),
    )
    succeeds("delete waits for the end", "delete", "cc", "quickstart", contains="deleted")
    gone = kubectl.run("get", "cc", "quickstart")
    checks.that("get says it is gone", gone.returncode == 1 and "NotFound" in gone.stderr, said(gone))


def server_side_apply(kubectl: Kubectl, checks: Checks) -> None:
    """Ownership of fields, on a cluster that is paused from the start so that nothing is run for it."""

    def manifest(**spec) -> str:
        return json.dumps(
            {
                "apiVersion": "headpond.dev/v1alpha1",
                "kind": "CacheCluster",
                "metadata": {"name": "shared"},
                "spec": {"paused": True, **spec},
            }
        )

    def apply(spec: dict, *options: str):
        return kubectl.run("apply", "--server-side", *options, "-f", "-", text=manifest(**spec))

    def spec() -> dict:
        return kubectl.json("get", "cc", "shared")["spec"]

    first = apply({"worker": {"replicas": 2}, "env": [{"name": "A", "value": "1"}]})
    checks.that("apply --server-side creates", first.returncode == 0 and "serverside-applied" in first.stdout, said(first))
    version = kubectl.json("get", "cc", "shared")["metadata"]["resourceVersion"]
    apply({"worker": {"replicas": 2}, "env": [{"name": "A", "value": "1"}]})
    checks.equal("applying again writes nothing", kubectl.json("get", "cc", "shared")["metadata"]["resourceVersion"], version)

    other = apply({"env": [{"name": "B", "value": "2"}]}, "--field-manager=other")
    checks.that("another manager adds an item of its own", other.returncode == 0, said(other))
    checks.equal("both items are there", [item["name"] for item in spec()["env"]], ["A", "B"])
    conflict = apply({"worker": {"replicas": 3}}, "--field-manager=other")
    checks.that(
        "another value of an owned field is a conflict that names owner and field",
        conflict.returncode == 1 and 'conflict with "kubectl": .spec.worker.replicas' in conflict.stderr,
        said(conflict),
    )
    forced = apply({"worker": {"replicas": 3}}, "--field-manager=other", "--force-conflicts")
    checks.that("--force-conflicts takes it over", forced.returncode == 0 and spec()["worker"]["replicas"] == 3, said(forced))
    checks.equal("the item left out is gone", [item["name"] for item in spec()["env"]], ["A"])
    diff = kubectl.run("diff", "--server-side", "--force-conflicts", "-f", "-", text=manifest(worker={"replicas": 4}))
    checks.that("diff --server-side shows the change", diff.returncode == 1 and "replicas: 4" in diff.stdout, said(diff))
    kubectl.run("delete", "cc", "shared")

    created = kubectl.run("apply", "-f", "-", text=manifest(worker={"replicas": 2}))
    upgraded = apply({"worker": {"replicas": 4}})
    checks.that("a cluster applied from the client goes over to the server", upgraded.returncode == 0, said(created) + said(upgraded))
    owners = kubectl.json("get", "cc", "shared", "--show-managed-fields")["metadata"]["managedFields"]
    checks.that(
        "client-side apply owns nothing any more",
        not any(owner["manager"] == "kubectl-client-side-apply" for owner in owners),
        json.dumps(owners),
    )
    removed = apply({})
    checks.that("what is left out gets its default", removed.returncode == 0 and spec()["worker"]["replicas"] == 1, said(removed))
    kubectl.run("delete", "cc", "shared")


def samples(kubectl: Kubectl, checks: Checks) -> None:
    for sample in sorted((_ROOT / "manifests" / "samples").glob("*.yaml")):
        done = kubectl.run("apply", "--dry-run=server", "-f", str(sample))
        checks.that(f"{sample.name} is accepted", done.returncode == 0 and not done.stderr, said(done))


def built_in_kinds(kubectl: Kubectl, checks: Checks) -> None:
    """kubectl's generators send protobuf; so do its questions about rights."""

    def succeeds(what: str, *arguments: str, contains: str = "", text: str | None = None):
        done = kubectl.run(*arguments, text=text)
        checks.that(what, done.returncode == 0 and contains in done.stdout, said(done))

    def configmap(value: str) -> str:
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"a": value}})

    succeeds("create namespace", "create", "namespace", "team", contains="namespace/team created")
    in_team = ("-n", "team")
    succeeds("create secret", *in_team, "create", "secret", "generic", "key", "--from-literal=a=b", contains="created")
    checks.equal("the secret holds it", kubectl.json(*in_team, "get", "secret", "key")["data"], {"a": "Yg=="})
    succeeds("create configmap", *in_team, "create", "configmap", "map", "--from-literal=a=b", contains="created")
    checks.equal("the map holds it", kubectl.json(*in_team, "get", "cm", "map")["data"], {"a": "b"})
    again = kubectl.run(*in_team, "create", "configmap", "map")
    checks.that("creating it again is refused", again.returncode == 1 and "already exists" in again.stderr, said(again))
    typo = kubectl.run(*in_team, "apply", "-f", "-", text='{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"},"datas":{}}')
    checks.that("a typo in a built-in kind is refused", typo.returncode == 1 and 'unknown field "datas"' in typo.stderr, said(typo))
    succeeds("auth can-i", "auth", "can-i", "delete", "cacheclusters", contains="yes")
    succeeds("auth can-i --list", "auth", "can-i", "--list", contains="*.*")
    succeeds("auth whoami", "auth", "whoami", contains="headpond-owner")
    succeeds("apply a configmap twice", *in_team, "apply", "-f", "-", text=configmap("1"), contains="created")
    succeeds("the second time patches it", *in_team, "apply", "-f", "-", text=configmap("2"), contains="configured")
    checks.equal("the map has the new value", kubectl.json(*in_team, "get", "cm", "applied")["data"], {"a": "2"})
    succeeds("delete namespace waits for its contents", "delete", "namespace", "team", contains="deleted")
    checks.equal("they are gone", kubectl.json(*in_team, "get", "secrets")["items"], [])


def kubectl_program() -> str:
    program = os.environ.get("KUBECTL") or shutil.which("kubectl")
    if not program:
        skip("kubectl is not installed; set KUBECTL or put it on PATH")
    return program


def write_manifest(path: Path) -> None:
    """The quickstart sample, on ports that are free."""
    ports = free_ports(4)
    sample = (_ROOT / "manifests" / "samples" / "quickstart.yaml").read_text()
    path.write_text(
        sample
        + "  ports:\n"
        + f"    master: {{rpc: {ports[0]}, web: {ports[1]}}}\n"
        + f"    worker: {{rpc: {ports[2]}, web: {ports[3]}}}\n"
    )


def main() -> int:
    program = kubectl_program()
    folder_of_binaries = binaries()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="headpond-e2e-") as name:
        folder = Path(name)
        manifest = folder / "cluster.yaml"
        write_manifest(manifest)
        go_program = client_go.build(folder)
        kubectl = Kubectl(program, folder)
        command = [str(folder_of_binaries / "headpond-operator"), "run", "--home", str(folder / "home")]
        log = folder / "operator.log"
        operator = Process("operator", command, log)
        try:
            if not checks.that("the API serves", wait_for(kubectl.kubeconfig.exists, _WAIT_S), log.read_text()):
                return checks.exit_code()
            try:
                life_of_a_cluster(kubectl, checks, manifest, folder / "watch.log")
                samples(kubectl, checks)
                server_side_apply(kubectl, checks)
                built_in_kinds(kubectl, checks)
                if go_program:
                    client_go.run(go_program, kubectl.environment, checks)
            finally:
                kubectl.run("delete", "cc", "--all", "--timeout=40s")
        finally:
            operator.stop()
        if checks.wrong:
            print(log.read_text())
        return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
