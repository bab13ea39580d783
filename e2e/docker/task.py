"""User work in containers beside a cache, by kubectl and `headpond task`.

  e2e/docker/task.sh

Binaries and image as of runtime.py. Hadoop's TeraGen runs in a container on the host's network, with Java and the jars of
the host mounted read-only, and writes to the cache. Exit code: 0 when everything held, 77 with the reason when something
is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stock" / "tests"))
from engine import Engine, end_on_sigterm
from harness import parts
from harness.check import Checks
from harness.process import Process, wait_for
from run import build_images
from runtime import binaries, docker, engine_socket, port_base, run
from terasort import hadoop_command

_IMAGE = os.environ.get("HEADPOND_IMAGE", "headpond/headpond:latest")
_ROWS = 1000
_ROW_BYTES = 100


class Operator:
    """An operator that serves its own API, with a cache of processes."""

    def __init__(self, folder: Path):
        self.folder, self.base = folder, port_base()
        self._binaries = binaries()
        self.kubectl = shutil.which("kubectl")
        if self.kubectl is None:
            raise parts.Missing("kubectl is not installed")
        home = folder / "home"
        self.environment = {**os.environ, "HEADPOND_HOME": str(home), "KUBECONFIG": str(home / "api" / "kubeconfig")}
        self._process = None
        self.start()

    def start(self) -> None:
        command = [str(self._binaries / "headpond-operator"), "run"]
        self._process = Process("operator", command, self.folder / "operator.log", self.environment)
        wait_for(lambda: self.ctl("get", "ct").returncode == 0, 20)

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> None:
        self._process.stop()

    def log(self) -> str:
        return self._process.log.read_text(errors="replace")[-6000:]

    def ctl(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess:
        return run(self.kubectl, *words, env=self.environment, text=text)

    def task(self, *words: str) -> subprocess.CompletedProcess:
        return run(str(self._binaries / "headpond"), "task", *words, env=self.environment)

    def fs(self, *words: str) -> subprocess.CompletedProcess:
        options = {"master.hostname": "localhost", "master.rpc.port": self.base}
        flags = (f"-Dalluxio.{key}={value}" for key, value in options.items())
        return run(str(self._binaries / "headpond"), "fs", *flags, *words, env=self.environment)

    def apply(self, kind: str, name: str, spec: dict) -> subprocess.CompletedProcess:
        document = {"apiVersion": "headpond.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        return self.ctl("apply", "-f", "-", text=json.dumps(document))

    def run_shell(self, name: str, script: str, **spec) -> None:
        container = {"image": _IMAGE, "imagePullPolicy": "Never", **spec.pop("container", {})}
        command = ["/bin/sh", "-c", script]
        done = self.apply("ContainerTask", name, {"command": command, "container": container, "backoffSeconds": 0, **spec})
        if done.returncode != 0:
            raise RuntimeError(done.stderr)

    def status(self, name: str) -> dict:
        done = self.ctl("get", "ct", name, "-o", "json")
        return json.loads(done.stdout).get("status", {}) if done.returncode == 0 else {}

    def reaches(self, name: str, phase: str, limit_s: float = 30) -> bool:
        return bool(wait_for(lambda: self.status(name).get("phase") == phase, limit_s, 0.1))

    def containers(self, name: str) -> list[str]:
        return docker("ps", "-aq", "--no-trunc", "--filter", f"label=headpond.dev/task={name}").split()

    def start_cache(self) -> None:
        ports = {"rpc": self.base, "web": self.base + 1}, {"rpc": self.base + 2, "web": self.base + 3}
        spec = {
            "ports": {"master": ports[0], "worker": ports[1]},
            "worker": {"tieredStore": {"levels": [{"alias": "MEM", "quota": "64Mi"}]}},
            "properties": {"alluxio.security.authorization.permission.enabled": "false"},
        }
        done = self.apply("CacheCluster", "cache", spec)
        ready = self.ctl("wait", "--for=condition=Ready", "cc/cache", "--timeout=60s")
        if ready.returncode != 0:
            raise RuntimeError(done.stderr + ready.stderr + self.log())


def into_the_container(command: list[str]) -> tuple[list[dict], list[str]]:
    """Mounts of what the command needs of the host, and the command with the paths that it has inside: Java with its
    configuration where they are, the jars below /opt, because homes of the host are not open to the task's user."""
    java = Path(command[0]).resolve()
    places = {folder: folder for folder in (java.parents[1], *Path("/etc").glob("java-*-openjdk")) if folder.is_dir()}
    jars = {"conf": parts.E2E / "stock" / "conf", "mapreduce": parts.mapreduce_jars(), "shaded": parts.shaded_client().parent}
    places |= {folder: Path("/opt/e2e") / name for name, folder in jars.items()}
    inside = [str(java), *command[1:]]
    for folder in jars.values():
        inside = [word.replace(str(folder), str(places[folder])) for word in inside]
    mounts = [{"path": str(there), "hostPath": str(folder), "readOnly": True} for folder, there in places.items()]
    return mounts, inside


