"""What people and programs see: tables that fit the terminal, or one JSON document; errors that say what next."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console(highlight=False)
"""Standard output; without colour when it is no terminal."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_THOUSAND = 1024


class CommandFailed(Exception):  # noqa: N818 - the name is the outcome
    """The thing asked for failed or was refused: what happened, where, and what to do next. Exit code 1."""

    def __init__(self, message: str, *, remedy: str = "", code: str = "", **where: Any) -> None:  # noqa: ANN401
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code or type(self).__name__
        self.where = where

    @classmethod
    def refusal(cls, reason: Mapping[str, Any]) -> "CommandFailed":
        """From a product error's `to_dict()`: `{"code", "message", "where", "remedy"}`."""
        message, remedy = str(reason.get("message", reason)), str(reason.get("remedy", ""))
        failed = cls(message, remedy=remedy, code=str(reason.get("code", "Refused")))
        failed.where = dict(reason.get("where") or {})
        return failed

    def to_dict(self) -> dict[str, Any]:
        """As in the product's own errors."""
        return {"code": self.code, "message": self.message, "where": self.where, "remedy": self.remedy}


def emit(document: object) -> None:
    """The one JSON document of `--json`."""
    print(json.dumps(document, default=str, ensure_ascii=False))


def fail(error: CommandFailed, *, as_json: bool) -> None:
    """Say an error: people on standard error; with `--json` the document on standard output names it as well."""
    if as_json:
        emit({"error": error.to_dict()})
    label = "mesh" if error.code == CommandFailed.__name__ else f"mesh: {error.code}"
    print(f"{label}: {error.message}", file=sys.stderr)
    for name, value in error.where.items():
        print(f"  {name}: {value}", file=sys.stderr)
    if error.remedy:
        print(f"  next: {error.remedy}", file=sys.stderr)


def say(*parts: str, style: str = "") -> None:
    """A line for people, wrapped at words; nothing in it is taken for markup."""
    console.print(Text("".join(parts), style=style))


def say_whole(*parts: str) -> None:
    """A line to be copied (SQL, a URL, an id): never broken, however narrow the terminal is."""
    console.print(Text("".join(parts)), soft_wrap=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", wrap: str = "") -> None:
    """Print rows below headers. A header that starts with `>` is right-aligned; `wrap` names the column that yields."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title or None, title_justify="left", header_style="bold")
    for header in headers:
        name = header.removeprefix(">")
        grid.add_column(
            name,
            justify="right" if header.startswith(">") else "left",
            overflow="fold",
            no_wrap=bool(wrap) and name != wrap,
            ratio=1 if name == wrap else None,
        )
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    console.print(grid)


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values in two columns; pairs without a value are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", ()):
            grid.add_row(name, Text(str(value)))
    console.print(grid)


def amount(number: int, noun: str, *, exact: bool = True) -> str:
    """`1 row`, `1,000 rows`, `about 1,000 rows`."""
    plural = noun if number == 1 else f"{noun}s"
    return f"{'' if exact else 'about '}{number:,} {plural}"


def size(number: int) -> str:
    """`512 bytes`, `1.5 MiB`."""
    value = float(number)
    for unit in _UNITS:
        if value < _THOUSAND or unit == _UNITS[-1]:
            return f"{number:,} {unit}" if unit == _UNITS[0] else f"{value:,.1f} {unit}"
        value /= _THOUSAND
    raise AssertionError("the last unit has no limit")


def tags_text(tags: Mapping[str, str]) -> str:
    """`confidentiality=internal pii=none`."""
    return " ".join(f"{key}={value}" for key, value in sorted(tags.items()))


def quality_text(quality: Mapping[str, Any]) -> str:
    """Scores of a table's checks, and how many warnings there were (`QualitySummary`)."""
    scores = ", ".join(f"{name} {score:.3f}" for name, score in sorted(quality["scores"].items()))
    return f"{scores or 'checked'}; {amount(quality['warnings'], 'warning')}"


def clock_text(at: datetime) -> str:
    """A time of the UTC day, to the millisecond."""
    return at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]


def day_text(at: datetime) -> str:
    """A UTC date and time, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def columns(cells: Sequence[object], widths: Sequence[int]) -> None:
    """One line of a table whose rows come one by one: `widths` of all cells but the last, which wraps below itself."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for width in widths:
        grid.add_column(width=width, no_wrap=True)
    grid.add_column(overflow="fold", ratio=1)
    grid.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in cells))
    console.print(grid)
