"""Staged rows → one table of typed rows: the types decided, every value cast, values of another type counted."""

from collections.abc import Collection, Container, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from mesh.adapters.duckdb.engine import duck_of, planned_simply
from mesh.adapters.duckdb.measuring.rows import OBJECT, NotOfType
from mesh.adapters.duckdb.reading.faults import finding
from mesh.adapters.duckdb.reading.staging import Staged, Typing
from mesh.adapters.duckdb.reading.values import as_text, converted, from_text
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quality.model import Finding
from mesh.domain.onboarding.quality.sql_text import ROWS, identifier, text_literal
from mesh.domain.onboarding.reading.column_types import Decision, decide, declared_types
from mesh.domain.onboarding.reading.model import RowRange, SourceRead, TableSources
from mesh.domain.onboarding.reading.types import is_nested
from mesh.domain.publishing.fields import Field
from mesh.domain.schema import Column

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TYPED: Final = '"mesh typed"'
_FILLED: Final = '"mesh filled"'
_NARROWER: Final = '"mesh narrower"'
"""With a space, since a table of a product, which rules read by its name, may have any other."""
_OBJECT: Final = identifier(OBJECT)
_NO_ROWS: Final = f"SELECT * FROM {_FILLED} WHERE false"
"""Gives a query of files the table's names, of what is inside structs as well."""
_DEFAULT_PARTITION: Final = "__HIVE_DEFAULT_PARTITION__"
_MAX_SHOWN: Final = 60
_MAX_LISTED: Final = 3
_REMEDY: Final = "Correct the values, or let the contract have another type (a major revision)."


