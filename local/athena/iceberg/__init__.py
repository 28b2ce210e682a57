"""Iceberg tables for the local Athena: planned with pyiceberg, read by field id, run on DuckDB."""

from local.lakeformation.protocol import Json


def is_iceberg(record: Json) -> bool:
    """Whether the catalog's table is one: engines tell by this parameter.

    https://iceberg.apache.org/docs/latest/aws/#glue-catalog
    """
    return str((record.get("Parameters") or {}).get("table_type", "")).upper() == "ICEBERG"
