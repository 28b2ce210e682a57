"""One table of a batch: fetched, loaded, profiled, held against its contract, scored."""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from mesh.adapters.measuring.evaluating import Evaluator, Outcome
from mesh.adapters.measuring.faults import not_of_type, too_much, unreadable
from mesh.adapters.measuring.fetching import Unreadable, fetch
from mesh.adapters.measuring.formulas import formula_cells
from mesh.adapters.measuring.loading import Loader
from mesh.adapters.measuring.profiling import profile_of
from mesh.adapters.measuring.rows import Rows, empty_rows
from mesh.domain.contract import Contract
from mesh.domain.errors import Rejected
from mesh.domain.formats.model import MIB, ObjectRef
from mesh.domain.keys import DataKey, parse_key
from mesh.domain.quality.freshness import Freshness, measured, service_levels
from mesh.domain.quality.freshness import verdicts as freshness_verdicts
from mesh.domain.quality.missing import missing_columns, without_missing
from mesh.domain.quality.model import Finding, Scores, TableData, TableProfile, TableReport
from mesh.domain.quality.promises import Promise
from mesh.domain.quality.rules import own_names, table_promises
from mesh.domain.quality.sampling import spread
from mesh.domain.quality.scores import scores
from mesh.domain.quality.withholding import withheld
from mesh.domain.schema import Column
from mesh.domain.sensitivity import find_personal
from mesh.ports import Objects

MAX_BYTES: Final = 512 * MIB
"""Of a table's objects, inflated; of more, whole objects up to this are read."""
MAX_FILE: Final = 1024 * MIB
"""A Parquet file is not cut: what is larger leaves no room on the function's disk."""
MEMORY: Final = "1500MB"
MAX_SPILL: Final = "700MB"
"""What the engine may write to disk beside the object that it reads."""
_MAX_FINDINGS: Final = 20


class DuckMeasurements:
    """Implements `ports.Measurements`. `threads` is the engine's limit."""

    def __init__(self, objects: Objects, *, threads: int = 2, max_bytes: int = MAX_BYTES) -> None:
        self._objects, self._threads, self._max_bytes = objects, threads, max_bytes

    def measure(self, data: TableData, contract: Contract | None, *, now: datetime) -> TableReport:
        """See the port. What is wrong with the data is in the report; only AWS's own faults raise (`Transient`)."""
        import duckdb  # noqa: PLC0415 - as in `empty_rows`

        try:
            return self._measure(data, contract, now)
        except duckdb.OutOfMemoryException:
            return _unmeasured(data)

    def _measure(self, data: TableData, contract: Contract | None, now: datetime) -> TableReport:
        schema = data.table_schema
        with (
            tempfile.TemporaryDirectory(prefix="mesh-") as folder,
            empty_rows(schema, folder=Path(folder), memory=MEMORY, spill=MAX_SPILL, threads=self._threads) as rows,
        ):
            self._load(rows, data, Path(folder))
            return _Report(rows, data, contract, now).build()

    def _load(self, rows: Rows, data: TableData, folder: Path) -> None:
        loader = Loader(rows, data.table, data.storage)
        left, file = self._max_bytes, folder / "object"
        for ref in spread(data.refs):
            if left <= 0 or (left < self._max_bytes and ref.size > left):
                rows.exact = False
                continue
            try:
                left -= self._load_object(rows, loader, ref, file, left, text=data.storage.format != "parquet")
            except Unreadable as error:
                rows.findings.append(unreadable(error, ref.key, data.table))
            except Rejected as error:
                rows.findings.append(_gone(error, ref.key, data.table))
            finally:
                file.unlink(missing_ok=True)

    def _load_object(self, rows: Rows, loader: Loader, ref: ObjectRef, file: Path, left: int, *, text: bool) -> int:
        """Bytes that it took."""
        if not text and ref.size > MAX_FILE:
            raise too_much(f"{ref.size:,} bytes of Parquet are more than a function reads")
        fetched = fetch(self._objects.reader(ref), ref, file, text=text, limit=left)
        rows.exact = rows.exact and not fetched.cut
        key = parse_key(ref.key)
        return loader.load(file, ref.key, dict(key.partitions) if isinstance(key, DataKey) else {}, left)


