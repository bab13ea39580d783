"""A Docker daemon to test on, and what the tests make there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from harness.parts import Missing
from harness.process import Process, wait_for

_DAEMON_START_S = 60
_SECOND_BRIDGE = "198.18.255.1/28"  # of the range for tests between machines (RFC 2544): nobody routes it
_COMMAND_LIMIT_S = 120


def command(
    *words: str, timeout_s: float = _COMMAND_LIMIT_S, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess:
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
        env=env,
    )


def answers() -> bool:
    return shutil.which("docker") is not None and command("docker", "info").returncode == 0


class PrivateDaemon:
    """A dockerd with all its state in one folder; ended, and its folder removed, by close()."""

    def __init__(self):
        for tool in ("docker", "dockerd", "containerd", "iptables"):
            if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
                raise Missing(f"no Docker daemon answers, and there is no {tool} to start one")
        if os.geteuid() != 0:
            raise Missing("no Docker daemon answers, and only root can start one")
        self._had_bridge = Path("/sys/class/net/docker0").exists()
        self._folder = Path(tempfile.mkdtemp(prefix="hp-e2e-dockerd-"))
        socket = f"unix://{self._folder}/docker.sock"
        folders = [f"--{name}={self._folder}/{name}" for name in ("data-root", "exec-root")]
        self._process = Process(
            "dockerd",
            ["dockerd", f"--host={socket}", f"--pidfile={self._folder}/pid", *folders],
            self._folder / "log",
        )
        self._docker_host = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = socket
        started = wait_for(lambda: answers() or not self._process.alive(), _DAEMON_START_S, 0.2)
        if not started or not self._process.alive():
            reason = self._process.tail(3)
            self.close()
            raise Missing(f"no Docker daemon answers, and a private one does not start: {reason}")
        print(f"started a private Docker daemon in {self._folder}", flush=True)

    def close(self) -> None:
        os.environ.pop("DOCKER_HOST", None)
        if self._docker_host is not None:
            os.environ["DOCKER_HOST"] = self._docker_host
        self._process.stop(grace_s=30)
        for mount in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            target = mount.split()[1]
            if target.startswith(f"{self._folder}/"):
                command("umount", "-l", target)
        if not self._had_bridge:
            command("ip", "link", "delete", "docker0")
        shutil.rmtree(self._folder, ignore_errors=True)


class SecondDaemon:
    """Another dockerd beside the one that the tests use: a second node, which they may stop and start.

    Its containers use the host's network; it leaves the packet filter alone, and has an idle bridge of its own: without
    one (--bridge=none) dockerd deletes docker0, which is the other daemon's. close() ends it, its containers, its bridge
    and its folder.
    """

    def __init__(self, folder: Path, live_restore: bool = False, options: tuple[str, ...] = ()):
        for tool in ("dockerd", "containerd"):
            if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
                raise Missing(f"there is no {tool} for a second Docker daemon")
        if os.geteuid() != 0:
            raise Missing("only root can start a second Docker daemon")
        self._folder = folder
        self.address = f"unix://{folder}/docker.sock"
        # A short path: containerd's sockets are below it.
        self._exec_root = Path(tempfile.mkdtemp(prefix="hp-x-"))
        self._bridge = f"hpx{os.getpid()}"
        for words in (("add", self._bridge, "type", "bridge"), ("set", self._bridge, "up")):
            command("ip", "link", *words)
        command("ip", "address", "add", _SECOND_BRIDGE, "dev", self._bridge)
        self._command = [
            "dockerd",
            f"--host={self.address}",
            f"--pidfile={folder}/pid",
            f"--data-root={folder}/data",
            f"--exec-root={self._exec_root}",
            f"--bridge={self._bridge}",
            "--iptables=false",
            "--ip6tables=false",
            *(["--live-restore"] if live_restore else []),
            *options,
        ]
        self._process: Process | None = None
        self.start()

    def start(self) -> None:
        self._process = Process("second dockerd", self._command, self._folder / "dockerd.log")
        process = self._process
        started = wait_for(lambda: self._answers() or not process.alive(), _DAEMON_START_S, 0.1)
        if not started or not process.alive():
            reason = process.tail(3)
            self.close()
            raise Missing(f"a second Docker daemon does not start: {reason}")

    def stop(self) -> None:
        self._process.stop(grace_s=30)

    def docker(self, *words: str) -> str:
        done = command("docker", "-H", self.address, *words)
        return done.stdout.strip()

    def load(self, image: str) -> None:
        """Copies an image of the tests' daemon here."""
        with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
            for host, words in (([], ["save", "-o", archive.name, image]), (["-H", self.address], ["load", "-i", archive.name])):
                done = command("docker", *host, *words)
                if done.returncode != 0:
                    raise RuntimeError(f"docker {' '.join(words)}: {done.stderr}")

    def close(self) -> None:
        if self._process.alive():
            left = self.docker("ps", "-aq").split()
            if left:
                self.docker("rm", "-f", "-v", *left)
            self.stop()
        self._process.kill()
        for mount in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            target = mount.split()[1]
            if target.startswith((f"{self._folder}/", f"{self._exec_root}/")):
                command("umount", "-l", target)
        command("ip", "link", "delete", self._bridge)
        shutil.rmtree(self._exec_root, ignore_errors=True)

    def _answers(self) -> bool:
        return command("docker", "-H", self.address, "info").returncode == 0


class Engine:
    """Containers, networks and volumes of one run, all under one name. A context manager."""

    def __init__(self):
        self._own = None if answers() else PrivateDaemon()
        self.prefix = f"hp-e2e-{os.getpid()}"

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *exc_info) -> None:
        try:
            self.remove_all()
        finally:
            if self._own:
                self._own.close()

    def name(self, short: str) -> str:
        return f"{self.prefix}-{short}"

    def remove_all(self) -> None:
        names = ["--filter", f"name={self.prefix}-", "-q"]
        for listing, removal in (
            (["docker", "ps", "-a"], ["docker", "rm", "-f", "-v"]),
            (["docker", "network", "ls"], ["docker", "network", "rm"]),
            (["docker", "volume", "ls"], ["docker", "volume", "rm"]),
        ):
            found = command(*listing, *names).stdout.split()
            if found:
                command(*removal, *found)

    def remove(self, container: str) -> None:
        command("docker", "rm", "-f", container)

    def start(self, line: str) -> str:
        """Runs one line as a user types it, in a shell; returns its output. Raises on failure."""
        done = command("bash", "-c", line)
        if done.returncode != 0:
            raise RuntimeError(f"{line}\n{done.stderr}")
        return done.stdout.strip()

    def run(self, *words: str) -> subprocess.CompletedProcess:
        """`docker run --rm WORDS...` to its end."""
        return command("docker", "run", "--rm", *words)

    def execute(self, container: str, *words: str) -> subprocess.CompletedProcess:
        return command("docker", "exec", container, *words)

    def logs(self, container: str) -> str:
        done = command("docker", "logs", container)
        return done.stdout + done.stderr

    def inspect(self, what: str, template: str) -> str:
        return command("docker", "inspect", "-f", template, what).stdout.strip()

    def running(self, container: str) -> bool:
        return self.inspect(container, "{{.State.Running}}") == "true"


def end_on_sigterm() -> None:
    """Turns SIGTERM into an exception, so that what was made is removed."""

    def end(number, frame):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
