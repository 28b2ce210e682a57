"""One object: fetched once and whole, its format detected by name and content, staged."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mesh.adapters.duckdb.engine import Limits
from mesh.adapters.duckdb.measuring.fetching import content_of
from mesh.adapters.duckdb.measuring.rows import OBJECT
from mesh.adapters.duckdb.reading.csv_files import CsvFile, has_rows
from mesh.adapters.duckdb.reading.faults import finding, too_large
from mesh.adapters.duckdb.reading.json_files import JsonLines
from mesh.adapters.duckdb.reading.parquet_files import ParquetFile
from mesh.adapters.duckdb.reading.staging import Staged
from mesh.adapters.duckdb.reading.texts import Text, read_text
from mesh.domain.onboarding.formats.detection import MAGIC_LENGTH, Detected, check_magic, detect_by_name
from mesh.domain.onboarding.formats.errors import EmptyFile
from mesh.domain.onboarding.formats.model import ObjectRef, RangeReader
from mesh.domain.onboarding.keys import DataKey
from mesh.domain.onboarding.quality.model import Finding
from mesh.domain.onboarding.quality.sql_text import identifier
from mesh.domain.onboarding.reading.model import SourceRead, TableSources
from mesh.domain.schema import DuplicateColumns

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_OBJECT: Final = identifier(OBJECT)


class Stage:
    """Stages objects, each under its position in the batch. `known` are the names that columns are expected to have.
    Files that `limits` says are read in place are needed until the reading ends.
    """

    def __init__(self, db: "DuckDBPyConnection", sources: TableSources, known: Sequence[str], limits: Limits) -> None:
        self._db, self._sources, self._known, self._limits = db, sources, known, limits
        self._shapes: dict[tuple[object, ...], Staged] = {}
        self._json = JsonLines(db)
        self.findings: list[Finding] = []

    def add(self, reader: RangeReader, ref: ObjectRef, key: DataKey, index: int, file: Path) -> SourceRead:
        """Read one object by way of `file`. `reader` is that of its content, whose name says the format.

        Raises `Unreadable`, `FormatDeclined` and leaves of `Rejected`.
        """
        where = {"bucket": ref.bucket, "key": ref.key}
        if reader.size == 0:
            raise EmptyFile("the object has no bytes", remedy="Upload it with data.", **where)
        detected = self._fetch(reader, ref, file, detect_by_name(ref.content.key, **where))
        found = SourceRead(
            key=ref.key, rows=0, bytes=ref.size, partition=key.partitions, format=detected.format or "csv",
            compression=detected.compression,
        )  # fmt: skip
        if detected.format == "parquet":
            return self._parquet(found, index, file, in_place=self._limits.in_place(ref))
        return self._text(found, detected, index, read_text(file, self._sources.encoding))

    def finish(self) -> list[Staged]:
        """Every table of staged rows."""
        lines = self._json.finish("mesh_json")
        for name, (first, second) in self._json.nested.items():
            message = f"the keys {first!r} and {second!r} of {name} differ in case alone: the column is JSON text"
            self.findings.append(self._warning("StructKeysCollide", message, "Name the keys apart.", column=name))
        return [*self._shapes.values(), *([lines] if lines else ())]

    def _fetch(self, reader: RangeReader, ref: ObjectRef, file: Path, promised: Detected) -> Detected:
        """What it is by its first bytes, before the rest is read."""
        size, detected = 0, promised
        most = self._limits.max_in_place if self._limits.in_place(ref) else self._limits.max_object

        def check(first: bytes) -> None:
            nonlocal detected
            detected = check_magic(promised, first[:MAGIC_LENGTH], bucket=ref.bucket, key=ref.key)

        with file.open("wb") as content:
            for piece in content_of(reader, ref.content, check):
                size += len(piece)
                if size > most:
                    raise too_large(f"more than {most:,} bytes cannot be read whole by one function")
                content.write(piece)
        return detected

    def _text(self, found: SourceRead, detected: Detected, index: int, text: Text) -> SourceRead:
        self._tell(found.key, text)
        is_json = detected.format == "json" or (detected.format is None and text.head.lstrip().startswith("{"))
        if is_json:
            self._json.stage(text, index, found.key)
            names = dict.fromkeys(name.strip().lower() for name in self._json.structures[index])
            found = found.evolve(format="json", columns=tuple(names))
            self._apart(found)
            return found.evolve(encoding=text.written)
        csv = CsvFile(text, self._known, stated=self._sources.delimiter, key=found.key)
        layout = csv.layout
        found = found.evolve(
            columns=layout.names, delimiter=layout.delimiter, header=layout.header, encoding=text.written
        )
        self._apart(found)
        shape = ("csv", layout.names)
        columns = {name: f"c{position}" for position, name in enumerate(layout.names)}
        csv.stage(self._db, self._into(shape, columns, index))
        staged = self._shapes.setdefault(shape, Staged(table=self._table(shape), columns=columns))
        rows = self._count(staged, index)
        has_rows(rows, layout)
        staged.rows[index] = rows
        if layout.fault:
            code, message, remedy = layout.fault
            self.findings.append(self._warning(code, f"{found.key}: {message}", remedy, keys=(found.key,)))
        return found.evolve(rows=rows)

    def _parquet(self, found: SourceRead, index: int, file: Path, *, in_place: bool) -> SourceRead:
        parquet = ParquetFile(self._db, file, found.key)
        if not in_place and parquet.rows > self._limits.max_rows:
            raise too_large(f"{parquet.rows:,} rows: one function reads at most {self._limits.max_rows:,} of an object")
        names = tuple(column.name for column in parquet.columns)
        found = found.evolve(columns=names)
        self._apart(found)
        self._stage_parquet(parquet, index, in_place=in_place)
        for name, count in parquet.nanoseconds().items():
            message = f"{count:,} values of {name} have a part below the microsecond, which is left out"
            keys = (found.key,)
            remedy = "Write timestamps in microseconds."
            self.findings.append(self._warning("NanosecondsLost", message, remedy, column=name, keys=keys))
        for column in parquet.columns:
            if column.note:
                code, message = column.note
                message = f"{column.name}: {message}"
                self.findings.append(self._warning(code, message, "", column=column.name, keys=(found.key,)))
        return found.evolve(rows=parquet.rows)

    def _stage_parquet(self, parquet: ParquetFile, index: int, *, in_place: bool) -> None:
        columns = {column.name: f"c{position}" for position, column in enumerate(parquet.columns)}
        types = {column.name: column.hive for column in parquet.columns}
        shape = ("parquet", tuple(types.items()), index if in_place else None)
        staged = Staged(table=self._table(shape), columns=columns, types=types, text=False, in_place=in_place)
        if in_place:
            parquet.hold_to(parquet.count(f"SELECT count(*), bit_xor(hash(COLUMNS(*))) FROM {parquet.source}"))
            self._db.execute(f"CREATE VIEW {staged.table} AS {_selected(columns, index)}".format(parquet.source))
            self._shapes[shape] = staged
        else:
            rows = parquet.count(self._into(shape, columns, index).format(parquet.source))
            staged = self._shapes.setdefault(shape, staged)
            parquet.hold_to(rows)
        staged.rows[index] = parquet.rows

    def _into(self, shape: tuple[object, ...], columns: dict[str, str], index: int) -> str:
        """A statement that adds rows to the shape's table, with `{}` for where they come from."""
        table = self._table(shape)
        selected = _selected(columns, index)
        return f"INSERT INTO {table} {selected}" if shape in self._shapes else f"CREATE TABLE {table} AS {selected}"

    def _table(self, shape: tuple[object, ...]) -> str:
        places = list(self._shapes)
        return f"mesh_staged_{places.index(shape) if shape in self._shapes else len(places)}"

    def _count(self, staged: Staged, index: int) -> int:
        (row,) = self._db.execute(f"SELECT count(*) FROM {staged.table} WHERE {_OBJECT} = {index}").fetchall()
        return int(row[0])

    def _apart(self, found: SourceRead) -> None:
        """Raises `DuplicateColumns` where a partition key is a column of the file as well."""
        if twice := [value.key for value in found.partition if value.key in found.columns]:
            raise DuplicateColumns(
                f"{twice[0]!r} is a column of the file and a partition key of its folder",
                key=found.key, column=twice[0], remedy="Rename one of them, or upload below another folder.",
            )  # fmt: skip

    def _tell(self, key: str, text: Text) -> None:
        if text.guessed:
            message = f"{key}: the text is not UTF-8 and was read as Windows-1252"
            remedy = "Save it as UTF-8, or name its encoding in the contract (customProperties: encoding)."
            self.findings.append(self._warning("EncodingAssumed", message, remedy, keys=(key,)))
        if text.mixed:
            message = f"{key}: lines end in different ways (CR, LF): each was taken for the end of a line"
            remedy = "End every line in the same way."
            self.findings.append(self._warning("MixedLineEnds", message, remedy, keys=(key,)))

    def _warning(
        self, code: str, message: str, remedy: str, *, column: str = "", keys: tuple[str, ...] = ()
    ) -> Finding:
        return finding(
            code, message, table=self._sources.table, remedy=remedy, severity="warning", column=column, keys=keys
        )


def _selected(columns: Mapping[str, str], index: int) -> str:
    """A query of an object's rows, with `{}` for where they come from."""
    return f"SELECT {', '.join(columns.values())}, CAST({index} AS INTEGER) AS {_OBJECT} FROM {{}}"
