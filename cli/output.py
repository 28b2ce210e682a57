"""What people and programs see: tables that fit the terminal, or one JSON document; errors with the next step.

Names and reasons come from other accounts. What would steer the terminal is shown as an escape sequence, not sent.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment, Segments
from rich.text import Text
from rich.tree import Tree


class SafeConsole(Console):
    """Styles are its own; nothing in a text steers the terminal, whatever it is rendered in."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """As the base class."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


console = SafeConsole(highlight=False)
"""Standard output; without colour when it is not a terminal."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_THOUSAND = 1024
_GAP = 2
_NARROWEST = 20
"""A column that yields is not narrower."""
_WIDEST = 10_000
_WORD = re.compile(r"(?:^\s+)?(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: UTC)?\S*|\S+)\s*")
"""A unit that is not broken: a word, or a date with its time."""


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


def printable(text: str) -> str:
    """The text with what steers a terminal, turns its direction round or is no character written as `\\x1b`."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    return character if character.isprintable() or character in "\n\t" else ascii(character)[1:-1]


def emit(document: object) -> None:
    """The one JSON document of `--json`. JSON lets some characters pass that steer a terminal: they are escaped."""
    text = json.dumps(document, default=str, ensure_ascii=False)
    print(text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text))


def note(text: str) -> None:
    """A line on standard error, beside what was asked for."""
    print(printable(text), file=sys.stderr)


def fail(error: CommandFailed, *, as_json: bool) -> None:
    """Say an error: people on standard error; with `--json` the document on standard output names it as well."""
    if as_json:
        emit({"error": error.to_dict()})
    label = "mesh" if error.code == CommandFailed.__name__ else f"mesh: {error.code}"
    note(f"{label}: {error.message}")
    for name, value in error.where.items():
        note(f"  {name}: {value}")
    if error.remedy:
        note(f"  next: {error.remedy}")


def say(*parts: str, style: str = "") -> None:
    """A line for people, wrapped between words below its own indent; nothing in it is taken for markup."""
    text = "".join(parts)
    body = text.lstrip(" ")
    say_hanging(" " * (len(text) - len(body)), Text(body, style=style))


def say_whole(*parts: str | Text) -> None:
    """A line to be copied (SQL, a URL, an id): never broken, however narrow the terminal is."""
    console.print(Text.assemble(*parts), soft_wrap=True)


def say_hanging(prefix: str | Text, body: Text) -> None:
    """The body beside its prefix, further lines below the first."""
    indent = Text(" " * cell_len(str(prefix)))
    for number, line in enumerate(wrap_words(body, console.width - indent.cell_len)):
        say_whole(indent if number else prefix, line)


def wrap_words(text: Text, width: int) -> list[Text]:
    """Lines of at most that width, broken between words alone: an identifier that is longer than that stays whole."""
    lines: list[Text] = []
    for paragraph in text.split("\n", allow_blank=True):
        breaks, filled = [], 0
        for word in _WORD.finditer(paragraph.plain):
            if filled and filled + cell_len(word[0].rstrip()) > width:
                breaks.append(word.start())
                filled = 0
            filled += cell_len(word[0])
        for line in paragraph.divide(breaks):
            line.rstrip()
            lines.append(line)
    return lines


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, wrap: str = "", record: str = "row") -> None:
    """Print rows below headers. A header that starts with `>` is right-aligned; `wrap` names the column that yields.

    Nothing is cut: where the terminal is too narrow, each row becomes a record, with a line for each of its cells.
    """
    names = [header.removeprefix(">") for header in headers]
    grid = [[cell if isinstance(cell, Text) else Text(str(cell)) for cell in row] for row in rows]
    widths = [max(_width(row[at]) for row in ([Text(name) for name in names], *grid)) for at in range(len(names))]
    for at, name in enumerate(names):
        if name == wrap:
            left = console.width - sum(widths) - _GAP * (len(names) - 1) + widths[at]
            widths[at] = min(widths[at], max(left, _NARROWEST))
    if sum(widths) + _GAP * (len(names) - 1) > console.width:
        _records(names, grid, record)
        return
    _line([Text(name, style="bold") for name in names], widths, headers)
    say_whole("─" * min(sum(widths) + _GAP * (len(names) - 1), console.width))
    for row in grid:
        cells = [wrap_words(cell, width) for cell, width in zip(row, widths, strict=True)]
        for number in range(max(map(len, cells))):
            _line([lines[number] if number < len(lines) else Text() for lines in cells], widths, headers)
    say_whole()


def _records(names: Sequence[str], grid: Sequence[Sequence[Text]], record: str) -> None:
    for number, row in enumerate(grid, start=1):
        say(f"{record} {number}", style="bold")
        fields(zip(names, row, strict=True))


def _line(cells: Sequence[Text], widths: Sequence[int], headers: Sequence[str]) -> None:
    """One line of a table; the last cell is neither padded nor cut."""
    line = Text()
    for at, (cell, width, header) in enumerate(zip(cells, widths, headers, strict=True)):
        padding = " " * max(width - cell.cell_len, 0)
        line.append_text(Text(padding) + cell if header.startswith(">") else cell.copy())
        if at < len(cells) - 1:
            line.append(" " * _GAP if header.startswith(">") else padding + " " * _GAP)
    line.rstrip()
    say_whole(line)


def _width(cell: Text) -> int:
    """Of its longest line."""
    return max((cell_len(line) for line in cell.plain.split("\n")), default=0)


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values in two columns; pairs without a value are left out."""
    shown = [(name, value) for name, value in pairs if value not in (None, "", ())]
    width = max((cell_len(name) for name, _ in shown), default=0)
    for name, value in shown:
        body = value if isinstance(value, Text) else Text(str(value))
        say_hanging(Text(f"{name:<{width}}  ", style="dim"), body)


def tree(root: Tree) -> None:
    """A tree with its nodes on one line each, never broken."""
    for line in console.render_lines(root, console.options.update(width=_WIDEST), pad=False):
        console.print(Segments([*line, Segment.line()]), soft_wrap=True)


def amount(number: int, noun: str, *, exact: bool = True, plural: str = "") -> str:
    """`1 row`, `1,000 rows`, `about 1,000 rows`."""
    text = noun if number == 1 else plural or f"{noun}s"
    return f"{'' if exact else 'about '}{number:,} {text}"


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


def quality_text(scores: Mapping[str, float], warnings: int) -> str:
    """Scores of a table's checks, and how many warnings there were."""
    named = ", ".join(f"{name} {score:.3f}" for name, score in sorted(scores.items()))
    return f"{named or 'checked'}; {amount(warnings, 'warning')}"


def day_text(at: datetime) -> str:
    """A UTC date and time, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def columns(cells: Sequence[object], widths: Sequence[int]) -> None:
    """One line of a table whose rows come one by one: `widths` of all cells but the last, which wraps below itself."""
    *first, last = (cell if isinstance(cell, Text) else Text(str(cell)) for cell in cells)
    prefix = Text()
    for cell, width in zip(first, widths, strict=True):
        prefix.append_text(cell).append(" " * max(width - cell.cell_len, 0) + " " * _GAP)
    say_hanging(prefix, last)