def teragen_writes_to_the_cache(operator: Operator, checks: Checks) -> None:
    parts.mapreduce_jars()  # a missing part is told of before anything starts
    operator.start_cache()
    where = f"alluxio://localhost:{operator.base}/gen"
    command = hadoop_command(Path("/tmp"), f"localhost:{operator.base}", "TeraGen", [str(_ROWS), where])
    mounts, command = into_the_container(command)
    definition = {
        "image": _IMAGE,
        "imagePullPolicy": "Never",
        "mounts": mounts,
        "env": [{"name": "HADOOP_USER_NAME", "value": "alluxio"}, {"name": "HOME", "value": "/tmp"}],
    }
    checks.equal("a definition is made", operator.apply("ContainerDefinition", "hadoop", definition).returncode, 0)
    task = {"definitionRef": {"name": "hadoop"}, "command": command, "activeDeadlineSeconds": 300}
    operator.apply("ContainerTask", "teragen", task)
    wait_for(lambda: "finishedAt" in operator.status("teragen"), 240, 0.5)
    status = operator.status("teragen")
    checks.that("TeraGen ends with exit code 0", status.get("exitCode") == 0, json.dumps(status, indent=1))
    sizes = [operator.fs("stat", "-f", "%z", f"/gen/part-m-0000{part}").stdout.strip() for part in (0, 1)]
    written = sum(int(size) for size in sizes if size.isdigit())
    checks.equal(f"bytes of {_ROWS} rows in the cache", written, _ROWS * _ROW_BYTES)
    host = json.loads(docker("inspect", *operator.containers("teragen")))[0]
    checks.that("it was mounted, not copied", all(not m["RW"] for m in host["Mounts"]), str(host["Mounts"]))
    checks.equal("without capabilities, on the host's network", (host["HostConfig"]["CapDrop"], host["HostConfig"]["NetworkMode"]), (["ALL"], "host"))


def made_first_and_started_later(operator: Operator, checks: Checks) -> None:
    operator.run_shell("later", "true", suspend=True)
    checks.that("a suspended task is made", operator.reaches("later", "Suspended"))
    made = wait_for(lambda: operator.containers("later"), 20)
    state = docker("inspect", "-f", "{{.State.Status}}", *made)
    checks.equal("and not started", state, "created")
    operator.ctl("patch", "ct", "later", "--type=merge", "-p", '{"spec": {"suspend": false}}')
    checks.that("it runs when it is resumed", operator.reaches("later", "Complete"), str(operator.status("later")))
    checks.equal("in the container that was made", operator.containers("later"), made)


def inactive_never_starts(operator: Operator, checks: Checks) -> None:
    operator.run_shell("inactive", "true", suspend=True)
    wait_for(lambda: operator.containers("inactive"), 20)
    operator.ctl("patch", "ct", "inactive", "--type=merge", "-p", '{"spec": {"active": false, "suspend": false}}')
    checks.that("an inactive task ends", operator.reaches("inactive", "Cancelled"))
    checks.equal("without ever having started", (operator.status("inactive").get("startedAt"), operator.containers("inactive")), (None, []))


def failures_are_tried_again(operator: Operator, checks: Checks) -> None:
    operator.run_shell("fails", "echo try $HEADPOND_TASK_ATTEMPT; exit 3", backoffLimit=2)
    checks.that("a failing task is given up", operator.reaches("fails", "Failed"))
    status = operator.status("fails")
    checks.equal("after all tries, with its exit code", (status["exitCode"], status["runs"][0]["failures"]), (3, 3))
    checks.that("and its last words", "try 2" in status.get("logTail", ""), str(status))


