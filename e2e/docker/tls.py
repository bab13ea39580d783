"""A cluster on a dockerd that listens on TCP and wants certificates (--tlsverify).

  e2e/docker/tls.sh

The daemon is a second one, started here on loopback with all its state in a temporary folder. Binaries and image as for
runtime.sh. Exit code: 0 when everything held, 77 with the reason when something is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from engine import Engine, SecondDaemon, end_on_sigterm
from harness import parts
from harness.certificates import Authority
from harness.check import Checks
from harness.process import free_ports, wait_for
from nodes import bridge_address
from run import build_images
from runtime import binaries, engine_socket, run
from task import Operator

_IMAGE = os.environ.get("HEADPOND_IMAGE", "headpond/headpond:latest")
_NAME = "secure"
_SECRET = "lab"
_FIELD = "spec.runtime.docker.tlsSecret"


class World:
    """The authority that the daemon trusts and another one, the daemon, and an operator."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.ours, self.others = Authority(folder / "ours"), Authority(folder / "others")
        certificate, key = self.ours.issue("server", "serverAuth")
        self.address = f"tcp://127.0.0.1:{free_ports(1)[0]}"
        (state := folder / "second").mkdir()
        self.daemon = SecondDaemon(
            state,
            options=(f"--host={self.address}", "--tlsverify", f"--tlscacert={self.ours.ca}", f"--tlscert={certificate}", f"--tlskey={key}"),
        )
        self.client = self.ours.issue("client", "clientAuth")
        self.operator: Operator | None = None

    def set_secret(self, name: str, files: dict[str, Path]) -> None:
        self.operator.ctl("delete", "secret", name, "--ignore-not-found")
        words = [f"--from-file={key}={path}" for key, path in files.items()]
        made = self.operator.ctl("create", "secret", "generic", name, *words)
        if made.returncode != 0:
            raise RuntimeError(made.stderr)

    def good(self) -> dict[str, Path]:
        certificate, key = self.client
        return {"ca.pem": self.ours.ca, "cert.pem": certificate, "key.pem": key}

    def apply(self, name: str, docker: dict) -> None:
        base = self.operator.base
        spec = {
            "runtime": {"type": "docker", "docker": docker},
            "image": _IMAGE,
            "imagePullPolicy": "Never",
            "ports": {"master": {"rpc": base, "web": base + 1}, "worker": {"rpc": base + 2, "web": base + 3}},
            "worker": {"tieredStore": {"levels": [{"alias": "MEM", "quota": "64Mi"}]}},
        }
        done = self.operator.apply("CacheCluster", name, spec)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)

    def degraded(self, name: str) -> dict:
        done = self.operator.ctl("get", "cc", name, "-o", "json")
        status = json.loads(done.stdout).get("status", {}) if done.returncode == 0 else {}
        return next((c for c in status.get("conditions", []) if c["type"] == "Degraded"), {})

    def says(self, name: str, text: str, limit_s: float = 20) -> bool:
        return bool(wait_for(lambda: text in self.degraded(name).get("message", ""), limit_s, 0.2))

    def ready(self, name: str) -> bool:
        done = self.operator.ctl("wait", "--for=condition=Ready", f"cc/{name}", "--timeout=60s")
        return done.returncode == 0 and bool(wait_for(lambda: self.degraded(name).get("status") == "False", 20, 0.2))

    def containers(self, name: str) -> list[str]:
        return sorted(self.daemon.docker("ps", "-q", "--no-trunc", "--filter", f"name=^{name}-").split())


def a_secret_opens_the_door(world: World, checks: Checks) -> None:
    world.apply(_NAME, {"endpoint": world.address, "tlsSecret": _SECRET})
    checks.that("a Secret that is missing is named", world.says(_NAME, f"{_FIELD}: there is no Secret {_SECRET}"), json.dumps(world.degraded(_NAME)))
    world.set_secret(_SECRET, world.good())
    checks.that("a cluster behind TLS is ready", world.ready(_NAME), json.dumps(world.degraded(_NAME)) + world.operator.log())
    checks.equal("on the daemon of the endpoint", len(world.containers(_NAME)), 2)
    checks.equal("files are listed", world.operator.fs("ls", "/").returncode, 0)


