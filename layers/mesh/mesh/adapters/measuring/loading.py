"""Objects' files → rows. First in the columns' types, at full speed; an object that does not pass so is read again as
text, which tells what is wrong with it, and loses nothing of what is right.
"""

import csv
from collections.abc import Mapping, Sequence
from itertools import batched
from pathlib import Path
from typing import Final

from mesh.adapters.measuring.faults import corrupt, first_line, malformed, malformed_csv, rejected, too_much
from mesh.adapters.measuring.rows import OBJECT, NotOfType, Rows, path_literal
from mesh.adapters.measuring.sql_types import duck_type, from_text, no_whole_number, reading_type
from mesh.domain.formats.model import CsvDialect, Storage
from mesh.domain.quality.sql_text import ROWS, identifier, is_integer, text_literal

_STAGING: Final = "mesh_staging"
_MAX_SHOWN: Final = 60
_MAX_ROW: Final = 2 * 1024 * 1024
_MAX_LISTED: Final = 3
_BYTES_OF_A_VALUE: Final = 8
_CHUNK: Final = 100


class Loader:
    """Adds objects' rows. What is wrong becomes a finding of `rows`; `Unreadable` where nothing can be read."""

    def __init__(self, rows: Rows, table: str, storage: Storage) -> None:
        import duckdb  # noqa: PLC0415 - as in `empty_rows`

        self._rows, self._table, self._storage = rows, table, storage
        self._error, self._no_room = duckdb.Error, duckdb.OutOfMemoryException

    def load(self, file: Path, key: str, partition: Mapping[str, str], limit: int) -> int:
        """Add one object's rows, and say how many bytes they take at least. Raises `Unreadable`.

        `limit` in bytes is for Parquet, of which a few bytes may hold any number of rows; texts are cut before.
        """
        self._rows.keys.append(key)
        try:
            return self._load(file, key, partition, limit)
        except self._no_room as error:
            raise too_much("more rows, or longer values, than a function's memory and disk hold") from error

    def _load(self, file: Path, key: str, partition: Mapping[str, str], limit: int) -> int:
        taken = file.stat().st_size
        if self._storage.format == "parquet":
            taken = max(taken, self._parquet(file, key, partition, limit))
        elif self._storage.format == "json":
            self._json(file, key, partition)
        else:
            self._csv(file, key, partition)
        self._rows.db.execute(f"DROP TABLE IF EXISTS {_STAGING}")
        return taken

    def _csv(self, file: Path, key: str, partition: Mapping[str, str]) -> None:
        dialect = self._storage.dialect or CsvDialect(delimiter=",", header=True)
        names = _csv_columns(file, dialect, self._rows.columns)
        self._lacks(names, key)
        read = _staged({f"c{index}": self._type(name) for index, name in enumerate(names)})
        columns = {name: f"c{index}" for index, name in enumerate(names) if name in self._rows.types}
        options = (
            f"header = {str(dialect.header).lower()}, auto_detect = false, delim = {text_literal(dialect.delimiter)}, "
            f"quote = {text_literal(dialect.quote)}, escape = {text_literal(dialect.quote)}, "
            f"max_line_size = {_MAX_ROW}"
        )
        source = f"read_csv({path_literal(file)}, columns = {{}}, {options}{{}})"
        try:
            self._stage(source.format(_struct(read), ""))
            if self._all_whole(columns):
                return self._insert(self._values(columns), partition)
        except self._no_room:
            raise
        except self._error:
            pass  # read again as text: that tells which lines, and which values
        try:
            self._stage(source.format(_struct(dict.fromkeys(read, "VARCHAR")), ", store_rejects = true"))
        except self._no_room:
            raise
        except self._error as error:  # the lines do not even end alike
            raise malformed_csv(first_line(error)) from error
        self._rejected(key)
        return self._insert_texts(columns, key, partition)

    def _json(self, file: Path, key: str, partition: Mapping[str, str]) -> None:
        """Fields by their names in any case, as the SerDe has them."""
        lines = f"read_ndjson_objects({path_literal(file)}, maximum_object_size = {_MAX_ROW})"
        fields = self._json_fields(lines)
        self._lacks([name.strip().lower() for name in fields], key)
        columns = _by_name(fields)
        try:
            if len(columns) == len(fields):
                self._stage_json(file, fields)
                if self._all_whole(columns):
                    return self._insert(self._values(columns), partition)
        except self._no_room:
            raise
        except self._error:
            pass
        texts = [f"json_extract_string(json, {text_literal(_pointer(name))})" for name in fields]
        self._stage(lines, texts)
        return self._insert_texts(columns, key, partition)

    def _json_fields(self, lines: str) -> list[str]:
        """The table's fields, as they are written."""
        try:
            others = self._rows.all(f"SELECT count(*) FROM {lines} WHERE json_type(json) <> 'OBJECT'")[0][0]
            found = self._rows.all(f"SELECT DISTINCT unnest(json_keys(json)) FROM {lines}")
        except self._no_room:
            raise
        except self._error as error:
            raise malformed(first_line(error)) from error
        if others:
            raise malformed(f"{others} lines are no JSON objects")
        fields = sorted(str(name) for (name,) in found if str(name).strip().lower() in self._rows.columns)
        if not fields:
            raise malformed("no object has a field of the table")
        return fields

    def _stage_json(self, file: Path, fields: Sequence[str]) -> None:
        spelt = _struct({name: reading_type(self._type(name.strip().lower())) for name in fields})
        options = f"format = 'newline_delimited', records = true, auto_detect = false, maximum_object_size = {_MAX_ROW}"
        self._stage(f"read_json({path_literal(file)}, columns = {spelt}, {options})", list(map(identifier, fields)))

    def _parquet(self, file: Path, key: str, partition: Mapping[str, str], limit: int) -> int:
        """At least so many bytes of values were added."""
        source = f"read_parquet({path_literal(file)}, hive_partitioning = false)"
        try:
            described = self._rows.all(f"DESCRIBE SELECT * FROM {source}")
            there = {str(row[0]).strip().lower(): (str(row[0]), str(row[1])) for row in described}
            self._lacks(list(there), key)
            values = {
                name: _of_parquet(*there[name], duck_type(self._rows.types[name]))
                for name in self._rows.columns
                if name in there
            }
            before = self._count()
            promised = self._rows.all(f"SELECT sum(num_rows) FROM parquet_file_metadata({path_literal(file)})")[0][0]
            row = _BYTES_OF_A_VALUE * max(len(values), 1)
            if cut := promised * row > limit:
                source, self._rows.exact = f"{source} LIMIT {max(limit // row, 1)}", False
            self._insert(values, partition, source)
        except self._no_room:
            raise
        except self._error as error:
            raise corrupt(first_line(error)) from error
        found = self._count() - before
        if found != promised and not cut:
            raise corrupt(f"the footer promises {promised} rows, there are {found}")
        return int(found * row)

    def _type(self, name: str) -> str:
        return self._rows.types.get(name, "string")

    def _lacks(self, names: Sequence[str], key: str) -> None:
        for name in set(self._rows.columns) - set(names):
            self._rows.lacking.setdefault(name, []).append(key)

    def _stage(self, source: str, values: Sequence[str] = ()) -> None:
        """Keep what is read: as it is, or the `values` as c0, c1, …"""
        shown = ", ".join(f"{value} AS c{index}" for index, value in enumerate(values)) or "*"
        self._rows.db.execute(f"CREATE OR REPLACE TEMP TABLE {_STAGING} AS SELECT {shown} FROM {source}")

    def _all_whole(self, columns: Mapping[str, str]) -> bool:
        """Whether every whole number was read exactly, and fits its type."""
        whole = {
            c: duck_type(self._type(name))
            for name, each in columns.items()
            if is_integer(self._type(name))
            for c in each.split()
        }
        checks = [
            f"count_if({no_whole_number(c)} OR ({c} IS NOT NULL AND try_cast({c} AS {type_}) IS NULL))"
            for c, type_ in whole.items()
        ]
        counts = (
            self._rows.all(f"SELECT {' + '.join(chunk)} FROM {_STAGING}")[0][0]
            for chunk in batched(checks, _CHUNK, strict=False)
        )
        return not any(counts)

    def _values(self, columns: Mapping[str, str]) -> dict[str, str]:
        return {
            name: _first_of([f"CAST({c} AS {duck_type(self._type(name))})" for c in each.split()])
            for name, each in columns.items()
        }

    def _insert_texts(self, columns: Mapping[str, str], key: str, partition: Mapping[str, str]) -> None:
        values = {
            name: _first_of([from_text(c, self._type(name)) for c in each.split()]) for name, each in columns.items()
        }
        self._count_wrong(values, columns, key)
        self._insert(values, partition)

    def _count_wrong(self, values: Mapping[str, str], columns: Mapping[str, str], key: str) -> None:
        for name, value in values.items():
            text = _first_of(columns[name].split())
            wrong = f"({text}) IS NOT NULL AND ({value}) IS NULL"
            count, shown = self._rows.all(
                f"SELECT count_if({wrong}), "
                f"list_sort(list(DISTINCT left({text}, {_MAX_SHOWN})) FILTER ({wrong}))[:{_MAX_LISTED}] FROM {_STAGING}"
            )[0]
            if count:
                found = self._rows.wrong.setdefault(name, NotOfType())
                found.count += count
                found.examples = sorted({*found.examples, *map(str, shown)})[:_MAX_LISTED]
                found.keys.append(key)

    def _insert(self, values: Mapping[str, str], partition: Mapping[str, str], source: str = _STAGING) -> None:
        """`values`: column → expression over the source; partition keys come from the object's folders."""
        selected = [f"{value} AS {identifier(name)}" for name, value in values.items()]
        selected += [
            f"try_cast({text_literal(value)} AS {duck_type(self._type(name))}) AS {identifier(name)}"
            for name, value in partition.items()
            if name in self._rows.types and name not in values
        ]
        selected.append(f"{len(self._rows.keys) - 1} AS {identifier(OBJECT)}")
        self._rows.db.execute(f"INSERT INTO {ROWS} BY NAME SELECT {', '.join(selected)} FROM {source}")

    def _count(self) -> int:
        return int(self._rows.one("count(*)")[0])

    def _rejected(self, key: str) -> None:
        """One finding for each kind of fault, with the first line that has it."""
        found = self._rows.all(
            "SELECT error_type::VARCHAR, count(*), min(line), arg_min(error_message, line) FROM reject_errors "
            "GROUP BY 1 ORDER BY 3"
        )
        self._rows.db.execute("DROP TABLE reject_errors")
        self._rows.db.execute("DROP TABLE reject_scans")
        self._rows.findings += [rejected(*facts, key=key, table=self._table) for facts in found]


