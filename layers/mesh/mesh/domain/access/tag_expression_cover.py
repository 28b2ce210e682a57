"""LF-Tag expressions for exactly the allowed classifications: never one more, today or later.

A key that the request leaves open would include data tagged tomorrow. So each granted expression names the values of
every decisive key, and a column that gets another value drops out of the grant by itself.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from mesh.domain.governance.expressions import MAX_BYTES, Expression, InvalidExpression, Tags
from mesh.domain.governance.publication_tag import granted_as

type Point = tuple[str, ...]
"""One value for each decisive key, in the keys' order."""
type Box = tuple[frozenset[str], ...]
"""Values for each key: every combination of them."""

MAX_CLAUSE_VALUES: Final = 50
"""The most values of one clause in one grant; more are split over several."""


def narrowed(
    expression: Expression, kept: Collection[Tags], excluded: Collection[Tags], keys: Sequence[str]
) -> tuple[Expression, ...]:
    """As few expressions as possible that match every kept tag set within `expression`, and no excluded one.

    A tag set that lacks a key cannot be kept: no expression says "has no such key", and one that does not name the key
    lets in all its values. Nor can one that differs from an excluded one only in other keys. `pinnable` checks that
    before.
    """
    wanted = {point_of(tags, keys) for tags in kept if pinnable(tags, keys) and expression.matches(tags)}
    barred = {point_of(tags, keys) for tags in excluded if pinnable(tags, keys) and expression.matches(tags)}
    return pinned(expression, keys, wanted - barred)


def pinnable(tags: Tags, keys: Sequence[str]) -> bool:
    """Whether expressions can select exactly these tags: they have a value for each key."""
    return all(key in tags for key in keys)


def point_of(tags: Tags, keys: Sequence[str]) -> Point:
    """Their values for the keys."""
    return tuple(tags[key] for key in keys)


def pinned(expression: Expression, keys: Sequence[str], points: Collection[Point]) -> tuple[Expression, ...]:
    """The expression with clauses for the keys that allow these points alone, within Lake Formation's limits.

    Raises InvalidExpression if 900 bytes are not enough for one value of each key.
    """
    found: list[Expression] = []
    for box in boxes(points):
        whole = Expression.of({**dict(expression.clauses), **dict(zip(keys, box, strict=True))})
        found += _fitting(whole)
    return tuple(sorted(found, key=str))


def boxes(points: Collection[Point]) -> list[Box]:
    """The points as few boxes: two that differ in one key alone are one. No box holds a point that is not given."""
    if not points:
        return []
    width = len(next(iter(points)))
    single = {tuple(frozenset({value}) for value in point) for point in points}
    orders = [[*range(first, width), *range(first)] for first in range(width)] or [[]]
    fewest = min((_merged(single, order) for order in orders), key=len)
    return sorted(fewest, key=lambda box: [sorted(values) for values in box])


def _merged(found: set[Box], order: Sequence[int]) -> set[Box]:
    """Merge along one key after another until nothing merges; the order affects how many are left."""
    before = -1
    while len(found) != before:
        before = len(found)
        for axis in order:
            rows: dict[Box, frozenset[str]] = {}
            for box in found:
                rest = (*box[:axis], *box[axis + 1 :])
                rows[rest] = rows.get(rest, frozenset()) | box[axis]
            found = {(*rest[:axis], values, *rest[axis:]) for rest, values in rows.items()}
    return found


def size(expression: Expression) -> int:
    """Bytes of keys and values together, as Lake Formation counts them."""
    return sum(len(part.encode()) for key, values in expression.clauses for part in (key, *values))


def _fitting(expression: Expression) -> Iterator[Expression]:
    """The expression, or halves of it that together match the same: values of one clause are OR.

    Each must fit in the form granted on tables.
    """
    needed = size(granted_as(expression))
    longest, values = max(expression.clauses, key=lambda clause: (len(clause[1]), clause[0]))
    if len(values) <= MAX_CLAUSE_VALUES and needed <= MAX_BYTES:
        yield expression
        return
    if len(values) == 1:
        raise InvalidExpression(
            f"the expression with the allowed classifications needs {needed} bytes; Lake Formation takes {MAX_BYTES}",
            expression=str(expression),
            remedy="request less: leave out keys that are not needed",
        )
    ordered = sorted(values)
    for half in (ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]):
        yield from _fitting(Expression.of({**dict(expression.clauses), longest: half}))
