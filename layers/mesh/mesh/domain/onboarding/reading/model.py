"""What a reading is asked for, and what it gives: sources of one table, files that are written from them."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field

from mesh.domain.contracts.contract import Contract
from mesh.domain.model import Model
from mesh.domain.onboarding.formats.detection import Format
from mesh.domain.onboarding.formats.model import Compression, ObjectRef
from mesh.domain.onboarding.partitions import PartitionValue
from mesh.domain.schema import TableSchema

Encoding = Literal["utf-8", "utf-8-sig", "utf-16", "windows-1252"]
Bound = bool | int | float | Decimal | date | datetime | str | None


class TableSources(Model):
    """What to read: the objects of one table of one batch.

    `expected` is the contract's schema of the table, None for a draft: its types are what the table has. `present` is
    the published table's, None for a new one; its partition keys stand among its columns, or apart. `encoding` and
    `delimiter` are what the contract says of the files, "" where it does not. `edges` and `label` as in `TableData`.
    """

    table: str
    refs: tuple[ObjectRef, ...]
    expected: TableSchema | None = None
    present: TableSchema | None = None
    encoding: str = ""
    delimiter: str = ""
    edges: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    label: str = ""


class SourceRead(Model):
    """An object that was read. `bytes` is its size; `delimiter` and `header` are of CSV, `encoding` of text."""

    key: str
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    partition: tuple[PartitionValue, ...] = ()
    format: Format
    compression: Compression = "none"
    columns: tuple[str, ...] = ()
    delimiter: str = ""
    header: bool = False
    encoding: Encoding | Literal[""] = ""


class FilePlan(Model):
    """A data file to write: `name` is its path below the reading's folder, `keys` the sources whose rows go in."""

    name: str
    keys: tuple[str, ...]


class RowRange(Model):
    """Rows of a file, by their positions from 0."""

    first: int = Field(ge=0)
    rows: int = Field(ge=0)


class ColumnStats(Model):
    """A leaf of a data file, for an Iceberg manifest. `low` and `high` are None where there is no value, or none that
    the writer can tell; texts may be cut by the writer, and then are not exact bounds. `size` in bytes, compressed."""

    values: int = Field(ge=0)
    nulls: int = Field(ge=0)
    nans: int = Field(default=0, ge=0)
    low: Bound = None
    high: Bound = None
    exact: bool = True
    size: int = Field(default=0, ge=0)


class WrittenFile(Model):
    """A Parquet file that was written. `first_rows`: key → where its rows lie; `columns`: field id → statistics."""

    name: str
    path: Path
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    first_rows: dict[str, RowRange] = Field(default_factory=dict)
    columns: dict[int, ColumnStats] = Field(default_factory=dict)


class StoredFile(Model):
    """A data file of ours, and the rows of it that are kept (None: all)."""

    path: Path
    keep_rows: tuple[RowRange, ...] | None = None


def contract_layout(contract: Contract | None, table: str) -> dict[str, str]:
    """`encoding` and `delimiter` as the contract states them, for `TableSources`.

    The table's custom property comes before the contract's own; a delimiter may be the server's as well
    (`servers[].delimiter`).
    """
    if contract is None:
        return {}
    part = contract.table(table)
    own = {**contract.custom, **(part.custom if part else {})}
    server = next((server.delimiter for server in contract.servers if server.delimiter), "")
    return {"encoding": str(own.get("encoding", "")), "delimiter": str(own.get("delimiter", server))}
