#!/usr/bin/env python3
"""The images as users run them: run.sh [TEST...]. Exit code 0, 1, or 77: nothing can run here."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import image_command
from engine import Engine, command, end_on_sigterm
from harness import parts
from harness.check import Checks
from harness.probe import serves, wait_until_serving
from harness.process import wait_for
from harness.shell import Shell

_ROOT = Path(__file__).resolve().parents[2]
_IMAGE = "headpond/headpond:latest"
_PORTS = (19998, 19999, 29999, 30000)
_IMAGE_USER = 1000
_START_LIMIT_S = 30
_STOP_LIMIT_S = 5.0
_FILE_BYTES = 5 * 1024 * 1024 + 3
_SECRET = "e2e-secret-3f9c1b"

# The lines of docs/docker.md, as a user types them; {capitals} are filled in.
_HOST_MASTER = """docker run -d --rm --net=host --name={NAME}-master \
 -v {UFS}:/opt/alluxio/underFSStorage \
 -e ALLUXIO_JAVA_OPTS=" -Dalluxio.master.hostname=$(hostname -i) \
 -Dalluxio.master.mount.table.root.ufs=/opt/alluxio/underFSStorage" {IMAGE} master"""
_HOST_WORKER = """docker run -d --rm --net=host --name={NAME}-worker --shm-size=1G \
 -v {UFS}:/opt/alluxio/underFSStorage \
 -e ALLUXIO_JAVA_OPTS=" -Dalluxio.worker.memory.size=1G \
 -Dalluxio.master.hostname=$(hostname -i)" {IMAGE} worker"""
_BRIDGE_MASTER = """docker run -d --rm -p 19998:19998 -p 19999:19999 --net={NAME}-network \
 --name={NAME}-master -v {UFS}:/opt/alluxio/underFSStorage \
 -e ALLUXIO_JAVA_OPTS=" -Dalluxio.master.hostname={NAME}-master \
 -Dalluxio.master.mount.table.root.ufs=/opt/alluxio/underFSStorage" {IMAGE} master"""
_BRIDGE_WORKER = """docker run -d --rm -p 29999:29999 -p 30000:30000 --net={NAME}-network \
 --name={NAME}-worker --shm-size=1G -v {UFS}:/opt/alluxio/underFSStorage \
 -e ALLUXIO_JAVA_OPTS=" -Dalluxio.worker.memory.size=1G \
 -Dalluxio.master.hostname={NAME}-master -Dalluxio.worker.hostname={WORKER_HOST} \
 -Dfs.s3a.secretKey={SECRET}" {IMAGE} worker"""

# So that commands inside find the master that runs beside them.
_TO_ITSELF = "-e ALLUXIO_JAVA_OPTS=-Dalluxio.master.hostname=localhost"


def taken_ports() -> list[int]:
    taken = []
    for port in _PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                taken.append(port)
    return taken


def under_store(folder: Path) -> Path:
    """A folder of the host that the image's user may write to, made as docs/docker.md tells."""
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(folder, _IMAGE_USER, _IMAGE_USER)
    else:
        folder.chmod(0o777)
    folder.parent.chmod(0o755)
    return folder


