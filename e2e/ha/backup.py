"""A backup while clients write, one that a standby makes, one whose standby is killed in the middle, then the loss of
all masters: new ones begin with a backup.

One line per expectation. Exit code: 0 when everything held, 77 when a part is missing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.check import Checks
from harness.shell import Shell
from masters import tell, wait_for
from run import QuorumMasters, check_start, elect
from writer import Writer

_CONTENT = b"in the cache alone\n" * 1000
_MANY = 6000  # folders: a backup of them takes long enough to stop its maker in the middle
_FREEZES = 5
_FREEZE_LIMIT_S = 20.0


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


def maker_of(masters: QuorumMasters, uri: str) -> int | None:
    """Who wrote the file: the leader tells of it too, the other standby knows nothing of it."""
    told = [number for number in range(3) if f"are backed up to {uri} " in masters.log_of(number)]
    standbys = [number for number in told if number != masters.leader()]
    return (standbys or told or [None])[0]


def check_standby(checks: Checks, masters: QuorumMasters) -> None:
    folder = str(masters.folder / "under-store" / "by-standby")
    for options, by_leader in (([], False), (["--local"], True)):
        reply = masters.run("fsadmin", "backup", folder, *options, "-o", "json")
        checks.equal(f"exit code of backup {options}", reply.returncode, 0)
        backup = json.loads(reply.stdout or "{}")
        maker = maker_of(masters, backup.get("uri", "none"))
        checks.equal(f"backup {options} is made by the leader", maker == masters.leader(), by_leader)
        checks.that("its entries are counted", backup.get("entries", 0) > 3, reply.stdout)
        checks.that("it is whole", Path(backup["uri"].removeprefix("file://") + ".complete").exists())


def holder(masters: QuorumMasters, folder: Path) -> int | None:
    """The master that has a file of the folder open."""
    for number, master in enumerate(masters.masters[:3]):
        links = Path(f"/proc/{master.pid}/fd")
        try:
            if any(os.readlink(link).startswith(f"{folder}/.headpond-") for link in links.iterdir()):
                return number
        except OSError:
            continue  # one was closed meanwhile
    return None


def freeze_maker(masters: QuorumMasters, folder: Path) -> int | None:
    """Stops the master that writes a backup, in the middle; None: it was faster."""
    deadline = time.monotonic() + _FREEZE_LIMIT_S
    while time.monotonic() < deadline:
        if (number := holder(masters, folder)) is not None:
            os.kill(masters.masters[number].pid, signal.SIGSTOP)
            if holder(masters, folder) == number:
                return number
            os.kill(masters.masters[number].pid, signal.SIGCONT)
            return None
        if any(folder.glob("*.complete")):
            return None
    return None


def begin_and_freeze(checks: Checks, masters: QuorumMasters, name: str) -> tuple[str, Path, int | None]:
    """The id, the folder and the frozen master of a backup that one of them was making."""
    for attempt in range(_FREEZES):
        folder = masters.folder / "under-store" / f"{name}-{attempt}"
        folder.mkdir()
        id_ = f"{name}-{attempt}"
        reply = masters.run("fsadmin", "backup", str(folder), "--id", id_, "--no-wait")
        checks.equal(f"exit code of the call that begins {id_}", reply.returncode, 0)
        if (frozen := freeze_maker(masters, folder)) is not None:
            return id_, folder, frozen
        wait_for(lambda: look(masters, id_).get("state") == "Completed")
    checks.that(f"a backup is caught in the middle within {_FREEZES} attempts", False, masters.logs())
    return "", masters.folder, None


def look(masters: QuorumMasters, id_: str) -> dict:
    reply = masters.run("fsadmin", "backup", "--look", "--id", id_, "-o", "json")
    return json.loads(reply.stdout) if reply.stdout.startswith("{") else {}


def make_many(checks: Checks, masters: QuorumMasters) -> None:
    paths = [f"/many/{number:05}-{'x' * 40}" for number in range(_MANY)]
    codes = [masters.run("fs", "mkdir", *paths[at:at + 1500]).returncode for at in range(0, _MANY, 1500)]
    checks.equal("exit codes of making many folders", set(codes), {0})


def check_lost_maker(checks: Checks, masters: QuorumMasters, how: str) -> None:
    """The standby that makes a backup dies, or hangs, in the middle: the other one makes it, and nothing half stays."""
    id_, folder, maker = begin_and_freeze(checks, masters, how)
    if maker is None:
        return
    checks.that("its maker is a standby", maker != masters.leader(), str(maker))
    if how == "killed":
        masters.masters[maker].kill()
    lost = time.monotonic()
    checks.that(f"another master completes it when its maker is {how}",
                wait_for(lambda: look(masters, id_).get("state") == "Completed"),
                f"{look(masters, id_)}\n{masters.logs()}")
    print(f"backup: completed {time.monotonic() - lost:.1f} s after its maker {how}")
    if how == "killed":
        masters.start_master(maker)
    else:
        os.kill(masters.masters[maker].pid, signal.SIGCONT)
    checks.that("the master is back", wait_for(masters.all_available), masters.logs())
    # One that only hung may complete its own file.
    halves = lambda: [file.name for file in folder.iterdir() if file.suffix != ".complete"
                      and not Path(f"{file}.complete").exists()]
    checks.that("nothing half stays", wait_for(lambda: not halves()), str(halves()))


def check_new_leader(checks: Checks, masters: QuorumMasters) -> None:
    """A master that comes to lead knows of a backup that a standby made for the leader before."""
    folder = masters.folder / "under-store" / "handed-over"
    reply = masters.run("fsadmin", "backup", str(folder), "--id", "handed-over", "-o", "json")
    checks.equal("exit code of a backup with an id", reply.returncode, 0)
    made = json.loads(reply.stdout)
    maker = maker_of(masters, made["uri"])
    elect(checks, masters, next(number for number in range(3) if number not in (maker, masters.leader())))
    checks.equal("the new leader tells of it", look(masters, "handed-over"), made)
    reply = masters.run("fsadmin", "backup", str(folder), "--id", "handed-over", "-o", "json")
    checks.equal("and begins no second one", (reply.returncode, json.loads(reply.stdout or "{}")), (0, made))
    checks.equal("files in its folder", len(list(folder.glob("alluxio-backup-*.gz"))), 1)


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
    check_standby(checks, masters)
    make_many(checks, masters)
    for how in ("killed", "hung"):
        check_lost_maker(checks, masters, how)
    check_new_leader(checks, masters)
    before = listing(masters, "/kept")
    checks.equal("entries below /kept", len(before), 3)
    lose_all_masters(masters)
    check_disagreement(checks, masters, backup)
    check_restored(checks, masters, backup, before)


if __name__ == "__main__":
    parts.run_as_test(lambda: tell("headpond-backup-", QuorumMasters, story))
