"""Stands in for nodes: makes the pods of StatefulSets look as if they ran and were ready."""

from __future__ import annotations

import datetime
import threading

from client import Api

_PENDING = "/api/v1/pods?fieldSelector=status.phase%3DPending"
_STEP_S = 0.1


class Kubelet:
    """Use it as a context manager. Pods have no node, so the API server removes them at once when they are deleted."""

    def __init__(self, api: Api):
        self._api = api  # of this thread alone
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Kubelet":
        self._thread.start()
        return self

    def __exit__(self, *exc_info) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_STEP_S):
            try:
                for pod in self._api.call("GET", _PENDING).body.get("items") or []:
                    self._start(pod)
            except OSError:
                pass  # at the next step

    def _start(self, pod: dict) -> None:
        meta, now = pod["metadata"], datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {
            "phase": "Running", "podIP": "127.0.0.1",
            "conditions": [{"type": kind, "status": "True"} for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")],
            "containerStatuses": [{"name": one["name"], "image": one["image"], "imageID": "", "ready": True, "restartCount": 0,
                                   "state": {"running": {"startedAt": now}}} for one in pod["spec"]["containers"]],
        }
        self._api.call("PATCH", f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status",
                       {"metadata": {"uid": meta["uid"]}, "status": status}, "application/merge-patch+json")
