"""Another program's library for Docker, PyPI's docker, with clusters of the operator.

  e2e/docker/interop.sh

Binaries and image as for runtime.sh. Exit code: 0 when everything held, 77 with the reason when something is missing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from engine import Engine, end_on_sigterm
from harness import parts
from harness.check import Checks
from harness.process import wait_for
from run import build_images
from runtime import Cluster, binaries, engine_socket, names

_PACKAGE = "docker==7.1.0"
_INSTALL_LIMIT_S = 180
_SCRIPT_LIMIT_S = 120
_IMAGE = os.environ.get("HEADPOND_IMAGE", "headpond/headpond:latest")


def python_with_docker(folder: Path) -> Path:
    """The Python of a new virtual environment that has the package."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    words = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", _PACKAGE]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_INSTALL_LIMIT_S)
    except subprocess.TimeoutExpired as slow:
        raise parts.Missing(f"{_PACKAGE} can't be had from PyPI within {_INSTALL_LIMIT_S} s") from slow
    if done.returncode != 0:
        raise parts.Missing(f"{_PACKAGE} can't be had from PyPI: {done.stderr.strip().splitlines()[-1:]}")
    return python


def ask(python: Path, cluster: Cluster) -> dict:
    script = Path(__file__).with_name("docker_py.py")
    words = [python, "-B", script, f"unix://{engine_socket()}", cluster.name, _IMAGE]
    done = subprocess.run(words, capture_output=True, text=True, timeout=_SCRIPT_LIMIT_S)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def docker_py_sees_and_touches(cluster: Cluster, python: Path, checks: Checks) -> None:
    done = cluster.apply("--wait")
    if not checks.that("a cluster is up", done.returncode == 0, done.stdout + done.stderr):
        return
    seen = ask(python, cluster)
    print(f"docker {seen['version']} of PyPI", flush=True)
    checks.that("it lists our image by its label", _IMAGE in seen["images"], str(seen["images"]))
    checks.that("which is the workers'", seen["image_of_worker"])
    checks.equal("it lists the containers by label", sorted(seen["containers"]), names(cluster))
    roles = {name: entry["role"] for name, entry in seen["containers"].items()}
    checks.equal("with their roles", roles, {name: name.split("-")[-2] for name in names(cluster)})
    checks.that(f"a worker is healthy after {seen['healthy_s']} s", seen["healthy_s"] is not None)
    checks.that(f"one that it stops runs again after {seen['healed_s']} s", seen["healed_s"] is not None, cluster.log())
    checks.that("and serves", wait_for(cluster.is_settled, 20), cluster.log())


def main() -> int:
    end_on_sigterm()
    checks = Checks()
    with Engine() as engine, tempfile.TemporaryDirectory(prefix="hp-e2e-") as folder:
        python = python_with_docker(Path(folder) / "venv")
        if "HEADPOND_IMAGE" not in os.environ:
            build_images()
        cluster = Cluster(Path(folder), binaries(), f"{engine.prefix}-interop", "bridge")
        try:
            docker_py_sees_and_touches(cluster, python, checks)
        finally:
            cluster.clean()
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
