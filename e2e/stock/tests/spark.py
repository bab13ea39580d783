#!/usr/bin/env python3
"""PySpark word count and a Parquet round trip over alluxio:// with the stock shaded client."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from harness import parts


def main() -> int:
    job = Path(__file__).with_name("spark_job.py")
    # Several masters: Hadoop takes commas for the ends of paths.
    masters = os.environ["MASTER"].replace(",", ";")
    base = f"alluxio://{masters}/e2e-spark-{os.getpid()}"
    parts.java()
    command = [str(parts.spark_python()), str(job), base, str(parts.shaded_client())]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    parts.run_as_test(main)
