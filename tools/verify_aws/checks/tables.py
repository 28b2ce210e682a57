"""Athena on the product's Iceberg table."""

from contextlib import ExitStack
from typing import Any, Final

from tools.verify_aws.checks.registry import REGISTRY, Bench, Seen, not_observable, same_if
from tools.verify_aws.commands import CommandFailed
from tools.verify_aws.names import TABLE

_COLUMN: Final = "unborn"
_OF_AN_INPUT: Final = (
    "Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters",
)  # fmt: skip


@REGISTRY.check(
    "Iceberg: columns by id, the present metadata by the catalog's pointer, `FOR VERSION AS OF`",
    assumes="a column that the catalog has and the metadata lacks is an error, to who names it",
)
def column_of_the_catalog_alone(bench: Bench, made: ExitStack) -> Seen:
    """The catalog's table gets a column for a moment, granted to the reader by the table's tags, or not looked at."""
    glue, lake, database = bench.central.client("glue"), bench.central.client("lakeformation"), bench.names.product
    right = {
        "Principal": {"DataLakePrincipalIdentifier": bench.central.principal},
        "Resource": {"Table": {"DatabaseName": database, "Name": TABLE}},
        "Permissions": ["ALTER", "DESCRIBE"],
    }
    lake.grant_permissions(**right)
    made.callback(lake.revoke_permissions, **right)
    before = glue.get_table(DatabaseName=database, Name=TABLE)["Table"]
    table: dict[str, Any] = {key: before[key] for key in _OF_AN_INPUT if key in before}
    storage = table["StorageDescriptor"]
    wider = {**storage, "Columns": [*storage["Columns"], {"Name": _COLUMN, "Type": "bigint"}]}
    made.callback(glue.update_table, DatabaseName=database, TableInput=table)
    glue.update_table(DatabaseName=database, TableInput={**table, "StorageDescriptor": wider})
    seen = bench.consumer.client("glue", "DataAnalyst").get_table(DatabaseName=f"rl_{database}", Name=TABLE)["Table"]
    if _COLUMN not in [column["Name"] for column in seen["StorageDescriptor"]["Columns"]]:
        return not_observable("the reader is not let see the column that was added")
    try:
        found = bench.commands.mesh("query", bench.flow.sql(_COLUMN))
    except CommandFailed as error:
        return same_if(_COLUMN in str(error), str(error))
    values = {row[0] for row in found["rows"]}
    return Seen("it reads as NULL" if values == {None} else f"it reads as {values}", "differs")
