"""What is staged of a table: data files that are added and removed, and the metadata file that says so."""

from pydantic import Field as Default

from mesh.domain.model import Model
from mesh.domain.publishing.fields import Field
from mesh.domain.publishing.table_state import Marks, TableState


class ColumnStatistics(Model):
    """Of one leaf column in one data file; `low` and `high` as text, None where they are unknown or kept back."""

    values: int
    nulls: int
    nans: int | None = None
    low: str | None = None
    high: str | None = None
    bytes: int | None = None


class DataFile(Model):
    """A Parquet file below the table's location. `partition` has the values of the partition columns, in order, as
    text; `columns` is by field id."""

    path: str
    rows: int
    bytes: int
    partition: tuple[str | None, ...] = ()
    columns: dict[int, ColumnStatistics] = Default(default_factory=dict)


class StageOrder(Model):
    """The next version of one table: `base` with its columns replaced by `fields`, files added (`add`) and removed
    (`remove`).

    `marks` are the registry's, `index` is where the new version's index lies, `contract` the version that judged it,
    `details` what the batch brought.
    """

    location: str
    base: TableState | None
    fields: tuple[Field, ...]
    partition: tuple[str, ...] = ()
    add: tuple[DataFile, ...] = ()
    remove: frozenset[str] = frozenset()
    marks: Marks = Marks()
    index: str = ""
    proposal: str = ""
    contract: str = ""
    details: str = ""
    only_nulls: frozenset[int] = frozenset()


class StagedTable(Model):
    """`metadata` is the location of the staged file, `empty` that of the file without data which a new table is created
    on. Totals are those of the whole table after the commit."""

    metadata: str
    empty: str = ""
    rows: int
    bytes: int
    files: int


class ListedFile(Model):
    """A data file as a manifest lists it; `partition` as in `DataFile`."""

    path: str
    rows: int
    bytes: int
    partition: tuple[str | None, ...] = ()


class Reach(Model):
    """What a metadata file needs: `beside` it the list of its manifests and the index, its manifests, and the data
    files that these list. Locations."""

    metadata: str
    beside: frozenset[str] = frozenset()
    manifests: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Every object."""
        return self.data | self.manifests | self.beside | {self.metadata}


class TableContent(Model):
    """A metadata file with all that its snapshot lists, read again where the summary is not trusted."""

    state: TableState
    files: tuple[ListedFile, ...] = ()
    delete_files: int = 0

    @property
    def rows(self) -> int:
        """Of all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)

    def partitions(self) -> dict[tuple[str | None, ...], int]:
        """Partition → rows; a table without partitions has the one `()`."""
        found: dict[tuple[str | None, ...], int] = {}
        for file in self.files:
            found[file.partition] = found.get(file.partition, 0) + file.rows
        return found
