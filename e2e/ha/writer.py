"""A client that changes something all the time, and remembers what it was told."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import Callable


class Writer(threading.Thread):
    """Makes one path below `top` after another, and remembers which were acknowledged and when."""

    def __init__(self, make: Callable[[str], subprocess.CompletedProcess], top: str):
        super().__init__(daemon=True)
        self._make = make
        self._top = top
        self._ended = threading.Event()
        self.made: list[tuple[str, float, float]] = []  # path, begun, acknowledged
        self.failed: list[str] = []

    def run(self) -> None:
        number = 0
        while not self._ended.is_set():
            path = f"{self._top}/{number}"
            begun = time.monotonic()
            reply = self._make(path)
            if reply.returncode == 0:
                self.made.append((path, begun, time.monotonic()))
            else:
                self.failed.append(f"{path}: {reply.stdout}{reply.stderr}")
            number += 1

    def end(self) -> None:
        self._ended.set()
        self.join()

    def first_after(self, moment: float) -> float | None:
        """When the first change that was begun after the moment was acknowledged."""
        return next((done for _, begun, done in list(self.made) if begun >= moment), None)

    def slowest(self) -> float:
        return max((done - begun for _, begun, done in self.made), default=0)
