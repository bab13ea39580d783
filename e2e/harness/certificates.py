"""Certificates of authorities of our own, by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path


def _openssl(*words: str) -> None:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(words)}: {done.stderr}")


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """A certificate authority in a folder of its own; `ca` is its certificate."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self._folder = folder
        self.ca, self._key = folder / "ca.pem", folder / "ca-key.pem"
        _openssl("req", "-x509", *_NEW_KEY, "-days", "2", "-subj", f"/CN={folder.name}", "-keyout", str(self._key), "-out", str(self.ca))

    def issue(self, name: str, purpose: str, days: int = 2) -> tuple[Path, Path]:
        """A certificate and its key, for `serverAuth` of this machine, `clientAuth` or both; less than 0 days: expired."""
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        _openssl("req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
        lines = [f"extendedKeyUsage={purpose}", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        extensions.write_text("\n".join(lines) + "\n")
        _openssl("x509", "-req", "-in", str(request), "-CA", str(self.ca), "-CAkey", str(self._key), "-CAcreateserial",
                 "-days", str(days), "-extfile", str(extensions), "-out", str(certificate))
        return certificate, key
