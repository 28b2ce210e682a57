"""How a contract may change: the kinds of change, their compatibility, and the version that each needs.

Compatibility is that of Confluent's Schema Registry ("Schema Evolution and Compatibility"): *backward*, readers with
the new schema can read rows written under the old one; *forward*, readers with the old schema can read rows written
under the new one; *full*, both; *breaking* (Confluent's NONE), neither. A reader names its columns, as SQL does: a
column that rows of an older file lack reads as NULL, one that the catalog has lost is an error.

The version follows semantic versioning 2.0.0 for those who read the product: a change that may break an old reader, or
that stored files do not satisfy, needs a new major. The exception are type promotions that Apache Iceberg's
specification ("Schema Evolution") declares safe, which every engine can read.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from mesh.domain.model import Model
from mesh.domain.semver import BUMPS, Bump

Compatibility = Literal["full", "backward", "forward", "breaking"]
Direction = Literal["widened", "narrowed", "changed"]

BY_DIRECTION: Final[dict[Direction, tuple[Compatibility, Bump]]] = {
    # There may be values that an old reader does not expect.
    "widened": ("backward", "major"),
    # Old readers keep working; rows written before may not satisfy the new promise.
    "narrowed": ("forward", "minor"),
    "changed": ("breaking", "major"),
}


class Change(Model):
    """One difference. `column` is a path (`address.street`), "" for the table's own; `score` of a probable rename."""

    kind: str
    table: str = ""
    column: str = ""
    before: Any = None
    after: Any = None
    compatibility: Compatibility
    bump: Bump
    score: float | None = None

    @property
    def place(self) -> str:
        """`table.column`, `table`, or `contract`."""
        return ".".join(part for part in (self.table, self.column) if part) or "contract"

    @property
    def text(self) -> str:
        """For people: `credit_card.amount: type narrowed, bigint → int`."""
        what = self.kind.replace("_", " ").removeprefix("column " if self.column else "table ")
        score = f" (probably: {self.score:.2f})" if self.score is not None else ""
        return f"{self.place}: {what}{self._values}{score}"

    @property
    def _values(self) -> str:
        if self.before is None and self.after is None:
            return ""
        if self.kind.endswith(("added", "removed")) or self.kind == "details_changed":
            return f" ({_said(self.after if self.before is None else self.before)})"
        return f", {_said(self.before)} → {_said(self.after)}"


class ContractDiff(Model):
    """All changes from one contract to another, their compatibility, and the required version bump."""

    old_version: str = ""
    new_version: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def compatibility(self) -> Compatibility:
        """The combined compatibility."""
        return together(change.compatibility for change in self.changes)

    @property
    def bump(self) -> Bump:
        """The greatest that any change needs."""
        return highest([change.bump for change in self.changes])

    @property
    def breaking(self) -> tuple[Change, ...]:
        """Those that need a new major."""
        return tuple(change for change in self.changes if change.bump == "major")


def by_direction(direction: Direction, kind: str, **facts: Any) -> Change:  # noqa: ANN401 - JSON values
    """A change of the allowed values: the direction is appended to `kind`."""
    compatibility, bump = BY_DIRECTION[direction]
    return Change(kind=f"{kind}_{direction}", compatibility=compatibility, bump=bump, **facts)


def together(parts: Iterable[Compatibility]) -> Compatibility:
    """The combined compatibility; `full` for no change."""
    seen = set(parts)
    backward, forward = seen <= {"full", "backward"}, seen <= {"full", "forward"}
    return "full" if backward and forward else "backward" if backward else "forward" if forward else "breaking"


def highest(bumps: Sequence[Bump]) -> Bump:
    """The greatest of them; `none` for no change."""
    return max(bumps, key=BUMPS.index, default="none")


def _said(value: object) -> str:
    if value is None or value in ("", [], {}, ()):
        return "none"
    if isinstance(value, dict):
        return " ".join(f"{name}={inner}" for name, inner in sorted(value.items()))
    return ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)[:120]
