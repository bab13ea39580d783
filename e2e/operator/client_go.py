"""Runs the Go program in client_go/ against the API: what operators written with client-go do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_PROGRAM = Path(__file__).resolve().parent / "client_go"
_BUILD_LIMIT_S = 900  # a cold build compiles all of client-go
_RUN_LIMIT_S = 180


def build(folder: Path) -> Path | None:
    """The built program; None, with the reason on standard error, where it can't be had."""
    go = os.environ.get("GO") or shutil.which("go")
    if not go:
        print("SKIP client-go: go is not installed", file=sys.stderr, flush=True)
        return None
    program = folder / "client-go"
    done = subprocess.run(
        [go, "build", "-o", str(program), "."],
        cwd=_PROGRAM,
        env={**os.environ, "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=_BUILD_LIMIT_S,
    )
    if done.returncode == 0:
        return program
    print(f"SKIP client-go: it can't be built here (are the modules reachable?)\n{done.stderr}", file=sys.stderr, flush=True)
    return None


def run(program: Path, environment: dict[str, str], checks) -> None:
    """Every line that the program prints is an expectation."""
    for watch_list in ("false", "true"):
        done = subprocess.run(
            [str(program)],
            env={**environment, "KUBE_FEATURE_WatchListClient": watch_list},
            capture_output=True,
            text=True,
            timeout=_RUN_LIMIT_S,
        )
        print(done.stdout, end="", flush=True)
        checks.that(f"client-go works (watch-list {watch_list})", done.returncode == 0, done.stdout + done.stderr)
