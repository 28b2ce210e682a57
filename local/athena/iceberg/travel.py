"""`FOR VERSION AS OF` and `FOR TIMESTAMP AS OF`: the snapshot that a query requests.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-time-travel-and-version-travel-queries.html
"""

import duckdb
from pyiceberg.table.snapshots import Snapshot
from sqlglot import exp

from local.athena.errors import REJECTED, QueryError
from local.athena.iceberg.planning import IcebergTable


def snapshot_for(table: IcebergTable, node: exp.Table) -> tuple[Snapshot | None, bool]:
    """(the snapshot that the query reads where it names the table, whether it asked for one).

    Raises:
        QueryError: there is no such snapshot, or the version is none.
    """
    version = node.args.get("version")
    if version is None:
        return table.metadata.current_snapshot(), False
    if version.args.get("kind") != "AS OF" or version.expression.find(exp.Column, exp.Query):
        raise QueryError("SYNTAX_ERROR: a table version is a constant: FOR VERSION AS OF or FOR TIMESTAMP AS OF")
    kind, value = _constant(version.expression)
    if version.name.upper() == "VERSION":
        if kind in ("INTEGER", "BIGINT"):
            return table.snapshot_by_id(int(value)), True
        raise QueryError(f"NOT_SUPPORTED: Unsupported type for table version: {_trino(kind)}", REJECTED)
    if not kind.startswith(("TIMESTAMP", "DATE")):
        raise QueryError(f"NOT_SUPPORTED: Unsupported type for temporal table version: {_trino(kind)}", REJECTED)
    return table.snapshot_at(int(value)), True


def _trino(kind: str) -> str:
    return kind.lower()


def _constant(expression: exp.Expr) -> tuple[str, int | str]:
    """(DuckDB's type, value) of a constant; a point in time in milliseconds since 1970, without a zone in UTC."""
    sql = expression.sql(dialect="duckdb")
    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        try:
            connection.execute("SET TimeZone = 'UTC'")
            kind = connection.execute(f"SELECT typeof({sql})").fetchall()[0][0]
            shown = f"epoch_ms(CAST({sql} AS TIMESTAMPTZ))" if kind.startswith(("TIMESTAMP", "DATE")) else sql
            return kind, connection.execute(f"SELECT {shown}").fetchall()[0][0]
        except duckdb.Error as error:
            raise QueryError(f"INVALID_ARGUMENTS: {str(error).splitlines()[0]}") from error
