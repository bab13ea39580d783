"""A private registry on loopback, with a password, for as long as a test needs it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import warnings
from pathlib import Path

from harness.parts import Missing
from harness.process import Process, free_ports, wait_for

_START_LIMIT_S = 20


def _hashed(password: str) -> str:
    """bcrypt, the only hash that docker-registry reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import crypt
        except ImportError as gone:  # Python 3.13
            raise Missing("this Python can't hash the registry's password") from gone
    return crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << 4))


class Registry:
    """docker-registry (apt) in a folder of its own. Use it as a context manager."""

    user = "tester"
    password = "registry-secret-77"

    def __init__(self, folder: Path, tls: bool):
        if shutil.which("docker-registry") is None:
            raise Missing("docker-registry is not installed (apt)")
        folder.mkdir(parents=True)
        (folder / "htpasswd").write_text(f"{self.user}:{_hashed(self.password)}\n")
        port = free_ports(1)[0]
        self.host = f"localhost:{port}" if tls else f"127.0.0.1:{port}"
        self.certificate = str(folder / "cert.pem")
        lines = [
            "version: 0.1",
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}",
            f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}",
            f"http:\n  addr: 127.0.0.1:{port}",
        ]
        if tls:
            self._make_certificate(folder)
            lines.append(f"  tls: {{certificate: {self.certificate}, key: {folder}/key.pem}}")
        (folder / "config.yml").write_text("\n".join(lines) + "\n")
        self._process = Process(
            "docker-registry",
            ["docker-registry", "serve", str(folder / "config.yml")],
            folder / "log",
        )
        if not wait_for(lambda: self._listens(port) or not self._process.alive(), _START_LIMIT_S):
            raise RuntimeError("the registry does not start:\n" + self._process.tail())

    def _make_certificate(self, folder: Path) -> None:
        words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        subprocess.run(
            ["openssl", *words.split(), "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost"]
            + ["-keyout", str(folder / "key.pem"), "-out", self.certificate],
            check=True,
            capture_output=True,
        )

    @staticmethod
    def _listens(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *exc_info) -> None:
        self._process.stop()
