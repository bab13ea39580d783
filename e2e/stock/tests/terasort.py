#!/usr/bin/env python3
"""TeraGen, TeraSort, TeraValidate over alluxio://, MapReduce in local mode. ROWS of 100 bytes."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from harness import parts
from harness.check import Checks
from harness.shell import Shell

# The generator is deterministic: what TeraValidate reports for a row count never changes.
_CHECKSUMS = {100_000: "c327a1c42c28", 1_000_000: "7a27e2d0d55de"}


def hadoop_command(workdir: Path, master: str, program: str, arguments: list[str]) -> list[str]:
    settings = {
        "fs.alluxio.impl": "alluxio.hadoop.FileSystem",
        "fs.AbstractFileSystem.alluxio.impl": "alluxio.hadoop.AlluxioFileSystem",
        "fs.defaultFS": f"alluxio://{master}/",
        "mapreduce.framework.name": "local",
        "mapreduce.job.maps": "2",
        "mapreduce.job.reduces": "1",
        "hadoop.tmp.dir": str(workdir / "hadoop"),
    }
    return [
        parts.java(),
        "--add-opens=java.base/java.lang=ALL-UNNAMED",
        "-Xmx1g",
        f"-Dalluxio.logs.dir={workdir}",
        "-Dalluxio.logger.type=mapreduce",
        "-Dalluxio.user.short.circuit.enabled=false",
        "-cp",
        f"{parts.E2E / 'stock' / 'conf'}:{parts.mapreduce_jars()}/*:{parts.shaded_client()}",
        f"org.apache.hadoop.examples.terasort.{program}",
        *(f"-D{key}={value}" for key, value in settings.items()),
        *arguments,
    ]


def main() -> int:
    master = os.environ["MASTER"]
    rows = int(os.environ.get("ROWS", "1000000"))
    base = f"alluxio://{master}/e2e-terasort-{os.getpid()}"
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder)
        for program, arguments in (
            ("TeraGen", [str(rows), f"{base}/in"]),
            ("TeraSort", [f"{base}/in", f"{base}/out"]),
            ("TeraValidate", [f"{base}/out", f"{base}/report"]),
        ):
            started = time.monotonic()
            run = subprocess.run(hadoop_command(workdir, master, program, arguments), check=False)
            seconds = time.monotonic() - started
            if not checks.equal(f"{program} ({seconds:.1f} s) exits with", run.returncode, 0):
                print((workdir / "mapreduce.log").read_text()[-6000:])
                return checks.exit_code()
        with Shell(master, workdir / "shell") as shell:
            path = base.removeprefix(f"alluxio://{master}")
            report = shell.run("fs", "cat", f"{path}/report/part-r-00000").text
            size = shell.run("fs", "stat", "-f", "%z", f"{path}/out/part-r-00000").text.strip()
            shell.run("fs", "rm", "-R", path)
        checks.equal("bytes sorted", size, str(rows * 100))
        checks.that(
            "nothing out of order", "misorder" not in report and "error" not in report, report
        )
        found = report.split()[-1] if report.split() else ""
        checks.equal("checksum", found, _CHECKSUMS.get(rows, found))
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
