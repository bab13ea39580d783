"""`headpond image` against the Engine and a private registry, without TLS and with it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from engine import Engine, command
from harness.check import Checks
from registry import Registry

_HEADPOND = Path(__file__).resolve().parents[2] / "build" / "release" / "bin" / "headpond"


class _Command:
    """`headpond image WORDS...`, logged in to one registry when a password is given."""

    def __init__(self, folder: Path, registry: Registry):
        self._folder = folder
        self._registry = registry

    def run(self, *words: str, password: str | None = None) -> subprocess.CompletedProcess:
        # No configuration of this user's docker, and no password of an earlier call.
        environment = {**os.environ, "DOCKER_CONFIG": str(self._folder)}
        login = []
        if password is not None:
            environment["HEADPOND_REGISTRY_PASSWORD"] = password
            login = ["--user", self._registry.user]
        return command(str(_HEADPOND), "image", *words, *login, env=environment)

    def login(self, *words: str) -> subprocess.CompletedProcess:
        return self.run(*words, password=self._registry.password)

    def listing(self, *words: str) -> subprocess.CompletedProcess:
        return self.login(*words, "--registry", self._registry.host)


def check(engine: Engine, checks: Checks, folder: Path, image: str) -> None:
    name = f"{engine.prefix}/small"
    engine.start(f"docker tag {image} {name}")
    names = [name]
    try:
        with Registry(folder / "plain", tls=False) as registry:
            there = f"{registry.host}/{name}:latest"
            names.append(there)
            tool = _Command(folder, registry)
            _push(tool, registry, checks, name, there)
            _list(tool, registry, checks, name)
            command("docker", "rmi", *names)
            _pull_save_load(tool, checks, folder, there)
        with Registry(folder / "tls", tls=True) as registry:
            _trust(_Command(folder, registry), registry, checks)
    finally:
        command("docker", "rmi", *names)


def _push(tool: _Command, registry: Registry, checks: Checks, name: str, there: str) -> None:
    words = ["push", "--registry", registry.host, name]
    denied = tool.run(*words)
    told = denied.returncode != 0 and "--user" in denied.stdout
    checks.that("push without a password says what to give", told, denied.stdout)
    pushed = tool.login(*words, "-o", "json")
    if checks.that("push", pushed.returncode == 0, pushed.stdout + pushed.stderr):
        answer = json.loads(pushed.stdout)
        checks.equal("what was pushed", answer["image"], there)
        checks.that("its digest", answer["digest"].startswith("sha256:"), pushed.stdout)
    checks.equal("no bar where nobody watches", pushed.stderr, "")


def _list(tool: _Command, registry: Registry, checks: Checks, name: str) -> None:
    listed = tool.listing("ls", "-o", "json")
    expected = [{"repository": f"{registry.host}/{name}", "tag": "latest"}]
    checks.equal("ls of the registry", json.loads(listed.stdout or "null"), expected)
    checks.that("search", name in tool.listing("search", "small").stdout)
    missed = tool.listing("search", "nothing").stdout
    checks.equal("search for what is not there", missed.split(), ["REPOSITORY", "TAG"])
    wrong = tool.run("ls", "--registry", registry.host, password="not-this-one")
    said = wrong.stdout + wrong.stderr
    checks.that("a wrong password is refused", wrong.returncode != 0, said)
    checks.that("and not repeated", "not-this-one" not in said, said)


def _pull_save_load(tool: _Command, checks: Checks, folder: Path, there: str) -> None:
    pulled = tool.login("pull", there)
    whole = pulled.returncode == 0 and "sha256:" in pulled.stdout
    checks.that("pull", whole, pulled.stdout + pulled.stderr)
    archive = str(folder / "image.tar")
    checks.equal("save", tool.run("save", "-f", archive, there).returncode, 0)
    command("docker", "rmi", there)
    loaded = tool.run("load", "-f", archive)
    checks.that("load", there in loaded.stdout, loaded.stdout)
    rows = json.loads(tool.run("ls", "-o", "json").stdout)
    held = [f"{row['repository']}:{row['tag']}" for row in rows]
    checks.that("ls of the Engine", there in held, str(held))


def _trust(tool: _Command, registry: Registry, checks: Checks) -> None:
    stranger = tool.listing("ls")
    told = stranger.returncode != 0 and "--ca" in stranger.stdout
    checks.that("an unknown certificate is refused", told, stranger.stdout)
    for more in (["--ca", registry.certificate], ["--insecure-registry", registry.host]):
        checks.equal(f"with {more[0]}", tool.listing("ls", *more).returncode, 0)
