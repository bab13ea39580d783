"""Masters that share a journal folder and are elected by a real ZooKeeper, a worker, and clients that know
ZooKeeper's address only: ours and the stock shell. Leaders are stopped in order, killed, and stopped by SIGSTOP past
their session; ZooKeeper is not there at first, and goes away.

One line per expectation. Exit code: 0 when everything held, 77 when a part is missing.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.check import Checks
from harness.cluster import HeadpondServer
from harness.process import Process, free_ports
from harness.shell import Shell
from writer import Writer

_LIMIT_S = 40.0
_CALL_LIMIT_S = 90.0
_SESSION_S = 6.0  # unless alluxio.zookeeper.session.timeout says otherwise


class ZooKeeper:
    """One real server, of the jars that come with the stock client."""

    def __init__(self, folder: Path):
        self.port = free_ports(1)[0]
        self._folder = folder
        self._jars = parts.client_jars()
        self._java = parts.java()
        self._process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> bool:
        (self._folder / "data").mkdir(parents=True, exist_ok=True)
        command = [self._java, "-Xmx128m", "-Dzookeeper.admin.enableServer=false", "-cp", f"{self._jars}/*",
                   "org.apache.zookeeper.server.ZooKeeperServerMain", str(self.port), str(self._folder / "data")]
        self._process = Process("zookeeper", command, self._folder / "out.log")
        return bool(wait_for(self._listens))

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()


class Cluster:
    def __init__(self, server: HeadpondServer, folder: Path):
        self.binary = server.binary
        self.folder = folder
        self.zookeeper = ZooKeeper(folder / "zookeeper")
        ports = free_ports(8)
        self.rpc, self._web, self._worker_ports = ports[0:3], ports[3:6], ports[6:8]
        self.client = {"alluxio.zookeeper.enabled": "true", "alluxio.zookeeper.address": self.zookeeper.address}
        self.masters: list[Process | None] = [None] * 3
        self.worker: Process | None = None
        (folder / "under-store").mkdir(parents=True)

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def master_command(self, number: int, changed: dict | None = None) -> list[str]:
        properties = {
            **self.client,
            "alluxio.master.hostname": "localhost",
            "alluxio.master.bind.host": "127.0.0.1",
            "alluxio.master.web.bind.host": "127.0.0.1",
            "alluxio.master.rpc.port": self.rpc[number],
            "alluxio.master.web.port": self._web[number],
            "alluxio.master.journal.type": "UFS",
            "alluxio.master.journal.folder": self.journal,
            "alluxio.master.mount.table.root.ufs": self.folder / "under-store",
            "alluxio.logs.dir": self.folder / f"master-{number}" / "logs",
            **(changed or {}),
        }
        return [self.binary, "master", *(f"-D{key}={value}" for key, value in properties.items())]

    def start_master(self, number: int) -> None:
        log = self.folder / f"master-{number}" / "out.log"
        self.masters[number] = Process(f"master-{number}", self.master_command(number), log)

    def start_worker(self) -> None:
        folder = self.folder / "worker"
        properties = {
            **self.client,
            "alluxio.worker.hostname": "localhost",
            "alluxio.worker.bind.host": "127.0.0.1",
            "alluxio.worker.web.bind.host": "127.0.0.1",
            "alluxio.worker.rpc.port": self._worker_ports[0],
            "alluxio.worker.web.port": self._worker_ports[1],
            "alluxio.worker.ramdisk.size": "256MB",
            "alluxio.worker.tieredstore.level0.dirs.path": folder / "blocks",
            "alluxio.logs.dir": folder / "logs",
        }
        (folder / "blocks").mkdir(parents=True)
        command = [self.binary, "worker", *(f"-D{key}={value}" for key, value in properties.items())]
        self.worker = Process("worker", command, folder / "out.log")

    def run(self, *words: str, **changed: str) -> subprocess.CompletedProcess:
        """A command of ours that knows ZooKeeper only, or the masters in `addresses`."""
        client = dict(self.client)
        if "addresses" in changed:
            client = {"alluxio.master.rpc.addresses": changed["addresses"],
                      "alluxio.user.rpc.retry.max.duration": "2s"}
        if "patience" in changed:
            client["alluxio.user.rpc.retry.max.duration"] = changed["patience"]
        command = [self.binary, *words, *(f"-D{key}={value}" for key, value in client.items())]
        return subprocess.run(command, capture_output=True, text=True, timeout=_CALL_LIMIT_S)

    def leader(self) -> int | None:
        """Whoever ZooKeeper names to clients."""
        reply = self.run("fs", "masterInfo", patience="200ms")
        for number, port in enumerate(self.rpc):
            if f"Current leader master: localhost/<unresolved>:{port}" in reply.stdout:
                return number
        return None

    def await_leader(self, other_than: int | None = None) -> int | None:
        found = wait_for(lambda: (leader := self.leader()) is not None and leader != other_than and [leader])
        return found[0] if found else None

    def log_of(self, number: int) -> str:
        return (self.folder / f"master-{number}" / "out.log").read_text(errors="replace")

    def logs(self) -> str:
        return "\n".join(
            f"--- {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:])
            for log in sorted(self.folder.glob("*/out.log"))
        )

    def stop(self) -> list[int]:
        codes = [process.stop() for process in [self.worker, *self.masters] if process is not None]
        self.zookeeper.kill()
        return codes


def wait_for(what, limit_s: float = _LIMIT_S):
    """The first answer of `what` that is not false, None or empty."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if answer := what():
            return answer
        time.sleep(0.05)
    return None


