"""Three masters of one journal, a worker and clients nobody here wrote, while leaders are killed.

One line per expectation; the times of failover at the end. Exit code: 0 when everything held, 77 when
a part is missing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.check import Checks
from harness.process import free_ports
from harness.shell import Shell
from masters import Masters, tell, wait_for
from writer import Writer

_START_LIMIT_S = 30.0


class QuorumMasters(Masters):
    """Three masters with the embedded journal, and a fourth that comes later and knows all of them."""

    def __init__(self, folder: Path):
        super().__init__(folder, 4)
        self.extra: dict[str, str] = {}  # properties of masters that are started from now on
        self.journal = free_ports(4)
        self.addresses = [f"localhost:{port}" for port in self.journal]
        self.client = {"alluxio.master.rpc.addresses": ",".join(f"localhost:{port}" for port in self.rpc)}

    def journal_folder(self, number: int) -> Path:
        return self.folder / f"master-{number}" / "journal"

    def journal_properties(self, number: int) -> dict:
        addresses = self.addresses if number == 3 else self.addresses[:3]
        return {
            "alluxio.master.journal.type": "EMBEDDED",
            "alluxio.master.embedded.journal.addresses": ",".join(addresses),
            "alluxio.master.embedded.journal.port": self.journal[number],
            "alluxio.master.journal.folder": self.journal_folder(number),
            **self.extra,
        }

    def quorum(self) -> list[dict]:
        reply = self.run("fsadmin", "journal", "quorum", "info", "-domain", "MASTER", "-o", "json")
        return json.loads(reply.stdout) if reply.returncode == 0 else []

    def leader(self) -> int | None:
        for member in self.quorum():
            if member["leader"]:
                return self.addresses.index(member["address"])
        return None

    def all_available(self, count: int = 3) -> bool:
        members = self.quorum()
        return len(members) == count and all(member["available"] for member in members)


def check_start(checks: Checks, masters: QuorumMasters) -> None:
    for number in range(3):
        masters.start_master(number)
    masters.start_worker()
    checks.that("one of three masters leads", wait_for(lambda: masters.leader() is not None), masters.logs())
    checks.that("all three are available", wait_for(masters.all_available), str(masters.quorum()))
    checks.that("the worker has registered with the leader", wait_for(masters.has_worker), masters.logs())


def check_failover(checks: Checks, masters: QuorumMasters, rounds: int) -> list[float]:
    checks.equal("exit code of mkdir", masters.run("fs", "mkdir", "/ha").returncode, 0)
    writer = Writer(lambda path: masters.run("fs", "mkdir", path), "/ha")
    writer.start()
    times, snapshots = [], []
    for _ in range(rounds):
        leader = masters.await_leader()
        killed = time.monotonic()
        masters.masters[leader].kill()
        done = wait_for(lambda: writer.first_after(killed))
        times.append((done or float("inf")) - killed)
        # The next leader snapshots, so that it starts from a snapshot when its turn to die has come.
        snapshots.append(masters.run("fsadmin", "journal", "checkpoint").returncode)
        masters.start_master(leader)
        wait_for(masters.all_available)
    writer.end()
    checks.equal("exit codes of checkpoint", set(snapshots), {0})
    checks.equal("changes that failed although two of three masters lived", writer.failed, [])
    checks.that(f"there is a leader after each of {rounds} kills", max(times) < float("inf"), masters.logs())
    there = set(masters.run("fs", "ls", "/ha").stdout.split())
    lost = [path for path, _, _ in writer.made if path not in there]
    checks.equal(f"acknowledged changes that are lost, of {len(writer.made)}", lost, [])
    return times


def elect(checks: Checks, masters: QuorumMasters, to: int) -> None:
    reply = masters.run("fsadmin", "journal", "quorum", "elect", "-address", masters.addresses[to])
    checks.equal("exit code of elect", reply.returncode, 0)
    checks.that("elect says so", "Successfully elected" in reply.stdout, reply.stdout)
    checks.equal("the leader after elect", masters.leader(), to)


def check_transfer(checks: Checks, masters: QuorumMasters) -> None:
    elect(checks, masters, next(number for number in range(3) if number != masters.leader()))


def check_members(checks: Checks, masters: QuorumMasters) -> None:
    """One joins, one loses its disk, one is removed: the list of the others stays as it was."""
    checks.equal("exit code of mkdir", masters.run("fs", "mkdir", "/members").returncode, 0)
    masters.start_master(3)
    checks.that("a fourth master joins", wait_for(lambda: masters.all_available(4)), masters.logs())
    elect(checks, masters, 3)
    reply = masters.run("fs", "ls", "/")
    checks.that("and it has everything", "/members" in reply.stdout, reply.stdout + reply.stderr)

    masters.masters[1].kill()
    checks.that("one that was killed is missed", wait_for(lambda: not masters.all_available(4)))
    shutil.rmtree(masters.journal_folder(1))
    masters.start_master(1)
    checks.that("a master that lost its disk is a member again",
                wait_for(lambda: masters.all_available(4)), masters.logs())
    cluster = (masters.journal_folder(1) / "raft" / "NODE").read_text().split("cluster.id=")[1].split()[0]
    others = (masters.journal_folder(0) / "raft" / "NODE").read_text()
    checks.that("of the same cluster", f"cluster.id={cluster}" in others, others)

    masters.masters[3].stop()  # hands over
    reply = masters.run("fsadmin", "journal", "quorum", "remove", "-domain", "MASTER", "-address", masters.addresses[3])
    checks.that("remove says so", "Removed server" in reply.stdout, reply.stdout + reply.stderr)
    checks.that("three are left", wait_for(masters.all_available), str(masters.quorum()))
    masters.start_master(3)
    code = masters.masters[3].wait(_START_LIMIT_S)
    checks.that("a master that was removed ends with an error", code not in (None, 0), str(code))
    checks.that("and says why", "was removed from the quorum" in masters.logs(), masters.logs())
    masters.masters[3] = None


def check_stock_client(checks: Checks, masters: QuorumMasters) -> None:
    """The stock shell finds the leader, and goes on when it is killed."""
    properties = [f"{key}={value}" for key, value in masters.client.items()]
    with Shell(f"localhost:{masters.rpc[0]}", masters.folder / "shell", properties) as shell:
        checks.equal("exit code of the stock mkdir", shell.run("fs", "mkdir", "/stock").exit_code, 0)
        masters.masters[masters.leader()].kill()
        checks.equal("and of one after the leader was killed", shell.run("fs", "mkdir", "/stock/more").exit_code, 0)
        reply = shell.run("fs", "ls", "/stock")
        checks.that("both are there", "/stock/more" in reply.text, reply.text)
        reply = shell.run("fsadmin", "journal", "quorum", "info", "-domain", "MASTER")
        checks.equal("exit code of the stock quorum info", reply.exit_code, 0)
        checks.that("it shows three members", reply.text.count("localhost:") == 4, reply.text)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5, help="how often the leader is killed")
    arguments = parser.parse_args()

    def story(checks: Checks, masters: QuorumMasters) -> None:
        check_start(checks, masters)
        times = check_failover(checks, masters, arguments.rounds)
        check_transfer(checks, masters)
        check_members(checks, masters)
        check_stock_client(checks, masters)
        shown = ", ".join(f"{seconds:.2f}" for seconds in times)
        print(f"failover: median {statistics.median(times):.2f} s, worst {max(times):.2f} s ({shown})")

    return tell("headpond-ha-", QuorumMasters, story)


if __name__ == "__main__":
    parts.run_as_test(main)
