"""What the engine's `json_group_structure` says of a field → Hive types, and back to what `json_transform` takes."""

import json
import re
from typing import Any, Final, NamedTuple

from mesh.domain.hive_types import map_types, struct_fields
from mesh.domain.onboarding.reading.types import is_nested, mapped

_LEAVES: Final = {
    "BOOLEAN": "boolean", "BIGINT": "bigint", "UBIGINT": "bigint", "DOUBLE": "double", "VARCHAR": "string", "NULL": "",
}  # fmt: skip
_BRACKET_OR_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]')
_PLAIN_NAME: Final = re.compile(r"[^\s<>:,()]+(?: [^\s<>:,()]+)*").fullmatch


class JsonField(NamedTuple):
    """`type` in Hive's words; `collisions` are the struct keys in it that differ in case alone; `unspellable` that a
    name in it has signs that no Hive type can have: it is a string then."""

    type: str
    collisions: tuple[str, ...] = ()
    unspellable: bool = False


def json_field(structure: Any, *, large: bool = False) -> JsonField:  # noqa: ANN401 - any JSON value
    """The type of a field of that structure. `large`: it holds integers that may pass 64 bits, so they are text."""
    match structure:
        case str():
            leaf = "string" if large and structure == "UBIGINT" else _LEAVES.get(structure, "string")
            return JsonField(leaf)
        case [inner]:
            found = json_field(inner, large=large)
            return found if found.collisions or found.unspellable else JsonField(f"array<{found.type}>")
        case dict():
            return _struct(structure, large)
    return JsonField("string")


def _struct(structure: dict[str, Any], large: bool) -> JsonField:
    names: dict[str, str] = {}
    for name in structure:
        clean = name.strip().lower()
        if clean in names:
            return JsonField("string", (names[clean], name))
        names[clean] = name
    if not names or not all(map(_PLAIN_NAME, names)):
        return JsonField("string", unspellable=bool(names))
    inner = {clean: json_field(structure[name], large=large) for clean, name in names.items()}
    if wrong := next((found for found in inner.values() if found.collisions or found.unspellable), None):
        return wrong._replace(type="string")
    return JsonField(f"struct<{','.join(f'{name}:{found.type}' for name, found in inner.items())}>")


def transform_structure(type_: str, spelt: Any = None) -> Any:  # noqa: ANN401 - JSON
    """What `json_transform` takes for the type. `spelt`: the structure found, for how the data spell their keys."""
    if type_.startswith("array<"):
        return [transform_structure(type_[6:-1], spelt[0] if isinstance(spelt, list) and spelt else None)]
    if type_.startswith("struct<"):
        found = {name.strip().lower(): name for name in spelt} if isinstance(spelt, dict) else {}
        return {
            found.get(name, name): transform_structure(inner, spelt[found[name]] if name in found else None)
            for name, inner in struct_fields(type_)
        }
    if type_.startswith("map<"):
        return json_map(type_, spelt)
    return _DUCK.get(type_, type_.upper())


def json_map(type_: str, spelt: Any) -> str:  # noqa: ANN401 - JSON
    """A map is spelt as a type, since JSON's objects stand for structs."""
    key, value = map_types(type_)
    return f"MAP({_DUCK.get(key, key.upper())},{_duck_name(transform_structure(value, spelt))})"


def _duck_name(structure: Any) -> str:  # noqa: ANN401 - JSON
    match structure:
        case [inner]:
            return f"{_duck_name(inner)}[]"
        case dict():
            fields = (f'"{name}" {_duck_name(inner)}' for name, inner in structure.items())
            return f"STRUCT({', '.join(fields)})"
    return str(structure)


_DUCK: Final = {"string": "VARCHAR", "int": "INTEGER", "binary": "BLOB", "": "VARCHAR"}


def has_large(structure: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether an integer of it may pass 64 bits with a sign."""
    return "UBIGINT" in json.dumps(structure)


def with_text_leaves(type_: str) -> str:
    """The nested type with all of its unknown leaves as string."""
    return mapped(type_, lambda leaf: leaf or "string") if is_nested(type_) else type_


def depth_of(text: str) -> int:
    """Levels of lists and objects in a JSON text."""
    levels = deepest = 0
    for found in _BRACKET_OR_TEXT.finditer(text):
        levels += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        deepest = max(deepest, levels)
    return deepest