def check_start(checks: Checks, cluster: Cluster) -> None:
    cluster.start_master(0)
    waits = wait_for(lambda: "no part in the election" in cluster.log_of(0))
    checks.that("a master without ZooKeeper says that it waits", waits, cluster.log_of(0))
    reply = cluster.run("fs", "ls", "/", addresses=f"localhost:{cluster.rpc[0]}")
    checks.that("and serves nothing", reply.returncode != 0, reply.stdout)
    reply = subprocess.run(
        [cluster.binary, "fs", "ls", "/", *(f"-D{key}={value}" for key, value in cluster.client.items()),
         "-Dalluxio.zookeeper.connection.timeout=500ms", "-Dalluxio.user.rpc.retry.max.duration=1s"],
        capture_output=True, text=True, timeout=_CALL_LIMIT_S)
    checks.that("a client without ZooKeeper is told so", "can't be reached" in reply.stdout + reply.stderr,
                reply.stdout + reply.stderr)
    checks.that("ZooKeeper starts", cluster.zookeeper.start())
    checks.equal("then it leads", cluster.await_leader(), 0)
    cluster.start_master(1)
    cluster.start_master(2)
    cluster.start_worker()
    capacity = lambda: "Capacity Bytes: 0" not in cluster.run("fs", "getCapacityBytes").stdout
    checks.that("the worker finds the leader through ZooKeeper", wait_for(capacity), cluster.logs())
    everyone = lambda: all(f":{port}" in cluster.run("fs", "masterInfo").stdout for port in cluster.rpc)
    checks.that("all three take part in the election", wait_for(everyone), cluster.run("fs", "masterInfo").stdout)
    report = cluster.run("fsadmin", "report").stdout
    checks.that("the report names ZooKeeper", "Zookeeper Enabled: true" in report and
                cluster.zookeeper.address in report, report)


def check_stock_client(checks: Checks, cluster: Cluster, shell: Shell) -> None:
    checks.equal("exit code of the stock mkdir", shell.run("fs", "mkdir", "/stock").exit_code, 0)
    reply = shell.run("fs", "masterInfo")
    checks.that("the stock shell names the leader", f":{cluster.rpc[cluster.leader()]}" in reply.text, reply.text)
    checks.equal("exit code of the stock write", shell.run("fs", "touch", "/stock/file").exit_code, 0)


