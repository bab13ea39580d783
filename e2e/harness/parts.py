"""Where the fetched stock parts are: jars, the Spark environment, our compiled Java helpers."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

E2E = Path(__file__).resolve().parent.parent
SKIP_EXIT_CODE = 77  # the convention of automake and ctest


class Missing(Exception):
    """A tool or part this machine lacks; the text says which. The test is skipped, loudly."""


def cache_folder() -> Path:
    base = os.environ.get("HEADPOND_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "headpond-e2e"


def _part(name: str, override: str) -> Path:
    """The folder of one part: $override when set, else fetched into the cache."""
    if os.environ.get(override):
        folder = Path(os.environ[override])
        if not folder.exists():
            raise Missing(f"{override}={folder} does not exist")
        return folder
    fetch = subprocess.run(
        [str(E2E / "stock" / "fetch.sh"), name], capture_output=True, text=True, check=False
    )
    if fetch.returncode == SKIP_EXIT_CODE:
        raise Missing(fetch.stderr.strip().removeprefix("SKIP: "))
    if fetch.returncode != 0:
        raise RuntimeError(f"fetch.sh {name} failed: {fetch.stderr.strip()}")
    return cache_folder() / name


def client_jars() -> Path:
    return _part("client", "STOCK_CLIENT_JARS")


def server_jars() -> Path:
    return _part("server", "STOCK_SERVER_JARS")


def mapreduce_jars() -> Path:
    return _part("mapreduce", "HADOOP_JARS")


def shaded_client() -> Path:
    folder = _part("shaded", "STOCK_SHADED_JARS")
    jars = sorted(folder.glob("alluxio-shaded-client-*.jar"))
    if not jars:
        raise Missing(f"no alluxio-shaded-client jar in {folder}")
    return jars[0]


def spark_python() -> Path:
    """The Python that can `import pyspark`."""
    return _part("spark", "SPARK_VENV") / "bin" / "python"


def java() -> str:
    path = shutil.which("java")
    if path is None:
        raise Missing("java is not installed")
    return path


def compiled(sources: Path) -> Path:
    """The class folder of our Java helpers in `sources`, built against the stock client once."""
    compiler = shutil.which("javac")
    if compiler is None:
        raise Missing("javac is not installed (a JDK is needed, not only a JRE)")
    files = sorted(sources.rglob("*.java"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    classes = cache_folder() / "classes" / digest
    if classes.exists():
        return classes
    classes.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix="staging-", dir=classes.parent))
    command = [compiler, "-nowarn", "-cp", f"{client_jars()}/*", "-d", str(staging)]
    build = subprocess.run(
        command + [str(file) for file in files], capture_output=True, text=True, check=False
    )
    if build.returncode != 0:
        shutil.rmtree(staging)
        raise RuntimeError(f"javac failed:\n{build.stderr}")
    try:
        staging.rename(classes)
    except OSError:  # another run finished the same build first
        shutil.rmtree(staging)
    return classes


def client_command(
    master: str, workdir: Path, main: list[str], properties=(), heap="512m", extra_cp=()
):
    """The command line of a JVM with the stock client on its class path.

    `master` is host:port, or several of them with commas between; `properties` are `key=value`; `main` is the class and
    its arguments.
    """
    host, port = split_address(master.split(",")[0])
    logs = workdir / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    class_path = [str(E2E / "stock" / "conf"), *map(str, extra_cp), f"{client_jars()}/*"]
    settings = [
        f"alluxio.home={workdir}",
        f"alluxio.conf.dir={E2E / 'stock' / 'conf'}",
        f"alluxio.work.dir={workdir}",
        f"alluxio.logs.dir={logs}",
        "alluxio.logger.type=client",
        f"alluxio.master.hostname={host}",
        f"alluxio.master.rpc.port={port}",
        *([f"alluxio.master.rpc.addresses={master}"] if "," in master else []),
        *properties,
    ]
    flags = [f"-Xmx{heap}", f"-XX:MaxDirectMemorySize={heap}", "-cp", ":".join(class_path)]
    return [java(), *flags, *(f"-D{setting}" for setting in settings), *main]


def split_address(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"'{address}' is not host:port")
    return host, int(port)


def run_as_test(body) -> None:
    """Runs a test's body; a missing part ends it with the skip code and one line why."""
    try:
        sys.exit(body() or 0)
    except Missing as why:
        print(f"SKIP: {why}", flush=True)
        sys.exit(SKIP_EXIT_CODE)