class Tests:
    def __init__(self, engine: Engine, folder: Path, checks: Checks):
        self._engine = engine
        self._folder = folder
        self._checks = checks

    def host(self) -> None:
        self._need_ports()
        store = under_store(self._folder / "host-ufs")
        names = {"NAME": self._engine.name("host"), "UFS": store, "IMAGE": _IMAGE}
        started = time.monotonic()
        self._engine.start(_HOST_MASTER.format(**names))
        self._serving(f"{names['NAME']}-master", "127.0.0.1", started)
        self._engine.start(_HOST_WORKER.format(**names))
        address = command("hostname", "-i").stdout.split()[0]
        self._use_from_outside(f"{address}:19998", store, f"{names['NAME']}-worker")
        self._use_inside(f"{names['NAME']}-worker", "-Dalluxio.worker.memory.size=1G")
        self._stops_cleanly(names["NAME"])

    def bridge(self) -> None:
        self._need_ports()
        name = self._engine.name("bridge")
        network = self._engine.start(f"docker network create {name}-network")
        gateway = self._engine.inspect(network, "{{(index .IPAM.Config 0).Gateway}}")
        store = under_store(self._folder / "bridge-ufs")
        names = {
            "NAME": name,
            "UFS": store,
            "IMAGE": _IMAGE,
            "WORKER_HOST": gateway,  # one that reaches the published port from outside and inside
            "SECRET": _SECRET,
        }
        started = time.monotonic()
        self._engine.start(_BRIDGE_MASTER.format(**names))
        self._serving(f"{names['NAME']}-master", "127.0.0.1", started)
        self._engine.start(_BRIDGE_WORKER.format(**names))
        self._use_from_outside("127.0.0.1:19998", store, f"{names['NAME']}-worker")
        self._use_inside(f"{names['NAME']}-worker", f"-Dalluxio.worker.hostname={gateway}")
        for role in ("master", "worker"):
            log = self._engine.logs(f"{names['NAME']}-{role}")
            self._checks.that(f"the {role}'s log has no secrets", _SECRET not in log, log)
            self._checks.that(f"the {role}'s name is found good", "others are told" not in log, log)
        self._stops_cleanly(names["NAME"])

    def journal(self) -> None:
        volume = self._engine.start(f"docker volume create {self._engine.name('journal')}")
        name = self._engine.name("journal-master")
        mount = f"-v {volume}:/opt/alluxio/journal"
        words = f"docker run -d --name {name} {_TO_ITSELF} {mount} {_IMAGE} master"
        for turn, line in enumerate((words, f"{words} --no-format", words)):
            self._engine.start(line)
            self._serving(name, self._address(name))
            if turn == 0:
                made = self._engine.execute(name, "alluxio", "fs", "mkdir", "/kept")
                self._checks.that("mkdir", made.returncode == 0, made.stdout + made.stderr)
            listed = self._engine.execute(name, "alluxio", "fs", "ls", "/")
            how = line.removeprefix(words).strip() or "no option"
            self._checks.that(f"/kept is there ({how})", "/kept" in listed.stdout, listed.stderr)
            self._engine.remove(name)

    def users(self) -> None:
        user = self._engine.run("--entrypoint", "id", _IMAGE)
        self._checks.that("the image's user", "uid=1000(alluxio) gid=1000(alluxio)" in user.stdout)
        self._user("1234", "1234 0", "-u", "1234")
        for name, group, uid, gid in (
            ("tester", "testers", 2345, 2346),
            ("alluxio", "alluxio", 2345, 2345),
            ("other", "alluxio", 1000, 1000),
        ):
            values = (f"USERNAME={name}", f"GROUP={group}", f"UID={uid}", f"GID={gid}")
            chosen = [word for value in values for word in ("-e", f"ALLUXIO_{value}")]
            self._user(name, f"{uid} {gid}", "-u", "0", *chosen)
        refused = self._engine.run("-u", "0", "-e", "ALLUXIO_USERNAME=a", _IMAGE, "master")
        self._refused("a user without its number", refused, "ALLUXIO_GROUP")

    def refusals(self) -> None:
        small = ["-e", "ALLUXIO_JAVA_OPTS=-Dalluxio.worker.memory.size=1G", "--shm-size=64m"]
        self._refused(
            "a tier larger than /dev/shm",
            self._engine.run(*small, _IMAGE, "worker"),
            "1024.00MB in /dev/shm is larger than the 64.00MB",
            "--shm-size=1073741824",
        )
        self._refused(
            "a tier that leaves nothing of the memory",
            self._engine.run(*small, "--shm-size=1g", "--memory=512m", _IMAGE, "worker"),
            "memory limit of 512.00MB",
        )
        for word in ("job-master", "job-worker", "proxy", "fuse", "logserver"):
            done = self._engine.run(_IMAGE, word)
            self._refused(word, done, f"{word} is not in this image", "master, master-only, worker")
        self._refused("an unknown command", self._engine.run(_IMAGE, "frob"), "frob", "Usage:")
        self._refused(
            "an unknown option", self._engine.run(_IMAGE, "master", "--fresh"), "--fresh", "Usage:"
        )

    def names(self) -> None:
        name = self._engine.name("names")
        store = self._folder / "read-only-ufs"
        store.mkdir(mode=0o555)
        mount = f"-v {store}:/opt/alluxio/underFSStorage"
        self._engine.start(f"docker run -d --name {name} {mount} {_IMAGE} master")
        self._serving(name, self._address(name))
        log = self._engine.logs(name)
        advice = f"chown {_IMAGE_USER}" in log
        self._checks.that("an under-store that can't be written is told", advice, log)
        own = self._engine.inspect(name, "{{.Config.Hostname}}")
        self._checks.that("the log names the name", f"others are told the name {own}" in log, log)
        self._checks.that("the log has the remedy", "-Dalluxio.master.hostname=NAME" in log, log)
        self._engine.start(f"docker restart {name}")
        self._serving(name, self._address(name))
        shown = self._engine.execute(name, "cat", "conf/alluxio-env.sh").stdout
        self._checks.equal("parts of alluxio-env.sh after a restart", shown.count("start ---"), 1)
        self._stops(name)
        log = self._engine.logs(name)
        self._checks.that("the log's last word", log.rstrip().endswith("stopped"), log)

    def registry(self) -> None:
        image_command.check(self._engine, self._checks, self._folder / "registry", _IMAGE)

    # Helpers.

    def _need_ports(self) -> None:
        if taken := taken_ports():
            raise parts.Missing(f"ports {taken} of this host are taken; the lines need them")

    def _address(self, container: str) -> str:
        return self._engine.inspect(
            container, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        )

    def _serving(self, container: str, host: str, started: float | None = None) -> None:
        deadline = time.monotonic() + _START_LIMIT_S
        up = wait_until_serving(host, 19998, deadline, lambda: self._engine.running(container))
        seconds = f" after {time.monotonic() - started:.2f} s" if started else ""
        self._checks.that(f"{container} serves{seconds}", up, self._engine.logs(container))

    def _use_from_outside(self, master: str, store: Path, worker: str) -> None:
        """The stock client on this host writes through, and reads what others put there."""
        content = os.urandom(_FILE_BYTES)
        local = self._folder / "local"
        local.write_bytes(content)
        # The root folder belongs to the container's user, as with the stock image.
        properties = [
            "alluxio.user.file.writetype.default=CACHE_THROUGH",
            "alluxio.security.login.username=alluxio",
        ]
        with Shell(master, self._folder / f"shell-{worker}", properties) as shell:
            registered = wait_for(
                lambda: "Capacity Bytes: 0" not in shell.run("fs", "getCapacityBytes").text,
                _START_LIMIT_S,
            )
            self._checks.that("the worker is registered", registered, self._engine.logs(worker))
            capacity = shell.run("fs", "getCapacityBytes").text.strip()
            self._checks.equal("capacity", capacity, f"Capacity Bytes: {1 << 30}")
            copied = shell.run("fs", "copyFromLocal", str(local), "/written")
            self._checks.that("the stock client writes", copied.exit_code == 0, copied.text)
            stored = store / "written"
            self._checks.that(
                "it is in the under-store", stored.exists() and stored.read_bytes() == content
            )
            self._same(shell, "/written", content)
            outside = os.urandom(_FILE_BYTES)
            (store / "outside").write_bytes(outside)
            self._same(shell, "/outside", outside)
            listed = shell.run("fs", "ls", "/outside").text
            self._checks.that("it is cached then", "100%" in listed, listed)

    def _same(self, shell: Shell, path: str, content: bytes) -> None:
        read = shell.run("fs", "cat", path)
        self._checks.equal(
            f"the stock client reads {path}",
            hashlib.md5(read.output).hexdigest(),
            hashlib.md5(content).hexdigest(),
        )

    def _use_inside(self, worker: str, option: str) -> None:
        shown = self._engine.execute(worker, "cat", "/opt/alluxio/conf/alluxio-env.sh").stdout
        self._checks.that(f"alluxio-env.sh has {option}", option in shown, shown)
        tests = self._engine.execute(
            worker, "/bin/bash", "-c", "cd /opt/alluxio && ./bin/alluxio runTests"
        )
        passed = tests.returncode == 0 and "Passed the test!" in tests.stdout
        self._checks.that("runTests inside", passed, tests.stdout[-2000:] + tests.stderr)
        for words in (["fs", "ls", "/"], ["fsadmin", "report"]):
            # Without the variable, so that the file is what is in effect.
            done = self._engine.execute(
                worker, "env", "-u", "ALLUXIO_JAVA_OPTS", "./bin/alluxio", *words
            )
            self._checks.equal(f"alluxio {' '.join(words)}", done.returncode, 0)
        shm = self._engine.execute(worker, "df", "-B1", "--output=size", "/dev/shm").stdout
        self._checks.equal("--shm-size", shm.split()[-1:], [str(1 << 30)])

    def _stops_cleanly(self, name: str) -> None:
        for role in ("worker", "master"):
            self._stops(f"{name}-{role}")

    def _stops(self, container: str) -> None:
        began = time.time()
        command("docker", "stop", container)
        seconds = time.time() - began
        # An event, because --rm removes the container with its exit code.
        died = command(
            "docker", "events", "--since", f"{began:.9f}", "--until", f"{time.time():.9f}",
            "--filter", f"container={container}", "--filter", "event=die",
            "--format", "{{.Actor.Attributes.exitCode}}",
        )  # fmt: skip
        self._checks.that(f"{container} stops in {seconds:.2f} s", seconds < _STOP_LIMIT_S)
        self._checks.equal("its exit code", died.stdout.strip(), "0")

    def _user(self, name: str, numbers: str, *options: str) -> None:
        container = self._engine.name(f"user-{name}")
        self._engine.start(
            f"docker run -d --name {container} {_TO_ITSELF} {' '.join(options)} {_IMAGE} master"
        )
        self._serving(container, self._address(container))
        rows = command("docker", "top", container, "-o", "pid,uid,gid,comm").stdout.splitlines()
        owners = [row.split()[1:3] for row in rows if row.endswith(" headpond")]
        self._checks.equal(f"{' '.join(options)}: user, group", owners, [numbers.split()])
        user = ["-u", numbers.replace(" ", ":"), container]
        made = command("docker", "exec", *user, "alluxio", "fs", "mkdir", "/mine")
        self._checks.that("mkdir as this user", made.returncode == 0, made.stdout + made.stderr)
        self._engine.remove(container)

    def _refused(self, what: str, done: subprocess.CompletedProcess, *texts: str) -> None:
        said = all(text in done.stderr for text in texts)
        self._checks.that(
            f"{what} is refused with its reason",
            done.returncode == 1 and said,
            f"exit code {done.returncode}\n{done.stdout}{done.stderr}",
        )


