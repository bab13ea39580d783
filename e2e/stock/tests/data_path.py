#!/usr/bin/env python3
"""Which way the stock client's bytes go: data_path.py remote | short-circuit | domain-socket.

The proof is not the server's word. Short circuit: the client counts the bytes it moved through the
block file itself. Domain socket: the kernel lists a connection to the socket the worker announces
while the client reads, and, in the runner's cluster, the worker's TCP address refuses connections.
Needs to run on the worker's host.
"""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from harness import parts
from harness.check import Checks

_BYTES = 9 * 1024 * 1024 + 7  # several chunks, the last one odd

_CLIENT_PROPERTIES = {
    "remote": ["alluxio.user.short.circuit.enabled=false"],
    "short-circuit": [f"alluxio.user.hostname={os.environ.get('WORKER_HOST', 'localhost')}"],
    "domain-socket": ["alluxio.worker.data.server.domain.socket.as.uuid=true"],
}


def connections_to(socket_path: str) -> int:
    """Established connections whose server end is bound to the path, from /proc/net/unix."""
    connected_state = "03"
    rows = [row.split() for row in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return sum(len(row) > 7 and row[7] == socket_path and row[5] == connected_state for row in rows)


def tcp_refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 2).close()
        return False
    except ConnectionRefusedError:
        return True


def check_domain_socket(checks: Checks, seen: dict) -> None:
    path = seen.get("domain_socket", "")
    if not checks.that("the worker announces a domain socket", bool(path)):
        return
    checks.that("the client is connected to it", connections_to(path) > 0, path)
    if os.environ.get("WORKER_TCP_CLOSED"):
        host, port = seen["worker_host"], int(seen["worker_data_port"])
        checks.that(f"TCP to {host}:{port} is refused", tcp_refuses(host, port))


def main() -> int:
    way = sys.argv[1]
    with tempfile.TemporaryDirectory() as workdir:
        command = parts.client_command(
            os.environ["MASTER"],
            Path(workdir),
            ["dev.headpond.e2e.DataPath", f"/e2e-{way}-{os.getpid()}", str(_BYTES)],
            _CLIENT_PROPERTIES[way],
            extra_cp=[parts.compiled(parts.E2E / "stock" / "java")],
        )
        checks = Checks()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as client:
            seen = {}
            for line in client.stdout:
                print(line, end="")
                if line == "READY\n":
                    break
                key, _, value = line.rstrip("\n").partition("=")
                seen[key] = value
            checks.equal("the file reads back as written", seen.get("content_equal"), "true")
            checks.equal("wrong positioned reads", seen.get("wrong_positioned_reads"), "0")
            if way == "short-circuit":
                read_local = int(seen.get("read_local_bytes", 0))
                checks.that("bytes read locally", read_local >= _BYTES, str(read_local))
                checks.equal("bytes written locally", seen.get("written_local_bytes"), str(_BYTES))
            else:
                checks.equal("bytes read locally", seen.get("read_local_bytes"), "0")
                checks.equal("bytes written locally", seen.get("written_local_bytes"), "0")
            if way == "domain-socket":
                check_domain_socket(checks, seen)
            client.communicate("\n")
        checks.equal("exit code of the client", client.returncode, 0)
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
