"""Masters that share a journal folder and are elected by a real ZooKeeper, a worker, and clients that know
ZooKeeper's address only: ours and the stock shell. Leaders are stopped in order, killed, and stopped by SIGSTOP past
their session; ZooKeeper is not there at first, and goes away.

One line per expectation. Exit code: 0 when everything held, 77 when a part is missing.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.check import Checks
from harness.process import Process, free_ports
from harness.shell import Shell
from masters import Masters, tell, wait_for
from writer import Writer

_LIMIT_S = 40.0
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


class ElectedMasters(Masters):
    def __init__(self, folder: Path):
        super().__init__(folder, 3)
        self.zookeeper = ZooKeeper(folder / "zookeeper")
        self.client = {"alluxio.zookeeper.enabled": "true", "alluxio.zookeeper.address": self.zookeeper.address}

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def journal_properties(self, number: int) -> dict:
        del number
        return {"alluxio.master.journal.type": "UFS", "alluxio.master.journal.folder": self.journal}

    def leader(self) -> int | None:
        """Whoever ZooKeeper names to clients."""
        reply = self.run("fs", "masterInfo", patience="200ms")
        for number, port in enumerate(self.rpc):
            if f"Current leader master: localhost/<unresolved>:{port}" in reply.stdout:
                return number
        return None

    def stop(self) -> list[int]:
        codes = super().stop()
        self.zookeeper.kill()
        return codes


def check_start(checks: Checks, masters: ElectedMasters) -> None:
    masters.start_master(0)
    waits = wait_for(lambda: "no part in the election" in masters.log_of(0))
    checks.that("a master without ZooKeeper says that it waits", waits, masters.log_of(0))
    reply = masters.run_at(0, "fs", "ls", "/")
    checks.that("and serves nothing", reply.returncode != 0, reply.stdout)
    reply = masters.run("fs", "ls", "/", client={**masters.client, "alluxio.zookeeper.connection.timeout": "500ms"}, patience="1s")
    checks.that("a client without ZooKeeper is told so", "can't be reached" in reply.stdout + reply.stderr,
                reply.stdout + reply.stderr)
    checks.that("ZooKeeper starts", masters.zookeeper.start())
    checks.equal("then it leads", masters.await_leader(), 0)
    masters.start_master(1)
    masters.start_master(2)
    masters.start_worker()
    checks.that("the worker finds the leader through ZooKeeper", wait_for(masters.has_worker), masters.logs())
    everyone = lambda: all(f":{port}" in masters.run("fs", "masterInfo").stdout for port in masters.rpc)
    checks.that("all three take part in the election", wait_for(everyone), masters.run("fs", "masterInfo").stdout)
    report = masters.run("fsadmin", "report").stdout
    checks.that("the report names ZooKeeper", "Zookeeper Enabled: true" in report and
                masters.zookeeper.address in report, report)


def check_stock_client(checks: Checks, masters: ElectedMasters, shell: Shell) -> None:
    checks.equal("exit code of the stock mkdir", shell.run("fs", "mkdir", "/stock").exit_code, 0)
    reply = shell.run("fs", "masterInfo")
    checks.that("the stock shell names the leader", f":{masters.rpc[masters.leader()]}" in reply.text, reply.text)
    checks.equal("exit code of the stock write", shell.run("fs", "touch", "/stock/file").exit_code, 0)


def check_change(checks: Checks, masters: ElectedMasters, shell: Shell, how: str) -> float:
    """The leader ends in some way while folders are made; the time until the next one acknowledges."""
    top = f"/{how}"
    checks.equal(f"exit code of mkdir {top}", masters.run("fs", "mkdir", top).returncode, 0)
    # The next one starts from the snapshot, or has read along past it.
    checks.equal("exit code of checkpoint", masters.run("fsadmin", "journal", "checkpoint").returncode, 0)
    leader = masters.await_leader()
    writer = Writer(lambda path: masters.run("fs", "mkdir", path, patience="60s"), top)
    writer.start()
    wait_for(lambda: len(writer.made) > 3)
    begun = time.monotonic()
    if how == "stopped":
        masters.masters[leader].stop()
    else:
        masters.masters[leader].kill()
    done = wait_for(lambda: writer.first_after(begun))
    checks.that(f"another one leads after the leader was {how}", done is not None, masters.logs())
    reply = shell.run("fs", "mkdir", f"{top}/stock")
    checks.equal("the stock shell goes on: exit code", reply.exit_code, 0)
    writer.end()
    masters.start_master(leader)
    checks.equal("changes that failed", writer.failed, [])
    there = set(masters.run("fs", "ls", top).stdout.split())
    lost = [path for path, _, _ in writer.made if path not in there]
    checks.equal(f"acknowledged changes that are lost, of {len(writer.made)}", lost, [])
    return (done or float("inf")) - begun


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else {}


def check_sigstop(checks: Checks, masters: ElectedMasters, shell: Shell) -> float:
    """A leader that is stopped past its session has lost it, and must do no harm when it goes on."""
    checks.equal("exit code of mkdir", masters.run("fs", "mkdir", "/sigstop").returncode, 0)
    old = masters.await_leader()
    epoch = sorted(masters.journal.glob("*.epoch"))[-1]
    os.kill(masters.masters[old].pid, signal.SIGSTOP)
    stopped = time.monotonic()
    before = files_of(epoch)
    # Waits in the stopped master's sockets, to be answered when it goes on.
    client = subprocess.Popen(
        [masters.binary, "fs", "mkdir", "/sigstop/late", f"-Dalluxio.master.rpc.addresses=localhost:{masters.rpc[old]}",
         "-Dalluxio.user.rpc.retry.max.duration=1s"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    reply = masters.run("fs", "mkdir", "/sigstop/meanwhile", patience="60s")
    acknowledged = time.monotonic()
    checks.equal("a change while the old leader is stopped: exit code", reply.returncode, 0)
    checks.that("another one leads", masters.leader() not in (old, None), masters.logs())
    os.kill(masters.masters[old].pid, signal.SIGCONT)
    text, _ = client.communicate(timeout=_LIMIT_S)
    checks.that("the old leader acknowledges nothing", client.returncode != 0, text)
    demoted = wait_for(lambda: "this master leads no more" in masters.log_of(old))
    checks.that("it becomes a standby", demoted and masters.masters[old].alive(), masters.log_of(old))
    checks.equal("it has written nothing", files_of(epoch) == before, True)
    listing = masters.run("fs", "ls", "/sigstop").stdout
    checks.that("what it was asked has not happened", "/sigstop/late" not in listing and
                "/sigstop/meanwhile" in listing, listing)
    refused = masters.run_at(old, "fs", "ls", "/sigstop")
    checks.that("and it answers no client", refused.returncode != 0, refused.stdout)
    checks.equal("the stock shell finds the new one: exit code", shell.run("fs", "ls", "/sigstop").exit_code, 0)
    return acknowledged - stopped


def check_zookeeper_lost(checks: Checks, masters: ElectedMasters) -> None:
    leader = masters.await_leader()
    checks.equal("exit code of mkdir", masters.run("fs", "mkdir", "/lost").returncode, 0)
    masters.zookeeper.kill()
    killed = time.monotonic()
    gone = wait_for(lambda: masters.run_at(leader, "fs", "ls", "/").returncode != 0)
    took = time.monotonic() - killed
    checks.that(f"without ZooKeeper the leader gives up serving before its session can expire ({took:.1f} s)",
                gone and took < _SESSION_S + 3, masters.log_of(leader))
    checks.that("all masters live on", all(master.alive() for master in masters.masters), masters.logs())
    checks.that("ZooKeeper comes back", masters.zookeeper.start())
    checks.that("and one leads again", masters.await_leader() is not None, masters.logs())
    reply = masters.run("fs", "mkdir", "/lost/found", patience="30s")
    checks.equal("exit code of mkdir", reply.returncode, 0)


def check_restart(checks: Checks, masters: ElectedMasters) -> None:
    before = sorted(masters.run("fs", "ls", "-R", "/").stdout.split())
    codes = [master.stop() for master in masters.masters]
    checks.equal("exit codes of all masters", codes, [0, 0, 0])
    for number in range(3):
        masters.start_master(number)
    checks.that("one leads after all were stopped", masters.await_leader() is not None, masters.logs())
    after = sorted(masters.run("fs", "ls", "-R", "/").stdout.split())
    checks.that(f"and all {len(before)} words of the listing are as they were", before == after and before,
                f"{before}\n{after}")


def check_refusals(checks: Checks, masters: ElectedMasters) -> None:
    blank = masters.folder / "not-shared"
    no_folder = masters.folder / "a-file"
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
        process = Process("refused", masters.master_command(0, changed), masters.folder / "refused" / "out.log")
        code = process.wait(_LIMIT_S)
        process.kill()
        checks.that(f"{what} is refused", code not in (None, 0) and words in process.tail(), process.tail())
        process.log.unlink()
    checks.equal("the folder that was refused is still blank", [file.name for file in blank.iterdir()], [])


def story(checks: Checks, masters: ElectedMasters) -> None:
    check_start(checks, masters)
    properties = [f"{key}={value}" for key, value in masters.client.items()]
    with Shell(f"localhost:{masters.rpc[0]}", masters.folder / "shell", properties) as shell:
        check_stock_client(checks, masters, shell)
        times = {how: check_change(checks, masters, shell, how) for how in ("stopped", "killed")}
        times["SIGSTOP"] = check_sigstop(checks, masters, shell)
    check_zookeeper_lost(checks, masters)
    check_restart(checks, masters)
    check_refusals(checks, masters)
    print("until the next leader acknowledged: " + ", ".join(f"{how} {s:.2f} s" for how, s in times.items()))


if __name__ == "__main__":
    parts.run_as_test(lambda: tell("headpond-zookeeper-", ElectedMasters, story))
