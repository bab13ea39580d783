"""What the status of a Ready CacheCluster is made of, wherever its daemons run: who reads it need not know the runtime.

Each runtime's e2e compares its own with this one list.
"""

from __future__ import annotations

from harness.check import Checks

_CONDITIONS = ("Ready", "MastersReady", "WorkersReady", "Progressing", "UpgradeBlocked", "Degraded")
_OF_CONDITION = ("type: str", "status: str", "reason: str", "message: str", "lastTransitionTime: str", "observedGeneration: int")
_OF_DAEMON = ("name: str", "role: str", "state: str", "crashes: int", "address: str", "web: str")
_OF_ROLE = ("desired: int", "ready: int", "updated: int", "summary: str")

_ALWAYS = {
    "phase: str",
    "observedGeneration: int",
    "endpoints.masterRpc: str",
    "endpoints.masterWeb: str",
    *(f"conditions[{kind}].{field}" for kind in _CONDITIONS for field in _OF_CONDITION),
    *(f"daemons[{role}].{field}" for role in ("master", "worker") for field in _OF_DAEMON),
    *(f"{role}.{field}" for role in ("masters", "workers") for field in _OF_ROLE),
}
# What there is in some places only: a node of several, a process of this machine, folders that are named in the spec or left
# behind, a master that the operator can ask who has registered (it can't reach into pods).
_WHERE_THERE_IS_ONE = {
    "workers.registered: int",
    "underStore: str",
    "data[]: str",
    *(f"daemons[{role}].{field}" for role in ("master", "worker") for field in ("node: str", "pid: int", "logs: str")),
}


def shape(value, path: str = "") -> set[str]:
    """One line for each leaf: its path and type. Elements of lists are told apart by their type or role only."""
    if isinstance(value, dict):
        return set().union(*(shape(inner, f"{path}.{key}" if path else key) for key, inner in value.items()))
    if isinstance(value, list):
        def name(element) -> str:
            return element.get("type") or element.get("role", "") if isinstance(element, dict) else ""
        return set().union(*(shape(element, f"{path}[{name(element)}]") for element in value))
    return {f"{path}: {type(value).__name__}"}


def check_shape(checks: Checks, status: dict) -> bool:
    """`status` is of a cluster of one master and some workers that is Ready and settled."""
    found = shape(status)
    missing = sorted(_ALWAYS - found)
    surplus = sorted(found - _ALWAYS - _WHERE_THERE_IS_ONE)
    return checks.equal("the status has what any runtime's has: (missing, surplus)", (missing, surplus), ([], []))
