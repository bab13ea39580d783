"""What a program with PyPI's docker sees and does: python docker_py.py SOCKET CLUSTER IMAGE. Prints one JSON object.

Run by interop.py with the Python of a virtual environment; it imports nothing of ours.
"""

from __future__ import annotations

import json
import sys
import time

import docker

_HEALTHY_LIMIT_S = 60
_HEALED_LIMIT_S = 20


def _wait(holds, limit_s: float) -> float | None:
    """Seconds until `holds()`; None when it doesn't come about."""
    start = time.monotonic()
    while time.monotonic() - start < limit_s:
        if holds():
            return time.monotonic() - start
        time.sleep(0.05)
    return None


def main(socket: str, cluster: str, image: str) -> dict:
    client = docker.DockerClient(base_url=socket)
    labels = [f"app.kubernetes.io/instance={cluster}", "headpond.dev/managed-by=headpond-operator"]

    def found() -> dict:
        return {container.name: container for container in client.containers.list(filters={"label": labels})}

    titled = client.images.list(filters={"label": "org.opencontainers.image.title=headpond"})
    victim = f"{cluster}-worker-0"
    healthy_s = _wait(lambda: found()[victim].attrs["State"]["Health"]["Status"] == "healthy", _HEALTHY_LIMIT_S)
    containers = found()
    seen = {
        "version": docker.__version__,
        "images": sorted(tag for entry in titled for tag in entry.tags),
        "image_of_worker": containers[victim].image.id == client.images.get(image).id,
        "containers": {
            name: {"role": container.labels.get("headpond.dev/role"), "status": container.status}
            for name, container in containers.items()
        },
        "healthy_s": healthy_s,
    }
    started = containers[victim].attrs["State"]["StartedAt"]
    containers[victim].stop(timeout=10)

    def runs_again() -> bool:
        again = found().get(victim)
        return again is not None and again.status == "running" and again.attrs["State"]["StartedAt"] != started

    seen["healed_s"] = _wait(runs_again, _HEALED_LIMIT_S)
    return seen


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
