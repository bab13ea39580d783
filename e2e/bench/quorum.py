"""Three masters of one journal: what creates cost, and how long clients wait when the leader dies."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

import measure
from harness.cluster import Cluster, StartFailed
from harness.process import Process, wait_for
from harness.shell import Shell
from measure import ProgramFailed, Samples, Sizes

_MASTERS = 3
_LIMIT_S = 120.0
_WARM_UP_S = 3.0  # of the client that waits for the next leader


class Quorum(contextlib.AbstractContextManager):
    """No worker: what is measured needs none."""

    def __init__(self, server, folder: Path):
        self.folder = folder
        self.members = [Cluster(server, folder / f"master-{n}", roles=["master"]) for n in range(_MASTERS)]
        journals = ",".join(f"localhost:{member.journal_port}" for member in self.members)
        for member in self.members:
            member.properties.update({
                "alluxio.master.journal.type": "EMBEDDED",
                "alluxio.master.embedded.journal.addresses": journals,
                "alluxio.master.rpc.addresses": self.address,
                "alluxio.master.mount.table.root.ufs": folder / "under-store",
            })

    @property
    def address(self) -> str:
        return ",".join(member.master for member in self.members)

    def __enter__(self) -> "Quorum":
        (self.folder / "under-store").mkdir(parents=True)
        try:
            for member in self.members:
                member.make_folders()
                member.start_role("master")
            self.shell = Shell(self.address, self.folder / "shell")
            if not wait_for(self.complete, _LIMIT_S, 0.2):
                raise StartFailed("three masters don't find together:\n" + self.members[0].log_of("master"))
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc_info) -> None:
        if hasattr(self, "shell"):
            self.shell.__exit__()
        for member in self.members:
            member.stop()

    def complete(self) -> bool:
        """All three take part, and are in reach of the leader."""
        reply = self.shell.run("fsadmin", "journal", "quorum", "info", "-domain", "MASTER")
        return reply.exit_code == 0 and len(re.findall(r"\bAVAILABLE\b", reply.text)) == _MASTERS

    def leader(self) -> Cluster:
        reply = self.shell.run("fs", "masterInfo")
        found = re.search(r"Current leader master:.*:(\d+)", reply.text)
        for member in self.members:
            if found and member.master_port == int(found.group(1)):
                return member
        raise ProgramFailed(f"nobody leads:\n{reply.text}")


def metadata(quorum: Quorum, folder: Path, sizes: Sizes, samples: Samples) -> None:
    threads = max(sizes.meta_threads)
    main = ["dev.headpond.bench.MetaBench", str(threads), str(sizes.meta_operations[threads])]
    leader = quorum.leader()
    output = measure.run(measure.java(leader, folder, "master", main, master=quorum.address), 600)
    samples.add_lines(f"quorum.meta{threads}", output)


def failover(quorum: Quorum, folder: Path, sizes: Sizes, samples: Samples) -> None:
    """Seconds from kill -9 of the leader to the first folder that was begun after it and is acknowledged."""
    for _ in range(sizes.failovers):
        leader = quorum.leader()
        main = ["dev.headpond.bench.Failover"]
        log = folder / "failover.out"
        log.unlink(missing_ok=True)
        client = Process("failover", measure.java(leader, folder, "master", main, master=quorum.address), log)
        try:
            if not wait_for(lambda: acknowledged(log), _LIMIT_S):
                raise ProgramFailed(f"no folder is made:\n{client.tail()}")
            time.sleep(_WARM_UP_S)
            killed = time.monotonic_ns()
            leader.processes["master"].kill()
            after = lambda: next((end for begun, end in acknowledged(log) if begun >= killed), None)
            done = wait_for(lambda: after() or not client.alive(), _LIMIT_S, 0.02) and after()
            if not done:
                raise ProgramFailed(f"no folder is made after the leader's death:\n{client.tail()}")
            samples.add("quorum.failover_s", (done - killed) / 1e9)
        finally:
            client.kill()
        leader.start_role("master")
        if not wait_for(quorum.complete, _LIMIT_S, 0.2):
            raise ProgramFailed("the master that was killed does not come back")


def acknowledged(log: Path) -> list[tuple[int, int]]:
    """When folders were begun and acknowledged, by the lines that are whole."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return [(int(m[1]), int(m[2])) for m in re.finditer(r"^(\d+) (\d+)\n", text, re.M)]


def measure_all(server, folder: Path, sizes: Sizes, samples: Samples) -> None:
    with Quorum(server, folder) as quorum:
        metadata(quorum, folder, sizes, samples)
        failover(quorum, folder, sizes, samples)
