"""From the files below a crawler's targets to tables, partitions and the TableInput that a crawler writes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from local.glue.readers import FileSchema
from local.glue.types import merged, settled
from local.lakeformation.protocol import Json

_HIVE = "org.apache.hadoop.hive.ql.io"
_FORMATS = {
    "csv": ("org.apache.hadoop.mapred.TextInputFormat", f"{_HIVE}.HiveIgnoreKeyTextOutputFormat"),
    "json": ("org.apache.hadoop.mapred.TextInputFormat", f"{_HIVE}.HiveIgnoreKeyTextOutputFormat"),
    "orc": (f"{_HIVE}.orc.OrcInputFormat", f"{_HIVE}.orc.OrcOutputFormat"),
    "parquet": (f"{_HIVE}.parquet.MapredParquetInputFormat", f"{_HIVE}.parquet.MapredParquetOutputFormat"),
}


@dataclass(frozen=True)
class CrawledFile:
    """One object: where it is, what is in it."""

    bucket: str
    key: str
    size: int
    schema: FileSchema


@dataclass
class CrawledTable:
    """The files of one table: `folder` is the key prefix, with a slash at its end."""

    name: str
    bucket: str
    folder: str
    files: list[CrawledFile] = field(default_factory=list)

    @property
    def location(self) -> str:
        return f"s3://{self.bucket}/{self.folder}"

    def partition_keys(self) -> list[str]:
        """The names of the folders between table and file: `k` of `k=v`, else `partition_<position>`."""
        folders = max((_folders(self.folder, file.key) for file in self.files), key=len, default=[])
        return [_partition_key(folder, position) for position, folder in enumerate(folders)]

    def partitions(self) -> dict[tuple[str, ...], list[CrawledFile]]:
        """Values of the partition keys → files. A file at another depth than the deepest is in no partition."""
        found: dict[tuple[str, ...], list[CrawledFile]] = {}
        depth = len(self.partition_keys())
        for file in self.files:
            folders = _folders(self.folder, file.key)
            if depth and len(folders) == depth:
                found.setdefault(tuple(folder.partition("=")[2] or folder for folder in folders), []).append(file)
        return found

    def columns(self) -> list[tuple[str, str]]:
        """The columns of all files: in order of appearance, with one type for all of a name."""
        kinds: dict[str, str] = {}
        for file in sorted(self.files, key=lambda file: file.key):
            for name, kind in file.schema.columns:
                kinds[name] = merged((kinds.get(name, ""), kind))
        keys = set(self.partition_keys())
        return [(name, settled(kind)) for name, kind in kinds.items() if name not in keys]

    def partition_location(self, values: Sequence[str]) -> str:
        file = self.partitions()[tuple(values)][0]
        return f"s3://{self.bucket}/{file.key.rpartition('/')[0]}/"


def _folders(table_folder: str, key: str) -> list[str]:
    return key.removeprefix(table_folder).split("/")[:-1]


def _partition_key(folder: str, position: int) -> str:
    name, separator, _ = folder.partition("=")
    return name.lower() if separator else f"partition_{position}"


def table_folder(target: str, key: str, level: int | None, siblings: Iterable[str]) -> str:
    """The folder, below the bucket, that is the table of the object `key` found under the prefix `target`.

    With a table level (the bucket is level 1) it is that folder. Without: the target itself where files lie in it
    directly or its folders are partitions (`k=v`); else each folder in the target is a table.
    """
    if level is not None:
        parts = key.split("/")
        return "/".join(parts[: min(level - 1, len(parts) - 1)]) + "/"
    below = [other.removeprefix(target).lstrip("/") for other in siblings]
    root = f"{target.rstrip('/')}/" if target else ""
    if any("/" not in rest for rest in below) or all("=" in rest.split("/")[0] for rest in below):
        return root
    return f"{root}{key.removeprefix(target).lstrip('/').split('/')[0]}/"


def table_name(prefix: str, bucket: str, folder: str) -> str:
    """The last folder's name, lower-case, with what is not a letter, digit or `_` replaced."""
    last = folder.rstrip("/").rpartition("/")[2] or bucket
    return prefix + re.sub(r"[^a-z0-9_]", "_", last.lower())


