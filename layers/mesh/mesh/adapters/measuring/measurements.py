"""One table of a batch: fetched, loaded, profiled, held against its contract, scored."""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

from mesh.adapters.measuring.faults import too_much, unreadable
from mesh.adapters.measuring.fetching import Unreadable, fetch
from mesh.adapters.measuring.loading import Loader
from mesh.adapters.measuring.reporting import TableChecks
from mesh.adapters.measuring.rows import Rows, empty_rows
from mesh.domain.contract import Contract
from mesh.domain.errors import Rejected
from mesh.domain.formats.model import MIB, ObjectRef
from mesh.domain.keys import DataKey, parse_key
from mesh.domain.quality.model import Finding, Scores, TableData, TableProfile, TableReport
from mesh.domain.quality.sampling import spread
from mesh.ports import Objects

MAX_BYTES: Final = 512 * MIB
"""Of a table's objects, inflated; of more, whole objects up to this are read."""
MAX_FILE: Final = 1024 * MIB
"""A Parquet file is not cut: what is larger leaves no room on the function's disk."""
MEMORY: Final = "1500MB"
MAX_SPILL: Final = "700MB"
"""What the engine may write to disk beside the object that it reads."""


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
            return TableChecks(rows, data, contract, now).build()

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
