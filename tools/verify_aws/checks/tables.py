"""Athena on the product's Iceberg table."""

from contextlib import ExitStack
from typing import Any, Final

from tools.verify_aws.checks.registry import REGISTRY, Bench, Seen, not_observable, same_if
from tools.verify_aws.commands import CommandFailed
from tools.verify_aws.names import TABLE
from tools.verify_aws.progress import TookTooLong, until

_COLUMN, _SEEN = "unborn", "amount"
_SEEN_SECONDS: Final = 60.0
"""What is tagged is shown to readers after a while."""
_OF_AN_INPUT: Final = (
    "Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters",
)  # fmt: skip


@REGISTRY.check(
    "Iceberg: columns by id, the present metadata by the catalog's pointer, `FOR VERSION AS OF`",
    assumes="a column that the catalog has and the metadata lacks is an error, to who names it",
)
def column_of_the_catalog_alone(bench: Bench, made: ExitStack) -> Seen:
    """The catalog's table gets a column for a moment, with the LF-Tags of one that the reader sees: what has none of
    its own waits for its publication (docs/decisions/0012)."""
    glue, database = bench.central.client("glue"), bench.names.product
    _grant_alter(bench, made)
    before = glue.get_table(DatabaseName=database, Name=TABLE)["Table"]
    table: dict[str, Any] = {key: before[key] for key in _OF_AN_INPUT if key in before}
    storage = table["StorageDescriptor"]
    wider = {**storage, "Columns": [*storage["Columns"], {"Name": _COLUMN, "Type": "bigint"}]}
    made.callback(glue.update_table, DatabaseName=database, TableInput=table)
    glue.update_table(DatabaseName=database, TableInput={**table, "StorageDescriptor": wider})
    _tag_as(bench, _SEEN)
    try:
        until(lambda: _is_seen(bench), f"the reader sees {_COLUMN}", _SEEN_SECONDS)
    except TookTooLong as error:
        return not_observable(str(error))
    try:
        found = bench.commands.mesh("query", bench.flow.sql(_COLUMN))
    except CommandFailed as error:
        return same_if(_COLUMN in str(error), str(error))
    values = {row[0] for row in found["rows"]}
    return Seen("it reads as NULL" if values == {None} else f"it reads as {values}", "differs")


def _grant_alter(bench: Bench, made: ExitStack) -> None:
    lake = bench.central.client("lakeformation")
    right = {
        "Principal": {"DataLakePrincipalIdentifier": bench.central.principal},
        "Resource": {"Table": {"DatabaseName": bench.names.product, "Name": TABLE}},
        "Permissions": ["ALTER", "DESCRIBE"],
    }
    lake.grant_permissions(**right)
    made.callback(lake.revoke_permissions, **right)


def _tag_as(bench: Bench, column: str) -> None:
    """Gives the new column the LF-Tags that another has itself; they go with it. Raises `CommandFailed`."""
    lake = bench.central.client("lakeformation")

    def resource(name: str) -> dict[str, Any]:
        return {"TableWithColumns": {"DatabaseName": bench.names.product, "Name": TABLE, "ColumnNames": [name]}}

    answer = lake.get_resource_lf_tags(Resource=resource(column), ShowAssignedLFTags=True)
    [tags] = [each["LFTags"] for each in answer["LFTagsOnColumns"] if each["Name"] == column]
    pairs = [{"TagKey": tag["TagKey"], "TagValues": tag["TagValues"]} for tag in tags]
    answer = lake.add_lf_tags_to_resource(Resource=resource(_COLUMN), LFTags=pairs)
    if answer.get("Failures"):
        raise CommandFailed(f"AddLFTagsToResource: {answer['Failures']}")


def _is_seen(bench: Bench) -> bool:
    glue = bench.consumer.client("glue", "DataAnalyst")
    seen = glue.get_table(DatabaseName=f"rl_{bench.names.product}", Name=TABLE)["Table"]
    return _COLUMN in [column["Name"] for column in seen["StorageDescriptor"]["Columns"]]
