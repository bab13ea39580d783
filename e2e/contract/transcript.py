"""What a server answered, step by step, with what differs between any two servers taken out: uids, times, versions."""

from __future__ import annotations

import re

from client import Answer

_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
_AGE = re.compile(r"^(\d+[smhdy])+$")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_VERSION_FIELDS = ("resourceVersion", "continue")
_OWN_FIELDS = ("storageVersionHash",)
_UNORDERED = ("verbs", "categories")
_HASH = re.compile(r"hash=[0-9A-Fa-f]+")
# Texts that are the server's own, word by word: Kubernetes' come from its decoders and validators.
_FREE_TEXT_REASONS = ("Invalid", "BadRequest", "UnsupportedMediaType", "NotAcceptable", "InternalError", "MethodNotAllowed")


def normal(value, key: str = ""):
    """The value with placeholders."""
    if isinstance(value, dict):
        if value.get("kind") == "Status" and "code" in value:
            return _status(value)
        return {name: normal(child, name) for name, child in value.items() if name not in _OWN_FIELDS}
    if isinstance(value, list):
        items = [normal(item) for item in value]
        if key == "managedFields":
            items.sort(key=lambda entry: (entry.get("manager", ""), entry.get("operation", ""), entry.get("subresource", "")))
        if key in _UNORDERED:
            items.sort()
        return items
    if isinstance(value, str):
        if key in _VERSION_FIELDS and value:
            return "VERSION"
        if _TIME.match(value):
            return "TIME"
        if _AGE.match(value):
            return "AGE"
        return _HASH.sub("hash=HASH", _UID.sub("UID", value))
    return value


def _status(status: dict) -> dict:
    """Clients act on code, reason and details; people read the message, which is compared where it is fixed."""
    details = {k: normal(v) for k, v in status.get("details", {}).items() if k != "causes"}
    causes = status.get("details", {}).get("causes", [])
    shown = {"code": status["code"], "reason": status.get("reason"), "status": status.get("status"), "details": details}
    # Causes without a field, or with a leading dot, say that something else could not be looked at.
    fields = {(c.get("reason", ""), c.get("field", "")) for c in causes}
    shown["causes"] = sorted((reason, field) for reason, field in fields if not field.startswith(("<nil>", ".")))
    if status.get("reason") not in _FREE_TEXT_REASONS:
        message = re.sub(r"\d+", "N", _UID.sub("UID", status.get("message", "")))
        shown["message"] = message
    return shown


class Transcript:
    """The steps of one server by name, in order."""

    def __init__(self):
        self.steps: dict[str, object] = {}

    def add(self, name: str, shown) -> None:
        assert name not in self.steps, f"two steps are called {name}"
        self.steps[name] = normal(shown)

    def answer(self, name: str, answer: Answer) -> Answer:
        body = answer.body
        self.add(name, {"code": answer.code, "body": normal(body) if body is not None else answer.text.strip()})
        return answer

    def events(self, name: str, code: int, events: list[dict]) -> None:
        shown = [{"type": e.get("type"), "object": normal(e["object"])} if "object" in e else normal(e) for e in events]
        self.add(name, {"code": code, "events": shown})


def differences(one, other, path: str = "") -> list[str]:
    """Where two values differ: "body.spec.image: 'a' / 'b'"."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = []
        for name in sorted(one.keys() | other.keys()):
            at = f"{path}.{name}" if path else name
            if name not in one:
                found.append(f"{at}: missing / {_short(other[name])}")
            elif name not in other:
                found.append(f"{at}: {_short(one[name])} / missing")
            else:
                found += differences(one[name], other[name], at)
        return found
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [d for i, (a, b) in enumerate(zip(one, other)) for d in differences(a, b, f"{path}[{i}]")]
    return [] if one == other else [f"{path}: {_short(one)} / {_short(other)}"]


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 300 else text[:297] + "..."
