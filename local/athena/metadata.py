"""Athena's view of the Data Catalog, for drivers and notebooks: what Glue shows this caller, and no more."""

import fnmatch
import re

from local.athena import tables
from local.glue import operations
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json


def get_database(caller: Identity, params: Json) -> Json:
    found = _ask(caller, params, "GetDatabase", Name=params["DatabaseName"])
    return {"Database": _database(found["Database"])}


def list_databases(caller: Identity, params: Json) -> Json:
    found = _ask(caller, params, "GetDatabases", **_page(params))
    return {"DatabaseList": [_database(each) for each in found["DatabaseList"]]} | _rest(found)


def get_table_metadata(caller: Identity, params: Json) -> Json:
    found = _ask(caller, params, "GetTable", DatabaseName=params["DatabaseName"], Name=params["TableName"])
    return {"TableMetadata": _table(found["Table"])}


def list_table_metadata(caller: Identity, params: Json) -> Json:
    """The tables whose names match `Expression`, a regular expression, page by page."""
    found = _ask(caller, params, "GetTables", DatabaseName=params["DatabaseName"], **_page(params))
    shown = [_table(each) for each in found["TableList"] if _matches(params.get("Expression"), each["Name"])]
    return {"TableMetadataList": shown} | _rest(found)


def _ask(caller: Identity, params: Json, operation: str, **asked: object) -> Json:
    """Glue's answer to the caller. Raises `AwsError`: `MetadataException` with Glue's reason."""
    if params["CatalogName"].lower() != "awsdatacatalog":
        raise AwsError("MetadataException", f"Catalog {params['CatalogName']} does not exist")
    try:
        return operations.call(tables.acting_for(caller), operation, asked)
    except AwsError as error:
        why = f"(Service: AmazonDataCatalog; Status Code: {error.status}; Error Code: {error.code})"
        raise AwsError("MetadataException", f"{error.message} {why}") from error


def _page(params: Json) -> Json:
    asked = {"NextToken": params.get("NextToken"), "MaxResults": params.get("MaxResults") or 50}
    return {name: value for name, value in asked.items() if value is not None}


def _rest(found: Json) -> Json:
    return {"NextToken": found["NextToken"]} if "NextToken" in found else {}


def _database(record: Json) -> Json:
    return {name: record[name] for name in ("Name", "Description", "Parameters") if name in record}


def _table(record: Json) -> Json:
    columns = (record.get("StorageDescriptor") or {}).get("Columns") or []
    shown = {name: record[name] for name in ("Name", "CreateTime", "TableType", "Parameters") if name in record}
    keys = record.get("PartitionKeys") or []
    return shown | {"Columns": [_column(each) for each in columns], "PartitionKeys": [_column(each) for each in keys]}


def _column(record: Json) -> Json:
    return {name: record[name] for name in ("Name", "Type", "Comment") if name in record}


def _matches(expression: str | None, name: str) -> bool:
    if not expression:
        return True
    try:
        return re.search(expression, name) is not None
    except re.error:
        return fnmatch.fnmatch(name, expression)
