"""Resolve a table's name in a query to what the caller may read: links, IAM, then Lake Formation, column by column.

Athena asks the Data Catalog as its caller, and Lake Formation for credentials of the registered location:
https://docs.aws.amazon.com/athena/latest/ug/security-athena-lake-formation.html
https://docs.aws.amazon.com/lake-formation/latest/dg/access-control-underlying-data.html
"""

from collections.abc import Collection
from dataclasses import dataclass

from local import catalog_records as store
from local.athena import errors
from local.athena.rowcells import RowCells
from local.athena.statement import TableName, Utility
from local.glue import access, operations
from local.lakeformation import context, evaluation, identity
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json, access_denied
from local.lakeformation.store import LOCK, state


@dataclass(frozen=True)
class Column:
    """A column by its Hive type; the values of partition keys are in the catalog, not in the objects."""

    name: str
    type: str
    is_key: bool = False


@dataclass(frozen=True)
class Readable:
    """A table as one caller may read it: `columns` are the permitted ones, in the table's order, `cells` say in
    which rows."""

    record: Json
    name: TableName
    columns: tuple[Column, ...]
    region: str
    catalog: str
    cells: RowCells
    every: tuple[Column, ...]
    """The table's columns, permitted or not."""

    @property
    def is_restricted(self) -> bool:
        """Whether the caller may not read every column in every row."""
        return self.cells.is_restricted or len(self.columns) < len(self.every)

    def hidden(self, wanted: Collection[Column]) -> list[Column]:
        """The columns besides `wanted` that row filters read; the caller need not be able to."""
        names = {column.name for column in wanted}
        return [c for c in self.every if c.name in self.cells.mentioned and c.name not in names]

    @property
    def keys(self) -> list[str]:
        return [key["Name"] for key in self.record.get("PartitionKeys") or ()]


def acting_for(caller: Identity) -> Identity:
    """Athena on behalf of the caller, as its calls to other services are recorded."""
    if ":assumed-role/" not in caller.session:
        return caller
    return Identity(caller.arn, caller.account, caller.region, caller.session)


def readable(caller: Identity, name: TableName) -> Readable:
    """The table, if the caller may read any column of it.

    Raises:
        QueryError: no such catalog, database or table; a right is missing.
    """
    if name.catalog != "awsdatacatalog":
        raise errors.QueryError(
            f"CATALOG_NOT_FOUND: {name.at}Catalog '{name.catalog}' does not exist", errors.NOT_FOUND
        )
    _default(caller)
    _database(caller, name)
    _table(caller, name)
    with LOCK:
        place = access.resolve(caller, {}, "GetTable", name.database, name.name)
        # The whole table: the caller's view leaves columns out, and in a CSV they are told apart by their place.
        record = store.table(place.catalog, caller.region, place.database, place.table) or {}
        if not (record.get("StorageDescriptor") or {}).get("Location"):
            raise errors.QueryError(
                f"NOT_SUPPORTED: {name.at}'{name.name}' is a view, or has no location", errors.REJECTED
            )
        lake, who = context.of(caller, place.catalog)
        rights = evaluation.table_rights(lake, who, place.database, place.table)
    permitted = rights.columns.union(*(cells.columns for cells in rights.cells))
    every = tuple(_columns(record))
    columns = tuple(c for c in every if c.name in permitted)
    return Readable(record, name, columns, caller.region, place.catalog, RowCells.of(rights), every)


def partitions(caller: Identity, table: Readable, expression: str) -> list[Json]:
    """The partitions for which `expression` over the keys holds (all of them where it is empty).

    Raises:
        QueryError: the caller may not see them.
    """
    found: list[Json] = []
    asked: Json = {"DatabaseName": table.name.database, "TableName": table.name.name}
    asked |= {"Expression": expression} if expression else {}
    while True:
        try:
            answer = operations.call(caller, "GetPartitions", asked)
        except AwsError as error:
            raise errors.refused(error) from error
        found += answer["Partitions"]
        if "NextToken" not in answer:
            return found
        asked["NextToken"] = answer["NextToken"]


def reader(caller: Identity, table: Readable, location: str) -> Identity:
    """Who reads the objects at `location`: the registered location's role, else the caller with its own S3 rights.

    Raises:
        QueryError: the caller lacks `lakeformation:GetDataAccess`, or the location's role cannot be assumed.
    """
    with LOCK:
        lake = state(table.catalog, table.region)
        registered = lake.registered_above(access.s3_arn(location))
        if registered is None:
            return caller
        role = lake.registered[registered]["RoleArn"]
    try:
        caller.require("lakeformation:GetDataAccess", "*", service="lakeformation")
        if not identity.trusts(role, "lakeformation.amazonaws.com", caller.account):
            raise access_denied(f"Lake Formation cannot assume the location's role {role}")
    except AwsError as error:
        raise errors.refused(error, "AWSLakeFormation") from error
    return identity.role_identity(role, table.region, "AWSLF-00-AT")


def listed(caller: Identity, asked: Utility) -> tuple[list[str], list[tuple[str, ...]]]:
    """The answer of SHOW DATABASES, SHOW TABLES, DESCRIBE: column names and rows, of what the caller may see."""
    if asked.kind == "describe":
        _database(caller, asked.name)
        columns = _columns(_table(caller, asked.name))
        return ["col_name", "data_type"], [(column.name, column.type) for column in columns]
    if asked.kind == "tables":
        _database(caller, asked.name)
        return ["tab_name"], [(name,) for name in _every(caller, "GetTables", "TableList", asked.name.database)]
    return ["database_name"], [(name,) for name in _every(caller, "GetDatabases", "DatabaseList")]


def _every(caller: Identity, operation: str, member: str, database: str = "") -> list[str]:
    params: Json = {"DatabaseName": database} if database else {}
    names: list[str] = []
    while True:
        try:
            answer = operations.call(caller, operation, params)
        except AwsError as error:
            raise errors.refused(error) from error
        names += [item["Name"] for item in answer[member]]
        if "NextToken" not in answer:
            return names
        params["NextToken"] = answer["NextToken"]


def _default(caller: Identity) -> None:
    """Athena looks at the database `default` of the caller's account, whatever the query is about.

    https://docs.aws.amazon.com/athena/latest/ug/lf-athena-limitations.html#lf-athena-limitations-describe-default
    """
    try:
        operations.call(caller, "GetDatabase", {"Name": "default"})
    except AwsError as error:
        # Where there is none, nobody has the permission that is required.
        missing = error.code == "EntityNotFoundException"
        required = "Insufficient Lake Formation permission(s): Required Describe on default"
        raise errors.refused(access_denied(required) if missing else error) from error


def _database(caller: Identity, name: TableName) -> None:
    try:
        operations.call(caller, "GetDatabase", {"Name": name.database})
    except AwsError as error:
        if error.code == "EntityNotFoundException":
            raise errors.schema_not_found(name.at, name.database) from error
        raise errors.refused(error) from error


def _table(caller: Identity, name: TableName) -> Json:
    try:
        found: Json = operations.call(caller, "GetTable", {"DatabaseName": name.database, "Name": name.name})["Table"]
    except AwsError as error:
        if error.code == "EntityNotFoundException":
            raise errors.table_not_found(name.at, name.database, name.name) from error
        raise errors.refused(error) from error
    return found


def _columns(record: Json) -> list[Column]:
    descriptor = record.get("StorageDescriptor") or {}
    columns = [Column(c["Name"], c.get("Type") or "string") for c in descriptor.get("Columns") or ()]
    return columns + [Column(c["Name"], c.get("Type") or "string", True) for c in record.get("PartitionKeys") or ()]
