"""Measures our server beside the stock one, in turns, and prints (and writes) the comparison.

Exit code 77: nothing could be measured.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))
sys.path.insert(0, str(_HERE))
import measure
import quorum
import report
from harness import parts
from harness.cluster import Cluster, HeadpondServer, StartFailed, StockServer
from harness.shell import ShellFailed

_ALL = ("start", "memory", "meta", "io", "quorum", "namespace")
_SHARED_MEMORY = Path("/dev/shm")
_COPIES = 4  # files of a round that can be in a block store before deletions reach the worker


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclasses.dataclass
class Contender:
    name: str
    server: object
    samples: measure.Samples
    native: measure.NativeClient


def contenders(stock_only: bool) -> list[Contender]:
    servers = [StockServer(heap="2g")]
    if not stock_only:
        servers.append(HeadpondServer())
    return [
        Contender(server.name, server, measure.Samples(), measure.NativeClient(server))
        for server in servers
    ]


def block_store_base(folder: Path, needed_bytes: int) -> Path:
    """A folder in memory for the block stores where there is room, else one on disk."""
    if _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free > needed_bytes:
        return Path(tempfile.mkdtemp(prefix="headpond-bench-", dir=_SHARED_MEMORY))
    say(f"{_SHARED_MEMORY} has no room: block stores are on disk")
    base = folder / "block-stores"
    base.mkdir()
    return base


def guarded(name: str, what: str, step, *arguments) -> bool:
    """Runs one measurement; a failure loses its rows, not the run. Returns whether it worked."""
    say(f"{name}: {what}")
    try:
        step(*arguments)
        return True
    except (measure.ProgramFailed, StartFailed, ShellFailed) as failure:
        say(f"{name}: {what} FAILED: {failure}")
        return False


class Bench:
    def __init__(self, folder: Path, sizes: measure.Sizes, wanted: list[str], stock_only: bool):
        self.folder = folder
        self.sizes = sizes
        self.wanted = wanted
        self.machine = measure.Samples()
        self.machine.add("cpus", os.cpu_count())
        self.machine.add("load", os.getloadavg()[0])
        self.contenders = contenders(stock_only)
        self.failures = 0

    def step(self, contender: Contender, what: str, function, *arguments) -> None:
        if not guarded(contender.name, what, function, *arguments):
            self.failures += 1

    def run(self, block_stores: Path) -> None:
        if "start" in self.wanted:
            for number in range(max(3, self.sizes.rounds)):
                for each in self.contenders:
                    folder = self.folder / f"start-{each.name}-{number}"
                    self.step(
                        each, "start", measure.start_to_serving, each.server, folder, each.samples
                    )
        if {"memory", "meta", "io"} & set(self.wanted):
            self.side_by_side(block_stores)
        if "quorum" in self.wanted:
            for each in self.contenders:
                folder = self.folder / f"quorum-{each.name}"
                self.step(each, "three masters", quorum.measure_all, each.server, folder, self.sizes, each.samples)
        if "namespace" in self.wanted:
            for each in self.contenders:
                self.step(
                    each,
                    "namespace",
                    measure.memory_per_file,
                    each.server,
                    self.folder / f"namespace-{each.name}",
                    self.sizes,
                    each.samples,
                )

    def side_by_side(self, block_stores: Path) -> None:
        """Both clusters are up all the time; one is measured while the other idles."""
        with contextlib.ExitStack() as stack:
            clusters: dict[str, Cluster] = {}

            def start(each: Contender) -> None:
                cluster = Cluster(
                    each.server,
                    self.folder / each.name,
                    roles=["master", "worker"],
                    block_store=block_stores / each.name,
                    capacity=f"{_COPIES * self.sizes.io_mib + 512}MB",
                )
                clusters[each.name] = stack.enter_context(cluster)

            for each in self.contenders:
                self.step(each, "start a cluster", start, each)
            running = [each for each in self.contenders if each.name in clusters]
            for each in running if "memory" in self.wanted else []:
                self.step(
                    each, "idle memory", measure.idle_memory, clusters[each.name], each.samples
                )
            for number in range(self.sizes.rounds):
                for each in running:
                    self.round(each, clusters[each.name], f"round {number + 1}")
        if "io" in self.wanted:
            measure.raw_pread(block_stores, self.sizes.io_mib, self.machine)
            measure.raw_loopback(self.sizes.io_mib, self.machine)

    def round(self, each: Contender, cluster: Cluster, label: str) -> None:
        native = each.native.available()
        if "meta" in self.wanted:
            self.step(
                each,
                f"{label}, metadata, Java client",
                measure.java_metadata,
                cluster,
                self.folder,
                self.sizes,
                each.samples,
            )
            if native:
                self.step(
                    each,
                    f"{label}, metadata, our client",
                    each.native.metadata,
                    cluster,
                    self.sizes,
                    each.samples,
                )
        if "io" in self.wanted:
            self.step(
                each,
                f"{label}, data, Java client",
                measure.java_io,
                cluster,
                self.folder,
                self.sizes,
                each.samples,
            )
            if native:
                self.step(
                    each,
                    f"{label}, data, our client",
                    each.native.io,
                    cluster,
                    self.sizes,
                    each.samples,
                )

    def samples_of(self, name: str) -> measure.Samples:
        return next((c.samples for c in self.contenders if c.name == name), measure.Samples())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", help=f"default: all of {', '.join(_ALL)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: checks the harness")
    parser.add_argument("--rounds", type=int, help="rounds in turns (default 3, quick 1)")
    parser.add_argument("--stock-only", action="store_true", help="leave our column empty")
    parser.add_argument(
        "--write", metavar="FILE", help="where the page goes; a complete run: docs/benchmarks.md"
    )
    parser.add_argument("--json", metavar="FILE", help="write all samples to FILE")
    chosen = parser.parse_args()
    if unknown := set(chosen.what) - set(_ALL):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    if not chosen.what and not chosen.quick and not chosen.write:
        chosen.write = str(_HERE.parents[1] / "docs" / "benchmarks.md")
    return chosen


def command_line() -> str:
    """How to repeat this run from the top of the tree."""
    return " ".join(["e2e/bench/run.sh", *sys.argv[1:]])


def main() -> int:
    chosen = arguments()
    sizes = measure.QUICK if chosen.quick else measure.FULL
    if chosen.rounds:
        sizes = dataclasses.replace(sizes, rounds=chosen.rounds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    folder = Path(tempfile.mkdtemp(prefix="headpond-bench-"))
    block_stores = None
    try:
        bench = Bench(folder, sizes, chosen.what or list(_ALL), chosen.stock_only)
        needed = 2 * len(bench.contenders) * (_COPIES * sizes.io_mib << 20)
        block_stores = block_store_base(folder, needed)
        bench.run(block_stores)
    except parts.Missing as why:
        say(f"SKIP: {why}")
        return parts.SKIP_EXIT_CODE
    finally:
        for leftover in filter(None, (folder, block_stores)):
            shutil.rmtree(leftover, ignore_errors=True)
    stock, ours = bench.samples_of("stock"), bench.samples_of("headpond")
    print(report.table(sizes, stock, ours, bench.machine))
    if chosen.json:
        everything = {"stock": stock, "ours": ours, "machine": bench.machine}
        as_dicts = {name: samples.as_dict() for name, samples in everything.items()}
        Path(chosen.json).write_text(json.dumps(as_dicts, indent=1))
    if chosen.write:
        text = report.document(command_line(), sizes, stock, ours, bench.machine)
        Path(chosen.write).write_text(text)
    if bench.failures:
        say(f"{bench.failures} measurements failed")
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
