"""Which cells of a table a caller may read: its row filters as SQL.

Lake Formation tells engines a filter for the table's rows, and one for each column whose rows are fewer (`RowFilter`
and `CellFilters` of Glue's GetUnfilteredTableMetadata). So a row is there if any grant shows a cell of it, and a cell
that no grant shows is null, as the guide has said of restricted rows. The guide does not spell out the sum of several
filters; a union cell by cell shows every cell that a grant shows, and no other.
https://docs.aws.amazon.com/glue/latest/webapi/API_GetUnfilteredTableMetadata.html
https://docs.aws.amazon.com/lake-formation/latest/dg/data-filters-about.html
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlglot import exp

from local.lakeformation import predicates
from local.lakeformation.evaluation import Rights


@dataclass(frozen=True)
class RowCells:
    """`rows`: predicates of which one must hold, none for all rows. `columns`: those of columns with fewer rows."""

    rows: frozenset[str] = frozenset()
    columns: dict[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, rights: Rights) -> "RowCells":
        shown: dict[str, frozenset[str]] = {}
        for cells in rights.cells:
            for column in cells.columns - rights.columns:
                shown[column] = shown.get(column, frozenset()) | {cells.predicate}
        rows = frozenset[str]() if rights.columns else frozenset[str]().union(*shown.values())
        return cls(rows, {column: fewer for column, fewer in shown.items() if fewer != rows})

    @property
    def is_restricted(self) -> bool:
        return bool(self.rows or self.columns)

    @property
    def mentioned(self) -> set[str]:
        """The columns that the predicates read."""
        every = self.rows.union(*self.columns.values())
        return {column for predicate in every for column in predicates.columns_of(predicate)}

    def masks(self, column: str) -> bool:
        """Whether the column is null in some rows that are shown."""
        return column in self.columns

    def select(self, source: str, target: str, columns: Iterable[str]) -> str:
        """SQL that makes the table `target` of what may be read of `source`."""
        shown = ", ".join(self._cell(column) for column in columns)
        where = f" WHERE {predicates.to_duckdb(sorted(self.rows))}" if self.rows else ""
        return f"CREATE TABLE {target} AS SELECT {shown} FROM {source}{where}"  # noqa: S608 (quoted)

    def _cell(self, column: str) -> str:
        name = exp.to_identifier(column, quoted=True).sql(dialect="duckdb")
        if not self.masks(column):
            return name
        return f"CASE WHEN {predicates.to_duckdb(sorted(self.columns[column]))} THEN {name} END AS {name}"
