"""Faults of objects as findings of a reading."""

from mesh.adapters.duckdb.measuring.fetching import Unreadable
from mesh.domain.errors import MeshError
from mesh.domain.onboarding.budgets import MAX_COLUMNS, MAX_FIELDS
from mesh.domain.onboarding.quality.model import Finding, Severity


def finding(
    code: str, message: str, *, table: str, remedy: str = "", severity: Severity = "error", column: str = "",
    keys: tuple[str, ...] = (), observed: float | None = None,
) -> Finding:  # fmt: skip
    """A finding of the reading."""
    return Finding(
        code=code, severity=severity, table=table, column=column, message=message, remedy=remedy, keys=keys,
        observed=observed,
    )  # fmt: skip


def unreadable(error: Unreadable, key: str, table: str) -> Finding:
    """The object cannot be read as what it should be."""
    return finding(error.code, f"{key}: {error.message}", table=table, remedy=error.remedy, keys=(key,))


def refused(error: MeshError, key: str, table: str) -> Finding:
    """What the domain, or the bucket, says of the object. One that its owner deleted meanwhile is not a fault."""
    code = type(error).__name__
    severity: Severity = "warning" if code == "ObjectGone" else "error"
    message = f"{key}: {error.message}"
    return finding(code, message, table=table, remedy=error.remedy, keys=(key,), severity=severity)


def too_large(what: str) -> Unreadable:
    """An object that no function reads whole: nothing is published of what was not checked whole."""
    return Unreadable("TooLargeToCheck", what, "Upload it in smaller parts.")


def check_width(columns: int, fields: int) -> None:
    """`fields` are the columns with all that is nested in them. Raises `Unreadable`."""
    if columns <= MAX_COLUMNS and fields <= MAX_FIELDS:
        return
    what = f"{columns:,} columns" if columns > MAX_COLUMNS else f"{fields:,} fields, nested ones counted"
    most = f"a table has at most {MAX_COLUMNS:,} columns and {MAX_FIELDS:,} fields"
    raise Unreadable("TooManyColumns", f"there are {what}; {most}", "Make rows of them, or several tables.")