def _csv_columns(file: Path, dialect: CsvDialect, columns: Sequence[str]) -> list[str]:
    """The file's columns in its order, by their names in the catalog; without a header the table's first ones."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        first = next((row for row in csv.reader(text, delimiter=dialect.delimiter, quotechar=dialect.quote) if row), [])
    if dialect.header:
        return [name.strip().lower() for name in first]
    return [*columns, *(f"col{index}" for index in range(len(columns), len(first)))][: len(first)]


def _by_name(fields: Sequence[str]) -> dict[str, str]:
    """Column → the staged columns that hold it ("c0 c3"): a field may be spelt in several ways."""
    found: dict[str, str] = {}
    for index, name in enumerate(fields):
        column = name.strip().lower()
        found[column] = f"{found[column]} c{index}" if column in found else f"c{index}"
    return found


def _first_of(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"


def _staged(types: Mapping[str, str]) -> dict[str, str]:
    return {name: reading_type(type_) for name, type_ in types.items()}


def _struct(types: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{text_literal(name)}: {text_literal(type_)}" for name, type_ in types.items()) + "}"


def _of_parquet(name: str, found: str, wanted: str) -> str:
    quoted = identifier(name)
    if found == wanted:
        return quoted
    if found.endswith("[]") or found.startswith(("STRUCT", "MAP", "UNION")):
        return f"CAST(to_json({quoted}) AS VARCHAR)"
    return f"CAST({quoted} AS {wanted})"


def _pointer(name: str) -> str:
    """RFC 6901: any name, whatever signs it has."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
