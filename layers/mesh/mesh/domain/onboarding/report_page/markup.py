"""HTML from parts. Text becomes markup in one place alone: whatever is not a `Markup` is escaped."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

MAX_TEXT: Final = 2_000
MAX_VALUE: Final = 60
# Control characters, and those that turn the direction of text round: neither is seen, both deceive.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


type Content = str | Iterable[Content]


def text(value: object, most: int = MAX_TEXT) -> Markup:
    """Any value as escaped text, cut where it is longer than `most` characters."""
    shown = str(value)
    shown = shown if len(shown) <= most else shown[: most - 1] + "…"
    return Markup(html.escape(_INVISIBLE.sub("\N{REPLACEMENT CHARACTER}", shown), quote=True))


def value(found: object) -> Markup:
    """A value of the data, in quotation marks: where it is copied to a sheet, `=1+1` is not a formula then."""
    return Markup(f"“{text(found, MAX_VALUE)}”")


def counted(count: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def tag(name: str, *content: Content, **attributes: object) -> Markup:
    """An element. `class_` is `class`, `_` in names is `-`; an attribute that is None is left out."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(item)}"' for key, item in attributes.items() if item is not None
    )
    return Markup(f"<{name}{pairs}>{joined(content)}</{name}>")


def joined(content: Content) -> Markup:
    """Parts one after another; those that are plain text are escaped."""
    if isinstance(content, str):
        return content if isinstance(content, Markup) else text(content)
    return Markup("".join(joined(part) for part in content))


def table(head: Sequence[Content], rows: Iterable[Sequence[Content]], caption: str, **attributes: object) -> Markup:
    """A table whose first column names the row. Each cell repeats its column's name for narrow screens."""
    names = [joined(name) for name in head]
    body = [tag("tr", [_cell(place, names[place], content) for place, content in enumerate(cells)]) for cells in rows]
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", [tag("th", name, scope="col") for name in names])),
        tag("tbody", body),
        **attributes,
    )


def _cell(place: int, name: str, content: Content) -> Markup:
    if place == 0:
        return tag("th", content, scope="row")
    return tag("td", content, data_name=html.unescape(name))
