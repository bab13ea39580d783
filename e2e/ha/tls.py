"""Masters that speak TLS to each other and have a secret: they found a cluster, the leader is killed, a fourth
joins, and who has no certificate of their authority or not their secret stays outside.

One line per expectation. Exit code: 0 when everything held, 77 when a part is missing.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import parts
from harness.certificates import Authority
from harness.check import Checks
from harness.process import Process
from masters import tell, wait_for
from run import QuorumMasters, check_failover, check_start

_PREFIX = "headpond.master.embedded.journal"
_BOTH = "serverAuth,clientAuth"


class SecuredMasters(QuorumMasters):
    def __init__(self, folder: Path):
        super().__init__(folder)
        self.authority = Authority(folder / "authority")
        self.secret = folder / "secret"
        self.secret.write_text("0123456789abcdef0123456789abcdef\n")
        self.secret.chmod(0o600)
        self.files = [self.authority.issue(f"master-{number}", _BOTH) for number in range(4)]
        self.fourth: dict | None = None  # what the fourth has instead of what it takes

    def secured(self, number: int) -> dict:
        if number == 3 and self.fourth is not None:
            return self.fourth
        return {f"{_PREFIX}.secret.file": self.secret, **tls(*self.files[number], self.authority.ca)}

    def journal_properties(self, number: int) -> dict:
        return {**super().journal_properties(number), **self.secured(number)}

    @contextmanager
    def starting_fourth(self, properties: dict) -> Iterator[Process]:
        """A fourth master with these properties, of which nothing is left at the end."""
        self.fourth = properties
        self.start_master(3)
        try:
            yield self.masters[3]
        finally:
            self.masters[3].kill()
            self.masters[3] = None
            self.fourth = None
            shutil.rmtree(self.folder / "master-3")


def tls(certificate: Path, key: Path, authority: Path) -> dict:
    return {f"{_PREFIX}.tls.certificate.file": certificate, f"{_PREFIX}.tls.key.file": key,
            f"{_PREFIX}.tls.ca.file": authority}


def check_files(checks: Checks, masters: SecuredMasters) -> None:
    """What is wrong with the files is told before anything is done."""
    certificate, key = masters.files[0]
    old, old_key = masters.authority.issue("old", _BOTH, days=-1)
    missing, authority = masters.folder / "missing", masters.authority.ca
    cases = {
        f"{_PREFIX}.tls.key.file is not set": {f"{_PREFIX}.tls.certificate.file": certificate},
        f"certificate {missing}": tls(missing, key, authority),
        f"not that of {certificate}": tls(certificate, old_key, authority),
        "has expired": tls(old, old_key, authority),
        f"{_PREFIX}.secret.file": {f"{_PREFIX}.secret.file": missing},
    }
    for says, properties in cases.items():
        with masters.starting_fourth(properties) as process:
            code, log = process.wait(20), masters.log_of(3)
        checks.that(f"with such files a master ends and says: {says}", code not in (0, None) and says in log, f"{code}: {log}")


def check_strangers(checks: Checks, masters: SecuredMasters) -> None:
    """A fourth master, which the others would let join."""
    foreign = Authority(masters.folder / "foreign")
    wrong = masters.folder / "wrong-secret"
    wrong.write_text("fedcba9876543210\n")
    mine = masters.secured(3)
    cases = {
        "without TLS": {f"{_PREFIX}.secret.file": masters.secret},
        "of another authority": {**mine, **tls(*foreign.issue("stranger", _BOTH), masters.authority.ca)},
        "with another secret": {**mine, f"{_PREFIX}.secret.file": wrong},
    }
    for name, properties in cases.items():
        with masters.starting_fourth(properties):
            waits = wait_for(lambda: "waiting:" in masters.log_of(3))
            checks.that(f"a master {name} waits and says so", waits, masters.log_of(3))
            checks.equal(f"members beside a master {name}", len(masters.quorum()), 3)
            checks.equal(f"exit code of a change beside a master {name}",
                         masters.run("fs", "mkdir", "/beside-a-master-" + name.replace(" ", "-")).returncode, 0)


def check_joins(checks: Checks, masters: SecuredMasters) -> None:
    masters.start_master(3)
    checks.that("a master with what it takes joins", wait_for(lambda: masters.all_available(4)), masters.logs())


def story(checks: Checks, masters: SecuredMasters) -> None:
    check_files(checks, masters)
    check_start(checks, masters)
    times = check_failover(checks, masters, rounds=2)
    checks.that("the leader was replaced within seconds", max(times) < 5, str(times))
    check_strangers(checks, masters)
    check_joins(checks, masters)


def main() -> int:
    if shutil.which("openssl") is None:
        raise parts.Missing("openssl is not installed")
    return tell("headpond-ha-tls-", SecuredMasters, story)


if __name__ == "__main__":
    parts.run_as_test(main)
