"""YAML from strangers: bounded in size, depth and what aliases expand to, without duplicate keys, JSON's types only.

YAML 1.1's dates, its yes/no/on/off booleans and its numbers to the base of sixty (`1:30`) are left as text: a column
named `no` is not a boolean, and the standard's JSON Schema wants dates as strings.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Never

import yaml

from mesh.domain.errors import Rejected

MAX_DEPTH: Final = 40
MAX_NODES: Final = 100_000
"""Of 5,000 columns each may have twenty. So many take 15 s of a processor to read; functions have a minute."""
MAX_CHARACTERS: Final = 2 * 1024 * 1024
"""Of all scalars together."""
MAX_NUMBER: Final = 400
"""Characters of a number. A double has 309 digits before its point."""
_CORE: Final = "tag:yaml.org,2002:"
_SPELLED: Final = {
    "null": re.compile(r"~|null|Null|NULL|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?(?:0b_*[01][01_]*|0[0-7_]*|[1-9][0-9_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*)"),
    "float": re.compile(
        r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    ),
}
"""How a scalar of a type is written, whether or not it has the type's tag."""
_FIRST: Final = {"null": ["~", "n", "N", ""], "bool": [*"tTfF"], "int": [*"-+0123456789"], "float": [*"-+.0123456789"]}
"""With which characters it begins."""


class Source(NamedTuple):
    """What is read, for people (`the contract`), the rejection of what is no YAML, where it is, and the most bytes.

    `shorten`: what to do about one that is too large."""

    noun: str
    rejection: type[Rejected]
    where: dict[str, Any]
    max_bytes: int
    shorten: str


class _Loader(yaml.SafeLoader):
    """A safe loader with JSON's types, that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.tag != f"{_CORE}merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {key.value!r} comes twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _as_spelled(kind: str, construct: Callable[[Any, yaml.ScalarNode], Any]) -> Callable[[Any, yaml.ScalarNode], Any]:
    """The constructor of a type, for nothing but what is written as it: a tag may stand before any text."""

    def checked(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - a YAML value
        text = str(loader.construct_scalar(node))
        if not _SPELLED[kind].fullmatch(text):
            what = f"{text[:60]!r} is not written as !!{kind}"
        elif len(text) > MAX_NUMBER:
            what = f"the number {text[:20]}… has {len(text):,} characters, {MAX_NUMBER} are possible"
        else:
            return construct(loader, node)
        raise yaml.constructor.ConstructorError(None, None, what, node.start_mark)

    return checked


def _refuse_tag(_loader: yaml.SafeLoader, node: yaml.Node) -> Never:
    what = f"the tag {node.tag!r} is none of !!str, !!int, !!float, !!bool, !!null, !!map, !!seq: leave it out"
    raise yaml.constructor.ConstructorError(None, None, what, node.start_mark)


_Loader.yaml_implicit_resolvers = {"<": yaml.SafeLoader.yaml_implicit_resolvers["<"]}
for _kind, _pattern in _SPELLED.items():
    _Loader.add_implicit_resolver(_CORE + _kind, re.compile(rf"(?:{_pattern.pattern})\Z"), _FIRST[_kind])
_Loader.yaml_constructors = {
    **{_CORE + kind: yaml.SafeLoader.yaml_constructors[_CORE + kind] for kind in ("str", "map", "seq")},
    **{_CORE + kind: _as_spelled(kind, yaml.SafeLoader.yaml_constructors[_CORE + kind]) for kind in _SPELLED},
    None: _refuse_tag,
}


def load_yaml(text: str | bytes, source: Source) -> dict[str, Any]:
    """One YAML document that is a mapping of text keys. Raises the source's rejection, with line and column."""
    if len(text) > source.max_bytes:
        _refuse(source, f"has more than {source.max_bytes:,} bytes", remedy=source.shorten)
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        _check_bounds(text, source)
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = {"line": mark.line + 1, "column": mark.column + 1} if mark else {}
        _refuse(source, f"is not YAML: {error.problem or error.context}", place, cause=error)
    except (
        yaml.YAMLError,
        ArithmeticError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        # PyYAML lets through what its readers and constructors raise.
        _refuse(source, f"is not YAML: {error}"[:300], cause=error)
    _check_json(document, source)
    if not isinstance(document, dict) or not all(isinstance(name, str) for name in document):
        _refuse(source, "is not a mapping of names to values")
    return document


class _Bounds:
    """Counts parser events without building anything: nodes, characters and levels, with aliases expanded."""

    def __init__(self) -> None:
        self.nodes = 0
        self.characters = 0
        self.depth = 0
        self.documents = 0
        self._anchors: dict[str | None, tuple[int, int, int]] = {}
        self._open: list[list[int]] = []  # for each open collection: nodes, characters before it; its height so far
        self._names: list[str | None] = []

    def add(self, event: yaml.Event) -> None:
        """Take one event into account."""
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
            case yaml.AliasEvent():
                # An anchor that is still open has no size yet: the node would contain itself.
                self._count(*self._anchors.get(event.anchor, (MAX_NODES + 1, 0, 0)))
            case yaml.ScalarEvent():
                size = (1, len(event.value), 1)
                self._anchors[event.anchor] = size
                self._count(*size)
            case yaml.CollectionStartEvent():
                self._open.append([self.nodes, self.characters, 1])
                self._names.append(event.anchor)
                self._count(1, 0, 1)
            case yaml.CollectionEndEvent():
                nodes, characters, height = self._open.pop()
                self._anchors[self._names.pop()] = (self.nodes - nodes, self.characters - characters, height)
                if self._open:
                    self._open[-1][2] = max(self._open[-1][2], height + 1)

    def _count(self, nodes: int, characters: int, height: int) -> None:
        self.nodes += nodes
        self.characters += characters
        self.depth = max(self.depth, len(self._open) + height)
        if self._open:
            self._open[-1][2] = max(self._open[-1][2], height + 1)

    @property
    def exceeded(self) -> bool:
        return (
            self.nodes > MAX_NODES or self.characters > MAX_CHARACTERS or self.depth > MAX_DEPTH or self.documents > 1
        )


def _check_bounds(text: str, source: Source) -> None:
    bounds = _Bounds()
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        bounds.add(event)
        if bounds.exceeded:
            mark = event.start_mark
            place = {"line": mark.line + 1, "column": mark.column + 1} if mark else {}
            _refuse(
                source,
                f"has more than one document, {MAX_DEPTH} levels, {MAX_NODES:,} nodes or "
                f"{MAX_CHARACTERS:,} characters (aliases expanded)",
                place,
                remedy=source.shorten,
            )


def _check_json(document: object, source: Source) -> None:
    """YAML's tags make sets, bytes, dates and infinities, which neither the standard nor an event can hold."""
    try:
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        _refuse(source, f"holds what JSON cannot: {error}"[:300], cause=error)


def _refuse(
    source: Source,
    what: str,
    place: Mapping[str, int] | None = None,
    *,
    remedy: str = "",
    cause: Exception | None = None,
) -> Never:
    message = f"{source.noun} {what}"
    where = {**source.where, **(place or {})}
    raise source.rejection(message, remedy=remedy or "Make it one well-formed YAML document.", **where) from cause
