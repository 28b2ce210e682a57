"""What is wrong with objects of a table that a Glue crawler fills, beside what any check finds."""

from collections.abc import Iterable
from typing import Final
from uuid import uuid4

from mesh.domain.onboarding.batches import IndexEntry
from mesh.domain.onboarding.quality.model import Finding
from mesh.domain.schema import TypeChange

PARQUET: Final = "parquet"
"""The format of all that Meshwork reads itself."""
_MAX_SUFFIX: Final = 16


def suffix(key: str) -> str:
    """The ending of an object's name, "" for none: distinguishes formats that Meshwork does not read."""
    name = key.rpartition("/")[2]
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    return ending if len(ending) <= _MAX_SUFFIX else ""


def fresh_name(format_: str) -> str:
    """A name that no file has had."""
    return f"{uuid4().hex}.{format_}" if format_ else uuid4().hex


def format_there(entries: Iterable[IndexEntry]) -> str | None:
    """The format of a table's files; None for a table without any."""
    return next((suffix(entry.file) if entry.unread else PARQUET for entry in entries), None)


def reserved_name(table: str) -> Finding:
    """Of all objects of such a table."""
    return _error(
        "ReservedTableName", f"with crawl: glue no table can be named {table!r}: Meshwork uses a folder of that name",
        table=table, remedy="Upload it below another table's folder.",
    )  # fmt: skip


def mixed_formats(table: str, format_: str) -> Finding:
    """Of an object that is not of the table's format."""
    return _error(
        "MixedFormats",
        f"the files of {table} are {format_ or 'without an ending'}: a table of a Glue crawler has one format",
        table=table, remedy="Upload it below another table's folder. CSV, JSON lines and Parquet all become Parquet.",
    )  # fmt: skip


def needs_express(table: str, change: TypeChange) -> Finding:
    """Of all objects: the contract requires a type that the published files do not have."""
    return _error(
        "TypeNeedsExpress",
        f"{change.name} is {change.before} in the published table and {change.after} in the contract",
        table=table, column=change.name,
        remedy=f"Only express can change a column's type: files that a Glue crawler has read are not written again. "
        f"Let the contract say {change.before}, or publish the new type as a product of crawl: express.",
    )  # fmt: skip


def drifted(finding: Finding) -> Finding:
    """Values that do not fit the type which the published table, and no contract, gives their column."""
    remedy = (
        f"Only express can change a column's type: files that a Glue crawler has read are not written again. Upload "
        f"values of the type that {finding.column} has in the published table."
    )
    return finding.evolve(code="TypeNeedsExpress", remedy=remedy)


def _error(code: str, message: str, *, table: str, remedy: str, column: str = "") -> Finding:
    return Finding(code=code, severity="error", table=table, column=column, message=message, remedy=remedy)
