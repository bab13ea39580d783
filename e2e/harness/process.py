"""Child processes that never outlive the run.

Each child leads its own process group and is ended by that group's id; should this process be
killed, the kernel ends the children.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A running command whose output (both streams) goes to a file."""

    def __init__(self, name: str, command: list[str], log: Path, env: dict[str, str] | None = None):
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as output:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self.pid = self._child.pid

    def alive(self) -> bool:
        return self._child.poll() is None

    def wait(self, timeout_s: float) -> int | None:
        """The exit code, or None when it still runs after the timeout."""
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace_s: float = 15.0) -> int:
        """SIGTERM, after the grace period SIGKILL to the whole group. Returns the exit code."""
        if self.alive():
            self._child.terminate()
            self.wait(grace_s)
        self.kill()
        return self._child.returncode

    def kill(self) -> None:
        """SIGKILL to the whole group; grandchildren that outlived the child go too."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._child.wait()

    def rss_bytes(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"{self.name} has no resident memory: it has ended")

    def cpu_seconds(self) -> float:
        """User and system time of all threads so far (proc(5), fields 14 and 15)."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        fields = stat[stat.rindex(")") + 2 :].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that were free a moment ago, none of which this process was given before."""
    sockets: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            sockets.append(socket.socket())
            sockets[-1].bind(("127.0.0.1", 0))
            port = sockets[-1].getsockname()[1]
            if port not in _given:
                _given.add(port)
                ports.append(port)
        return ports
    finally:
        for one in sockets:
            one.close()


def wait_for(condition, timeout_s: float, interval_s: float = 0.1):
    """The first true value of condition(), or the last false one when the time is up."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(interval_s)
