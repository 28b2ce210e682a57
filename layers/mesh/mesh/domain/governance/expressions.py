"""LF-Tag expressions: AND across keys, OR within a key's values, a key that is left out does not restrict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mesh.domain.errors import Rejected
from mesh.domain.governance.ontology import MAX_VALUES, RESERVED

type Tags = Mapping[str, str]
"""LF-Tags of one resource: a key has one value. Lower-case, as Lake Formation stores them."""

ANY_VALUE: Final = "*"
MAX_BYTES: Final = 900
"""Of an inline expression, keys and values together."""
_FORM: Final = 'write KEY=VALUE[,VALUE…] [KEY=…], for instance "confidentiality=internal,public domain=risk"'


class InvalidExpression(Rejected):
    """An LF-Tag expression that Lake Formation would not accept."""


@dataclass(frozen=True)
class Miss:
    """Why a tag set does not match: `key` has `value` (None: the key is not assigned), one of `wanted` was needed."""

    key: str
    wanted: tuple[str, ...]
    value: str | None


@dataclass(frozen=True)
class Expression:
    """In normal form (lower-case, sorted), so that equal ones compare equal. Without a clause it matches nothing."""

    clauses: tuple[tuple[str, frozenset[str]], ...]

    @classmethod
    def of(cls, pairs: Mapping[str, Iterable[str]]) -> "Expression":
        """From key → values."""
        lowered = {key.lower(): frozenset(value.lower() for value in values) for key, values in pairs.items()}
        return cls(tuple(sorted(lowered.items(), key=lambda clause: clause[0])))

    @classmethod
    def of_tags(cls, tags: Iterable[Mapping[str, Any]]) -> "Expression":
        """From Lake Formation's `[{"TagKey", "TagValues"}]`."""
        return cls.of({tag["TagKey"]: tag["TagValues"] for tag in tags})

    def matches(self, tags: Tags) -> bool:
        """Whether a resource with these effective tags matches."""
        return bool(self.clauses) and all(_holds(values, tags.get(key)) for key, values in self.clauses)

    def misses(self, tags: Tags) -> tuple[Miss, ...]:
        """The clauses that these tags fail."""
        return tuple(
            Miss(key, tuple(sorted(values)), tags.get(key))
            for key, values in self.clauses
            if not _holds(values, tags.get(key))
        )

    def to_tags(self) -> list[dict[str, Any]]:
        """Lake Formation's `[{"TagKey", "TagValues"}]`."""
        return [{"TagKey": key, "TagValues": sorted(values)} for key, values in self.clauses]

    def __str__(self) -> str:
        return " ".join(f"{key}={','.join(sorted(values))}" for key, values in self.clauses)


def _holds(values: frozenset[str], value: str | None) -> bool:
    return value is not None and (value in values or ANY_VALUE in values)


def parse_expression(text: str) -> Expression:
    """`confidentiality=internal,public domain=risk` → its expression. Raises `InvalidExpression`."""
    pairs: dict[str, list[str]] = {}
    for clause in text.split():
        key, equals, listed = clause.lower().partition("=")
        values = listed.split(",")
        if not equals or not key or not all(values):
            raise InvalidExpression(f"{clause!r} is not KEY=VALUE[,VALUE…]", expression=text, remedy=_FORM)
        if key in RESERVED:
            raise InvalidExpression(
                f"the LF-Tag {key!r} is set by Meshwork itself",
                expression=text,
                remedy=f"leave {key} out: every grant shows what is published, and nothing else",
            )
        if key in pairs:
            raise InvalidExpression(
                f"the key {key!r} is given twice: there is no OR across clauses",
                expression=text,
                remedy=f"give its values in one clause: {key}={','.join(pairs[key] + values)}",
            )
        pairs[key] = values
    found = Expression.of(pairs)
    _check_limits(found, text)
    return found


def _check_limits(expression: Expression, text: str) -> None:
    if not expression.clauses:
        raise InvalidExpression("the expression is empty", expression=text, remedy=_FORM)
    for key, values in expression.clauses:
        if len(values) > MAX_VALUES:
            message = f"{key!r} has {len(values)} values; a key has at most {MAX_VALUES}"
            raise InvalidExpression(message, remedy="leave the key out: then it does not restrict")
    size = sum(len(part.encode()) for key, values in expression.clauses for part in (key, *values))
    if size > MAX_BYTES:
        raise InvalidExpression(
            f"the expression has {size} bytes; Lake Formation takes at most {MAX_BYTES} in a grant",
            remedy="split it into several requests, or leave out keys that need not restrict",
        )
