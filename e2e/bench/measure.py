"""The measurements: each adds samples under a key to the Samples of one server.

Keys name what was measured and its unit; report.py turns them into rows.
"""

from __future__ import annotations

import dataclasses
import mmap
import os
import re
import shutil
import socket
import statistics
import subprocess
import threading
import time
from collections import defaultdict
from pathlib import Path

from harness import parts
from harness.cluster import Cluster, HeadpondServer
from harness.probe import wait_until_serving

_MIB = 1 << 20
_IDLE_S = 10.0  # until start-up work has ended and a stock server's heap has settled
_FILL_THREADS = 16
_JAVA_SOURCES = Path(__file__).resolve().parent / "java"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much work each measurement does."""

    rounds: int
    meta_threads: tuple[int, ...]
    meta_operations: dict[int, int]  # per thread, by number of threads
    io_mib: int
    io_repetitions: int  # per round
    random_seconds: float
    failovers: int
    fill_stock: int  # files of the namespace measurement
    fill_ours: int


# Numbers of files are multiples of ten times the filling threads.
FULL = Sizes(3, (1, 32), {1: 1000, 32: 300}, 1024, 2, 3.0, 5, 200_000, 1_000_000)
QUICK = Sizes(1, (1, 32), {1: 200, 32: 20}, 64, 1, 0.5, 1, 8_000, 8_000)


class Samples:
    """All samples of one server, by key."""

    def __init__(self):
        self._values: dict[str, list[float]] = defaultdict(list)

    def add(self, key: str, value: float) -> None:
        self._values[key].append(value)

    def median(self, key: str) -> float | None:
        return statistics.median(self._values[key]) if self._values.get(key) else None

    def add_lines(self, prefix: str, output: str) -> None:
        """Takes the `name=number` lines of a benchmark program; other lines are comments."""
        for line in output.splitlines():
            name, _, number = line.partition("=")
            try:
                self.add(f"{prefix}.{name.strip()}", float(number))
            except ValueError:
                continue

    def as_dict(self) -> dict[str, list[float]]:
        return dict(self._values)


class ProgramFailed(Exception):
    """A benchmark program ended with an error; the text holds its last words."""


def run(command: list[str], limit_s: float) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as late:
        raise ProgramFailed(f"no end within {limit_s:.0f} s: {command[-6:]}") from late
    if run.returncode != 0:
        last = "\n".join((run.stdout + run.stderr).strip().splitlines()[-15:])
        raise ProgramFailed(f"exit code {run.returncode}: {' '.join(command[-6:])}\n{last}")
    return run.stdout


def start_to_serving(server, folder: Path, samples: Samples) -> None:
    """Seconds from starting a master with an empty journal to its first answer."""
    cluster = Cluster(server, folder, roles=["master"])
    cluster.make_folders()
    try:
        started = time.monotonic()
        master = cluster.start_role("master")
        deadline = started + 120
        if not wait_until_serving("127.0.0.1", cluster.master_port, deadline, master.alive):
            raise ProgramFailed(f"the master does not serve:\n{cluster.log_of('master')}")
        samples.add("start_s", time.monotonic() - started)
    finally:
        cluster.stop()


def idle_memory(cluster: Cluster, samples: Samples) -> None:
    """Resident memory of a cluster that has just started and done nothing."""
    time.sleep(_IDLE_S)
    for role in ("master", "worker"):
        samples.add(f"rss.{role}_mib", cluster.processes[role].rss_bytes() / _MIB)


def java(
    cluster: Cluster, folder: Path, role: str, main: list[str], properties=(), master: str = ""
) -> list[str]:
    """A program of ours with the stock client: `role` is the server whose CPU it reads, `master` whom
    it asks (default: the cluster's)."""
    return parts.client_command(
        master or cluster.master,
        folder / "client",
        main,
        [
            f"headpond.bench.server.pid={cluster.processes[role].pid}",
            "alluxio.user.metrics.collection.enabled=false",
            *properties,
        ],
        "1g",
        [parts.compiled(_JAVA_SOURCES)],
    )


def java_metadata(cluster: Cluster, folder: Path, sizes: Sizes, samples: Samples) -> None:
    for threads in sizes.meta_threads:
        operations = sizes.meta_operations[threads]
        main = ["dev.headpond.bench.MetaBench", str(threads), str(operations)]
        output = run(java(cluster, folder, "master", main), 600)
        samples.add_lines(f"java.meta{threads}", output)


_WAYS = {
    "remote": "alluxio.user.short.circuit.enabled=false",
    "short": "alluxio.user.hostname=localhost",
}


def java_io(cluster: Cluster, folder: Path, sizes: Sizes, samples: Samples) -> None:
    for way, setting in _WAYS.items():
        main = [
            "dev.headpond.bench.IoBench",
            str(sizes.io_mib),
            str(sizes.io_repetitions),
            str(sizes.random_seconds),
        ]
        output = run(java(cluster, folder, "worker", main, [setting]), 900)
        samples.add_lines(f"java.{way}", output)


class NativeClient:
    """`headpond bench`, our own client: the same operations without the Java client's cost."""

    def __init__(self, server):
        self._binary = server.binary if isinstance(server, HeadpondServer) else None

    def available(self) -> bool:
        if self._binary is None:
            return False
        probe = subprocess.run([self._binary, "bench", "--help"], capture_output=True, check=False)
        return probe.returncode == 0

    def command(self, cluster: Cluster, what: list[str], *arguments: str) -> list[str]:
        return [
            self._binary,
            "bench",
            *what,
            "-Dalluxio.master.hostname=localhost",
            f"-Dalluxio.master.rpc.port={cluster.master_port}",
            *arguments,
        ]

    def metadata(self, cluster: Cluster, sizes: Sizes, samples: Samples) -> None:
        for threads in sizes.meta_threads:
            arguments = ["--threads", str(threads), "--ops", str(sizes.meta_operations[threads])]
            output = run(self.command(cluster, ["meta"], *arguments), 600)
            samples.add_lines(f"native.meta{threads}", output)

    def io(self, cluster: Cluster, sizes: Sizes, samples: Samples) -> None:
        for way, setting in _WAYS.items():
            arguments = [f"-D{setting}", "--mib", str(sizes.io_mib)]
            arguments += ["--repetitions", str(sizes.io_repetitions)]
            arguments += ["--random-seconds", str(sizes.random_seconds)]
            samples.add_lines(f"native.{way}", run(self.command(cluster, ["io"], *arguments), 900))


def _live_heap_bytes(pid: int) -> int | None:
    """What a JVM's heap holds after a full collection, by jcmd; None where that does not work."""
    jcmd = shutil.which("jcmd")
    if jcmd is None:
        return None
    for command in ("GC.run", "GC.heap_info"):
        run = subprocess.run([jcmd, str(pid), command], capture_output=True, text=True, check=False)
    used = re.search(r"used (\d+)K", run.stdout)
    return int(used.group(1)) * 1024 if used else None


def memory_per_file(server, folder: Path, sizes: Sizes, samples: Samples) -> None:
    """Growth of the master's memory per empty file, after some files that end its warm-up."""
    native = NativeClient(server)
    use_native = native.available()
    files = sizes.fill_ours if use_native else sizes.fill_stock
    with Cluster(server, folder, roles=["master", "worker"]) as cluster:
        master = cluster.processes["master"]
        stock = not isinstance(server, HeadpondServer)

        def fill(count: int) -> None:
            if use_native:
                arguments = ["--threads", str(_FILL_THREADS), "--files", str(count)]
                output = run(native.command(cluster, ["meta", "create"], *arguments), 1800)
            else:
                each = str(count // _FILL_THREADS)
                main = ["dev.headpond.bench.MetaBench", "fill", str(_FILL_THREADS), each]
                output = run(java(cluster, folder, "master", main), 1800)
            created = Samples()
            created.add_lines("fill", output)
            if created.median("fill.files") != count:
                raise ProgramFailed(f"asked for {count} files, the client reports:\n{output}")

        def memory() -> tuple[int, int | None]:
            return master.rss_bytes(), _live_heap_bytes(master.pid) if stock else None

        fill(files // 10)
        resident, live = memory()
        fill(files)
        resident_after, live_after = memory()
        samples.add("bytes_per_file", (resident_after - resident) / files)
        if live is not None and live_after is not None:
            samples.add("live_bytes_per_file", (live_after - live) / files)
        samples.add("files", files)


def raw_pread(block_store: Path, mib: int, samples: Samples) -> None:
    """MiB/s of plain reads of 1 MiB from a warm file where the block store is."""
    file = block_store / "raw-read"
    block = os.urandom(_MIB)
    with open(file, "wb", buffering=0) as out:
        for _ in range(mib):
            out.write(block)
    buffer = mmap.mmap(-1, _MIB)
    try:
        with open(file, "rb", buffering=0) as source:
            for _ in range(3):
                started = time.monotonic()
                for index in range(mib):
                    os.preadv(source.fileno(), [buffer], index * _MIB)
                samples.add("pread.mib_per_s", mib / (time.monotonic() - started))
    finally:
        file.unlink()


def raw_loopback(mib: int, samples: Samples) -> None:
    """MiB/s of a plain TCP connection over loopback, 1 MiB sends: what no protocol can beat."""
    for _ in range(3):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def send(port=listener.getsockname()[1]):
                block = memoryview(bytearray(_MIB))
                with socket.create_connection(("127.0.0.1", port)) as out:
                    for _ in range(mib):
                        out.sendall(block)

            sender = threading.Thread(target=send)
            started = time.monotonic()
            sender.start()
            connection, _ = listener.accept()
            buffer = bytearray(_MIB)
            with connection:
                while connection.recv_into(buffer):
                    pass
            sender.join()
            samples.add("loopback.mib_per_s", mib / (time.monotonic() - started))
