"""What a conversion to a nested type loses: a value inside that is none of its type becomes NULL, not the whole."""

from typing import Any, Final, NamedTuple

from mesh.domain.hive_types import map_types, struct_fields
from mesh.domain.onboarding.guard.cells import INTEGERS
from mesh.domain.onboarding.quality.sql_text import identifier, text_literal
from mesh.domain.onboarding.reading.types import is_nested

_ITEMS: Final = "'[\"JSON\"]'"
_ENTRIES: Final = "'\"MAP(VARCHAR,JSON)\"'"
_JSON: Final = "json"


class _Pair(NamedTuple):
    """`source`, of the type `have` (a Hive type, or JSON whose objects spell their keys as `spelt`), became `value`."""

    source: str
    value: str
    have: str
    want: str
    spelt: Any = None

    @property
    def gone(self) -> str:
        """Predicate: there is something, and it is NULL; or was a number that is not an integer, and was rounded."""
        if self.have != _JSON:
            return f"({self.source} IS NOT NULL AND {self.value} IS NULL)"
        lost = f"{self.value} IS NULL"
        if self.want in INTEGERS:
            lost += f" OR {self.value} <> try_cast({self.source} AS DOUBLE)"
        return f"(coalesce(json_type({self.source}), 'NULL') <> 'NULL' AND ({lost}))"


def invalid(column: str, value: str, have: str, want: str, spelt: Any = None) -> str:  # noqa: ANN401 - JSON
    """Predicate: the column, of the Hive type `have`, is none of `want`; `value` is what it became, `spelt` how objects
    in JSON text spell their keys."""
    if not is_nested(want) or have == want:
        return f"({column} IS NOT NULL AND ({value}) IS NULL)"
    if have != "string":
        return _lost(_Pair(column, f"({value})", have, want))
    source = f"CASE WHEN json_valid({column}) THEN CAST({column} AS JSON) END"
    return f"(NOT json_valid({column}) OR {_lost(_Pair(source, f'({value})', _JSON, want, spelt))})"


def _lost(pair: _Pair, depth: int = 0) -> str:
    return f"({' OR '.join([pair.gone, *_inside(pair, depth)])})"


def _inside(pair: _Pair, depth: int) -> list[str]:
    """Of each field, of the items, of the entries; nothing of what is not a struct, array or map on both sides."""
    kind = pair.want.partition("<")[0]
    if not is_nested(pair.want) or (pair.have != _JSON and not pair.have.startswith(f"{kind}<")):
        return []
    match kind:
        case "struct":
            return [_lost(field, depth) for field in _fields(pair)]
        case "array":
            return [_any(_items(pair), depth)]
    return [_any(_entries(pair), depth)]


def _fields(pair: _Pair) -> list[_Pair]:
    names = struct_fields(pair.want)
    if pair.have != _JSON:
        types = dict(struct_fields(pair.have))
        return [
            _Pair(_field(pair.source, name), _field(pair.value, name), types[name], type_)
            for name, type_ in names
            if name in types
        ]
    spelt = pair.spelt if isinstance(pair.spelt, dict) else {}
    keys = {name.strip().lower(): name for name in spelt}
    return [
        _Pair(
            f"json_extract({pair.source}, {text_literal(f'$.{identifier(keys.get(name, name))}')})",
            _field(pair.value, name), _JSON, type_, spelt.get(keys.get(name, name)),
        )
        for name, type_ in names
    ]  # fmt: skip


def _field(value: str, name: str) -> str:
    return f"struct_extract({value}, {text_literal(name)})"


def _items(pair: _Pair) -> _Pair:
    inner = pair.want[6:-1]
    if pair.have != _JSON:
        return _Pair(pair.source, pair.value, pair.have[6:-1], inner)
    spelt = pair.spelt[0] if isinstance(pair.spelt, list) and pair.spelt else None
    return _Pair(f"json_transform({pair.source}, {_ITEMS})", pair.value, _JSON, inner, spelt)


def _entries(pair: _Pair) -> _Pair:
    inner, value = map_types(pair.want)[1], f"map_values({pair.value})"
    if pair.have != _JSON:
        return _Pair(f"map_values({pair.source})", value, map_types(pair.have)[1], inner)
    return _Pair(f"map_values(json_transform({pair.source}, {_ENTRIES}))", value, _JSON, inner)


def _any(lists: _Pair, depth: int) -> str:
    """Whether an item of one list lost something in the other."""
    name = f"p{depth}"
    item = _Pair(f"{name}[1]", f"{name}[2]", lists.have, lists.want, lists.spelt)
    pairs = f"list_zip({lists.source}, {lists.value})"
    return f"coalesce(list_bool_or(list_transform({pairs}, lambda {name}: {_lost(item, depth + 1)})), false)"