def check_change(checks: Checks, cluster: Cluster, shell: Shell, how: str) -> float:
    """The leader ends in some way while folders are made; the time until the next one acknowledges."""
    top = f"/{how}"
    checks.equal(f"exit code of mkdir {top}", cluster.run("fs", "mkdir", top).returncode, 0)
    # The next one starts from the snapshot, or has read along past it.
    checks.equal("exit code of checkpoint", cluster.run("fsadmin", "journal", "checkpoint").returncode, 0)
    leader = cluster.await_leader()
    writer = Writer(lambda path: cluster.run("fs", "mkdir", path, patience="60s"), top)
    writer.start()
    wait_for(lambda: len(writer.made) > 3)
    begun = time.monotonic()
    if how == "stopped":
        cluster.masters[leader].stop()
    else:
        cluster.masters[leader].kill()
    done = wait_for(lambda: writer.first_after(begun))
    checks.that(f"another one leads after the leader was {how}", done is not None, cluster.logs())
    reply = shell.run("fs", "mkdir", f"{top}/stock")
    checks.equal("the stock shell goes on: exit code", reply.exit_code, 0)
    writer.end()
    cluster.start_master(leader)
    checks.equal("changes that failed", writer.failed, [])
    there = set(cluster.run("fs", "ls", top).stdout.split())
    lost = [path for path, _, _ in writer.made if path not in there]
    checks.equal(f"acknowledged changes that are lost, of {len(writer.made)}", lost, [])
    return (done or float("inf")) - begun


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else {}


