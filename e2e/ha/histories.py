"""Clients change and look at a few paths while their three masters are killed, stopped and cut off from each other; then a
checker looks for an order of all their calls that a file system of one process could have answered (histories/main.go).

Exit code: 0 when there is one and no call failed, 77 (with the reason) when this machine can't do it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import network
from harness import parts
from harness.check import Checks, conclude
from harness.cluster import HeadpondServer
from harness.process import Process, wait_for

_CHECKER = Path(__file__).resolve().parent / "histories"
_BUILD_LIMIT_S = 600
_STEADY_LIMIT_S = 30.0
# A call is tried for so long. A fault has to be shorter, and then none fails.
_RETRY_S = 60
_CHECK_LIMIT_S = 300
_RPC, _WEB, _JOURNAL = 19998, 19999, 19200
_OPERATIONS = ["create", "mkdir", "delete", "rename", "setAttribute", "getStatus", "list"]


def build_checker(folder: Path) -> Path:
    go = os.environ.get("GO") or shutil.which("go")
    if not go:
        raise parts.Missing("go is not installed")
    program = folder / "histories"
    for words in (["build", "-o", str(program), "."], ["test", "."]):
        done = subprocess.run([go, *words], cwd=_CHECKER, capture_output=True, text=True, timeout=_BUILD_LIMIT_S)
        if done.returncode == 0:
            continue
        if words[0] == "test":
            raise RuntimeError(f"the checker is wrong:\n{done.stdout}{done.stderr}")
        raise parts.Missing(f"the checker can't be built here (is its module reachable?)\n{done.stderr}")
    return program


class Unsteady(Exception):
    """No leader that all others follow; the text says what there is."""


class Masters:
    """Three masters, each on a machine of its own."""

    def __init__(self, binary: str, net: network.Network, folder: Path):
        self.binary = binary
        self.net = net
        self._folder = folder
        self.addresses = [f"{machine.address}:{_JOURNAL}" for machine in net.machines]
        self.client = [
            "-Dalluxio.master.rpc.addresses=" + ",".join(f"{machine.address}:{_RPC}" for machine in net.machines),
            f"-Dalluxio.user.rpc.retry.max.duration={_RETRY_S}s",
        ]
        self._web = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.processes: list[Process | None] = [None] * len(net.machines)
        (folder / "under-store").mkdir()
        for number in range(len(net.machines)):
            self.start(number)

    def start(self, number: int) -> None:
        machine = self.net.machines[number]
        folder = self._folder / f"master-{number}"
        properties = {
            "alluxio.master.hostname": machine.address,
            "alluxio.master.rpc.port": _RPC,
            "alluxio.master.web.port": _WEB,
            "alluxio.standby.master.web.enabled": "true",
            "alluxio.master.journal.type": "EMBEDDED",
            "alluxio.master.embedded.journal.addresses": ",".join(self.addresses),
            "alluxio.master.journal.folder": folder / "journal",
            # Often, so that masters come back from snapshots, too.
            "alluxio.master.journal.checkpoint.period.entries": 5000,
            "alluxio.master.mount.table.root.ufs": self._folder / "under-store",
            "alluxio.logs.dir": folder / "logs",
        }
        settings = [f"-D{key}={value}" for key, value in properties.items()]
        self.processes[number] = Process(
            f"master-{number}", machine.command(self.binary, "master", *settings), folder / "out.log"
        )

    def standing(self, number: int) -> dict:
        url = f"http://{self.net.machines[number].address}:{_WEB}/api/v1/master/quorum"
        try:
            with self._web.open(url, timeout=1) as reply:
                return json.load(reply)
        except (OSError, ValueError):
            return {}

    def leader(self) -> int | None:
        """The one that leads, when all others follow it."""
        standings = [self.standing(number) for number in range(len(self.processes))]
        leaders = [number for number, one in enumerate(standings) if one.get("role") == "LEADER"]
        following = {one.get("leader") for one in standings if one.get("role") in ("LEADER", "STANDBY")}
        known = [one for one in standings if one.get("role") in ("LEADER", "STANDBY")]
        steady = len(leaders) == 1 and len(known) == len(standings) and following == {self.addresses[leaders[0]]}
        return leaders[0] if steady else None

    def wait_until_steady(self) -> int:
        found = wait_for(lambda: (leader := self.leader()) is not None and [leader], _STEADY_LIMIT_S, 0.05)
        if not found:
            states = [self.standing(number) for number in range(len(self.processes))]
            raise Unsteady(f"{states}\n{self.logs()}")
        return found[0]

    def logs(self) -> str:
        return "\n".join(f"--- {process.name}\n{process.tail(40)}" for process in self.processes if process)

    def stop(self) -> None:
        for process in self.processes:
            if process is not None:
                process.kill()


class Faults:
    """One kind of trouble after the other, in an order that the seed decides; each begins when all is well again."""

    def __init__(self, masters: Masters, seed: int, longest_s: float, only: str):
        self._masters = masters
        self.longest_s = longest_s
        self._only = only
        self._random = random.Random(seed)
        self._kinds: list[str] = []
        self.done: list[tuple[str, float, float, float]] = []  # what, from, to, when all followed one leader again

    def _all(self) -> dict:
        """What each kind does to a leader and its standbys, and how that is ended."""
        return {
            "the leader is killed": (lambda leader, _: self._kill([leader]), self._start),
            "a standby is killed": (lambda _, standbys: self._kill(standbys[:1]), self._start),
            "all are killed": (lambda leader, standbys: self._kill([leader, *standbys]), self._start),
            "the leader stops": (lambda leader, _: self._signal([leader], signal.SIGSTOP), self._continue),
            "a standby stops": (lambda _, standbys: self._signal(standbys[:1], signal.SIGSTOP), self._continue),
            "the leader and a standby stop": (
                lambda leader, standbys: self._signal([leader, standbys[0]], signal.SIGSTOP), self._continue),
            "the leader is cut off from the others": (
                lambda leader, standbys: self._cut([leader], standbys) + self._cut(standbys, [leader]), self._heal),
            "the leader hears nobody": (lambda leader, standbys: self._cut([leader], standbys), self._heal),
            "nobody hears the leader": (lambda leader, standbys: self._cut(standbys, [leader]), self._heal),
            "a standby hears nobody": (
                lambda leader, standbys: self._cut(standbys[:1], [leader, standbys[1]]), self._heal),
            "a standby loses the leader": (
                lambda leader, standbys: self._cut([leader], standbys[:1]) + self._cut(standbys[:1], [leader]), self._heal),
            "the leader is unplugged": (lambda leader, _: self._unplug([leader]), self._heal),
            "a standby is unplugged": (lambda _, standbys: self._unplug(standbys[:1]), self._heal),
            "leadership is handed over": (lambda _, standbys: self._elect(standbys[0]), lambda _: None),
        }

    def _kill(self, numbers: list[int]) -> list[int]:
        for number in numbers:
            self._masters.processes[number].kill()
        return numbers

    def _start(self, numbers: list[int]) -> None:
        for number in numbers:
            self._masters.start(number)

    def _signal(self, numbers: list[int], which: signal.Signals) -> list[int]:
        for number in numbers:
            os.kill(self._masters.processes[number].pid, which)
        return numbers

    def _continue(self, numbers: list[int]) -> None:
        self._signal(numbers, signal.SIGCONT)

    def _cut(self, deaf: list[int], unheard: list[int]) -> list[int]:
        machines = self._masters.net.machines
        for number in deaf:
            machines[number].ignore([machines[other] for other in unheard])
        return deaf

    def _unplug(self, numbers: list[int]) -> list[int]:
        for number in numbers:
            self._masters.net.machines[number].unplug()
        return numbers

    def _heal(self, numbers: list[int]) -> None:
        for number in set(numbers):
            self._masters.net.machines[number].heal()

    def _elect(self, number: int) -> list[int]:
        command = [self._masters.binary, "fsadmin", "journal", "quorum", "elect", "-address", self._masters.addresses[number]]
        subprocess.run([*command, *self._masters.client], capture_output=True, timeout=_RETRY_S)
        return []

    def _next_kind(self) -> str:
        if not self._kinds:
            self._kinds = [kind for kind in self._all() if self._only in kind]
            self._random.shuffle(self._kinds)
        return self._kinds.pop()

    def next(self) -> None:
        leader = self._masters.wait_until_steady()
        standbys = [number for number in range(len(self._masters.processes)) if number != leader]
        self._random.shuffle(standbys)
        time.sleep(self._random.uniform(0, 0.5))
        kind = self._next_kind()
        begin, end = self._all()[kind]
        begun = time.monotonic()
        touched = begin(leader, standbys)
        time.sleep(self._random.uniform(0.1, self.longest_s))
        end(touched)
        ended = time.monotonic()
        self._masters.wait_until_steady()
        self.done.append((f"{kind} (leader {leader}, standbys {standbys})", begun, ended, time.monotonic()))


def produce(masters: Masters, faults: Faults, seed: int, seconds: int, history: Path, checks: Checks) -> None:
    """Has clients write a history while things go wrong."""
    words = ["bench", "history", "--seconds", str(seconds), "--pinned", "3", "--seed", str(seed), "--out", str(history)]
    client = Process("client", [masters.binary, *words, *masters.client], history.with_suffix(".client.log"))
    end = time.monotonic() + seconds
    try:
        try:
            while time.monotonic() < end - faults.longest_s and client.alive():
                faults.next()
            masters.wait_until_steady()
        except Unsteady as why:
            checks.that(f"masters find together within {_STEADY_LIMIT_S} s", False, str(why))
        code = client.wait(end - time.monotonic() + _RETRY_S)
        checks.that("the clients come to an end", code == 0, f"exit code {code}: {client.tail()}\n{masters.logs()}")
    finally:
        client.kill()


def check(checker: Path, history: Path, faults: Faults, checks: Checks) -> None:
    done = subprocess.run([str(checker), str(history)], capture_output=True, text=True, timeout=_CHECK_LIMIT_S)
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    asked = [line for line in lines[1:] if not line["pinned"]]
    for what, begun, ended, steady in faults.done:
        beside = [line for line in asked if line["call"] < ended * 1e9 and line["return"] > begun * 1e9]
        longest = max((line["return"] - line["call"] for line in beside), default=0) / 1e9
        begin = lines[0]["begin"] / 1e9
        print(f"      {begun - begin:6.2f} to {ended - begin:6.2f} s, longest call {longest:4.2f} s, steady after {steady - ended:4.2f} s: {what}")
    print(done.stdout + done.stderr, end="")
    checks.that("it is linearizable", done.returncode == 0, done.stdout[-200:])
    answered = {line["op"] for line in asked if line["outcome"] == "ok"}
    checks.equal("kinds of calls that worked", sorted(answered), sorted(_OPERATIONS))
    failed = {f"{line['op']}: {line['error']}" for line in asked if line["outcome"] == "open"}
    checks.equal(f"calls that failed, of {len(asked)}", sorted(failed), [])


def run(arguments: argparse.Namespace, checks: Checks, folder: Path) -> None:
    seed = arguments.seed
    print(f"seed {seed}; logs and histories are in {folder}", flush=True)
    with network.Network(3, folder) as net:
        masters = Masters(HeadpondServer().binary, net, folder)
        try:
            masters.wait_until_steady()
            for number in range(arguments.rounds):
                print(f"round {number}: --seed {seed + number}", flush=True)
                history = folder / f"history-{number}.jsonl"
                faults = Faults(masters, seed + number, arguments.longest, arguments.only)
                produce(masters, faults, seed + number, arguments.seconds, history, checks)
                if history.exists():
                    check(Path(arguments.checker), history, faults, checks)
        finally:
            masters.stop()
    if checks.wrong:
        print(f"again with --seed {seed} --rounds {arguments.rounds}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60, help="of each round")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--longest", type=float, default=3, help="seconds of a fault, at most")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big") + 1)
    parser.add_argument("--only", default="", metavar="TEXT", help="faults whose name has this in it")
    parser.add_argument("--checker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.checker:
        HeadpondServer()  # or there is no need to go on
        folder = Path(tempfile.mkdtemp(prefix="headpond-histories-"))
        try:
            sys.argv += [f"--checker={build_checker(folder)}", f"--seed={arguments.seed}"]
            network.enter()  # comes back in another process
        except parts.Missing:
            shutil.rmtree(folder)
            raise
    checks, folder = Checks(), Path(arguments.checker).parent
    run(arguments, checks, folder)
    return conclude(checks, folder)


if __name__ == "__main__":
    parts.run_as_test(main)
