"""Runs the contract against two servers and compares what they say."""

from __future__ import annotations

import re

import suite
from client import Api
from harness.check import Checks
from known import KNOWN
from transcript import differences


def run(ours: Api, theirs: Api, checks: Checks) -> int:
    """The number of steps that were answered alike; differences that known.py lists are left out."""
    mine, real = suite.run(ours).steps, suite.run(theirs).steps
    checks.that("both servers were asked the same", list(mine) == list(real), f"{mine.keys() ^ real.keys()}")
    used: set[int] = set()
    alike = 0
    for step in mine.keys() & real.keys():
        found = differences(mine[step], real[step])
        unknown = []
        for difference in found:
            entry = _entry(step, difference)
            if entry is None:
                unknown.append(difference)
            else:
                used.add(entry)
        alike += not unknown
        if unknown:
            checks.that(step, False, "ours / theirs\n" + "\n".join(unknown[:12]))
    for i, (step, place, _) in enumerate(KNOWN):
        if i not in used:
            checks.that(f"known difference {step} {place} is still there", False, "take it out of known.py")
    checks.that(f"contract: {alike} of {len(mine)} steps answered alike, {len(KNOWN)} known differences", alike == len(mine))
    return alike


def _entry(step: str, difference: str) -> int | None:
    for i, (name, place, _) in enumerate(KNOWN):
        if re.fullmatch(name, step) and re.match(place, difference):
            return i
    return None
