"""Walk-throughs of docs/guides/: the commands of their `console` blocks, run one after the other as a reader would.

A block holds commands (`$ …`, which a final backslash continues) and what they print. A command that prints `mesh: …`
has to fail with exit code 1, any other to succeed. Each line that the page shows has to be printed, whatever its
numbers, ids and spaces are, but for those of progress; `…` stands for lines that are left out. An id that a command
prints takes the place of the page's.

`python -m tests.walkthroughs --port PORT [PAGE …]` runs pages on a mesh that is up, and writes what is printed.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local.mesh import ROOT

GUIDES: Final = ROOT / "docs" / "guides"
PAGES: Final = ("steward.md", "analyst.md", "data-owner.md", "auditor.md", "platform-engineer.md")
"""In this order: a page goes on with what those before it published, requested and granted."""
WIDTH: Final = 100
SECONDS: Final = 240
_LEFT_OUT: Final = "…"
_PROGRESS: Final = re.compile(r"\s+\d+\.\d s  \w+$")
_END: Final = "__end_of_command__"
_ON_PORT: Final = """mesh() {
    case "$1" in contract | recipe) command mesh "$@" ;; *) command mesh "$@" --port "$PORT" ;; esac
}"""
_LOOKS: Final = re.compile(r"mesh (?:history|notices|quarantine|grants|requests|show|products|lineage|trace|pins)\b")
"""Commands that only look: who sees too early looks again."""
_AGAIN_SECONDS: Final = 30
_ID: Final = re.compile(r"ac-[0-9a-f]{12}|pin-[0-9a-f]{12}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VARYING: Final = re.compile(r"ac-[0-9a-f]{12}|pin-[0-9a-f]{12}|[0-9a-f-]{32,}|\d+(?:[.,:T-]\d+)*Z?|[\s─│-]+")


@dataclass
class Step:
    """One command of a page, and the lines that the page shows of its output."""

    line: int
    command: list[str]
    shown: list[str] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        """Whether the page shows a refusal."""
        return any(line.startswith("mesh: ") for line in self.shown)


def steps(text: str) -> Iterator[Step]:
    """The commands of all `console` blocks of a page."""
    step, inside, continued = None, False, False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            if step:
                yield step
            step, inside, continued = None, line == "```console", False
        elif inside and line.startswith("$ "):
            if step:
                yield step
            step = Step(number, [line.removeprefix("$ ")])
            continued = line.endswith("\\")
        elif inside and step and continued:
            step.command.append(line)
            continued = line.endswith("\\")
        elif inside and step:
            step.shown.append(line)


class Shell:
    """One bash for a whole page, in a folder of its own that has the repository's examples and governance."""

    def __init__(self, port: int, folder: Path) -> None:
        for name in ("examples", "governance"):
            (folder / name).symlink_to(ROOT / name)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "COLUMNS": str(WIDTH), "AWS_PAGER": "", "PORT": str(port)}
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=environment, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.run(_ON_PORT)

    def run(self, command: str) -> tuple[int, list[str]]:
        """Its exit code and what it prints."""
        assert self._bash.stdin is not None and self._bash.stdout is not None
        self._bash.stdin.write(f"{command}\nprintf '\\n{_END} %s\\n' $?\n")
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(_END):
                break
            lines.append(line.rstrip())
        while lines and not lines[-1]:
            lines.pop()
        return int(line.split()[1]), lines

    def close(self) -> None:
        """End the shell."""
        assert self._bash.stdin is not None
        self._bash.stdin.close()
        self._bash.wait(SECONDS)


def alike(line: str) -> str:
    """A line without what differs from run to run."""
    return _VARYING.sub(" ", line).strip()


def walk(page: Path, port: int) -> Iterator[tuple[Step, int, list[str]]]:
    """Run a page's commands; ids that were printed take the place of the page's."""
    ids: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(port, Path(folder))
        for step in steps(page.read_text("utf-8")):
            command = _with_ids("\n".join(step.command), ids)
            deadline = time.monotonic() + _AGAIN_SECONDS
            code, printed = shell.run(command)
            while _LOOKS.match(command) and faults(step, code, printed) and time.monotonic() < deadline:
                code, printed = shell.run(command)
            by_form = {alike(line): line for line in reversed(printed)}
            for line in step.shown:
                there = by_form.get(alike(line), "")
                ids |= dict(zip(_ID.findall(line), _ID.findall(there), strict=False))
            step.command = command.splitlines()
            yield step, code, printed
        shell.close()


def _with_ids(command: str, ids: Mapping[str, str]) -> str:
    return _ID.sub(lambda found: ids.get(found[0], found[0]), command)


def faults(step: Step, code: int, printed: list[str]) -> list[str]:
    """What is not as the page says."""
    found = [] if code == int(step.fails) else [f"exit code {code}"]
    there = {alike(line) for line in printed}
    shown = [line for line in step.shown if line != _LEFT_OUT and not _PROGRESS.match(line)]
    return found + [f"not printed: {line}" for line in shown if alike(line) not in there]


def write(page: Path, port: int) -> int:
    """Put what is printed now into the page, with the `…` where they were at the end; the number of failed commands."""
    lines, failed = page.read_text("utf-8").splitlines(), 0
    done = list(walk(page, port))
    for step, code, printed in reversed(done):
        failed += code != int(step.fails)
        if code != int(step.fails):
            sys.stderr.write("\n".join([f"{page.name}:{step.line}: exit code {code}", *printed, ""]))
        start = step.line - 1 + len(step.command)
        kept = printed
        if step.shown[-1:] == [_LEFT_OUT]:
            kept = [*printed[: len(step.shown) - 1], _LEFT_OUT]
        lines[step.line - 1 : start + len(step.shown)] = [f"$ {step.command[0]}", *step.command[1:], *kept]
    page.write_text("\n".join(lines) + "\n", "utf-8")
    return failed


def main() -> int:
    """Write pages anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("pages", nargs="*", type=Path, default=[GUIDES / page for page in PAGES])
    given = parser.parse_args()
    return min(1, sum(write(page, given.port) for page in given.pages))


if __name__ == "__main__":
    sys.exit(main())
