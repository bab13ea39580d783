"""Several masters and a worker on loopback, each with folders of its own but for the under-store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness.check import Checks, in_folder
from harness.cluster import HeadpondServer
from harness.process import Process, free_ports
from harness.process import wait_for as wait_until

_LIMIT_S = 40.0
_CALL_LIMIT_S = 90.0
_TAIL_LINES = 25


class Masters:
    """`client` is what clients and workers need to find the leader: a subclass says, and has `leader`."""

    def __init__(self, folder: Path, count: int, client: dict[str, str] | None = None):
        self.binary = HeadpondServer().binary
        self.folder = folder
        ports = free_ports(2 * count + 2)
        self.rpc, self._web, self._worker_ports = ports[:count], ports[count:-2], ports[-2:]
        self.client = client or {}
        self.masters: list[Process | None] = [None] * count
        self.worker: Process | None = None
        (folder / "under-store").mkdir(parents=True)

    def journal_properties(self, number: int) -> dict:
        raise NotImplementedError

    def leader(self) -> int | None:
        raise NotImplementedError

    def master_command(self, number: int, changed: dict | None = None) -> list[str]:
        return self._command("master", {
            "alluxio.master.hostname": "localhost",
            "alluxio.master.bind.host": "127.0.0.1",
            "alluxio.master.web.bind.host": "127.0.0.1",
            "alluxio.master.rpc.port": self.rpc[number],
            "alluxio.master.web.port": self._web[number],
            "alluxio.master.mount.table.root.ufs": self.folder / "under-store",
            "alluxio.logs.dir": self.folder / f"master-{number}" / "logs",
            **self.journal_properties(number),
            **(changed or {}),
        })

    def start_master(self, number: int) -> None:
        log = self.folder / f"master-{number}" / "out.log"
        self.masters[number] = Process(f"master-{number}", self.master_command(number), log)

    def start_worker(self) -> None:
        folder = self.folder / "worker"
        (folder / "blocks").mkdir(parents=True, exist_ok=True)
        command = self._command("worker", {
            "alluxio.worker.hostname": "localhost",
            "alluxio.worker.bind.host": "127.0.0.1",
            "alluxio.worker.web.bind.host": "127.0.0.1",
            "alluxio.worker.rpc.port": self._worker_ports[0],
            "alluxio.worker.web.port": self._worker_ports[1],
            "alluxio.worker.ramdisk.size": "256MB",
            "alluxio.worker.tieredstore.level0.dirs.path": folder / "blocks",
            "alluxio.logs.dir": folder / "logs",
        })
        self.worker = Process("worker", command, folder / "out.log")

    def _command(self, role: str, properties: dict) -> list[str]:
        return [self.binary, role, *_settings({**self.client, **properties})]

    def run(self, *words: str, client: dict | None = None, patience: str = "") -> subprocess.CompletedProcess:
        """A command of ours against whoever leads, or with `client` instead; it tries for `patience`."""
        properties = dict(client or self.client)
        if patience:
            properties["alluxio.user.rpc.retry.max.duration"] = patience
        command = [self.binary, *words, *_settings(properties)]
        return subprocess.run(command, capture_output=True, text=True, timeout=_CALL_LIMIT_S)

    def run_at(self, number: int, *words: str) -> subprocess.CompletedProcess:
        """A command of ours that knows one master only, and does not wait for it for long."""
        return self.run(*words, client={"alluxio.master.rpc.addresses": f"localhost:{self.rpc[number]}"}, patience="2s")

    def await_leader(self) -> int | None:
        found = wait_for(lambda: (leader := self.leader()) is not None and [leader])
        return found[0] if found else None

    def has_worker(self) -> bool:
        """Whether one has registered with the leader."""
        return "Capacity Bytes: 0" not in self.run("fs", "getCapacityBytes").stdout

    def log_of(self, number: int) -> str:
        return (self.folder / f"master-{number}" / "out.log").read_text(errors="replace")

    def logs(self) -> str:
        return "\n".join(
            f"--- {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
            for log in sorted(self.folder.glob("*/out.log"))
        )

    def stop(self) -> list[int]:
        return [process.stop() for process in [self.worker, *self.masters] if process is not None]


def _settings(properties: dict) -> list[str]:
    return [f"-D{key}={value}" for key, value in properties.items()]


def wait_for(what, limit_s: float = _LIMIT_S):
    """The first answer of `what` that is not false, None or empty; else the last one."""
    return wait_until(what, limit_s, 0.05)


def tell(prefix: str, make: Callable[[Path], Masters], story: Callable[[Checks, Masters], None]) -> int:
    """Runs a story of masters, which ends with a worker and three of them, and says what became of it."""
    def body(checks: Checks, folder: Path) -> None:
        masters = make(folder)
        try:
            story(checks, masters)
            codes = masters.stop()
            checks.that("all that lived ended cleanly", sorted(codes)[-3:] == [0, 0, 0], str(codes))
        finally:
            masters.stop()

    return in_folder(prefix, body)