def what_is_wrong_is_told(world: World, checks: Checks) -> None:
    good = world.good()
    expired, expired_key = world.ours.issue("expired", "clientAuth", days=-1)
    strange, strange_key = world.others.issue("strange", "clientAuth")
    cases = {
        "stranger-server": ({**good, "ca.pem": world.others.ca}, "the engine's certificate is not trusted"),
        "no-client": ({"ca.pem": world.ours.ca}, "the engine asks for a client certificate"),
        "expired": ({**good, "cert.pem": expired, "key.pem": expired_key}, "the client certificate expired"),
        "stranger": ({**good, "cert.pem": strange, "key.pem": strange_key}, "the engine does not accept the client certificate"),
        "other-key": ({**good, "key.pem": strange_key}, "don't belong together"),
        "no-pem": ({**good, "cert.pem": Path("/etc/hostname")}, "is no certificate in PEM"),
    }
    for name, (files, _) in cases.items():
        world.set_secret(name, files)
        world.apply(name, {"endpoint": world.address, "tlsSecret": name})
    for name, (_, words) in cases.items():
        told = world.says(name, words)
        checks.that(f"{name}: {words}", told and _FIELD in world.degraded(name)["message"], json.dumps(world.degraded(name)))
    # They have nothing, and go with the key to find that out.
    for name in cases:
        world.set_secret(name, good)
    gone = world.operator.ctl("delete", "cc", *cases, "--timeout=30s")
    checks.equal("they go when the door is open", gone.returncode, 0)


def a_bad_secret_harms_nothing(world: World, checks: Checks) -> None:
    before = world.containers(_NAME)
    world.set_secret(_SECRET, {**world.good(), "ca.pem": world.others.ca})
    checks.that("a Secret that went bad is told within a minute", world.says(_NAME, "the engine's certificate is not trusted", 70), json.dumps(world.degraded(_NAME)))
    checks.equal("its daemons serve meanwhile", world.operator.fs("ls", "/").returncode, 0)
    world.set_secret(_SECRET, world.good())
    settled = wait_for(lambda: world.degraded(_NAME).get("status") == "False", 30, 0.2)
    checks.that("the good one is used again", bool(settled) and world.ready(_NAME), json.dumps(world.degraded(_NAME)))
    checks.equal("the containers are the same", world.containers(_NAME), before)


def a_context_opens_it_too(world: World, checks: Checks) -> None:
    world.operator.ctl("delete", "cc", _NAME, "--timeout=60s")
    certificate, key = world.client
    host = f"host={world.address},ca={world.ours.ca},cert={certificate},key={key}"
    made = run("docker", "context", "create", "lab", "--docker", host, env=world.operator.environment)
    checks.equal("docker makes a context", made.returncode, 0)
    world.apply("by-context", {"context": "lab"})
    checks.that("a cluster is ready by a context", world.ready("by-context"), json.dumps(world.degraded("by-context")))
    checks.equal("on the same daemon", len(world.containers("by-context")), 2)


def the_command_speaks_it(world: World, checks: Checks) -> None:
    (folder := world.folder / "cert-path").mkdir()
    for name, path in zip(("ca.pem", "cert.pem", "key.pem"), (world.ours.ca, *world.client)):
        shutil.copy(path, folder / name)
    environment = {**os.environ, "DOCKER_HOST": world.address, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}
    listed = run(str(binaries() / "headpond"), "image", "ls", "-o", "json", env=environment)
    checks.that("headpond image ls asks it", listed.returncode == 0 and _IMAGE.split(":", maxsplit=1)[0] in listed.stdout, listed.stderr)
    shutil.copy(world.others.ca, folder / "ca.pem")
    refused = run(str(binaries() / "headpond"), "image", "ls", env=environment)
    checks.that("and not an impostor", refused.returncode != 0 and "certificate" in refused.stdout, refused.stdout + refused.stderr)


_TESTS = (a_secret_opens_the_door, what_is_wrong_is_told, a_bad_secret_harms_nothing, a_context_opens_it_too, the_command_speaks_it)


def main() -> int:
    end_on_sigterm()
    checks = Checks()
    with Engine(), tempfile.TemporaryDirectory(prefix="hp-e2e-tls-") as name:
        engine_socket()
        if shutil.which("openssl") is None:
            raise parts.Missing("openssl is not installed")
        if "HEADPOND_IMAGE" not in os.environ:
            build_images()
        before, folder = bridge_address(), Path(name)
        # Contexts of the test's own, not this user's.
        os.environ["DOCKER_CONFIG"] = str(folder / "docker")
        world = World(folder)
        try:
            world.daemon.load(_IMAGE)
            world.operator = Operator(folder)
            for test in _TESTS:
                print(f"-- {test.__name__}", flush=True)
                test(world, checks)
            if checks.wrong:
                print(world.operator.log())
        finally:
            if world.operator:
                world.operator.ctl("delete", "cc", "--all", "--timeout=60s")
                world.operator.stop()
            world.daemon.close()
        checks.equal("the first daemon's bridge", bridge_address(), before)
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
