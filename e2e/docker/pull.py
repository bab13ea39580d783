"""Images of a private registry: pulled with the Secrets that a spec names, or told why not.

  e2e/docker/pull.sh

Binaries and image as of runtime.py. Exit code: 0 when everything held, 77 with the reason when something is missing.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from engine import Engine, command, end_on_sigterm
from harness import parts
from harness.check import Checks
from harness.process import wait_for
from registry import Registry
from run import build_images
from runtime import docker, engine_socket
from task import Operator

_IMAGE = os.environ.get("HEADPOND_IMAGE", "headpond/headpond:latest")
_SECRET = "regcred"
_WRONG_PASSWORD = "not-the-password-31"


class World:
    """An operator, and a private registry with the image under two names."""

    def __init__(self, engine: Engine, operator: Operator, registry: Registry, folder: Path):
        self.operator, self.registry = operator, registry
        self._folder = folder
        # "cc" is removed from the Engine before it is asked for: only a pull brings it.
        self.cluster, self.task = (f"{registry.host}/{engine.prefix}/{name}:1" for name in ("cc", "ct"))

    def fill(self) -> None:
        config = self._folder / "docker"
        config.mkdir()
        auth = base64.b64encode(f"{Registry.user}:{Registry.password}".encode()).decode()
        (config / "config.json").write_text(json.dumps({"auths": {self.registry.host: {"auth": auth}}}))
        for name in (self.cluster, self.task):
            docker("tag", _IMAGE, name)
            pushed = command("docker", "--config", str(config), "push", name)
            if pushed.returncode != 0:
                raise RuntimeError(f"docker push {name}: {pushed.stderr}")
        self.forget()

    def forget(self) -> None:
        command("docker", "rmi", self.cluster, self.task)

    def set_secret(self, password: str) -> None:
        self.operator.ctl("delete", "secret", _SECRET, "--ignore-not-found")
        words = ["--docker-server", self.registry.host, "--docker-username", Registry.user, "--docker-password", password]
        made = self.operator.ctl("create", "secret", "docker-registry", _SECRET, *words)
        if made.returncode != 0:
            raise RuntimeError(made.stderr)

    def status(self) -> dict:
        done = self.operator.ctl("get", "cc", "private", "-o", "json")
        return json.loads(done.stdout).get("status", {}) if done.returncode == 0 else {}

    def condition(self, kind: str) -> dict:
        return next((c for c in self.status().get("conditions", []) if c["type"] == kind), {})

    def says(self, kind: str, text: str, limit_s: float = 40) -> bool:
        return bool(wait_for(lambda: text in self.condition(kind).get("message", ""), limit_s, 0.1))


def apply_cluster(world: World) -> None:
    base = world.operator.base
    spec = {
        "runtime": {"type": "docker"},
        "image": world.cluster,
        "imagePullSecrets": [{"name": _SECRET}],
        "ports": {"master": {"rpc": base, "web": base + 1}, "worker": {"rpc": base + 2, "web": base + 3}},
        "worker": {"tieredStore": {"levels": [{"alias": "MEM", "quota": "64Mi"}]}},
    }
    done = world.operator.apply("CacheCluster", "private", spec)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def a_cluster_waits_for_its_secret(world: World, checks: Checks) -> None:
    apply_cluster(world)
    missing = f"spec.imagePullSecrets[0].name: there is no Secret {_SECRET} in namespace default"
    checks.that("a Secret that is missing is a condition", world.says("PullSecretsReady", missing), json.dumps(world.status(), indent=1))
    checks.that("and why the image can't be had", world.says("Degraded", missing), json.dumps(world.status(), indent=1))
    checks.equal("with this reason", world.condition("Degraded").get("reason"), "ImagePullFailed")

    world.set_secret(_WRONG_PASSWORD)
    refused = "with spec.imagePullSecrets[0].name"
    checks.that("a wrong password is told", world.says("Degraded", refused), json.dumps(world.status(), indent=1))
    checks.equal("and the Secret itself is sound", world.condition("PullSecretsReady").get("status"), "True")

    world.set_secret(Registry.password)
    ready = world.operator.ctl("wait", "--for=condition=Ready", "cc/private", "--timeout=150s")
    checks.that("the right one brings it up", ready.returncode == 0, ready.stderr + world.operator.log())
    container = json.loads(docker("inspect", "private-master-0"))[0]
    checks.equal("of the private image", container["Config"]["Image"], world.cluster)
    seen = {
        "container": json.dumps(container),
        "cluster": world.operator.ctl("get", "cc", "private", "-o", "yaml").stdout,
        "events": world.operator.ctl("get", "events", "-A", "-o", "yaml").stdout,
        "log": (world.operator.folder / "operator.log").read_text(errors="replace"),
    }
    auth = base64.b64encode(f"{Registry.user}:{Registry.password}".encode()).decode()
    leaks = [f"{where}: {word}" for where, text in seen.items() for word in (Registry.password, _WRONG_PASSWORD, auth) if word in text]
    checks.equal("its password is nowhere to be read", leaks, [])


def a_bad_secret_harms_nothing(world: World, checks: Checks) -> None:
    before = docker("ps", "-q", "--no-trunc", "--filter", "name=^private-")
    world.operator.ctl("delete", "secret", _SECRET)
    world.operator.ctl("create", "secret", "generic", _SECRET, "--from-literal=password=x")
    # What was read is good for a minute.
    bad = f"Secret {_SECRET} in namespace default has no .dockerconfigjson"
    checks.that("a Secret that is none is a condition", world.says("PullSecretsReady", bad, 90), json.dumps(world.status(), indent=1))
    checks.equal("and no failure", (world.condition("Degraded").get("status"), world.condition("Ready").get("status")), ("False", "True"))
    checks.equal("the containers are the same", docker("ps", "-q", "--no-trunc", "--filter", "name=^private-"), before)
    world.operator.ctl("patch", "cc", "private", "--type=merge", "-p", json.dumps({"spec": {"image": world.task}}))
    checks.that("another image waits", world.says("UpgradeBlocked", bad), json.dumps(world.status(), indent=1))
    checks.equal("and stops nothing", docker("ps", "-q", "--no-trunc", "--filter", "name=^private-"), before)
    world.operator.ctl("patch", "cc", "private", "--type=merge", "-p", json.dumps({"spec": {"image": world.cluster}}))


def a_task_has_it_from_its_definition(world: World, checks: Checks) -> None:
    operator = world.operator
    definition = {"image": world.task, "imagePullSecrets": [{"name": _SECRET}]}
    operator.apply("ContainerDefinition", "private", definition)
    operator.apply("ContainerTask", "private", {"definitionRef": {"name": "private"}, "command": ["/bin/echo", "it runs"]})

    def image() -> dict:
        return next((c for c in operator.status("private").get("conditions", []) if c["type"] == "ImagePresent"), {})

    refused = wait_for(lambda: "has no .dockerconfigjson" in image().get("message", ""), 30, 0.1)
    checks.that("a task says what is wrong with it, too", bool(refused), json.dumps(operator.status("private"), indent=1))
    world.set_secret(Registry.password)
    checks.that("and runs with the right one", operator.reaches("private", "Complete", 120), json.dumps(operator.status("private"), indent=1))
    checks.that("it ran", "it runs" in operator.status("private").get("logTail", ""))
    without = {"command": ["/bin/true"], "container": {"image": world.cluster, "imagePullPolicy": "Always"}}
    operator.apply("ContainerTask", "without", without)
    told = wait_for(lambda: "with no login" in json.dumps(operator.status("without")), 30, 0.1)
    checks.that("without a login it is not had", bool(told), json.dumps(operator.status("without"), indent=1))


_TESTS = (a_cluster_waits_for_its_secret, a_bad_secret_harms_nothing, a_task_has_it_from_its_definition)


def main() -> int:
    end_on_sigterm()
    checks = Checks()
    with Engine() as engine, tempfile.TemporaryDirectory(prefix="hp-e2e-pull-") as name:
        engine_socket()
        if "HEADPOND_IMAGE" not in os.environ:
            build_images()
        folder = Path(name)
        # No login of this user's docker.
        os.environ["DOCKER_CONFIG"] = str(folder / "no-login")
        with Registry(folder / "registry", tls=False) as registry:
            operator = Operator(folder)
            world = World(engine, operator, registry, folder)
            try:
                world.fill()
                for test in _TESTS:
                    print(f"-- {test.__name__}", flush=True)
                    test(world, checks)
                if checks.wrong:
                    print(operator.log())
            finally:
                operator.ctl("delete", "ct,cdef,cc", "--all", "--timeout=60s")
                operator.stop()
                for volume in docker("volume", "ls", "-q", "--filter", "name=^private-").split():
                    docker("volume", "rm", volume)
                world.forget()
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
