"""Partitions of tables, with the filter expressions of GetPartitions.

Adding partitions takes INSERT or ALTER, changing and removing them ALTER: the Lake Formation developer guide gives
ALTER for changes of a table's metadata, and INSERT to who writes data into it.
"""

import fnmatch
import re
import time

from local import catalog_records as store
from local.glue import access
from local.glue.access import Place
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json, invalid_input, not_found, page


def create_partition(caller: Identity, params: Json) -> Json:
    place = _place(caller, params, "CreatePartition")
    record = access.table(caller, place, "INSERT", "ALTER")
    _add(caller, place, record, params["PartitionInput"])
    return {}


def batch_create_partition(caller: Identity, params: Json) -> Json:
    """Register partitions; what could not be is in `Errors`, the others are registered."""
    place = _place(caller, params, "BatchCreatePartition")
    record = access.table(caller, place, "INSERT", "ALTER")
    errors = []
    for given in params["PartitionInputList"]:
        try:
            _add(caller, place, record, given)
        except AwsError as error:
            detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
            errors.append({"PartitionValues": given.get("Values") or [], "ErrorDetail": detail})
    return {"Errors": errors}


def update_partition(caller: Identity, params: Json) -> Json:
    place = _place(caller, params, "UpdatePartition")
    record = access.table(caller, place, "ALTER")
    _replace(caller, place, record, params["PartitionValueList"], params["PartitionInput"])
    return {}


def batch_update_partition(caller: Identity, params: Json) -> Json:
    place = _place(caller, params, "BatchUpdatePartition")
    record = access.table(caller, place, "ALTER")
    errors = []
    for entry in params["Entries"]:
        try:
            _replace(caller, place, record, entry["PartitionValueList"], entry["PartitionInput"])
        except AwsError as error:
            detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
            errors.append({"PartitionValueList": entry["PartitionValueList"], "ErrorDetail": detail})
    return {"Errors": errors}


def delete_partition(caller: Identity, params: Json) -> Json:
    place = _place(caller, params, "DeletePartition")
    access.table(caller, place, "ALTER", "DELETE")
    _stored(caller, place).remove(_find(caller, place, params["PartitionValues"]))
    return {}


def batch_delete_partition(caller: Identity, params: Json) -> Json:
    place = _place(caller, params, "BatchDeletePartition")
    access.table(caller, place, "ALTER", "DELETE")
    errors = []
    for entry in params["PartitionsToDelete"]:
        try:
            _stored(caller, place).remove(_find(caller, place, entry["Values"]))
        except AwsError as error:
            detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
            errors.append({"PartitionValues": entry["Values"], "ErrorDetail": detail})
    return {"Errors": errors}


def get_partition(caller: Identity, params: Json) -> Json:
    place = _place(caller, params, "GetPartition")
    access.table(caller, place, "DESCRIBE")
    return {"Partition": _find(caller, place, params["PartitionValues"])}


def batch_get_partition(caller: Identity, params: Json) -> Json:
    place = _place(caller, params, "BatchGetPartition")
    access.table(caller, place, "DESCRIBE")
    known = {tuple(partition["Values"]): partition for partition in _stored(caller, place)}
    found = [known.get(tuple(entry["Values"])) for entry in params["PartitionsToGet"]]
    return {"Partitions": [partition for partition in found if partition], "UnprocessedKeys": []}


def get_partitions(caller: Identity, params: Json) -> Json:
    """The partitions, of which `Expression` (SQL over the partition keys) selects some."""
    place = _place(caller, params, "GetPartitions")
    record = access.table(caller, place, "DESCRIBE")
    found = sorted(_stored(caller, place), key=lambda partition: [str(value) for value in partition["Values"]])
    if expression := params.get("Expression"):
        found = _selected(record["PartitionKeys"], found, expression)
    items, rest = page(found, params, 1000)
    if params.get("ExcludeColumnSchema"):
        items = [_without_columns(partition) for partition in items]
    return {"Partitions": items} | rest


def matches(pattern: str | None, name: str) -> bool:
    """Whether a table's name matches GetTables' `Expression`: a regular expression, or a pattern with `*`."""
    if not pattern:
        return True
    if fnmatch.fnmatch(name, pattern):
        return True
    try:
        return re.fullmatch(pattern, name) is not None
    except re.error:
        return False


def _place(caller: Identity, params: Json, action: str) -> Place:
    return access.resolve(caller, params, action, params["DatabaseName"], params["TableName"])


def _stored(caller: Identity, place: Place) -> list[Json]:
    return store.partitions(place.catalog, caller.region, place.database, place.table)


def _find(caller: Identity, place: Place, values: list[str]) -> Json:
    found = next((p for p in _stored(caller, place) if p["Values"] == values), None)
    if found is None:
        raise not_found(f"Cannot find partition: {values}")
    return found


def _add(caller: Identity, place: Place, table: Json, given: Json) -> None:
    _check_values(table, given)
    if any(partition["Values"] == given["Values"] for partition in _stored(caller, place)):
        raise AwsError("AlreadyExistsException", f"Partition already exists: {given['Values']}")
    _stored(caller, place).append(_record(place, given, int(time.time())))


def _replace(caller: Identity, place: Place, table: Json, values: list[str], given: Json) -> None:
    partition = _find(caller, place, values)
    _check_values(table, given)
    created = partition["CreationTime"]
    partition.clear()
    partition.update(_record(place, given, created))


def _record(place: Place, given: Json, created: int) -> Json:
    where = {"DatabaseName": place.database, "TableName": place.table, "CatalogId": place.catalog}
    return given | where | {"CreationTime": created}


def _check_values(table: Json, given: Json) -> None:
    keys = table.get("PartitionKeys") or []
    if len(given.get("Values") or ()) != len(keys):
        raise invalid_input(f"The number of partition keys do not match the number of partition values: {len(keys)}")


def _without_columns(partition: Json) -> Json:
    descriptor = {k: v for k, v in (partition.get("StorageDescriptor") or {}).items() if k != "Columns"}
    return partition | {"StorageDescriptor": descriptor}


SQL_TYPES = {"int": "INTEGER", "bigint": "BIGINT", "date": "DATE", "timestamp": "TIMESTAMP", "double": "DOUBLE"}


def _selected(keys: list[Json], partitions: list[Json], expression: str) -> list[Json]:
    """The partitions for which the SQL `expression` over their keys is true, asked of DuckDB."""
    import duckdb  # noqa: PLC0415  (needed by few calls)

    columns = ", ".join(f'"{k["Name"]}" {SQL_TYPES.get(k.get("Type", ""), "VARCHAR")}' for k in keys)
    connection = duckdb.connect()
    try:
        connection.execute(f"CREATE TABLE partitions (position INTEGER, {columns})")
        marks = ", ".join("?" * (len(keys) + 1))
        rows = [[position, *partition["Values"]] for position, partition in enumerate(partitions)]
        if rows:
            connection.executemany(f"INSERT INTO partitions VALUES ({marks})", rows)  # noqa: S608  (question marks)
        query = f"SELECT position FROM partitions WHERE {expression} ORDER BY position"  # noqa: S608  (a database of its own)
        return [partitions[position] for (position,) in connection.execute(query).fetchall()]
    except duckdb.Error as error:
        raise invalid_input(f"Expression cannot be evaluated: {expression}: {error}") from error
    finally:
        connection.close()
