"""One reading of a table's objects: staged, typed, measured, written."""

import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mesh.adapters.duckdb.engine import Clock, Limits, database
from mesh.adapters.duckdb.measuring.faults import first_line
from mesh.adapters.duckdb.measuring.fetching import Unreadable
from mesh.adapters.duckdb.measuring.reporting import TableChecks
from mesh.adapters.duckdb.measuring.rows import Rows
from mesh.adapters.duckdb.reading.faults import check_width, finding, refused, too_large, unreadable
from mesh.adapters.duckdb.reading.loading import Stage
from mesh.adapters.duckdb.reading.typed import TypedRows
from mesh.adapters.duckdb.reading.writing import copy_to
from mesh.domain.contracts.contract import Contract
from mesh.domain.errors import Rejected
from mesh.domain.onboarding.formats.errors import FormatDeclined, InconsistentPartitions
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import UnknownPrefix, table_key
from mesh.domain.onboarding.quality.model import Finding, Scores, TableData, TableProfile, TableReport
from mesh.domain.onboarding.reading.model import FilePlan, SourceRead, TableSources, WrittenFile
from mesh.domain.publishing.fields import Field
from mesh.domain.schema import TableSchema
from mesh.ports import Objects

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DEFAULT_LIMITS: Final = Limits()
_ONE_BY_ONE: Final = "Upload its objects one by one to see which it is; let its contract have other types."
_NO_ROOM: Final = "more rows, or longer values, than a function's memory and disk hold"


