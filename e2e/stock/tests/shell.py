#!/usr/bin/env python3
"""The stock Java shell against a server: contents, exit codes and texts as a 2.9 server gives them.

Expected texts were recorded from the stock server. Times, ids and owners vary and are matched by
pattern. Everything happens below one folder that is removed at the end.
"""

import getpass
import hashlib
import os
import random
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from harness import parts
from harness.check import Checks
from harness.process import wait_for
from harness.shell import Shell

_BLOCK = 64 * 1024 * 1024
_SIZES = {"empty": 0, "one": 1, "page": 4096, "odd": 1_000_003, "two-blocks": _BLOCK + 1}
_DATE = r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d:\d{3}"
_SETTLE_S = 30.0  # block reports and deletions travel with heartbeats of one second


class Story:
    """Runs commands and compares; `root` is the folder of this run, written ~ in expectations."""

    def __init__(self, shell: Shell, checks: Checks, root: str):
        self.shell = shell
        self.checks = checks
        self.root = root

    def path(self, text: str) -> str:
        return text.replace("~", self.root)

    def run(self, *command: str):
        return self.shell.run("fs", *(self.path(word) for word in command))

    def prints(self, command: str, expected: str, exit_code: int = 0) -> None:
        """The command ends so and prints exactly the expected lines."""
        reply = self.run(*command.split())
        self.checks.equal(f"fs {command}: exit code", reply.exit_code, exit_code)
        wanted = self.path(expected).strip("\n")
        self.checks.equal(f"fs {command}: output", reply.text.strip("\n"), wanted)

    def matches(self, command: str, pattern: str, exit_code: int = 0) -> None:
        """The whole output matches the regular expression."""
        reply = self.run(*command.split())
        found = re.fullmatch(self.path(pattern), reply.text.strip("\n"), re.S)
        good = found is not None and reply.exit_code == exit_code
        detail = f"expected {exit_code}, /{self.path(pattern)}/\nactual   {reply.exit_code}\n"
        self.checks.that(f"fs {command}: output", good, detail + reply.text)

    def eventually(self, command: str, pattern: str) -> None:
        """As matches, but the server may need some heartbeats to get there."""

        def settled():
            reply = self.run(*command.split())
            return re.fullmatch(self.path(pattern), reply.text.strip("\n"), re.S)

        wait_for(settled, _SETTLE_S, 0.3)
        self.matches(command, pattern)

    def ends(self, command: str, exit_code: int) -> None:
        self.checks.equal(
            f"fs {command}: exit code", self.run(*command.split()).exit_code, exit_code
        )


def ls_line(
    mode: str, size: str, state: str, percent: str, path: str, owner=r"\S+", group=r"\S*"
) -> str:
    """A line of `ls` as a pattern: fixed columns, the path padded to five characters."""
    columns = rf"{re.escape(mode)}\s+{owner}\s+{group}\s+{size}\s+{state}\s+{_DATE}\s+"
    return columns + rf"{percent} {path}\s*"


def make_local_files(folder: Path) -> dict[str, bytes]:
    generator = random.Random(19998)
    contents = {name: generator.randbytes(size) for name, size in _SIZES.items()}
    contents["text"] = b"hello\nworld\n"
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    tree = folder / "tree" / "sub"
    tree.mkdir(parents=True)
    (folder / "tree" / "a").write_bytes(b"a" * 12)
    (tree / "b").write_bytes(b"b" * 1000)
    return contents


def folders(story: Story) -> None:
    story.prints(
        "mkdir ~/d ~/d/e ~/d/e/f",
        "Successfully created directory ~/d\nSuccessfully created directory ~/d/e\n"
        "Successfully created directory ~/d/e/f",
    )
    story.prints(
        "mkdir ~/d", "Not allowed to create directory because path already exists: ~/d", 255
    )
    story.prints("mkdir bad", 'Path "bad" is invalid.', 255)
    story.ends("mkdir", 255)
    story.ends("nosuchcommand", 255)
    story.prints("ls ~/nosuch", 'Path "~/nosuch" does not exist.', 255)
    story.prints("ls ~/z*", "~/z* does not exist.", 255)


