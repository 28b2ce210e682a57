"""Glue's TableInput and PartitionInput, as a Glue crawler writes them, and the way back.

Sources: AWS Glue Developer Guide ("Table structure", "Parameters set on Data Catalog tables by crawler"); Amazon Athena
User Guide ("Choose a SerDe for your data").
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mesh.domain.formats.model import Compression, CsvDialect, Format, Storage
from mesh.domain.merging import MergedTable, Partition
from mesh.domain.schema import Column, TableSchema

_TEXT_INPUT: Final = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUTPUT: Final = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
_PARQUET: Final = "org.apache.hadoop.hive.ql.io.parquet"
_PARQUET_INPUT: Final = f"{_PARQUET}.MapredParquetInputFormat"
_PARQUET_OUTPUT: Final = f"{_PARQUET}.MapredParquetOutputFormat"
LAZY_SIMPLE: Final = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
OPEN_CSV: Final = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
OPENX_JSON: Final = "org.openx.data.jsonserde.JsonSerDe"
PARQUET_HIVE: Final = f"{_PARQUET}.serde.ParquetHiveSerDe"
MAX_COMMENT: Final = 255
MAX_DESCRIPTION: Final = 2048
_TABLE_INPUT: Final = (
    "Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters",
)  # fmt: skip
"""Members of Glue's TableInput that a table as `GetTable` gives it has as well, and that say how its files are read."""


def definition_of(table: Mapping[str, Any]) -> dict[str, Any]:
    """The TableInput of a table as `GetTable` gives it; what Glue adds of its own (times, owners, ids) is left out."""
    return {name: table[name] for name in _TABLE_INPUT if table.get(name) not in (None, "")}


def table_input(
    merged: MergedTable, location: str, *, description: str = "", previous: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The TableInput of a table at `location` (`s3://…/<table>/`).

    `previous` is the table as `GetTable` gave it: parameters and description that are not set here stay. Counts are
    written when the table is new only; later ones belong to versions, and a retried update must not add twice.
    """
    before = dict((previous or {}).get("Parameters") or {})
    counts = {} if previous else _counts(merged)
    return {
        "Name": merged.table,
        "Description": (description or (previous or {}).get("Description") or "")[:MAX_DESCRIPTION],
        "TableType": "EXTERNAL_TABLE",
        "Retention": 0,
        "PartitionKeys": [_column(column) for column in merged.table_schema.partition_keys],
        "StorageDescriptor": storage_descriptor(merged.table_schema, merged.storage, _folder(location)),
        "Parameters": {**before, **_parameters(merged.storage), **counts, "EXTERNAL": "TRUE"},
    }


def partition_input(merged: MergedTable, partition: Partition, bucket: str) -> dict[str, Any]:
    """The PartitionInput of one of `merged.partitions`, at the folder where its objects lie."""
    location = f"s3://{bucket}/{partition.folder}"
    return {
        "Values": [value for _, value in partition.values],
        "StorageDescriptor": storage_descriptor(merged.table_schema, merged.storage, location),
        "Parameters": {
            **_parameters(merged.storage),
            "objectCount": str(partition.objects),
            "recordCount": str(partition.rows),
            "sizeKey": str(partition.bytes),
        },
    }


def storage_descriptor(schema: TableSchema, storage: Storage, location: str) -> dict[str, Any]:
    """Columns, location, formats and SerDe."""
    parquet = storage.format == "parquet"
    return {
        "Columns": [_column(column) for column in schema.columns],
        "Location": location,
        "InputFormat": _PARQUET_INPUT if parquet else _TEXT_INPUT,
        "OutputFormat": _PARQUET_OUTPUT if parquet else _TEXT_OUTPUT,
        "Compressed": storage.compression != "none",
        "NumberOfBuckets": -1,
        "SerdeInfo": _serde_info(schema, storage),
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": _parameters(storage),
        "StoredAsSubDirectories": False,
    }


def schema_from_table(table: Mapping[str, Any]) -> TableSchema:
    """The schema of a table as `GetTable` gives it."""
    return TableSchema(
        columns=_columns_from(table.get("StorageDescriptor", {}).get("Columns", ())),
        partition_keys=_columns_from(table.get("PartitionKeys", ())),
    )


def storage_from_table(table: Mapping[str, Any]) -> Storage | None:
    """How the files of a table as `GetTable` gives it are written; `None` for formats that express does not read."""
    parameters = table.get("Parameters") or {}
    format_ = _format(parameters.get("classification", ""))
    if format_ is None:
        return None
    compression: Compression = "gzip" if parameters.get("compressionType") == "gzip" else "none"
    serde = table.get("StorageDescriptor", {}).get("SerdeInfo", {})
    return Storage(
        format=format_, compression=compression, dialect=_dialect(serde, parameters) if format_ == "csv" else None
    )


def _format(classification: str) -> Format | None:
    known: dict[str, Format] = {"csv": "csv", "json": "json", "parquet": "parquet"}
    return known.get(classification)


def _dialect(serde: Mapping[str, Any], parameters: Mapping[str, str]) -> CsvDialect:
    own = serde.get("Parameters") or {}
    delimiter = own.get("separatorChar") or own.get("field.delim") or parameters.get("delimiter", ",")
    return CsvDialect(
        delimiter=delimiter,
        header=parameters.get("skip.header.line.count", "0") != "0",
        quoted=serde.get("SerializationLibrary") == OPEN_CSV,
    )


def _serde_info(schema: TableSchema, storage: Storage) -> dict[str, Any]:
    match storage.serde:
        case "lazy-simple":
            return _library(LAZY_SIMPLE, {"field.delim": _delimiter(storage)})
        case "open-csv":
            return _library(OPEN_CSV, {"separatorChar": _delimiter(storage), "quoteChar": '"', "escapeChar": "\\"})
        case "openx-json":
            return _library(OPENX_JSON, {"paths": ",".join(sorted(column.name for column in schema.columns))})
        case "parquet-hive":
            return _library(PARQUET_HIVE, {"serialization.format": "1"})


def _library(name: str, parameters: dict[str, str]) -> dict[str, Any]:
    return {"SerializationLibrary": name, "Parameters": parameters}


def _delimiter(storage: Storage) -> str:
    return storage.dialect.delimiter if storage.dialect else ","


def _parameters(storage: Storage) -> dict[str, str]:
    parameters = {
        "classification": storage.format,
        "compressionType": storage.compression,
        "typeOfData": "file",
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
    }
    if storage.dialect:
        parameters |= {
            "delimiter": storage.dialect.delimiter,
            "areColumnsQuoted": str(storage.dialect.quoted).lower(),
            "columnsOrdered": "true",
        }
        if storage.dialect.header:
            parameters["skip.header.line.count"] = "1"
    return parameters


def _counts(merged: MergedTable) -> dict[str, str]:
    return {
        "objectCount": str(merged.objects),
        "recordCount": str(merged.rows),
        "sizeKey": str(merged.bytes),
        "averageRecordSize": str(max(merged.bytes // merged.rows, 1) if merged.rows else 0),
    }


def _column(column: Column) -> dict[str, str]:
    result = {"Name": column.name, "Type": column.type}
    return {**result, "Comment": column.comment[:MAX_COMMENT]} if column.comment else result


def _columns_from(columns: Sequence[Mapping[str, str]]) -> tuple[Column, ...]:
    return tuple(Column(name=c["Name"], type=c.get("Type", ""), comment=c.get("Comment", "")) for c in columns)


def _folder(location: str) -> str:
    return location.rstrip("/") + "/"