class DuckReadings:
    """Implements `ports.Readings`."""

    def __init__(self, objects: Objects, limits: Limits = DEFAULT_LIMITS) -> None:
        self._objects, self._limits = objects, limits

    @contextmanager
    def open(self, sources: TableSources) -> Iterator["DuckReading"]:
        """See the port. Only AWS's own faults raise (`Transient`)."""
        folder = Path(tempfile.mkdtemp(prefix="mesh-"))
        try:
            with database(folder, self._limits) as db:
                reading = DuckReading(db, folder, sources, self._limits)
                reading.read(self._objects)
                yield reading
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class DuckReading:
    """Implements `ports.TableReading`."""

    def __init__(self, db: "DuckDBPyConnection", folder: Path, sources: TableSources, limits: Limits) -> None:
        import duckdb  # noqa: PLC0415 - as in `database`

        self._db, self._folder, self._asked, self._limits = db, folder, sources, limits
        self._no_room, self._error = duckdb.OutOfMemoryException, duckdb.Error
        self._lost = (duckdb.FatalException, duckdb.InternalException)
        self._clock = Clock(db, limits.seconds)
        self._found: list[Finding] = []
        self._read: dict[int, SourceRead] = {}
        self._rows: TypedRows | None = None
        self._in, self._out = folder / "in", folder / "out"
        self._in.mkdir()
        self._out.mkdir()

    @property
    def schema(self) -> TableSchema:
        """See the port."""
        return TableSchema(columns=self._rows.decision.columns if self._rows else ())

    @property
    def partition_keys(self) -> tuple[str, ...]:
        """See the port."""
        return self._partition_keys()

    @property
    def sources(self) -> tuple[SourceRead, ...]:
        """See the port."""
        return tuple(self._read.values())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """See the port."""
        return (*self._found, *(self._rows.findings(self._asked.table) if self._rows else ()))

    def read(self, objects: Objects) -> None:
        """Read all objects, within the reading's time."""
        try:
            with self._clock.running():
                self._read_all(objects)
        except self._lost as error:  # the engine's database is gone, whichever object it was
            self._give_up("RowsNotTyped", f"the engine failed: {first_line(error)}", _ONE_BY_ONE)
            return
        except self._error:
            if not self._clock.over:
                raise
        if self._clock.over:
            self._too_slow()
        self._db.execute(f"SET allowed_directories = ['{self._out}', '{self._in}']")
        self._db.execute("SET enable_external_access = false")

    def _read_all(self, objects: Objects) -> None:
        stage = Stage(self._db, self._asked, _known(self._asked), self._limits)
        room = {False: self._limits.max_batch, True: self._limits.max_in_place}
        for index, ref in enumerate(self._asked.refs):
            try:
                in_place = self._limits.in_place(ref)
                if ref.content.size > room[in_place]:
                    raise too_large(f"{room[in_place]:,} bytes more are what can be read of the table at once")
                room[in_place] -= self._read_one(stage, objects, ref, index)
            except Unreadable as error:
                self._found.append(unreadable(error, ref.key, self._asked.table))
            except (Rejected, FormatDeclined) as error:
                self._found.append(refused(error, ref.key, self._asked.table))
            except self._no_room:
                self._found.append(unreadable(too_large(_NO_ROOM), ref.key, self._asked.table))
        self._same_partitions()
        try:
            check_width(len({name for source in self._read.values() for name in source.columns}), 0)
            staged = stage.finish()
            self._found += stage.findings
            self._rows = TypedRows(self._db, self._asked, staged, dict(enumerate(self._asked.refs)))
            self._rows.build(self._read, self._partition_keys())
        except Unreadable as error:
            self._give_up(error.code, f"all objects together: {error.message}", error.remedy)
        except self._no_room:
            reason = too_large(_NO_ROOM)
            self._give_up(reason.code, reason.message, reason.remedy)
        except self._lost:
            raise
        except self._error as error:  # a fault of ours or the engine's: held and reported like any other
            self._give_up("RowsNotTyped", f"the rows could not be typed: {first_line(error)}", _ONE_BY_ONE)

    def _give_up(self, code: str, message: str, remedy: str) -> None:
        """Nothing of the table can be used."""
        self._found.append(finding(code, message, table=self._asked.table, remedy=remedy))
        self._rows, self._read = None, {}

    def _too_slow(self) -> None:
        """What was interrupted has said something else meanwhile."""
        reason = too_large(f"its objects are not read and checked in the {self._clock.seconds:g} s that they may take")
        self._found = []
        self._give_up(reason.code, reason.message, f"{reason.remedy} Simplify the contract's rules in SQL.")

    def exclude(self, keys: Collection[str]) -> None:
        """See the port."""
        gone = {index for index, source in self._read.items() if source.key in keys}
        self._read = {index: source for index, source in self._read.items() if index not in gone}
        self._found = [kept for found in self._found if (kept := _without(found, keys))]
        if self._rows:
            self._rows.exclude(gone, self._read, self._partition_keys())

    def measure(self, contract: Contract | None, *, now: datetime) -> TableReport:
        """See the port."""
        refs = tuple(self._asked.refs[index] for index in self._read)
        if self._rows is None or not self._read:
            return self._unmeasured(refs, self.findings)
        keys = self._partition_keys()
        columns = [column for column in self.schema.columns if column.name not in keys]
        data = TableData(
            table=self._asked.table, refs=refs, edges=self._asked.edges,
            label=self._asked.label,
            table_schema=TableSchema(
                columns=tuple(columns),
                partition_keys=tuple(column for column in self.schema.columns if column.name in keys),
            ),
        )  # fmt: skip
        rows = Rows(
            self._db, self._out, self._limits, self._clock,
            {column.name: column.type for column in self.schema.columns}, tuple(column.name for column in columns),
            keys=[ref.key for ref in self._asked.refs],
            findings=list(self._found) + self._rows.changes(self._asked.table), wrong=self._rows.wrong(),
            lacking=self._rows.lacking(self._read), in_place=any(map(self._limits.in_place, refs)),
        )  # fmt: skip
        try:
            with self._clock.running():
                report = TableChecks(rows, data, contract, now).build()
        except self._no_room:
            reason = too_large("memory and disk of a function do not do for the checks of this batch")
            found = finding(reason.code, reason.message, table=self._asked.table, remedy=reason.remedy)
            return self._unmeasured(refs, (*self.findings, found))
        except self._lost as error:
            self._give_up("RowsNotTyped", f"the engine failed: {first_line(error)}", _ONE_BY_ONE)
            return self._unmeasured(refs, self.findings)
        except self._error:
            if not self._clock.over:
                raise
        if self._clock.over:
            self._too_slow()
            return self._unmeasured(refs, self.findings)
        return report

    def write(self, files: Sequence[FilePlan], fields: Sequence[Field]) -> tuple[WrittenFile, ...]:
        """See the port."""
        return tuple(self._write(plan, fields) for plan in files)

    def _write(self, plan: FilePlan, fields: Sequence[Field]) -> WrittenFile:
        if self._rows is None:
            raise ValueError("nothing was read")
        path = (self._out / plan.name).resolve()
        if not path.is_relative_to(self._out.resolve()):
            raise ValueError(f"{plan.name!r} leads out of the reading's folder")
        places = {source.key: index for index, source in self._read.items()}
        indices = [places[key] for key in plan.keys]
        select, ranges = self._rows.selected(indices, fields)
        rows, size, statistics = copy_to(self._db, select, path, fields)
        first_rows = {key: ranges[index] for key, index in zip(plan.keys, indices, strict=True)}
        return WrittenFile(name=plan.name, path=path, rows=rows, bytes=size, first_rows=first_rows, columns=statistics)

    def _read_one(self, stage: Stage, objects: Objects, ref: ObjectRef, index: int) -> int:
        """Bytes that it took."""
        key = table_key(ref.key)
        if key is None:
            raise UnknownPrefix(
                "the key does not belong to a table's data", key=ref.key, remedy="Upload to <product>/data/."
            )
        file = self._in / f"object-{index}"
        try:
            self._read[index] = stage.add(objects.reader(ref.content), ref, key, index, file)
            return file.stat().st_size
        finally:
            if index not in self._read or not self._limits.in_place(ref):
                file.unlink(missing_ok=True)

    def _partition_keys(self) -> tuple[str, ...]:
        return next((tuple(value.key for value in source.partition) for source in self._read.values()), ())

    def _same_partitions(self) -> None:
        """Objects under other partition keys than the contract's, or than most, are set aside."""
        keys = {index: tuple(value.key for value in source.partition) for index, source in self._read.items()}
        if len(set(keys.values())) <= 1 and not self._asked.expected:
            return
        expected = self._asked.expected
        usual = tuple(column.name for column in expected.partition_keys) if expected else ()
        if not usual and keys:
            usual = max(keys.values(), key=list(keys.values()).count)
        for index, found in keys.items():
            if found != usual:
                error = InconsistentPartitions(
                    f"the object lies under the partition keys {list(found)}, the table has {list(usual)}",
                    remedy="Upload all objects of a table below folders of the same keys.",
                )
                source = self._read.pop(index)
                self._found.append(refused(error, source.key, self._asked.table))

    def _unmeasured(self, refs: Sequence[ObjectRef], findings: Sequence[Finding]) -> TableReport:
        size = sum(ref.size for ref in refs)
        profile = TableProfile(table=self._asked.table, rows=0, bytes=size, objects=len(refs), exact=False, columns=())
        return TableReport(profile=profile, scores=Scores(), findings=tuple(findings))


def _known(sources: TableSources) -> tuple[str, ...]:
    """Names that the columns of a file may have: the contract's, else the published table's."""
    if sources.expected and sources.expected.columns:
        return tuple(column.name for column in sources.expected.columns)
    if sources.present is None:
        return ()
    keys = {column.name for column in sources.present.partition_keys}
    for ref in sources.refs:
        key = table_key(ref.key)
        keys |= {value.key for value in key.partitions} if key else set()
    return tuple(column.name for column in sources.present.columns if column.name not in keys)


def _without(found: Finding, keys: Collection[str]) -> Finding | None:
    """The finding without these objects; None where it is in no other."""
    if not found.keys:
        return found
    kept = tuple(key for key in found.keys if key not in keys)
    return found.evolve(keys=kept) if kept else None
