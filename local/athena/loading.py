"""Loading rows into a query's database, for every table format."""

from itertools import chain
from typing import Protocol

import duckdb
import pyarrow.parquet as pq

from local.athena import errors


class Session(Protocol):
    """The query that is being answered, as much of it as loading needs."""

    @property
    def connection(self) -> duckdb.DuckDBPyConnection: ...

    def check(self) -> None: ...

    def count(self, size: int) -> None: ...


def insert(session: Session, sql: str, reason: str) -> None:
    """Run the INSERT. Raises `QueryError` with `reason` and DuckDB's own where the data do not fit."""
    session.check()
    try:
        session.connection.execute(sql)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise errors.QueryError(f"{reason}: {first_line(error)}", errors.DATA) from error


def column_bytes(metadata: pq.FileMetaData, names: set[str]) -> int:
    """The bytes of these columns of a Parquet file, as stored."""
    groups = (metadata.row_group(at) for at in range(metadata.num_row_groups))
    chunks = chain.from_iterable((group.column(at) for at in range(group.num_columns)) for group in groups)
    return sum(int(c.total_compressed_size) for c in chunks if c.path_in_schema.split(".")[0] in names)


def first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].partition(": ")[2] or str(error)
