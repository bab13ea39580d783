"""Stands between an operator and an API server, and kills the operator at a moment chosen by its writes."""

from __future__ import annotations

import http.client
import http.server
import threading
from typing import Callable

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
# Nothing hangs on events, and the lease is renewed by time.
_NOT_COUNTED = ("/events", "/leases")


class Relay:
    """Use it as a context manager; `url` is where the operator connects to, without TLS. After `crash_after` writes that
    the server has done it calls `crash` and doesn't answer: the operator has died between the deed and the news."""

    def __init__(self, connect: Callable[[float], http.client.HTTPConnection]):
        relay = self
        self._connect = connect
        self._lock = threading.Lock()
        self.writes = 0
        self.crash_after = 0  # 0: never
        self.crash: Callable[[], None] = lambda: None

        class Handler(_Handler):
            relay_ = relay

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Relay":
        self._thread.start()
        return self

    def __exit__(self, *exc_info) -> None:
        self._server.shutdown()
        self._server.server_close()

    def connect(self) -> http.client.HTTPConnection:
        return self._connect(600.0)

    def done(self, method: str, path: str, code: int) -> bool:
        """Counts what the server did; False when nobody is to hear of it."""
        if method not in _WRITES or code >= 300 or any(word in path for word in _NOT_COUNTED):
            return True
        with self._lock:
            self.writes += 1
            if self.writes != self.crash_after:
                return True
        self.crash()
        return False


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        pass  # the operator has died, or the server has closed what was idle


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    relay_: Relay

    def setup(self) -> None:
        super().setup()
        self._upstream = self.relay_.connect()

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def log_message(self, *arguments) -> None:
        pass

    def _relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")}
        self._upstream.request(self.command, self.path, body or None, headers)
        answer = self._upstream.getresponse()
        if "watch=" in self.path and answer.status == 200:
            self._stream(answer)
            return
        text = answer.read()
        self.close_connection = not self.relay_.done(self.command, self.path, answer.status)
        if self.close_connection:
            return
        self.send_response(answer.status)
        self._copy_headers(answer)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _copy_headers(self, answer: http.client.HTTPResponse) -> None:
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)

    def _stream(self, answer: http.client.HTTPResponse) -> None:
        self.send_response(answer.status)
        self._copy_headers(answer)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while part := answer.read1(1 << 16):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _relay