_TESTS = ("host", "bridge", "journal", "users", "refusals", "names", "registry")


def build_images() -> None:
    for name in ("headpond", "headpond-operator"):
        if not (_ROOT / "build" / "release" / "bin" / name).exists():
            raise parts.Missing(f"build/release/bin/{name} is not built")
    done = command(str(_ROOT / "images" / "build.sh"), timeout_s=3600)
    if done.returncode != 0:
        raise RuntimeError(f"images/build.sh failed:\n{done.stdout}{done.stderr}")
    print(done.stdout, end="", flush=True)


def run_tests(chosen: list[str], folder: Path) -> int:
    checks, skipped = Checks(), []
    with Engine() as engine:
        build_images()
        tests = Tests(engine, folder, checks)
        for name in chosen:
            started = time.monotonic()
            print(f"-- {name}", flush=True)
            try:
                getattr(tests, name)()
            except parts.Missing as why:
                print(f"SKIP: {name}: {why}", flush=True)
                skipped.append(name)
            except RuntimeError as failure:
                checks.that(name, False, str(failure))
            engine.remove_all()
            print(f"-- {name}: {time.monotonic() - started:.1f} s", flush=True)
    code = checks.exit_code()
    return parts.SKIP_EXIT_CODE if code == 0 and len(skipped) == len(chosen) else code


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    parser.add_argument("test", nargs="*", help=f"default: all of {', '.join(_TESTS)}")
    chosen = parser.parse_args().test or list(_TESTS)
    if unknown := set(chosen) - set(_TESTS):
        parser.error(f"no such test: {', '.join(sorted(unknown))}")
    end_on_sigterm()
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="hp-e2e-docker-"))
    try:
        return run_tests(chosen, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{time.monotonic() - started:.0f} s in all", flush=True)


if __name__ == "__main__":
    parts.run_as_test(main)