def table_input(table: CrawledTable, crawler: str, existing: Json | None, *, keep_types: bool) -> Json:
    """The TableInput for the crawled table, merged into the one there is.

    Columns that exist keep their place, and with `keep_types` (MergeNewColumns) their type; new ones are appended.
    """
    parameters = _parameters(table, crawler)
    columns = _merged_columns(table.columns(), existing, keep_types=keep_types)
    given: Json = {
        "Name": table.name,
        "Owner": "owner",
        "Retention": 0,
        "StorageDescriptor": _descriptor(table, columns, parameters, table.location),
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in table.partition_keys()],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
    }
    if existing:
        given["PartitionKeys"] = existing.get("PartitionKeys") or given["PartitionKeys"]
        given["Parameters"] = (existing.get("Parameters") or {}) | parameters
        for member in ("Description", "Owner"):
            if existing.get(member):
                given[member] = existing[member]
    return given


def partition_input(table: CrawledTable, values: tuple[str, ...], crawler: str, columns: list[Json]) -> Json:
    """A partition that inherits the table's columns (InheritFromTable)."""
    files = CrawledTable(table.name, table.bucket, table.folder, table.partitions()[values])
    parameters = {k: v for k, v in _parameters(files, crawler).items() if k != "UPDATED_BY_CRAWLER"}
    location = table.partition_location(values)
    return {
        "Values": list(values),
        "StorageDescriptor": _descriptor(table, columns, parameters, location),
        "Parameters": parameters,
    }


def _merged_columns(found: list[tuple[str, str]], existing: Json | None, *, keep_types: bool) -> list[Json]:
    fresh = dict(found)
    columns: list[Json] = []
    for column in ((existing or {}).get("StorageDescriptor") or {}).get("Columns") or ():
        kind = column["Type"] if keep_types else merged((column["Type"], fresh.get(column["Name"], "")))
        columns.append(column | {"Type": kind})
    known = {column["Name"] for column in columns}
    return columns + [{"Name": name, "Type": kind} for name, kind in found if name not in known]


def _descriptor(table: CrawledTable, columns: list[Json], parameters: Json, location: str) -> Json:
    schema = table.files[0].schema
    input_format, output_format = _FORMATS[schema.classification]
    return {
        "Columns": columns,
        "Location": location,
        "InputFormat": input_format,
        "OutputFormat": output_format,
        "Compressed": schema.compression != "none",
        "NumberOfBuckets": -1,
        "SerdeInfo": _serde(schema, columns),
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": parameters,
        "StoredAsSubDirectories": False,
    }


def _serde(schema: FileSchema, columns: list[Json]) -> Json:
    match schema.classification:
        case "json":
            paths = ",".join(sorted(column["Name"] for column in columns))
            return {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe", "Parameters": {"paths": paths}}
        case "orc":
            return {"SerializationLibrary": f"{_HIVE}.orc.OrcSerde", "Parameters": {}}
        case "parquet":
            library = f"{_HIVE}.parquet.serde.ParquetHiveSerDe"
            return {"SerializationLibrary": library, "Parameters": {"serialization.format": "1"}}
    if schema.serde == "OpenCSVSerDe" or (schema.quoted and schema.serde != "LazySimpleSerDe"):
        parameters = {"separatorChar": schema.delimiter, "quoteChar": schema.quote, "escapeChar": "\\"}
        return {"SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde", "Parameters": parameters}
    library = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
    return {"SerializationLibrary": library, "Parameters": {"field.delim": schema.delimiter}}


def _parameters(table: CrawledTable, crawler: str) -> Json:
    """What a crawler notes on tables and partitions; all values are strings."""
    schema = table.files[0].schema
    size, rows = sum(file.size for file in table.files), sum(file.schema.rows for file in table.files)
    parameters = {
        "classification": schema.classification,
        "compressionType": schema.compression,
        "typeOfData": "file",
        "sizeKey": str(size),
        "objectCount": str(len(table.files)),
        "recordCount": str(rows),
        "averageRecordSize": str(size // rows if rows else 0),
        "CrawlerSchemaSerializerVersion": "1.0",
        "CrawlerSchemaDeserializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": crawler,
    }
    if schema.classification == "csv":
        parameters |= {"delimiter": schema.delimiter, "columnsOrdered": "true"}
        parameters["areColumnsQuoted"] = str(schema.quoted).lower()
        if schema.header:
            parameters["skip.header.line.count"] = "1"
    if table.partition_keys():
        parameters["partition_filtering.enabled"] = "true"
    return parameters
