"""Column statistics of tables, through links, under IAM and Lake Formation.

https://docs.aws.amazon.com/glue/latest/webapi/API_UpdateColumnStatisticsForTable.html names UpdateTable as the right
that it takes, and GetTable for reading them; the limits (25 and 100 columns) are those of the API's model.
"""

from typing import Final

from local import catalog_records as store
from local.glue import access
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import Json

_UNKNOWN: Final = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Column not found"}


def update(caller: Identity, params: Json) -> Json:
    """Replace the statistics of some columns; one that the table has not is in `Errors`."""
    place = access.resolve(caller, params, "UpdateTable", params["DatabaseName"], params["TableName"])
    record = access.table(caller, place, "ALTER")
    known = {column["Name"] for column in (record.get("StorageDescriptor") or {}).get("Columns") or ()}
    kept = store.statistics(place.catalog, caller.region, place.database, place.table)
    errors = []
    for given in params["ColumnStatisticsList"]:
        if given["ColumnName"] in known:
            kept[given["ColumnName"]] = given
        else:
            errors.append({"ColumnStatistics": given, "Error": _UNKNOWN})
    return {"Errors": errors}


def get(caller: Identity, params: Json) -> Json:
    """Statistics of columns that the caller may see; others, and those without any, are in `Errors`."""
    place = access.resolve(caller, params, "GetTable", params["DatabaseName"], params["TableName"])
    shown = access.visible_table(caller, place, access.table(caller, place, "DESCRIBE"))
    visible = {column["Name"] for column in shown["StorageDescriptor"]["Columns"]}
    kept = store.statistics(place.catalog, caller.region, place.database, place.table)
    found = [kept[name] for name in params["ColumnNames"] if name in visible and name in kept]
    names = {item["ColumnName"] for item in found}
    errors = [{"ColumnName": name, "Error": _UNKNOWN} for name in params["ColumnNames"] if name not in names]
    return {"ColumnStatisticsList": found, "Errors": errors}