def check_sigstop(checks: Checks, cluster: Cluster, shell: Shell) -> float:
    """A leader that is stopped past its session has lost it, and must do no harm when it goes on."""
    checks.equal("exit code of mkdir", cluster.run("fs", "mkdir", "/sigstop").returncode, 0)
    old = cluster.await_leader()
    address = f"localhost:{cluster.rpc[old]}"
    epoch = sorted(cluster.journal.glob("*.epoch"))[-1]
    os.kill(cluster.masters[old].pid, signal.SIGSTOP)
    stopped = time.monotonic()
    before = files_of(epoch)
    # Waits in the stopped master's sockets, to be answered when it goes on.
    client = subprocess.Popen(
        [cluster.binary, "fs", "mkdir", "/sigstop/late", f"-Dalluxio.master.rpc.addresses={address}",
         "-Dalluxio.user.rpc.retry.max.duration=1s"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    reply = cluster.run("fs", "mkdir", "/sigstop/meanwhile", patience="60s")
    acknowledged = time.monotonic()
    checks.equal("a change while the old leader is stopped: exit code", reply.returncode, 0)
    checks.that("another one leads", cluster.leader() not in (old, None), cluster.logs())
    os.kill(cluster.masters[old].pid, signal.SIGCONT)
    text, _ = client.communicate(timeout=_CALL_LIMIT_S)
    checks.that("the old leader acknowledges nothing", client.returncode != 0, text)
    demoted = wait_for(lambda: "this master leads no more" in cluster.log_of(old))
    checks.that("it becomes a standby", demoted and cluster.masters[old].alive(), cluster.log_of(old))
    checks.equal("it has written nothing", files_of(epoch) == before, True)
    listing = cluster.run("fs", "ls", "/sigstop").stdout
    checks.that("what it was asked has not happened", "/sigstop/late" not in listing and
                "/sigstop/meanwhile" in listing, listing)
    refused = cluster.run("fs", "ls", "/sigstop", addresses=address)
    checks.that("and it answers no client", refused.returncode != 0, refused.stdout)
    checks.equal("the stock shell finds the new one: exit code", shell.run("fs", "ls", "/sigstop").exit_code, 0)
    return acknowledged - stopped


def check_zookeeper_lost(checks: Checks, cluster: Cluster) -> None:
    leader = cluster.await_leader()
    checks.equal("exit code of mkdir", cluster.run("fs", "mkdir", "/lost").returncode, 0)
    cluster.zookeeper.kill()
    address = f"localhost:{cluster.rpc[leader]}"
    killed = time.monotonic()
    gone = wait_for(lambda: cluster.run("fs", "ls", "/", addresses=address).returncode != 0)
    took = time.monotonic() - killed
    checks.that(f"without ZooKeeper the leader gives up serving before its session can expire ({took:.1f} s)",
                gone and took < _SESSION_S + 3, cluster.log_of(leader))
    checks.that("all masters live on", all(master.alive() for master in cluster.masters), cluster.logs())
    checks.that("ZooKeeper comes back", cluster.zookeeper.start())
    checks.that("and one leads again", cluster.await_leader() is not None, cluster.logs())
    reply = cluster.run("fs", "mkdir", "/lost/found", patience="30s")
    checks.equal("exit code of mkdir", reply.returncode, 0)


def check_restart(checks: Checks, cluster: Cluster) -> None:
    before = sorted(cluster.run("fs", "ls", "-R", "/").stdout.split())
    codes = [master.stop() for master in cluster.masters]
    checks.equal("exit codes of all masters", codes, [0, 0, 0])
    for number in range(3):
        cluster.start_master(number)
    checks.that("one leads after all were stopped", cluster.await_leader() is not None, cluster.logs())
    after = sorted(cluster.run("fs", "ls", "-R", "/").stdout.split())
    checks.that(f"and all {len(before)} words of the listing are as they were", before == after and before,
                f"{before}\n{after}")


def check_refusals(checks: Checks, cluster: Cluster) -> None:
    blank = cluster.folder / "not-shared"
    no_folder = cluster.folder / "a-file"
    no_folder.touch()
    cases = [
        ("a folder that is not the shared one", {"alluxio.master.journal.folder": blank},
         "is blank, but ZooKeeper knows the journal"),
        ("the embedded journal with ZooKeeper", {"alluxio.master.journal.type": "EMBEDDED"},
         "Raft-based embedded journal and Zookeeper cannot be used at the same time"),
        ("a folder that can't be written", {"alluxio.master.journal.folder": no_folder / "journal"},
         "can't be written"),
    ]
    ports = free_ports(2)
    for what, changed, words in cases:
        changed |= {"alluxio.master.rpc.port": ports[0], "alluxio.master.web.port": ports[1]}
        process = Process("refused", cluster.master_command(0, changed), cluster.folder / "refused" / "out.log")
        code = process.wait(_LIMIT_S)
        process.kill()
        checks.that(f"{what} is refused", code not in (None, 0) and words in process.tail(), process.tail())
        process.log.unlink()
    checks.equal("the folder that was refused is still blank", [file.name for file in blank.iterdir()], [])


def main() -> int:
    checks = Checks()
    folder = Path(tempfile.mkdtemp(prefix="headpond-zookeeper-"))
    cluster = Cluster(HeadpondServer(), folder)
    try:
        check_start(checks, cluster)
        properties = [f"{key}={value}" for key, value in cluster.client.items()]
        with Shell(f"localhost:{cluster.rpc[0]}", folder / "shell", properties) as shell:
            check_stock_client(checks, cluster, shell)
            times = {how: check_change(checks, cluster, shell, how) for how in ("stopped", "killed")}
            times["SIGSTOP"] = check_sigstop(checks, cluster, shell)
        check_zookeeper_lost(checks, cluster)
        check_restart(checks, cluster)
        check_refusals(checks, cluster)
        codes = cluster.stop()
        checks.equal("exit codes of those that lived", codes, [0] * len(codes))
        print("until the next leader acknowledged: " + ", ".join(f"{how} {s:.2f} s" for how, s in times.items()))
        code = checks.exit_code()
        if code == 0 and not os.environ.get("KEEP_LOGS"):
            shutil.rmtree(folder)
        else:
            print(f"logs: {folder}")
        return code
    finally:
        cluster.stop()


if __name__ == "__main__":
    parts.run_as_test(main)
