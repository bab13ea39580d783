"""Asks a master whether it serves, without a gRPC library.

An open port is no answer: a starting stock master listens seconds before it serves. The first
successful GetConfiguration is, because it needs no login and only a serving primary answers it.
"""

from __future__ import annotations

import socket
import struct
import time

# GetConfigurationPOptions{ignorePathConf: true, ignoreClusterConf: false, rawValue: false}
_REQUEST = bytes([0x08, 0x01, 0x10, 0x00, 0x18, 0x00])
_METHOD = "/alluxio.grpc.meta.MetaMasterConfigurationService/GetConfiguration"

# RFC 9113, sections 3.4, 6 and 7.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _GOAWAY = 0x0, 0x1, 0x4, 0x7
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _header(name: str, value: str) -> bytes:
    # HPACK literal without indexing, plain text (RFC 7541, 6.2.2); a length below 127 is one byte.
    raw_name, raw_value = name.encode(), value.encode()
    assert len(raw_name) < 127 and len(raw_value) < 127
    return b"\0" + bytes([len(raw_name)]) + raw_name + bytes([len(raw_value)]) + raw_value


def _read_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError("closed by the peer")
        data += more
    return data


def serves(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """True when GetConfiguration answers with a message within the timeout.

    An error is a trailers-only reply, so the first DATA frame with content means success.
    """
    headers = b"".join(
        _header(name, value)
        for name, value in (
            (":method", "POST"),
            (":scheme", "http"),
            (":path", _METHOD),
            (":authority", f"{host}:{port}"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        )
    )
    message = b"\0" + struct.pack(">I", len(_REQUEST)) + _REQUEST
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            connection.sendall(
                _PREFACE
                + _frame(_SETTINGS, 0, 0, b"")
                + _frame(_HEADERS, _END_HEADERS, 1, headers)
                + _frame(_DATA, _END_STREAM, 1, message)
            )
            while True:
                head = _read_exactly(connection, 9)
                size = int.from_bytes(head[:3], "big")
                kind, flags = head[3], head[4]
                _read_exactly(connection, size)
                if kind == _DATA and size > 0:
                    return True
                if kind == _GOAWAY or (kind == _HEADERS and flags & _END_STREAM):
                    return False
                if kind == _SETTINGS and not flags & _ACK:
                    connection.sendall(_frame(_SETTINGS, _ACK, 0, b""))
    except OSError:
        return False


def wait_until_serving(host: str, port: int, deadline: float, alive=lambda: True) -> bool:
    """Polls until the master serves, alive() is false or time.monotonic() is past the deadline."""
    while time.monotonic() < deadline and alive():
        if serves(host, port):
            return True
        time.sleep(0.005)
    return False
