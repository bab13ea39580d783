"""helm, as an administrator of the bed's Kubernetes."""

from __future__ import annotations

import json
import os
import subprocess

import programs
from bed import Bed


class Helm:
    def __init__(self, bed: Bed):
        self._bed = bed
        self._program = str(programs.helm())
        self._environment = {**os.environ, "KUBECONFIG": str(bed.kubeconfig("admin")),
                             **{f"HELM_{kind}_HOME": str(bed.folder / "helm") for kind in ("CACHE", "CONFIG", "DATA")}}

    def __call__(self, *words: str, values: dict | None = None) -> subprocess.CompletedProcess:
        """`values`: as a file of its own, after those that the words name."""
        text = json.dumps(values) if values is not None else None
        more = ["-f", "-"] if values is not None else []
        return subprocess.run(self._bed.inside(self._program, *words, *more), input=text, capture_output=True, text=True,
                              env=self._environment, timeout=180)

    def dry_run(self, manifest: str) -> subprocess.CompletedProcess:
        """What the server itself, which knows more than a copy of its schemas would, makes of a manifest, as JSON."""
        return subprocess.run(
            self._bed.inside("kubectl", f"--kubeconfig={self._bed.kubeconfig('admin')}", "apply", "--dry-run=server", "--validate=strict",
                             "-o", "json", "-f", "-"),
            input=manifest, capture_output=True, text=True, timeout=120)
