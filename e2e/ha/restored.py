"""A backup by a Backup object while clients write; the cluster goes back to it in place, by a Restore; then the loss of the
whole cluster: another one begins with it.

manifests/samples/ha.yaml, backup.yaml and restore.yaml, by the operator, in processes. Exit code: 0 when everything held, 77 (with the
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

_SAMPLES = Path(__file__).resolve().parents[2] / "manifests" / "samples"
_WAIT_S = 30.0
_CACHED_ONLY = "-Dalluxio.user.file.writetype.default=MUST_CACHE"


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


class Objects:
    """Those of one kind."""

    def __init__(self, cluster: Cluster, kind: str):
        self._socket = cluster.folder / "home" / "api" / "api.sock"
        self._kind = kind
        self._path = f"/apis/headpond.dev/v1alpha1/namespaces/default/{kind.lower()}s"

    def there(self) -> bool:
        return "items" in self._ask("GET", self._path)

    def _ask(self, *words: str) -> dict:
        try:
            return Api(self._socket).ask(*words)
        except OSError:
            return {}  # the operator is being started anew

    def apply(self, name: str, text: str) -> dict:
        return self._ask("PATCH", f"{self._path}/{name}?fieldManager=e2e", text, "application/apply-patch+yaml")

    def make(self, name: str, **spec) -> dict:
        made = {"apiVersion": "headpond.dev/v1alpha1", "kind": self._kind, "metadata": {"name": name}, "spec": spec}
        return self._ask("POST", self._path, json.dumps(made))

    def delete(self, name: str) -> None:
        self._ask("DELETE", f"{self._path}/{name}")

    def status(self, name: str) -> dict:
        return self._ask("GET", f"{self._path}/{name}").get("status") or {}

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


def is_killed(cluster: Cluster) -> None:
    """The operator, and another one begins."""
    os.kill(cluster.operator.pid, signal.SIGKILL)
    cluster.operator.wait(_WAIT_S)
    cluster.run_operator()


def waits_for_its_cluster(cluster: Cluster, backups: Objects, checks: Checks) -> None:
    backups.make("early", clusterRef={"name": "ha"}, directory=f"{cluster.folder}/early")
    checks.that("a Backup of no cluster waits", wait_for(lambda: backups.reason("early") == "ClusterMissing", _WAIT_S), str(backups.status("early")))
    done = cluster.up(on_lake(cluster))
    checks.that("3 masters and 2 workers are ready", done.returncode == 0, done.stdout + done.stderr + cluster.log())
    checks.that("and it is made once there is one", backups.reaches("early", "Complete"), str(backups.status("early")))


def is_made_once(cluster: Cluster, backups: Objects, checks: Checks) -> list[str]:
    """The operator is killed while the Backup is made. What was acknowledged before is in it: those paths are returned."""
    source = cluster.folder / "early-file"
    source.write_bytes(os.urandom(300_000))
    for words in (["mkdir", "/kept/a/b"], ["chmod", "750", "/kept/a"], ["mkdir", "/busy"], ["copyFromLocal", str(source), "/kept/early"],
                  ["persist", "/kept/early"]):
        checks.equal(f"exit code of {words[0]} {words[-1]}", cluster.fs(*words).returncode, 0)
    writer = Writer(lambda path: cluster.fs("mkdir", path), "/busy")
    writer.start()
    wait_for(lambda: len(writer.made) >= 3, _WAIT_S)
    before = [path for path, _, _ in list(writer.made)]
    made = backups.apply("before-upgrade", (_SAMPLES / "backup.yaml").read_text())
    checks.equal("kind of what the sample makes", made.get("kind"), "Backup")
    wait_for(lambda: backups.status("before-upgrade").get("attempts") == 1, _WAIT_S, 0.002)
    is_killed(cluster)
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


def fails_with_a_reason(cluster: Cluster, backups: Objects, checks: Checks) -> None:
    (cluster.folder / "in-the-way").write_text("")
    backups.make("broken", clusterRef={"name": "ha"}, directory=f"{cluster.folder}/in-the-way/x", local=True, backoffLimit=0)
    checks.that("a folder that can't be made fails it", backups.reaches("broken", "Failed"), str(backups.status("broken")))
    message = backups.status("broken").get("message", "")
    checks.that("with its name and the remedy", "in-the-way/x" in message and "alluxio.master.backup.directory" in message, message)
    backups.make("elsewhere", clusterRef={"name": "ha"}, directory="s3://bucket/x")
    checks.that("a store that the masters don't use is refused", backups.reaches("elsewhere", "Failed"), str(backups.status("elsewhere")))
    checks.equal("the reason", backups.reason("elsewhere", "Failed"), "Refused")


def journals(cluster: Cluster, end: str) -> list[str]:
    """The folders of masters whose names end so."""
    folder = cluster.folder / "home" / "clusters" / "default" / "ha" / "volumes"
    return sorted(path.name for path in folder.glob("ha-master-*") if path.name.endswith(end))


def reads(cluster: Cluster, path: str) -> bool:
    local = cluster.folder / "read"
    local.unlink(missing_ok=True)
    done = cluster.fs("copyToLocal", path, str(local))
    return done.returncode == 0 and local.read_bytes() == (cluster.folder / "early-file").read_bytes()


def used_bytes(cluster: Cluster) -> int:
    """What the workers hold, as the master counts it."""
    done = cluster.run("fsadmin", "report", "capacity", *cluster.client)
    found = re.search(r"Used Capacity: *(\d+)", done.stdout)
    return int(found.group(1)) if found else -1


def goes_back(cluster: Cluster, restores: Objects, checks: Checks, kept: list[str]) -> None:
    """What was written after the backup is gone. The operator is killed while it goes on."""
    early = str(cluster.folder / "early-file")
    before = used_bytes(cluster)
    for words in (["mkdir", "/later", _CACHED_ONLY], ["copyFromLocal", early, "/later/cached", _CACHED_ONLY], ["rm", "-R", "/kept/a"]):
        checks.equal(f"exit code of {words[0]}", cluster.fs(*words).returncode, 0)
    checks.that("a later file takes room", used_bytes(cluster) > before, str(before))
    pids = cluster.pids()
    begun = time.monotonic()
    made = restores.apply("undo-upgrade", (_SAMPLES / "restore.yaml").read_text())
    checks.equal("kind of what the sample makes", made.get("kind"), "Restore")
    step = wait_for(lambda: restores.status("undo-upgrade").get("step"), _WAIT_S, 0.002)
    is_killed(cluster)
    print(f"      the operator is killed at {step}")
    checks.that("a Restore is complete though the operator was killed", restores.reaches("undo-upgrade", "Complete"),
                str(restores.status("undo-upgrade")) + cluster.log())
    print(f"      {time.monotonic() - begun:.2f} s from the Restore to its end")
    status = restores.status("undo-upgrade")
    checks.equal("its step", status.get("step"), "Complete")
    record = Objects(cluster, "CacheCluster").status("ha").get("restore", {})
    checks.equal("the cluster's record", (record.get("uid"), record.get("step")), (made["metadata"]["uid"], "Complete"))
    checks.that("the cluster is ready", wait_for(lambda: cluster.status().get("phase") == "Ready", _WAIT_S), cluster.log())
    checks.equal("QuorumHealthy", cluster.condition("QuorumHealthy"), "True")
    checks.equal("what was there is there", listing(cluster, "/kept"), kept)
    checks.that("a file from before is read", reads(cluster, "/kept/early"))
    checks.that("what came after is gone", cluster.fs("test", "-e", "/later").returncode != 0)
    checks.that("from the workers, too", wait_for(lambda: used_bytes(cluster) == before, _WAIT_S), f"{used_bytes(cluster)} of {before}")
    stayed = sorted(name for name, pid in cluster.pids().items() if pid == pids[name])
    checks.equal("daemons that were not replaced", stayed, ["ha-worker-0", "ha-worker-1"])
    checks.equal("journals that were set aside", len(journals(cluster, f".before-restore-{made['metadata']['uid']}")), 3)


def killed_in_each_step(cluster: Cluster, restores: Objects, name: str) -> list[str]:
    """The operator, as soon as a step is seen; those that it was killed in."""
    clusters, seen = Objects(cluster, "CacheCluster"), []
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until and restores.status(name).get("phase") != "Failed":
        step = clusters.status("ha").get("restore", {})
        if step.get("name") == name and step["step"] not in (*seen, "Failed"):
            seen.append(step["step"])
            is_killed(cluster)
        time.sleep(0.002)
    return seen


def stays_when_it_cant_go_back(cluster: Cluster, restores: Objects, checks: Checks) -> None:
    """The file is none: the masters say so, and the journals from before come back."""
    broken = cluster.folder / "lake" / "alluxio_backups" / "broken.gz"
    broken.write_text("no backup")
    checks.equal("exit code of mkdir", cluster.fs("mkdir", "/between/a").returncode, 0)
    there = listing(cluster, "/kept")
    made = restores.make("to-nothing", clusterRef={"name": "ha"}, uri=str(broken))
    begun = time.monotonic()
    seen = killed_in_each_step(cluster, restores, "to-nothing")
    print(f"      the operator is killed at {', '.join(seen)}")
    checks.that("it is killed before and after it turns back", "Stopping" in seen and "Withdrawing" in seen, str(seen))
    checks.that("a Restore from a file that is none has failed", restores.reaches("to-nothing", "Failed"),
                str(restores.status("to-nothing")) + cluster.log())
    print(f"      {time.monotonic() - begun:.2f} s from the Restore to its end")
    message = restores.status("to-nothing").get("message", "")
    checks.that("with what the masters said", "can't begin with" in message and "broken.gz" in message, message)
    checks.equal("the reason", restores.reason("to-nothing", "Failed"), "RestoreFailed")
    checks.that("the cluster is ready", wait_for(lambda: cluster.status().get("phase") == "Ready", _WAIT_S), cluster.log())
    checks.equal("and all is there", listing(cluster, "/kept"), there)
    checks.equal("what came after the first one, too", cluster.fs("test", "-d", "/between/a").returncode, 0)
    checks.that("a file is read", reads(cluster, "/kept/early"))
    checks.equal("journals that are aside still", journals(cluster, f".before-restore-{made['metadata']['uid']}"), [])
    checks.that("what was begun is kept", journals(cluster, f".failed-restore-{made['metadata']['uid']}"))
    broken.unlink()


def another_begins_with_it(cluster: Cluster, backups: Objects, checks: Checks, before: list[str], kept: list[str]) -> None:
    checks.equal("exit code of down", cluster.run("down", "ha", "--delete-data").returncode, 0)
    checks.equal("journals that are left", journals(cluster, ""), [])
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
    backups, restores = Objects(cluster, "Backup"), Objects(cluster, "Restore")
    wait_for(backups.there, _WAIT_S)
    waits_for_its_cluster(cluster, backups, checks)
    before = is_made_once(cluster, backups, checks)
    kept = listing(cluster, "/kept")
    checks.equal("entries below /kept", len(kept), 3)
    fails_with_a_reason(cluster, backups, checks)
    goes_back(cluster, restores, checks, kept)
    stays_when_it_cant_go_back(cluster, restores, checks)
    another_begins_with_it(cluster, backups, checks, before, kept)


if __name__ == "__main__":
    parts.run_as_test(lambda: tell((story,)))
