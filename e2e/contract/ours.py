"""The API that headpond-operator serves itself, without a controller that would act on what is written."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

from client import Api, unix_connection
from harness.process import Process, wait_for

_ROOT = Path(__file__).resolve().parents[2]
_START_LIMIT_S = 30.0


def program() -> Path:
    """headpond-operator beside the binary of $HEADPOND_BIN, or of the release build."""
    chosen = os.environ.get("HEADPOND_BIN")
    folder = Path(chosen).resolve().parent if chosen else _ROOT / "build" / "release" / "bin"
    return folder / "headpond-operator"


def metrics(port: int) -> str:
    """Of an operator with this --monitor-port; nothing before it serves them."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return answer.read().decode()
    except OSError:
        return ""


class HeadpondServer:
    """Use it as a context manager."""

    name = "headpond"

    def __init__(self, folder: Path):
        self._folder = folder
        self._process: Process | None = None
        self.api: Api

    def __enter__(self) -> "HeadpondServer":
        home = self._folder / "home"
        self._process = Process(
            "headpond-operator", [str(program()), "api", "--home", str(home)], self._folder / "headpond-operator.log")
        socket = home / "api" / "api.sock"
        self.api = Api(lambda timeout_s: unix_connection(socket, timeout_s))
        if not wait_for(self._ready, _START_LIMIT_S):
            raise RuntimeError("headpond-operator does not get ready\n" + self._process.tail())
        return self

    def __exit__(self, *exc_info) -> None:
        self._process.stop()

    def _ready(self) -> bool:
        if not self._process.alive():
            raise RuntimeError("headpond-operator ended\n" + self._process.tail())
        try:
            return self.api.call("GET", "/readyz").code == 200
        except OSError:
            return False
