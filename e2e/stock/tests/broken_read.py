#!/usr/bin/env python3
"""A block's file is cut short behind the worker's back while a stock client reads it over TCP.

The worker ends the stream and forgets the block; the client must get the file's bytes all the same,
from the under store. Needs to run on the worker's host, with BLOCK_STORE, the folder of its blocks.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from harness import parts
from harness.check import Checks

_BYTES = 96 * 1024 * 1024  # far more than a client takes ahead of its reader
_LEFT = 8 * 1024 * 1024


def block_file(folder: Path) -> Path:
    """The block's, which is the only one of its size."""
    found = [p for p in folder.rglob("*") if p.is_file() and p.stat().st_size == _BYTES]
    assert len(found) == 1, f"{len(found)} files of {_BYTES} bytes below {folder}"
    return found[0]


def main() -> int:
    checks = Checks()
    with tempfile.TemporaryDirectory() as workdir:
        command = parts.client_command(
            os.environ["MASTER"],
            Path(workdir),
            ["dev.headpond.e2e.BrokenRead", f"/e2e-broken-{os.getpid()}", str(_BYTES)],
            ["alluxio.user.short.circuit.enabled=false"],
            extra_cp=[parts.compiled(parts.E2E / "stock" / "java")],
        )
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as client:
            for line in client.stdout:
                print(line, end="")
                if line == "READING\n":
                    break
            os.truncate(block_file(Path(os.environ["BLOCK_STORE"])), _LEFT)
            rest, _ = client.communicate("\n")
        print(rest, end="")
        # Or it had all bytes before the file was cut.
        told = "Failed to read block" in (Path(workdir) / "logs" / "client.log").read_text()
        checks.that("the client's read failed and was tried again", told)
        checks.that("the client gets the file's bytes", "content_equal=true" in rest, rest.strip())
        checks.equal("exit code of the client", client.returncode, 0)
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
