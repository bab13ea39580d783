"""A backup by a Backup object while clients write, then the loss of the whole cluster: another one begins with it.

manifests/samples/ha.yaml and backup.yaml, by the operator, in processes. Exit code: 0 when everything held, 77 (with the
reason) when the binaries are missing.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.check import Checks
from harness.process import wait_for
from operated import Cluster, tell
from writer import Writer

_SAMPLE = Path(__file__).resolve().parents[2] / "manifests" / "samples" / "backup.yaml"
_BACKUPS = "/apis/headpond.dev/v1alpha1/namespaces/default/backups"
_WAIT_S = 30.0


class Api(http.client.HTTPConnection):
    """The operator's own API, at its socket."""

    def __init__(self, path: Path):
        super().__init__("localhost", timeout=10)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)

    def ask(self, method: str, path: str, body: str = "", kind: str = "application/json") -> dict:
        self.request(method, path, body=body, headers={"Content-Type": kind})
        answer = self.getresponse().read()
        self.close()
        return json.loads(answer)


class Backups:
    def __init__(self, cluster: Cluster):
        self._socket = cluster.folder / "home" / "api" / "api.sock"

    def there(self) -> bool:
        return "items" in self._ask("GET", _BACKUPS)

    def _ask(self, *words: str) -> dict:
        try:
            return Api(self._socket).ask(*words)
        except OSError:
            return {}  # the operator is being started anew

    def apply(self, name: str, text: str) -> dict:
        return self._ask("PATCH", f"{_BACKUPS}/{name}?fieldManager=e2e", text, "application/apply-patch+yaml")

    def make(self, name: str, **spec) -> dict:
        backup = {"apiVersion": "headpond.dev/v1alpha1", "kind": "Backup", "metadata": {"name": name}, "spec": spec}
        return self._ask("POST", _BACKUPS, json.dumps(backup))

    def delete(self, name: str) -> None:
        self._ask("DELETE", f"{_BACKUPS}/{name}")

    def status(self, name: str) -> dict:
        return self._ask("GET", f"{_BACKUPS}/{name}").get("status") or {}

    def reaches(self, name: str, phase: str) -> bool:
        return bool(wait_for(lambda: self.status(name).get("phase") == phase, _WAIT_S, 0.05))

    def reason(self, name: str, kind: str = "Complete") -> str:
        return next((c["reason"] for c in self.status(name).get("conditions", []) if c["type"] == kind), "")


def listing(cluster: Cluster, top: str) -> list[str]:
    """Type, owner, mode, size and path of everything below; times and cached shares are not compared."""
    reply = cluster.fs("ls", "-R", top)
    return sorted(re.sub(r"(PERSISTED|NOT_PERSISTED|TO_BE_PERSISTED)\s+\S+ \S+\s+(\d+%|DIR)", "", line)
                  for line in reply.stdout.splitlines() if line.strip())


def on_lake(cluster: Cluster, more: str = ""):
    """The sample with an under-store that outlives it."""
    return lambda text: text.replace("  master:\n", f"  rootUfs:\n    uri: {cluster.folder}/lake\n{more}  master:\n", 1)


def files(cluster: Cluster) -> list[str]:
    return sorted(path.name for path in (cluster.folder / "lake" / "alluxio_backups").glob("*"))


def waits_for_its_cluster(cluster: Cluster, backups: Backups, checks: Checks) -> None:
    backups.make("early", clusterRef={"name": "ha"}, directory=f"{cluster.folder}/early")
    checks.that("a Backup of no cluster waits", wait_for(lambda: backups.reason("early") == "ClusterMissing", _WAIT_S), str(backups.status("early")))
    done = cluster.up(on_lake(cluster))
    checks.that("3 masters and 2 workers are ready", done.returncode == 0, done.stdout + done.stderr + cluster.log())
    checks.that("and it is made once there is one", backups.reaches("early", "Complete"), str(backups.status("early")))


