"""The stock command line, many commands in one JVM (stock/java/.../ShellSession.java)."""

from __future__ import annotations

import dataclasses
import selectors
import subprocess
import time
from pathlib import Path

from harness import parts
from harness.process import die_with_parent

_SEPARATOR = "\x1f"  # between arguments; commands are lines


class ShellFailed(Exception):
    """The JVM ended or gave no answer in time."""


@dataclasses.dataclass(frozen=True)
class Reply:
    exit_code: int
    output: bytes  # standard output, exactly

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")


class Shell:
    """A session with the stock `fs`, `fsadmin` and `job` shells. Use it as a context manager."""

    def __init__(self, master: str, workdir: Path, properties=(), heap="512m"):
        workdir.mkdir(parents=True, exist_ok=True)
        classes = parts.compiled(parts.E2E / "stock" / "java")
        command = parts.client_command(
            master, workdir, ["dev.headpond.e2e.ShellSession"], properties, heap, [classes]
        )
        self.errors = workdir / "shell.err"
        with open(self.errors, "ab") as errors:
            self._jvm = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                preexec_fn=die_with_parent,
            )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._jvm.stdout, selectors.EVENT_READ)
        self._buffer = bytearray()

    def __enter__(self) -> "Shell":
        return self

    def __exit__(self, *exc_info) -> None:
        self._jvm.stdin.close()
        try:
            self._jvm.wait(10)
        except subprocess.TimeoutExpired:
            self._jvm.kill()
            self._jvm.wait()

    def run(self, *command: str, timeout_s: float = 120.0) -> Reply:
        """Runs one command, such as run("fs", "ls", "/"). Raises ShellFailed."""
        self._jvm.stdin.write((_SEPARATOR.join(command) + "\n").encode())
        self._jvm.stdin.flush()
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._buffer:
            self._receive(command, deadline)
        header, _, self._buffer = self._buffer.partition(b"\n")
        exit_code, size = map(int, header.split())
        while len(self._buffer) < size:
            self._receive(command, deadline)
        output = bytes(self._buffer[:size])
        del self._buffer[:size]
        return Reply(exit_code, output)

    def _receive(self, command, deadline: float) -> None:
        if not self._selector.select(max(0.0, deadline - time.monotonic())):
            raise ShellFailed(f"no answer in time to: {' '.join(command)}")
        data = self._jvm.stdout.read1(1 << 20)
        if not data:
            errors = self.errors.read_text(errors="replace").splitlines()[-10:]
            raise ShellFailed(f"the JVM ended at: {' '.join(command)}\n" + "\n".join(errors))
        self._buffer += data
