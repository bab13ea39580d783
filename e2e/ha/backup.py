"""A backup while clients write, then the loss of all masters: new ones begin with it.

One line per expectation. Exit code: 0 when everything held, 77 when a part is missing.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.check import Checks
from harness.shell import Shell
from masters import tell, wait_for
from run import QuorumMasters, check_start
from writer import Writer

_CONTENT = b"in the cache alone\n" * 1000


def listing(masters: QuorumMasters, top: str) -> list[str]:
    """Type, owner, mode, size and path of everything below; times and cached shares are not compared."""
    reply = masters.run("fs", "ls", "-R", top)
    return sorted(re.sub(r"(PERSISTED|NOT_PERSISTED|TO_BE_PERSISTED)\s+\S+ \S+\s+(\d+%|DIR)", "", line)
                  for line in reply.stdout.splitlines() if line.strip())


def take_backup(checks: Checks, masters: QuorumMasters) -> str:
    """Names the file, which shows what was there before it began and nothing that was not."""
    (masters.folder / "content").write_bytes(_CONTENT)
    for command in (["mkdir", "/kept/a/b"], ["copyFromLocal", str(masters.folder / "content"), "/kept/content"],
                    ["chmod", "750", "/kept/a"], ["mkdir", "/busy"]):
        extra = ["-Dalluxio.user.file.writetype.default=MUST_CACHE"]
        checks.equal(f"exit code of {command[0]} {command[-1]}", masters.run("fs", *command, *extra).returncode, 0)
    writer = Writer(lambda path: masters.run("fs", "mkdir", path), "/busy")
    writer.start()
    wait_for(lambda: len(writer.made) >= 3)
    reply = masters.run("fsadmin", "backup", str(masters.folder / "backups"), "--local")
    checks.equal("exit code of backup", reply.returncode, 0)
    found = re.search(r"Backup URI +: (file://\S+/alluxio-backup-\d+-\d+-\d+-\d+\.gz)", reply.stdout)
    checks.that("backup says where it is", found is not None, reply.stdout + reply.stderr)
    writer.end()
    checks.equal("changes that failed meanwhile", writer.failed, [])
    return found.group(1) if found else ""


def check_refused(checks: Checks, masters: QuorumMasters) -> None:
    (masters.folder / "in-the-way").write_text("")
    reply = masters.run("fsadmin", "backup", str(masters.folder / "in-the-way" / "x"), "--local")
    checks.that("a folder that can't be made fails the command", reply.returncode != 0, reply.stdout)
    text = reply.stdout + reply.stderr
    checks.that("with its name and the remedy",
                "in-the-way" in text and "alluxio.master.backup.directory" in text, text)


def check_stock(checks: Checks, masters: QuorumMasters) -> None:
    properties = [f"{key}={value}" for key, value in masters.client.items()]
    with Shell(f"localhost:{masters.rpc[0]}", masters.folder / "shell", properties) as shell:
        reply = shell.run("fsadmin", "backup")
        checks.equal("exit code of the stock backup", reply.exit_code, 0)
        found = re.search(r"Backup URI +: (\S+\.gz)", reply.text)
        checks.that("it is in the root under-store",
                    found is not None and "/under-store/alluxio_backups/" in found.group(1), reply.text)
        checks.that("and whole", found is not None and Path(found.group(1) + ".complete").exists(), reply.text)


def lose_all_masters(masters: QuorumMasters) -> None:
    for number in range(3):
        masters.masters[number].kill()
        shutil.rmtree(masters.journal_folder(number))
        masters.masters[number] = None


def check_disagreement(checks: Checks, masters: QuorumMasters, backup: str) -> None:
    """A master that was not told of the backup would found an empty cluster: it waits, and says why."""
    masters.extra = {"alluxio.master.journal.init.from.backup": backup}
    masters.start_master(0)
    masters.start_master(1)
    masters.extra = {}
    masters.start_master(2)
    why = lambda: "set alluxio.master.journal.init.from.backup on all masters or on none" in masters.logs()
    checks.that("masters that disagree on the backup wait and say so", wait_for(why), masters.logs())
    checks.equal("and none of them leads", masters.leader(), None)
    masters.masters[2].stop()


def check_restored(checks: Checks, masters: QuorumMasters, backup: str, before: list[str]) -> None:
    masters.extra = {"alluxio.master.journal.init.from.backup": backup}
    masters.start_master(2)
    checks.that("new masters lead with the backup", wait_for(lambda: masters.leader() is not None), masters.logs())
    checks.that("all three have joined", wait_for(masters.all_available), str(masters.quorum()))
    checks.equal("what was there is there", listing(masters, "/kept"), before)
    cat = lambda: masters.run("fs", "cat", "/kept/content")
    cached = lambda: cat().stdout.encode() == _CONTENT
    checks.that("a file that only the worker has is read", wait_for(cached), cat().stderr + masters.logs())

    # The next leader has it from the founder, not from the file.
    os.remove(backup.removeprefix("file://"))
    leader = masters.leader()
    masters.masters[leader].kill()
    checks.that("another leads when that one is killed",
                wait_for(lambda: masters.leader() not in (None, leader)), masters.logs())
    checks.equal("and has the same", listing(masters, "/kept"), before)
    masters.start_master(leader)
    checks.that("which starts again without the file", wait_for(masters.all_available), masters.logs())


def story(checks: Checks, masters: QuorumMasters) -> None:
    check_start(checks, masters)
    backup = take_backup(checks, masters)
    check_refused(checks, masters)
    check_stock(checks, masters)
    before = listing(masters, "/kept")
    checks.equal("entries below /kept", len(before), 3)
    lose_all_masters(masters)
    check_disagreement(checks, masters, backup)
    check_restored(checks, masters, backup, before)


if __name__ == "__main__":
    parts.run_as_test(lambda: tell("headpond-backup-", QuorumMasters, story))