class _Report:
    """From rows to report."""

    def __init__(self, rows: Rows, data: TableData, contract: Contract | None, now: datetime) -> None:
        self._rows, self._data, self._contract, self._now = rows, data, contract, now
        self._table = contract.table(data.table) if contract else None
        self._path = f"$.schema[{contract.tables.index(self._table)}]" if contract and self._table else "$"
        names = own_names(self._table) if self._table else frozenset()
        self._names = names | {data.table}

    def build(self) -> TableReport:
        self._rows.lock(sorted(self._names))
        profile = profile_of(self._rows, self._data)
        secret = self._secret(profile)
        promises = self._promises()
        evaluator = Evaluator(self._rows, self._data.table, self._names, secret, profile.rows)
        fresh = self._freshness(profile)
        missing = missing_columns(self._table, self._path, self._rows.types, self._rows.lacking)
        outcomes = [*without_missing(evaluator.outcomes(promises), missing), *freshness_verdicts(fresh, profile.table)]
        return TableReport(
            profile=profile,
            scores=scores(
                profile,
                required=[c.catalog_name for c in self._table.columns if c.required] if self._table else [],
                checked=evaluator.checked(promises),
                repeated=evaluator.repeated(promises),
                freshness=fresh,
                label=self._data.label,
            ),
            rules=tuple(result for result, _ in outcomes),
            findings=tuple(self._findings(outcomes, missing, secret)),
        )

    def _promises(self) -> Sequence[Promise]:
        return table_promises(self._table, self._path, self._rows.types) if self._table else ()

    def _freshness(self, profile: TableProfile) -> tuple[Freshness, ...]:
        levels = service_levels(self._contract, self._data.table) if self._contract else ()
        return measured(levels, self._data, profile, self._now)

    def _secret(self, profile: TableProfile) -> set[str]:
        samples = {column.name: [value.value for value in column.top] for column in profile.columns}
        found = withheld(self._table, self._data.table_schema.columns, samples)
        return found | {name for name, wrong in self._rows.wrong.items() if any(map(_is_personal, wrong.examples))}

    def _findings(self, outcomes: Sequence[Outcome], missing: Sequence[Finding], secret: set[str]) -> Iterator[Finding]:
        yield from _limited(self._rows.findings, self._data.table)
        yield from missing
        yield from not_of_type(self._rows, self._data.table, secret)
        yield from (finding for _, finding in outcomes if finding)
        yield from formula_cells(self._rows, self._data.table)
        if not self._rows.exact:
            yield Finding(
                code="OnlySampled", severity="info", table=self._data.table,
                message=f"a sample of {len(self._rows.keys)} of {len(self._data.refs)} objects was read",
                remedy="Rules that need all rows were skipped.",
            )  # fmt: skip


def _is_personal(value: str) -> bool:
    """By its shape: a value that is none of its column's type is in no profile."""
    return bool(find_personal([Column(name="value", type="string")], {"value": [value]}))


def _unmeasured(data: TableData) -> TableReport:
    """The engine's memory and disk did not do for what was asked of the rows."""
    reason = too_much("memory and disk of a function do not do for the checks of this batch")
    return TableReport(
        profile=TableProfile(
            table=data.table, rows=0, bytes=sum(ref.size for ref in data.refs), objects=len(data.refs), exact=False,
            columns=(),
        ),
        scores=Scores(),
        findings=(
            Finding(code=reason.code, severity="error", table=data.table, message=reason.message, remedy=reason.remedy),
        ),
    )  # fmt: skip


def _gone(error: Rejected, key: str, table: str) -> Finding:
    """An object that its owner deleted meanwhile is no data any more: told, and no fault of the others."""
    return Finding(
        code=type(error).__name__, severity="warning", table=table, keys=(key,), message=error.message,
        remedy=error.remedy,
    )  # fmt: skip


def _limited(findings: Sequence[Finding], table: str) -> Iterator[Finding]:
    yield from findings[:_MAX_FINDINGS]
    if more := findings[_MAX_FINDINGS:]:
        yield Finding(
            code=more[0].code, severity="error", table=table, message=f"{len(more)} more findings of this kind",
            keys=tuple(key for finding in more for key in finding.keys),
        )  # fmt: skip