def is_made_once(cluster: Cluster, backups: Backups, checks: Checks) -> list[str]:
    """The operator is killed while the Backup is made. What was acknowledged before is in it: those paths are returned."""
    for words in (["mkdir", "/kept/a/b"], ["chmod", "750", "/kept/a"], ["mkdir", "/busy"]):
        checks.equal(f"exit code of {words[0]} {words[-1]}", cluster.fs(*words).returncode, 0)
    writer = Writer(lambda path: cluster.fs("mkdir", path), "/busy")
    writer.start()
    wait_for(lambda: len(writer.made) >= 3, _WAIT_S)
    before = [path for path, _, _ in list(writer.made)]
    made = backups.apply("before-upgrade", _SAMPLE.read_text())
    checks.equal("kind of what the sample makes", made.get("kind"), "Backup")
    wait_for(lambda: backups.status("before-upgrade").get("attempts") == 1, _WAIT_S, 0.002)
    os.kill(cluster.operator.pid, signal.SIGKILL)
    cluster.operator.wait(_WAIT_S)
    cluster.run_operator()
    begun = time.monotonic()
    checks.that("a Backup is complete though the operator was killed", backups.reaches("before-upgrade", "Complete"),
                str(backups.status("before-upgrade")) + cluster.log())
    print(f"      {time.monotonic() - begun:.2f} s after it was started again")
    writer.end()
    checks.equal("changes that failed meanwhile", writer.failed, [])
    status = backups.status("before-upgrade")
    checks.equal("attempts", status.get("attempts"), 1)
    checks.equal("its id", status.get("backupId"), made["metadata"]["uid"])
    name = Path(status.get("uri", "")).name
    checks.equal("files", files(cluster), [name, f"{name}.complete"])
    checks.that("it says how much is in it, and who made it", status.get("entries", 0) >= 6 and bool(status.get("host")), str(status))
    return before


def fails_with_a_reason(cluster: Cluster, backups: Backups, checks: Checks) -> None:
    (cluster.folder / "in-the-way").write_text("")
    backups.make("broken", clusterRef={"name": "ha"}, directory=f"{cluster.folder}/in-the-way/x", local=True, backoffLimit=0)
    checks.that("a folder that can't be made fails it", backups.reaches("broken", "Failed"), str(backups.status("broken")))
    message = backups.status("broken").get("message", "")
    checks.that("with its name and the remedy", "in-the-way/x" in message and "alluxio.master.backup.directory" in message, message)
    backups.make("elsewhere", clusterRef={"name": "ha"}, directory="s3://bucket/x")
    checks.that("a store that the masters don't use is refused", backups.reaches("elsewhere", "Failed"), str(backups.status("elsewhere")))
    checks.equal("the reason", backups.reason("elsewhere", "Failed"), "Refused")


def another_begins_with_it(cluster: Cluster, backups: Backups, checks: Checks, before: list[str], kept: list[str]) -> None:
    checks.equal("exit code of down", cluster.run("down", "ha", "--delete-data").returncode, 0)
    cluster.name = "again"
    named = lambda text: on_lake(cluster, "  bootstrap:\n    fromBackup:\n      name: before-upgrade\n")(text).replace("name: ha\n", "name: again\n", 1)
    done = cluster.up(named)
    checks.that("a new cluster is ready", done.returncode == 0, done.stdout + done.stderr + cluster.log())
    checks.equal("Bootstrapped", cluster.condition("Bootstrapped"), "True")
    checks.equal("what it began with", cluster.status().get("bootstrap", {}).get("uri"), backups.status("before-upgrade").get("uri"))
    checks.equal("QuorumHealthy", cluster.condition("QuorumHealthy"), "True")
    checks.equal("what was there is there", listing(cluster, "/kept"), kept)
    lost = [path for path in before if cluster.fs("test", "-d", path).returncode != 0]
    checks.equal(f"lost, of {len(before)} folders from before the backup", lost, [])

    refused = cluster.up(lambda text: named(text).replace("name: before-upgrade", "name: other"), wait=False)
    checks.that("another backup is refused", refused.returncode != 0 and "cannot change" in refused.stderr, refused.stderr)

    # From here on it stands on its own feet.
    uri, pids = backups.status("before-upgrade").get("uri", ""), cluster.pids()
    backups.delete("before-upgrade")
    checks.that("the file stays when the Backup is deleted", Path(uri).exists())
    Path(uri).unlink(missing_ok=True)
    leader = cluster.leader()
    os.kill(pids[leader], signal.SIGKILL)
    wait_for(lambda: cluster.condition("QuorumHealthy") == "False", 5, 0.02)
    checks.that("without the file a master starts again", wait_for(lambda: cluster.condition("QuorumHealthy") == "True", _WAIT_S), cluster.log())
    changed = [name for name, pid in cluster.pids().items() if pid != pids[name]]
    checks.equal("what was started again", changed, [leader])
    checks.equal("and all is there", listing(cluster, "/kept"), kept)


def story(cluster: Cluster, checks: Checks) -> None:
    (cluster.folder / "lake").mkdir()
    backups = Backups(cluster)
    wait_for(backups.there, _WAIT_S)
    waits_for_its_cluster(cluster, backups, checks)
    before = is_made_once(cluster, backups, checks)
    kept = listing(cluster, "/kept")
    checks.equal("entries below /kept", len(kept), 2)
    fails_with_a_reason(cluster, backups, checks)
    another_begins_with_it(cluster, backups, checks, before, kept)


if __name__ == "__main__":
    parts.run_as_test(lambda: tell((story,)))
