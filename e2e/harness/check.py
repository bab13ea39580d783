"""Expectations of a test: all are checked and printed, so that one run shows every difference."""

from __future__ import annotations


class Checks:
    def __init__(self):
        self._failures = 0

    def that(self, what: str, holds: bool, detail: str = "") -> bool:
        """Records and prints one expectation; returns whether it holds."""
        if holds:
            print(f"ok    {what}", flush=True)
        else:
            self._failures += 1
            print(f"WRONG {what}", flush=True)
            for line in detail.splitlines():
                print(f"      {line}")
        return holds

    def equal(self, what: str, actual, expected) -> bool:
        if actual == expected:
            shown = repr(actual)
            return self.that(f"{what} = {shown if len(shown) <= 60 else shown[:57] + '...'}", True)
        return self.that(what, False, f"expected {expected!r}\nactual   {actual!r}")

    def exit_code(self) -> int:
        """0 when everything held; prints the last word."""
        print(f"{self._failures} wrong" if self._failures else "all right", flush=True)
        return 1 if self._failures else 0
