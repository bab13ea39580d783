"""The lives of CacheClusters in pods: made, used, healed, changed, refused a bad change, removed; with one master (life.py), with three (ha.py),
with three on several nodes that are drained and lost (nodes.py), on the nodes' network (host.py), and ones that can't be (bad.py),
by an operator beside the cluster; and by one in a pod, from its chart (chart.py); and of clusters without it, from theirs
(plain.py).

Exit code: 0 when everything held, 1 when not, 77 (with the reason) when something is missing.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import programs  # first: it says where the rest is
import bad
import chart
import ha
import host
import life
import nodes
import plain
from bed import Bed
from harness.check import Checks
from harness.parts import SKIP_EXIT_CODE, Missing
from pond import IMAGE, OPERATOR_IMAGE, ROOT, Pond

_LIVES = {"plain": plain.steps, "chart": chart.steps, "life": life.steps, "ha": ha.steps, "bad": bad.steps,
          "host": host.steps, "nodes": nodes.steps}


def main() -> int:
    try:
        programs.check()
        headpond = Path(os.environ.get("HEADPOND_BIN") or ROOT / "build/release/bin/headpond")
        operator = headpond.parent / "headpond-operator"
        if not operator.exists():
            raise Missing(f"{operator} is not built: run make build")
        with tempfile.TemporaryDirectory() as folder:
            names = {os.environ.get("HEADPOND_IMAGE", IMAGE): IMAGE,
                     os.environ.get("HEADPOND_OPERATOR_IMAGE", OPERATOR_IMAGE): OPERATOR_IMAGE}
            images = [programs.pause_image(Path(folder)), *(programs.saved_image(name, Path(folder)) for name in names)]
            checks = Checks()
            begin = time.monotonic()
            with Bed(images, names) as bed:
                print(f"      a node is ready after {time.monotonic() - begin:.1f} s", flush=True)
                pond = Pond(bed, operator, checks)
                pond.prepare()
                for name in sys.argv[1:] or _LIVES:
                    print(f"-- {name}", flush=True)
                    # Each step says whether the next makes sense.
                    if not all(step() for step in _LIVES[name](pond)):
                        pond.tell()
                        break
                pond.stop_operator()
            print(f"      {time.monotonic() - begin:.0f} s in all")
            return checks.exit_code()
    except Missing as reason:
        print(f"SKIP: {reason}", file=sys.stderr, flush=True)
        return SKIP_EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
