"""JSON as RFC 8259 has it."""

import json
from collections.abc import Callable
from typing import Any, Never


def strict_decoder(parse_float: Callable[[str], Any] = float) -> json.JSONDecoder:
    """No NaN, no infinity, and no field twice. Its errors are ValueErrors."""
    return json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=parse_float)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a field occurs twice")
    return record


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")