def copy_and_compare(story: Story, local: Path, contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        story.prints(
            f"copyFromLocal {local}/{name} ~/d/{name}",
            f"Copied file://{local}/{name} to ~/d/{name}",
        )
        digest = hashlib.md5(content).hexdigest()
        story.prints(f"checksum ~/d/{name}", f"md5sum: {digest}")
        output = story.run("cat", f"~/d/{name}").output
        story.checks.that(
            f"fs cat ~/d/{name}: {len(content)} bytes",
            output == content,
            f"{len(output)} bytes, md5 {hashlib.md5(output).hexdigest()}",
        )
    story.prints(
        f"copyFromLocal {local}/one ~/d/one",
        "~/d/one already exists. If you want to overwrite the file, you need to specify the "
        "overwrite option.",
        255,
    )
    story.prints("cat ~/nosuch", 'Path "~/nosuch" does not exist.', 255)
    story.prints("cat ~/d", 'Path "~/d" must be a file.', 255)
    story.prints("head -c 5 ~/d/text", "hello")
    story.prints("tail -c 6 ~/d/text", "world")
    story.prints("tail -c 0 ~/d/text", "specified bytes must be > 0", 255)
    tail = story.run("tail", "-c", "100", "~/d/two-blocks").output
    story.checks.that("tail crosses the block border", tail == contents["two-blocks"][-100:])


def under_store_holds(story: Story, contents: dict[str, bytes]) -> None:
    """CACHE_THROUGH files are in the under store when the write returns."""
    if not os.environ.get("UNDER_STORE"):
        return
    folder = Path(os.environ["UNDER_STORE"]) / story.root.strip("/") / "d"
    for name, content in contents.items():
        file = folder / name
        good = file.is_file() and file.read_bytes() == content
        story.checks.that(f"the under store holds {name}", good, str(file))


def listings(story: Story) -> None:
    file = "-rw-r--r--"
    story.matches(
        "ls -R ~",
        r"\n".join(
            [
                ls_line("drwxr-xr-x", "7", "PERSISTED", " DIR", "~/d"),
                ls_line("drwxr-xr-x", "1", "PERSISTED", " DIR", "~/d/e"),
                ls_line("drwxr-xr-x", "0", "PERSISTED", " DIR", "~/d/e/f"),
                ls_line(file, "0", "PERSISTED", "100%", "~/d/empty"),
                ls_line(file, "1000003", "PERSISTED", "100%", "~/d/odd"),
                ls_line(file, "1", "PERSISTED", "100%", "~/d/one"),
                ls_line(file, "4096", "PERSISTED", "100%", "~/d/page"),
                ls_line(file, "12", "PERSISTED", "100%", "~/d/text"),
                ls_line(file, str(_BLOCK + 1), "PERSISTED", "100%", "~/d/two-blocks"),
            ]
        ),
    )
    story.matches("ls -h -d ~/d", ls_line("drwxr-xr-x", "7", "PERSISTED", " DIR", "~/d"))
    story.matches("ls -h ~/d/odd", ls_line(file, "976.57KB", "PERSISTED", "100%", "~/d/odd"))
    story.matches(
        "ls --sort size -r ~/d/o*",
        r"\n".join(
            [
                ls_line(file, "1000003", "PERSISTED", "100%", "~/d/odd"),
                ls_line(file, "1", "PERSISTED", "100%", "~/d/one"),
            ]
        ),
    )
    story.prints("ls --sort bad ~/d", "Invalid sort option `bad` for --sort", 255)
    total = sum(_SIZES.values()) + 12
    story.prints(
        "count ~/d",
        f"{'File Count':<25}{'Folder Count':<25}{'Folder Size':<15}\n"
        f"{'6':<25}{'2':<25}{total:<15}",
    )
    header = f"{'File Size':<13} {'In Alluxio':<16} Path"
    story.prints("du -s ~/d", f"{header}\n{total:<13} {f'{total} (100%)':<16} ~/d")
    story.prints(
        "du ~/d/o*",
        f"{header}\n{1000003:<13} {'1000003 (100%)':<16} ~/d/odd\n"
        f"{1:<13} {'1 (100%)':<16} ~/d/one",
    )
    story.prints("du ~/nosuch", f'{header}\nPath "~/nosuch" does not exist.', 255)


def status(story: Story) -> None:
    story.prints("stat -f %N|%z|%b ~/d/two-blocks", f"two-blocks|{_BLOCK + 1}|2")
    story.prints("stat -f %z ~/d", "NA")
    story.matches(
        "stat ~/d/two-blocks",
        rf"~/d/two-blocks is a file path\.\nURIStatus{{info=FileInfo{{fileId=\d+, "
        rf"name=two-blocks, path=~/d/two-blocks, .*length={_BLOCK + 1}, "
        rf"blockSizeBytes={_BLOCK}, .*completed=true, folder=false, .*}}\n"
        rf"Containing the following blocks: \nBlockInfo{{id=\d+, length={_BLOCK}, .*}}\n"
        r"BlockInfo{id=\d+, length=1, .*}",
    )
    story.matches(
        "stat ~/d/empty",
        r"~/d/empty is a file path\.\nURIStatus{.*}\n" r"This file does not contain any blocks\.",
    )
    story.matches("stat ~/d", r"~/d is a directory path\.\nURIStatus{.*folder=true.*}")
    story.matches(
        "location ~/d/two-blocks", r"~/d/two-blocks with file id \d+ is on nodes: \n\S+\n\S+"
    )
    story.matches("location ~/d", r"~/d with file id \d+ is on nodes: ")
    for flags, expected in (
        ("-d ~/d", 0),
        ("-f ~/d", 1),
        ("-e ~/nosuch", 3),
        ("-e ~/d", 0),
        ("-z ~/d/empty", 0),
        ("-z ~/d/one", 1),
        ("-s ~/d", 0),
    ):
        story.ends(f"test {flags}", expected)


def renames(story: Story) -> None:
    story.prints("mv ~/d/text ~/d/e/moved", "Renamed ~/d/text to ~/d/e/moved")
    story.prints("cat ~/d/e/moved", "hello\nworld")
    story.ends("test -e ~/d/text", 3)
    story.prints(
        "mv ~/d/one ~/d/page",
        "Cannot rename because destination already exists. " "src: ~/d/one dst: ~/d/page",
        255,
    )
    story.prints("mv ~/nosuch ~/x", 'Path "~/nosuch" does not exist.', 255)
    story.prints("mv ~/d ~/d/e/x", "Cannot rename because ~/d is a prefix of ~/d/e/x", 255)
    story.prints("mv ~/d/e ~/d/g", "Renamed ~/d/e to ~/d/g")
    story.prints("cat ~/d/g/moved", "hello\nworld")
    story.prints(
        "mkdir ~/d/one/x",
        "Traversal failed for path ~/d/one/x. "
        f"Component {story.root.count('/') + 2}(one) is a file, not a directory.",
        255,
    )


def attributes(story: Story) -> None:
    me = re.escape(getpass.getuser())
    story.prints("chmod 640 ~/d/one", "Changed permission of ~/d/one to 640")
    story.matches("ls ~/d/one", ls_line("-rw-r-----", "1", "PERSISTED", "100%", "~/d/one", me))
    story.prints("chmod 9999 ~/d/one", "Invalid mode 9999 - contains invalid segment 9999", 255)
    story.prints("chmod 640 ~/nosuch", 'Path "~/nosuch" does not exist.', 255)
    story.prints("chmod -R 750 ~/d/g", "Changed permission of ~/d/g to 750")
    story.matches("ls ~/d/g/moved", ls_line("-rwxr-x---", "12", "PERSISTED", "100%", "~/d/g/moved"))
    # Of a persisted file only to an owner the under store knows.
    story.prints(
        f"chown {getpass.getuser()} ~/d/one", f"Changed owner of ~/d/one to {getpass.getuser()}"
    )
    story.prints("chown a:b:c ~/d/one", "Failed to parse a:b:c as user or user:group", 255)


def pin_free_load(story: Story) -> None:
    story.prints("pin ~/d/page", "File '~/d/page' was successfully pinned.")
    story.matches("ls -p ~/d", ls_line("-rw-r--r--", "4096", "PERSISTED", "100%", "~/d/page"))
    story.prints(
        "free ~/d/page",
        "Cannot free file ~/d/page which is pinned. Please unpin it first "
        'or set the "forced" flag of free operation to true',
        255,
    )
    story.prints("unpin ~/d/page", "File '~/d/page' was successfully unpinned.")
    story.prints("free ~/d/page", "~/d/page was successfully freed from Alluxio space.")
    cold = ls_line("-rw-r--r--", "4096", "PERSISTED", "\\s*0%", "~/d/page")
    story.eventually("ls ~/d/page", cold)
    story.prints("load ~/d/page", "~/d/page loaded")
    warm = ls_line("-rw-r--r--", "4096", "PERSISTED", "100%", "~/d/page")
    story.eventually("ls ~/d/page", warm)


def cold_read(story: Story, contents: dict[str, bytes]) -> None:
    """What was freed comes from the under store and is cached again by the read."""
    story.prints("free ~/d/two-blocks", "~/d/two-blocks was successfully freed from Alluxio space.")
    line = ("-rw-r--r--", str(_BLOCK + 1), "PERSISTED")
    story.eventually("ls ~/d/two-blocks", ls_line(*line, "\\s*0%", "~/d/two-blocks"))
    output = story.run("cat", "~/d/two-blocks").output
    story.checks.that("a freed file reads back", output == contents["two-blocks"])
    story.eventually("ls ~/d/two-blocks", ls_line(*line, "100%", "~/d/two-blocks"))


def time_to_live(story: Story) -> None:
    story.prints(
        "setTtl ~/d/page 1h",
        "TTL of path '~/d/page' was successfully set to 3600000 "
        "milliseconds, with expiry action set to DELETE",
    )
    story.prints("unsetTtl ~/d/page", "TTL of file '~/d/page' was successfully removed.")
    story.prints("setTtl ~/d/page bad", "bad is not valid time", 255)
    story.prints("touch ~/d/brief", "~/d/brief has been created")
    story.prints(
        "setTtl --action delete ~/d/brief 500",
        "TTL of path '~/d/brief' was successfully set "
        "to 500 milliseconds, with expiry action set to DELETE",
    )
    if os.environ.get("TTL_CHECKED_EVERY_SECOND"):
        gone = lambda: story.run("test", "-e", "~/d/brief").exit_code == 3
        story.checks.that("an expired file is deleted", wait_for(gone, _SETTLE_S, 0.3))


def copies(story: Story, local: Path) -> None:
    reply = story.run("copyFromLocal", f"{local}/tree", "~/tree")
    story.checks.equal("copyFromLocal of a folder: exit code", reply.exit_code, 0)
    story.checks.equal(
        "copyFromLocal of a folder: lines",
        sorted(reply.text.split("\n")),
        sorted(
            [
                "",
                f"Copied file://{local}/tree to {story.root}/tree",
                f"Copied file://{local}/tree/a to {story.root}/tree/a",
                f"Copied file://{local}/tree/sub/b to {story.root}/tree/sub/b",
            ]
        ),
    )
    story.prints(
        "cp ~/tree ~/tree2",
        "~/tree is a directory, to copy it please use " '"cp -R/-r/--recursive <src> <dst>"',
        255,
    )
    story.ends("cp -R ~/tree ~/tree2", 0)
    story.ends(f"copyToLocal ~/tree2 {local}/back", 0)
    back = {
        str(file.relative_to(local / "back")): file.read_bytes()
        for file in (local / "back").rglob("*")
        if file.is_file()
    }
    story.checks.equal("copied there and back", back, {"a": b"a" * 12, "sub/b": b"b" * 1000})


def removal(story: Story) -> None:
    story.prints("rm ~/d/one", "~/d/one has been removed")
    story.prints("rm ~/d/one", 'Path "~/d/one" does not exist.', 255)
    story.prints(
        "rm ~/tree2",
        "~/tree2 is a directory, to remove it, please use " '"rm -R/-r/--recursive <path>"',
        255,
    )
    story.prints("rm -R ~/tree2", "~/tree2 has been removed")
    story.ends("test -e ~/tree2", 3)
    story.prints("rm -R ~", "~ has been removed")
    story.prints("ls ~", 'Path "~" does not exist.', 255)
    if os.environ.get("UNDER_STORE"):
        left = Path(os.environ["UNDER_STORE"]) / story.root.strip("/")
        story.checks.that("the under store is clean", not left.exists(), str(left))


def main() -> int:
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "local"
        local.mkdir()
        contents = make_local_files(local)
        properties = [
            "alluxio.user.file.writetype.default=CACHE_THROUGH",
            "alluxio.user.short.circuit.enabled=false",
        ]
        with Shell(os.environ["MASTER"], Path(folder) / "shell", properties) as shell:
            story = Story(shell, checks, f"/e2e-shell-{os.getpid()}")
            story.prints("mkdir ~", "Successfully created directory ~")
            folders(story)
            copy_and_compare(story, local, contents)
            under_store_holds(story, contents)
            listings(story)
            status(story)
            renames(story)
            attributes(story)
            pin_free_load(story)
            cold_read(story, contents)
            time_to_live(story)
            copies(story, local)
            removal(story)
    return checks.exit_code()


if __name__ == "__main__":
    parts.run_as_test(main)
