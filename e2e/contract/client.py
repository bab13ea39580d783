"""A plain HTTP client of Kubernetes' API: what is sent and answered is seen as it is."""

from __future__ import annotations

import dataclasses
import http.client
import json
import socket
import ssl
import time
from pathlib import Path

_CALL_LIMIT_S = 30.0


def tls_connection(port: int, context: ssl.SSLContext, timeout_s: float) -> http.client.HTTPConnection:
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout_s, context=context)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float):
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def unix_connection(path: Path, timeout_s: float) -> http.client.HTTPConnection:
    return _UnixConnection(path, timeout_s)


@dataclasses.dataclass(frozen=True)
class Answer:
    code: int
    headers: dict[str, str]
    text: str

    @property
    def body(self):
        """The JSON; None when it is something else."""
        try:
            return json.loads(self.text)
        except json.JSONDecodeError:
            return None


class Api:
    """One server. `connect(timeout_s)` makes a connection to it."""

    def __init__(self, connect, token: str | None = None):
        self._connect = connect
        self._token = token
        self._kept: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body=None, content_type: str | None = None, **headers: str) -> Answer:
        """`body` is JSON, or text that is sent as it is. Header names are written with _ for -."""
        kept, self._kept = self._kept, None
        if kept is not None:
            try:
                return self._exchange(kept, method, path, body, content_type, headers)
            except ConnectionError:
                pass  # the server has closed what was idle, before it read anything
        return self._exchange(self._connect(_CALL_LIMIT_S), method, path, body, content_type, headers)

    def _exchange(self, connection, method: str, path: str, body, content_type, headers: dict[str, str]) -> Answer:
        try:
            connection.request(method, path, self._bytes(body), self._headers(body, content_type, headers))
            response = connection.getresponse()
            answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read().decode(errors="replace"))
        except BaseException:
            connection.close()
            raise
        self._kept = connection
        return answer

    def watch(self, path: str, until, limit_s: float = 10.0, **headers: str) -> tuple[int, list[dict]]:
        """The code and the events of a watch, up to the first list of events that `until` is satisfied with, the end
        of the stream or the time limit."""
        connection = self._connect(limit_s)
        events: list[dict] = []
        try:
            connection.request("GET", path, None, self._headers(None, None, headers))
            response = connection.getresponse()
            if response.status != 200:
                return response.status, [json.loads(response.read())]
            deadline = time.monotonic() + limit_s
            while not until(events) and time.monotonic() < deadline:
                line = response.readline()
                if not line:
                    break
                events.append(json.loads(line))
            return response.status, events
        except TimeoutError:
            return 200, events
        finally:
            connection.close()

    @staticmethod
    def _bytes(body) -> bytes | None:
        if body is None:
            return None
        return (body if isinstance(body, str) else json.dumps(body)).encode()

    def _headers(self, body, content_type: str | None, extra: dict[str, str]) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "contract/1"}
        if body is not None:
            headers["Content-Type"] = content_type or "application/json"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        headers.update({name.replace("_", "-"): value for name, value in extra.items()})
        return headers
