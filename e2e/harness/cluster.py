"""One master and one worker on loopback: ours, or the stock server the tests are checked against.

Both flavours take the same properties, so a test sees no difference but the server.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from harness import parts
from harness.probe import wait_until_serving
from harness.process import Process, free_ports
from harness.shell import Shell

# A worker name the client side can compare with its own host name to go short circuit.
WORKER_HOST = "localhost"

_START_LIMIT_S = 90.0
_STOCK_MAIN_CLASSES = {
    "master": "alluxio.master.AlluxioMaster",
    "worker": "alluxio.worker.AlluxioWorker",
    "job-master": "alluxio.master.AlluxioJobMaster",
    "job-worker": "alluxio.worker.AlluxioJobWorker",
}


class StartFailed(Exception):
    """A server did not come up; the text holds the end of its log."""


class HeadpondServer:
    """Runs `headpond <role> -Dkey=value ...`, which logs to stderr and stops on SIGTERM."""

    name = "headpond"

    def __init__(self):
        """Takes $HEADPOND_BIN, or the release build of this tree."""
        chosen = os.environ.get("HEADPOND_BIN")
        if chosen and not os.access(chosen, os.X_OK):
            raise ValueError(f"HEADPOND_BIN={chosen} is not an executable")
        built = parts.E2E.parent / "build" / "release" / "bin" / "headpond"
        if not chosen and not built.exists():
            raise parts.Missing("HEADPOND_BIN is not set and build/release/bin/headpond not built")
        self.binary = str(Path(chosen or built).resolve())
        # The job service is for servers that persist and load through one.
        self.roles = os.environ.get("HEADPOND_ROLES", "master worker").split()

    def command(self, role: str, properties: list[str], workdir: Path) -> list[str]:
        del workdir
        return [self.binary, role, *(f"-D{setting}" for setting in properties)]


class StockServer:
    """Runs the stock Java servers of the fetched part."""

    name = "stock"

    def __init__(self, heap: str = "768m"):
        self._jars = parts.server_jars()
        self._heap = heap
        self.roles = ["master", "worker", "job-master", "job-worker"]

    def command(self, role: str, properties: list[str], workdir: Path) -> list[str]:
        conf = parts.E2E / "stock" / "conf"
        logs = workdir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        heap = "256m" if role.startswith("job") else self._heap
        settings = [
            f"alluxio.home={workdir}",
            f"alluxio.conf.dir={conf}",
            f"alluxio.work.dir={workdir}",
            f"alluxio.logs.dir={logs}",
            f"alluxio.logger.type={role}",
            # It would ask a server of the vendor for a newer version.
            "alluxio.master.update.check.enabled=false",
            *properties,
        ]
        flags = [f"-Xmx{heap}", f"-XX:MaxDirectMemorySize={heap}", "-cp", f"{conf}:{self._jars}/*"]
        return [parts.java(), *flags, *(f"-D{s}" for s in settings), _STOCK_MAIN_CLASSES[role]]


def server_from_environment():
    """SERVER=headpond (default) or SERVER=stock."""
    flavour = os.environ.get("SERVER", "headpond")
    if flavour == "stock":
        return StockServer()
    if flavour == "headpond":
        return HeadpondServer()
    raise ValueError(f"SERVER={flavour}: expected 'headpond' or 'stock'")


class Cluster:
    """Owns the processes, ports and folders of one cluster; use it as a context manager.

    `folder` is created and holds everything but the block store, which is in `block_store`
    (default: inside the folder). `properties` go to all roles and override the defaults; those of a
    role may be changed until it is started.
    """

    def __init__(
        self, server, folder: Path, properties=None, roles=None, block_store=None, capacity="1GB"
    ):
        self.server = server
        self.folder = folder
        self.under_store = folder / "under-store"
        self.block_store = block_store or folder / "block-store"
        self.roles = list(roles or server.roles)
        self.processes: dict[str, Process] = {}
        ports = free_ports(10)
        self.master_port, self.worker_port, self.journal_port = ports[0], ports[1], ports[3]
        self.master = f"localhost:{self.master_port}"
        self.properties = {
            "alluxio.master.hostname": "localhost",
            "alluxio.master.rpc.port": ports[0],
            "alluxio.master.bind.host": "127.0.0.1",
            "alluxio.master.web.port": ports[2],
            "alluxio.master.web.bind.host": "127.0.0.1",
            "alluxio.master.embedded.journal.port": ports[3],
            "alluxio.master.journal.type": os.environ.get("JOURNAL_TYPE", "UFS"),
            "alluxio.master.journal.folder": folder / "journal",
            "alluxio.master.metastore.dir": folder / "metastore",
            "alluxio.master.backup.directory": folder / "backup",
            "alluxio.master.mount.table.root.ufs": self.under_store,
            "alluxio.master.ttl.checker.interval": "1s",
            "alluxio.worker.hostname": WORKER_HOST,
            "alluxio.worker.rpc.port": ports[1],
            "alluxio.worker.bind.host": "127.0.0.1",
            "alluxio.worker.web.port": ports[4],
            "alluxio.worker.web.bind.host": "127.0.0.1",
            "alluxio.worker.ramdisk.size": capacity,
            "alluxio.worker.tieredstore.level0.dirs.path": self.block_store,
            "alluxio.job.master.hostname": "localhost",
            "alluxio.job.master.rpc.port": ports[5],
            "alluxio.job.master.bind.host": "127.0.0.1",
            "alluxio.job.master.web.port": ports[6],
            "alluxio.job.master.web.bind.host": "127.0.0.1",
            "alluxio.job.worker.rpc.port": ports[7],
            "alluxio.job.worker.bind.host": "127.0.0.1",
            "alluxio.job.worker.data.port": ports[8],
            "alluxio.job.worker.web.port": ports[9],
            "alluxio.job.worker.web.bind.host": "127.0.0.1",
            **(properties or {}),
        }

    def __enter__(self) -> "Cluster":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the roles in order, until the master serves and the worker is registered."""
        self.make_folders()
        for role in self.roles:
            self.start_role(role)
            if role == "master":
                self.wait_for_master()
        self.wait_for_worker()

    def make_folders(self) -> None:
        for folder in (self.under_store, self.block_store, self.folder / "journal"):
            folder.mkdir(parents=True, exist_ok=True)

    def start_role(self, role: str) -> Process:
        settings = [f"{key}={value}" for key, value in self.properties.items()]
        command = self.server.command(role, settings, self.folder)
        process = Process(role, command, self.folder / "logs" / f"{role}.out")
        self.processes[role] = process
        return process

    def wait_for_master(self) -> None:
        master = self.processes["master"]
        deadline = time.monotonic() + _START_LIMIT_S
        if not wait_until_serving("127.0.0.1", self.master_port, deadline, master.alive):
            raise StartFailed(f"the master does not serve:\n{self.log_of('master')}")

    def wait_for_worker(self) -> None:
        """Until the master counts the worker's capacity, asked with the stock shell."""
        worker = self.processes["worker"]
        with Shell(self.master, self.folder / "readiness") as shell:
            deadline = time.monotonic() + _START_LIMIT_S
            while time.monotonic() < deadline and worker.alive():
                reply = shell.run("fs", "getCapacityBytes")
                if reply.exit_code == 0 and reply.text.strip() != "Capacity Bytes: 0":
                    return
                time.sleep(0.1)
        raise StartFailed(f"the worker does not register:\n{self.log_of('worker')}")

    def stop(self) -> None:
        for process in reversed(list(self.processes.values())):
            process.stop()
        self.processes.clear()
        if self.folder not in self.block_store.parents:
            shutil.rmtree(self.block_store, ignore_errors=True)

    def died(self) -> list[str]:
        return [role for role, process in self.processes.items() if not process.alive()]

    def log_of(self, role: str) -> str:
        """The end of what a role has logged: its output, and the stock server's log file."""
        text = self.processes[role].tail()
        own_log = self.folder / "logs" / f"{role}.log"
        if own_log.exists():
            text += "\n" + "\n".join(own_log.read_text(errors="replace").splitlines()[-20:])
        return text
