"""Machines of one Ethernet, as network namespaces, whose links can be cut.

All is made in a network namespace of this process's own (enter), and ends with the processes in it: nothing outside is touched,
and nothing is left.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness import parts
from harness.process import Process, wait_for

_INSIDE = "HEADPOND_E2E_NETWORK"
_HERE = "10.77.0.1"
_LIMIT_S = 10


def enter() -> None:
    """Starts this program again in a network namespace of its own, unless it is in one."""
    if os.environ.get(_INSIDE):
        return
    for tool in ("unshare", "nsenter", "ip", "iptables"):
        if shutil.which(tool) is None:
            raise parts.Missing(f"{tool} is not installed")
    unshare = ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
    probe = "ip link set lo up && ip link add br0 type bridge && iptables -A INPUT -s 192.0.2.1 -j DROP"
    tried = subprocess.run([*unshare, "sh", "-c", probe], capture_output=True, text=True, env=_environment(), timeout=_LIMIT_S)
    if tried.returncode != 0:
        raise parts.Missing(f"no network namespaces with a bridge and iptables here: {tried.stderr.strip()}")
    os.execvpe("unshare", [*unshare, sys.executable, "-B", *sys.argv], _environment())


def _environment() -> dict[str, str]:
    # The lock file's usual place belongs to root.
    return {**os.environ, _INSIDE: "1", "XTABLES_LOCKFILE": "/dev/null"}


def _do(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=_LIMIT_S)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")


class Machine:
    """One end of the Ethernet; commands run in it."""

    def __init__(self, number: int, folder: Path):
        self.address = f"10.77.0.{10 + number}"
        self._link = f"to-{number}"
        # Something must be in a namespace for it to be.
        self._holder = Process(f"network-{number}", ["unshare", "--net", "sleep", "infinity"], folder / f"network-{number}.log")
        self._namespace = f"/proc/{self._holder.pid}/ns/net"
        ours = os.readlink("/proc/self/ns/net")
        if not wait_for(lambda: os.readlink(self._namespace) != ours, _LIMIT_S, 0.01):
            raise RuntimeError(f"no network namespace: {self._holder.tail()}")
        _do("ip", "link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", str(self._holder.pid))
        _do("ip", "link", "set", self._link, "master", "br0", "up")
        self._do("ip", "link", "set", "lo", "up")
        self._do("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self._do("ip", "link", "set", "eth0", "up")

    def command(self, *words: str) -> list[str]:
        return ["nsenter", f"--net={self._namespace}", *words]

    def _do(self, *words: str) -> None:
        _do(*self.command(*words))

    def ignore(self, others: list[Machine]) -> None:
        """Hears nothing from the others any more."""
        for other in others:
            self._do("iptables", "-A", "INPUT", "-s", other.address, "-j", "DROP")

    def unplug(self) -> None:
        _do("ip", "link", "set", self._link, "down")

    def heal(self) -> None:
        """Ends what ignore and unplug began."""
        self._do("iptables", "-F")
        _do("ip", "link", "set", self._link, "up")

    def stop(self) -> None:
        self._holder.kill()


class Network:
    """This process is on it, too. Use it as a context manager."""

    def __init__(self, machines: int, folder: Path):
        self._count, self._folder = machines, folder
        self.machines: list[Machine] = []

    def __enter__(self) -> Network:
        _do("ip", "link", "set", "lo", "up")
        _do("ip", "link", "add", "br0", "type", "bridge")
        _do("ip", "address", "add", f"{_HERE}/24", "dev", "br0")
        _do("ip", "link", "set", "br0", "up")
        for number in range(self._count):
            self.machines.append(Machine(number, self._folder))
        return self

    def __exit__(self, *exc_info) -> None:
        for machine in self.machines:
            machine.stop()