def output_is_followed(operator: Operator, checks: Checks) -> None:
    done = operator.task("run", "talks", "--image", _IMAGE, "--pull", "Never", "--wait", "--", "/bin/sh", "-c", "echo one; sleep 1; echo two >&2; exit 5")
    checks.equal("run --wait returns the exit code", done.returncode, 5)
    checks.equal("and shows what it prints", (done.stdout, "two\n" in done.stderr), ("one\n", True))
    checks.equal("logs shows it again", operator.task("logs", "talks").stdout, "one\n")
    listed = json.loads(operator.task("list", "-o", "json").stdout)
    checks.that("list has it", any(item["metadata"]["name"] == "talks" for item in listed["items"]))


def cancelled_and_deleted(operator: Operator, checks: Checks) -> None:
    operator.run_shell("long", "trap 'exit 9' TERM; while :; do sleep 0.1; done")
    checks.that("a long task runs", operator.reaches("long", "Running"))
    pid = wait_for(lambda: operator.status("long").get("hostPid"), 20)
    checks.that("its process is the host's", bool(pid) and Path(f"/proc/{pid}").exists(), str(pid))
    operator.task("cancel", "long")
    checks.that("cancel ends it", operator.reaches("long", "Cancelled"))
    checks.equal("with the exit code of its end", operator.status("long").get("exitCode"), 9)
    operator.task("cancel", "--delete", "long")
    checks.that("and then removes it", bool(wait_for(lambda: not operator.containers("long"), 20)))


def goes_after_its_time(operator: Operator, checks: Checks) -> None:
    operator.run_shell("short", "true", ttlSecondsAfterFinished=1)
    made = wait_for(lambda: operator.containers("short"), 20)
    gone = wait_for(lambda: operator.ctl("get", "ct", "short").returncode != 0, 20)
    checks.that("a task goes when its time is over", bool(made) and bool(gone) and not operator.containers("short"))


def outlives_the_operator(operator: Operator, checks: Checks) -> None:
    operator.run_shell("outlives", "sleep 2; exit 7")
    checks.that("a task runs", operator.reaches("outlives", "Running"))
    operator.kill()
    (container,) = operator.containers("outlives")
    checks.equal("and ends without an operator", docker("wait", container), "7")
    operator.start()
    checks.that("which finds that out later", operator.reaches("outlives", "Failed"))
    checks.equal("with the exit code", operator.status("outlives").get("exitCode"), 7)
    checks.equal("and without a second run", operator.containers("outlives"), [container])


def root_is_refused(operator: Operator, checks: Checks) -> None:
    options = docker("info", "-f", "{{.SecurityOptions}}")
    if "userns" in options or "rootless" in options:
        return print("-- this engine maps root: nothing to refuse")
    operator.run_shell("root", "true", container={"user": "0"})
    refused = wait_for(lambda: "NotAllowed" in json.dumps(operator.status("root")), 20)
    checks.that("root is refused", bool(refused) and not operator.containers("root"), json.dumps(operator.status("root")))


_TESTS = (
    made_first_and_started_later,
    inactive_never_starts,
    failures_are_tried_again,
    output_is_followed,
    cancelled_and_deleted,
    goes_after_its_time,
    outlives_the_operator,
    root_is_refused,
    teragen_writes_to_the_cache,
)


def main() -> int:
    chosen = [test for test in _TESTS if not sys.argv[1:] or test.__name__ in sys.argv[1:]]
    end_on_sigterm()
    checks = Checks()
    with Engine():
        engine_socket()
        if "HEADPOND_IMAGE" not in os.environ:
            build_images()
        with tempfile.TemporaryDirectory(prefix="hp-e2e-task-") as folder:
            operator = Operator(Path(folder))
            try:
                for test in chosen:
                    print(f"-- {test.__name__}", flush=True)
                    try:
                        test(operator, checks)
                    except parts.Missing as missing:
                        print(f"SKIPPED {test.__name__}: {missing}", flush=True)
                if checks.wrong:
                    print(operator.log())
            finally:
                operator.ctl("delete", "ct", "--all", "--timeout=60s")
                operator.ctl("delete", "cc", "--all", "--timeout=60s")
                operator.stop()
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