class TypedRows:
    """The rows of all objects that were read, in `mesh typed`; as `mesh_rows` nested columns are JSON text.

    `mesh typed` is a view: of the table that they fill, and of the files that are read in place.
    """

    def __init__(
        self, db: "DuckDBPyConnection", sources: TableSources, staged: Sequence[Staged], refs: Mapping[int, ObjectRef]
    ) -> None:
        self._db, self._sources, self._refs = db, sources, refs
        self._declared = declared_types(sources.expected)
        self._staged = sorted(staged, key=lambda each: each.in_place)
        self._rank: dict[int, int] = {}
        self._counts: dict[int, int] = {}
        self._examples: dict[str, dict[int, list[str]]] = {}
        self._partition: dict[int, dict[str, int]] = {}
        self._kept: dict[int, SourceRead] = {}
        self._json = {name: spelt for each in staged for name, spelt in each.json.items()}
        self.decision = Decision((), ())

    def build(self, read: dict[int, SourceRead], partition_keys: Sequence[str]) -> None:
        """Decide the types and cast all rows. Objects' numbers of rows are filled in."""
        typing = Typing(self._db, self._declared)
        for staged in self._staged:
            self._forget(staged, read)
            typing.measure(staged)
            self._counts |= staged.rows
        for index, source in read.items():
            read[index] = source.evolve(rows=self._counts.get(index, 0))
        self._kept = dict(read)
        self._decide(partition_keys)
        self._create()
        for staged in self._staged:
            self._show(staged)
            if not staged.in_place:
                with planned_simply(self._db, len(self.decision.columns)):
                    self._db.execute(f"INSERT INTO {_FILLED} {self._cast(staged)}")
                self._db.execute(f"DROP TABLE {staged.table}")
            for index in sorted(staged.rows):
                self._rank[index] = len(self._rank)
        self._views()

    def exclude(self, gone: Collection[int], read: Mapping[int, SourceRead], partition_keys: Sequence[str]) -> None:
        """Delete objects' rows; what their values alone made wide becomes narrow again."""
        if not gone:
            return
        self._db.execute(f"DELETE FROM {_FILLED} WHERE {_OBJECT} IN ({', '.join(map(str, gone))})")
        self._kept = dict(read)
        for staged in self._staged:
            staged.keep(read)
        self._drop_views()
        before = {column.name: column.type for column in self.decision.columns}
        self._decide(partition_keys)
        after = {column.name: column.type for column in self.decision.columns}
        if before != after:
            values = ", ".join(
                f"{converted(identifier(name), before[name], type_, self._json.get(name))} AS {identifier(name)}"
                for name, type_ in after.items()
            )
            self._db.execute(f"CREATE TABLE {_NARROWER} AS SELECT {values or 'NULL'}, {_OBJECT} FROM {_FILLED}")
            self._db.execute(f"DROP TABLE {_FILLED}")
            self._db.execute(f"ALTER TABLE {_NARROWER} RENAME TO {_FILLED}")
        self._views()

    def selected(self, indices: Sequence[int], fields: Sequence[Field]) -> tuple[str, dict[int, RowRange]]:
        """A query of these objects' rows in that order, as the fields; and where each object's rows then lie."""
        types = {column.name: column.type for column in self.decision.columns}
        values = ", ".join(f"{_as_field(field, types)} AS {identifier(field.name)}" for field in fields)
        if any(staged.rows.keys() & set(indices) for staged in self._in_place()):
            places = {index: self._cast(staged) for staged in self._in_place() for index in staged.rows}
            each = (places.get(index, f"SELECT * FROM {_FILLED} WHERE {_OBJECT} = {index}") for index in indices)
            rows = f"({' UNION ALL '.join([_NO_ROWS, *each])})"
        else:
            rows = f"{_FILLED} WHERE {self._in_order(indices)}"
        ranges, first = {}, 0
        for index in indices:
            ranges[index] = RowRange(first=first, rows=self._counts[index])
            first += self._counts[index]
        return f"SELECT {values} FROM {rows}", ranges

    def lacking(self, read: Mapping[int, SourceRead]) -> dict[str, list[str]]:
        """Column → keys of the objects that have no such column."""
        found: dict[str, list[str]] = {}
        for source in read.values():
            has = {*source.columns, *(value.key for value in source.partition)}
            for column in self.decision.columns:
                if column.name not in has:
                    found.setdefault(column.name, []).append(source.key)
        return found

    def wrong(self) -> dict[str, NotOfType]:
        """Columns with values that are not of the contract's type."""
        found: dict[str, NotOfType] = {}
        for index in self._kept:
            for name, count in self._invalid(index).items():
                each = found.setdefault(name, NotOfType())
                each.count += count
                shown = self._examples.get(name, {}).get(index, [])
                each.examples = sorted({*each.examples, *shown})[:_MAX_LISTED]
                each.keys.append(self._refs[index].key)
        return found

    def findings(self, table: str) -> tuple[Finding, ...]:
        """Values of another type, without examples (a report has them, where they may be shown); types that widened."""
        types = {column.name: column.type for column in self.decision.columns}
        converted = [
            finding(
                "ValueNotOfType", f"{each.count:,} values of {name} are not of type {types[name]}", table=table,
                column=name, keys=tuple(each.keys), observed=float(each.count), remedy=_REMEDY,
            )
            for name, each in self.wrong().items()
        ]  # fmt: skip
        return (*converted, *self.changes(table))

    def changes(self, table: str) -> list[Finding]:
        """One for each column whose type the published table has otherwise."""
        return [
            finding(
                "TypeWidened", f"{change.name} is {change.before} in the table and becomes {change.after}",
                table=table, column=change.name, severity="info",
                remedy="Nothing is lost: the table's files are rewritten. Declare the type in the contract to keep it.",
            )
            for change in self.decision.widened
        ]  # fmt: skip

    def _in_place(self) -> list[Staged]:
        return [staged for staged in self._staged if staged.in_place and staged.rows]

    def _in_order(self, indices: Sequence[int]) -> str:
        """The condition of these objects, and the order where they do not lie in it."""
        listed = ", ".join(map(str, indices))
        ranks = [self._rank[index] for index in indices]
        order = "" if ranks == sorted(ranks) else f" ORDER BY list_position([{listed}], {_OBJECT}), rowid"
        return (f"{_OBJECT} = {listed}" if len(indices) == 1 else f"{_OBJECT} IN ({listed or '-1'})") + order

    def _invalid(self, index: int) -> dict[str, int]:
        facts = next((staged.facts[index] for staged in self._staged if index in staged.facts), {})
        found = {name: each.invalid for name, each in facts.items() if each.invalid}
        return found | self._partition.get(index, {})

    def _decide(self, partition_keys: Sequence[str]) -> None:
        facts = {index: each for staged in self._staged for index, each in staged.facts.items()}
        found = [
            {name: facts[index][name].type for name in source.columns if name in facts[index]}
            for index, source in self._kept.items()
            if index in facts
        ]
        self.decision = decide(found, self._sources.expected, self._sources.present, partition_keys)

    def _forget(self, staged: Staged, read: Mapping[int, SourceRead]) -> None:
        """Rows of objects that were refused after they were staged."""
        if not staged.in_place:
            listed = ", ".join(map(str, read)) or "-1"
            self._db.execute(f"DELETE FROM {staged.table} WHERE {_OBJECT} NOT IN ({listed})")
        staged.keep(read)

    def _create(self) -> None:
        columns = "".join(f"{identifier(column.name)} {duck_of(column.type)}, " for column in self.decision.columns)
        self._db.execute(f"CREATE TABLE {_FILLED} ({columns}{_OBJECT} INTEGER)")

    def _cast(self, staged: Staged) -> str:
        """A query of the staged rows, with all columns, each of its type."""
        keys = {value.key for index in staged.rows for value in self._kept[index].partition}
        values = "".join(
            f"CAST({self._value(column, staged, keys)} AS {duck_of(column.type)}) AS {identifier(column.name)}, "
            for column in self.decision.columns
        )
        return f"SELECT {values}{_OBJECT} FROM {staged.table}"

    def _value(self, column: Column, staged: Staged, keys: Container[str]) -> str:
        if column.name in keys:
            return self._partition_value(column.name, column.type, staged)
        if column.name in staged.columns:
            return staged.value(column.name, column.type, known=column.name not in self._declared)
        return "NULL"

    def _partition_value(self, key: str, type_: str, staged: Staged) -> str:
        """The value of each object's folder, as the key's type."""
        cases = []
        for index in staged.rows:
            text = next((value.value for value in self._kept[index].partition if value.key == key), _DEFAULT_PARTITION)
            literal = "NULL" if text == _DEFAULT_PARTITION else f"CAST({text_literal(text)} AS VARCHAR)"
            value = from_text(literal, type_) if literal != "NULL" else "NULL"
            ((holds,),) = self._db.execute(f"SELECT ({value}) IS NOT NULL").fetchall()
            if literal != "NULL" and not holds:
                self._partition.setdefault(index, {})[key] = staged.rows[index]
                self._examples.setdefault(key, {})[index] = [text[:_MAX_SHOWN]]
            cases.append(f"WHEN {index} THEN {value}")
        return f"CASE {_OBJECT} {' '.join(cases)} END" if cases else "NULL"

    def _show(self, staged: Staged) -> None:
        """Some of the values that are not of their column's type."""
        for index, facts in staged.facts.items():
            for name in (name for name, each in facts.items() if each.invalid):
                column = staged.columns[name]
                have = staged.types.get(name, "") if not staged.text else "string"
                text = f"left({as_text(column, have or 'string')}, {_MAX_SHOWN})"
                wrong = staged.invalid(name, self._declared[name])
                found = self._db.execute(
                    f"SELECT DISTINCT {text} FROM {staged.table} WHERE {_OBJECT} = {index} AND {wrong} "
                    f"ORDER BY 1 LIMIT {_MAX_LISTED}"
                ).fetchall()
                self._examples.setdefault(name, {})[index] = [str(value) for (value,) in found]

    def _drop_views(self) -> None:
        self._db.execute(f"DROP VIEW IF EXISTS {ROWS}")
        self._db.execute(f"DROP VIEW IF EXISTS {_TYPED}")

    def _views(self) -> None:
        """Rules and profiles see nested values as JSON."""
        filled = any(staged.rows for staged in self._staged if not staged.in_place)
        parts = [f"SELECT * FROM {_FILLED}" if filled else _NO_ROWS, *map(self._cast, self._in_place())]
        self._db.execute(f"CREATE OR REPLACE VIEW {_TYPED} AS {' UNION ALL '.join(parts)}")
        shown = [
            f"{as_text(identifier(column.name), column.type)} AS {identifier(column.name)}"
            if is_nested(column.type)
            else identifier(column.name)
            for column in self.decision.columns
        ]
        selected = "".join(f"{value}, " for value in shown)
        self._db.execute(f"CREATE OR REPLACE VIEW {ROWS} AS SELECT {selected}{_OBJECT} FROM {_TYPED}")


def _as_field(field: Field, types: Mapping[str, str]) -> str:
    """The column cast to the field's type; NULL where the batch has no such column."""
    duck = duck_of(field.hive_type)
    have = types.get(field.name)
    if have is None:
        return f"CAST(NULL AS {duck})"
    return f"CAST({converted(identifier(field.name), have, field.hive_type)} AS {duck})"
