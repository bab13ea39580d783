"""Do the operator's own checks and the CustomResourceDefinition agree? Every spec goes to both servers: the same are
accepted, what is stored is the same, and a refusal names the same fields."""

from __future__ import annotations

import dataclasses
import re

import specs
from client import Answer, Api
from harness.check import Checks

# Cases, by an expression for their names, that the two judge differently, and why that stays.
DIFFERENCES = {
    r"= 2\.0 ": "Kubernetes takes 2.0 for a whole number in some fields and not in those that rules look at; no client "
    "sends it, because YAML's 2.0 becomes JSON's 2. Ours takes it nowhere.",
    r"^ = None ": "Of a spec that is missing where fields are required ours names these fields, Kubernetes the spec.",
    r"mounts\[\]\.hostPath = '/(dev/fuse)?' ": "Which folders would give a task its host is no part of the schema; the operator "
    "refuses them again, links followed, before it makes a container.",
    r"property of a wrong type": "The types of 876 properties are no part of the schema; the reference page marks the rule.",
}


@dataclasses.dataclass(frozen=True)
class Verdict:
    code: int
    stored: object  # the spec or status with its defaults, when accepted
    fields: frozenset[str]  # when refused
    message: str
    structural: frozenset[str] = frozenset()  # of the fields: what types, bounds and patterns refuse

    def __str__(self) -> str:
        return f"{self.code} {self.stored if self.code < 300 else ''}{sorted(self.fields)} {self.message}"[:1500]


def _verdict(answer: Answer, part: str = "spec") -> Verdict:
    body = answer.body or {}
    if answer.code < 300:
        return Verdict(answer.code, body.get(part), frozenset(), "")
    # A cause without a field says that not all rules were tried; one with a leading dot, that a path has no value.
    causes = [c for c in body.get("details", {}).get("causes", []) if re.match(r"\w", c.get("field", ""))]
    by_rule = [c for c in causes if c["reason"] == "FieldValueInvalid" and " in body " not in c["message"]]
    return Verdict(
        answer.code, None, frozenset(c["field"] for c in causes), body.get("message", answer.text),
        frozenset(c["field"] for c in causes if c not in by_rule))


def _covers(one: str, other: str) -> bool:
    """Kubernetes can't name the item or the key in all cases, and names an item where we name its key field."""
    def dotted(path: str) -> str:  # with the keys of maps as Kubernetes' schema names them
        return re.sub(r"\[(\D[^]]*)\]", r".\1", path)

    if dotted(one) == dotted(other):
        return True
    rest = other.removeprefix(one)
    return rest != other and (rest.startswith("[") or (one.endswith("]") and re.fullmatch(r"\.\w+", rest) is not None))


def same_fields(ours: Verdict, theirs: Verdict) -> bool:
    """Ours tries the rules between fields only when each field is good by itself, theirs tries what it can."""

    def found(field: str, others: frozenset[str]) -> bool:
        return any(_covers(field, other) or _covers(other, field) for other in others)

    return all(found(field, theirs.fields) for field in ours.fields) and all(
        found(field, ours.fields) for field in theirs.structural)


def agree(ours: Verdict, theirs: Verdict) -> bool:
    if ours.code != theirs.code:
        return False
    return ours.stored == theirs.stored if ours.code < 300 else same_fields(ours, theirs)


class Agreement:
    """Compares the two; prints differences at once and the number of agreements at the end of each part."""

    def __init__(self, definition: dict, ours: Api, theirs: Api, checks: Checks):
        self._kind = definition["spec"]["names"]["kind"]
        self._path = f"/apis/headpond.dev/v1alpha1/namespaces/default/{definition['spec']['names']['plural']}"
        self._schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        self._ours = ours
        self._theirs = theirs
        self._checks = checks
        self.count = 0

    def run(self) -> None:
        self._part("each field", specs.of_each_field(self._schema["spec"], self._kind), self._create)
        if self._kind == "CacheCluster":
            self._part("each rule", specs.of_each_rule(), self._create)
            self._changes()
        self._statuses()
        self._names()

    def _object(self, spec, name: str = "a") -> dict:
        return {"apiVersion": "headpond.dev/v1alpha1", "kind": self._kind, "metadata": {"name": name}, "spec": spec}

    def _part(self, what: str, cases, send) -> None:
        what = f"{self._kind}, {what}"
        agreed = {True: 0, False: 0}
        known = set()
        accepted = 0
        for case in cases:
            ours, theirs = send(self._ours, case), send(self._theirs, case)
            holds = agree(ours, theirs)
            reason = next((one for one in DIFFERENCES if re.search(one, case.name)), None)
            if reason and not holds:
                known.add(case.name)
                continue
            if not holds:
                self._checks.that(f"{what}: {case.name}", False, f"ours   {ours}\ntheirs {theirs}")
            agreed[holds] += 1
            accepted += theirs.code < 300
        self.count += agreed[True]
        total = sum(agreed.values())
        self._checks.that(f"{what}: {agreed[True]} of {total} judged alike ({accepted} accepted, {len(known)} known to differ)", not agreed[False])

    def _create(self, api: Api, case: specs.Case) -> Verdict:
        return _verdict(api.call("POST", f"{self._path}?dryRun=All", self._object(case.spec)))

    def _changes(self) -> None:
        def change(api: Api, case: specs.Case) -> Verdict:
            before, after = case.spec
            made = api.call("POST", self._path, self._object(before, "changing"))
            assert made.code == 201, made.text
            wanted = self._object(after, "changing")
            wanted["metadata"]["resourceVersion"] = made.body["metadata"]["resourceVersion"]
            verdict = _verdict(api.call("PUT", f"{self._path}/changing", wanted))
            api.call("DELETE", f"{self._path}/changing")
            return verdict

        cases = [specs.Case(name, (before, after)) for name, before, after in specs.CHANGES]
        self._part("changes", cases, change)

    def _statuses(self) -> None:
        for api in (self._ours, self._theirs):
            made = api.call("POST", self._path, self._object(specs.least(self._schema["spec"], self._kind), "told"))
            assert made.code == 201, made.text

        def write(api: Api, case: specs.Case) -> Verdict:
            patch = [{"op": "add", "path": "/status", "value": case.spec}]
            return _verdict(api.call("PATCH", f"{self._path}/told/status?dryRun=All", patch, "application/json-patch+json"), "status")

        self._part("statuses", specs.of_each_field(self._schema["status"]), write)
        for api in (self._ours, self._theirs):
            api.call("DELETE", f"{self._path}/told")

    def _names(self) -> None:
        def create(api: Api, case: specs.Case) -> Verdict:
            return _verdict(api.call("POST", f"{self._path}?dryRun=All", self._object(specs.least(self._schema["spec"], self._kind), case.spec)))

        names = ["a", "a" * 52, "a" * 53, "a" * 64, "a.b", "A", "-a", "a-", "a--b", "1", "", "a_b", "é"]
        self._part("names", [specs.Case(repr(name), name) for name in names], create)
