#!/usr/bin/env python3
"""The stock TestRunner: 3 read types x 4 write types x 2 ways to read, 24 of 24 must pass."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from harness import parts
from harness.check import Checks

_COMBINATIONS = 24
_TAIL_LINES = 100


def main() -> int:
    with tempfile.TemporaryDirectory() as workdir:
        command = parts.client_command(
            os.environ["MASTER"],
            Path(workdir),
            ["alluxio.cli.TestRunner"],
            ["alluxio.user.short.circuit.enabled=false"],
        )
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        print(run.stdout)
        for log in Path(workdir).rglob("*.log") if run.returncode != 0 else []:
            print(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]))
    checks = Checks()
    checks.equal(
        "combinations run",
        len(re.findall(r"^runTest --operation", run.stdout, re.M)),
        _COMBINATIONS,
    )
    checks.equal("passed", run.stdout.count("Passed the test!"), _COMBINATIONS)
    checks.equal("failed", run.stdout.count("Failed the test!"), 0)
    checks.equal("exit code", run.returncode, 0)
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
