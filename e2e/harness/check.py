"""Expectations of a test: all are checked and printed, so that one run shows every difference."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Callable


class Checks:
    def __init__(self):
        self.wrong: list[str] = []  # what did not hold

    def that(self, what: str, holds: bool, detail: str = "") -> bool:
        """Records and prints one expectation; returns whether it holds."""
        if holds:
            print(f"ok    {what}", flush=True)
        else:
            self.wrong.append(what)
            print(f"WRONG {what}", flush=True)
            for line in detail.splitlines():
                print(f"      {line}")
        return holds

    def equal(self, what: str, actual, expected) -> bool:
        if actual == expected:
            shown = repr(actual)
            return self.that(f"{what} = {shown if len(shown) <= 60 else shown[:57] + '...'}", True)
        return self.that(what, False, f"expected {expected!r}\nactual   {actual!r}")

    def exit_code(self) -> int:
        """0 when everything held; prints the last word, which names again what did not."""
        for what in self.wrong:
            print(f"WRONG {what}")
        print(f"{len(self.wrong)} wrong" if self.wrong else "all right", flush=True)
        return 1 if self.wrong else 0


def conclude(checks: Checks, folder: Path) -> int:
    """The test's exit code. Its folder is kept when something is wrong or $KEEP_LOGS is set."""
    if checks.wrong or os.environ.get("KEEP_LOGS"):
        print(f"logs: {folder}")
    else:
        shutil.rmtree(folder)
    return checks.exit_code()


def in_folder(prefix: str, body: Callable[[Checks, Path], None]) -> int:
    """Runs a test that needs a folder of its own, and returns its exit code."""
    checks = Checks()
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        body(checks, folder)
    except BaseException:
        print(f"logs: {folder}")
        raise
    return conclude(checks, folder)
