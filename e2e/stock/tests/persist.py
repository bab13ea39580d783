#!/usr/bin/env python3
"""Files that live only in the cache: attributes, `persist`, and a background write-through.

Needs a server that persists (stock: a job master and a job worker).
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from harness import parts
from harness.check import Checks
from harness.process import wait_for
from harness.shell import Shell

_CONTENT = b"kept in the cache until it is asked for\n" * 5000
_SETTLE_S = 60.0


def in_under_store(path: str) -> bytes | None:
    file = Path(os.environ["UNDER_STORE"]) / path.strip("/")
    return file.read_bytes() if file.is_file() else None


def state_of(shell: Shell, path: str) -> str:
    """The fifth column of `ls`: NOT_PERSISTED, TO_BE_PERSISTED, PERSISTED or LOST."""
    fields = shell.run("fs", "ls", path).text.split()
    return fields[4] if len(fields) > 4 else "?"


def cached_only(checks: Checks, master: str, workdir: Path, root: str, source: Path) -> None:
    properties = [
        "alluxio.user.file.writetype.default=MUST_CACHE",
        "alluxio.user.short.circuit.enabled=false",
    ]
    with Shell(master, workdir / "must-cache", properties) as shell:

        def prints(command: str, expected: str, exit_code: int = 0) -> None:
            reply = shell.run("fs", *command.split())
            checks.equal(
                f"fs {command}", (reply.exit_code, reply.text), (exit_code, expected + "\n")
            )

        shell.run("fs", "mkdir", root)
        shell.run("fs", "copyFromLocal", str(source), f"{root}/kept")
        checks.equal("state of a MUST_CACHE file", state_of(shell, f"{root}/kept"), "NOT_PERSISTED")
        prints(f"chown bob {root}/kept", f"Changed owner of {root}/kept to bob")
        prints(f"chgrp crew {root}/kept", f"Changed group of {root}/kept to crew")
        line = shell.run("fs", "ls", f"{root}/kept").text.split()
        checks.equal("owner and group", line[1:3], ["bob", "crew"])
        prints(f"free {root}/kept", f"Cannot free file {root}/kept which is not persisted", 255)
        shell.run("fs", "copyFromLocal", str(source), f"{root}/wanted")
        prints(
            f"persist {root}/wanted",
            "Found 1 files to persist.\n" f"(1/1) Successfully persisted file: {root}/wanted",
        )
        checks.equal("state after persist", state_of(shell, f"{root}/wanted"), "PERSISTED")
        prints(f"persist {root}/wanted", "Found 0 files to persist.")
        if os.environ.get("UNDER_STORE"):
            checks.that("persisted content", in_under_store(f"{root}/wanted") == _CONTENT)
            checks.equal("the other file stays out", in_under_store(f"{root}/kept"), None)


def written_behind(checks: Checks, master: str, workdir: Path, root: str, source: Path) -> None:
    properties = [
        "alluxio.user.file.writetype.default=ASYNC_THROUGH",
        "alluxio.user.short.circuit.enabled=false",
    ]
    with Shell(master, workdir / "async", properties) as shell:
        path = f"{root}/behind"
        shell.run("fs", "copyFromLocal", str(source), path)
        checks.that(
            "an ASYNC_THROUGH file is or will be persisted",
            state_of(shell, path) in ("TO_BE_PERSISTED", "PERSISTED"),
            state_of(shell, path),
        )
        wait_for(lambda: state_of(shell, path) == "PERSISTED", _SETTLE_S, 0.5)
        checks.equal("state in the end", state_of(shell, path), "PERSISTED")
        if os.environ.get("UNDER_STORE"):
            checks.that("content in the under store", in_under_store(path) == _CONTENT)
        checks.equal("content", shell.run("fs", "cat", path).output, _CONTENT)
        shell.run("fs", "rm", "-R", root)


def main() -> int:
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder)
        source = workdir / "source"
        source.write_bytes(_CONTENT)
        for part in (cached_only, written_behind):
            part(checks, os.environ["MASTER"], workdir, f"/e2e-persist-{os.getpid()}", source)
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
