"""Iceberg tables as a writer stages them: data files, manifests and metadata in the lake, and no catalog.

A version is one metadata file with one snapshot in it; what points to it is the Glue table's `metadata_location`.
"""

import io
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.io import FileIO, InputFile, OutputFile
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.table.update import update_table_metadata
from pyiceberg.transforms import IdentityTransform
from pyiceberg.typedef import Record
from pyiceberg.types import NestedField

from tests.local.athena_helpers import LAKE
from tests.local.lf_helpers import CENTRAL, PRODUCER, grant, root


class _Sink(io.BytesIO):
    """Puts what was written, once it is closed."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def close(self) -> None:
        if not self.closed:
            put_url(self._url, self.getvalue())
        super().close()


class _Object(InputFile, OutputFile):
    def __len__(self) -> int:
        return len(get_url(self.location))

    def exists(self) -> bool:
        return False

    def open(self, seekable: bool = True) -> Any:
        return io.BytesIO(get_url(self.location))

    def create(self, overwrite: bool = False) -> Any:
        return _Sink(self.location)

    def to_input_file(self) -> InputFile:
        return self


class _Lake(FileIO):
    def new_input(self, location: str) -> InputFile:
        return _Object(location)

    def new_output(self, location: str) -> OutputFile:
        return _Object(location)

    def delete(self, location: Any) -> None:
        raise NotImplementedError("names of files are never reused, so nothing is deleted here")


class _Stager(NoopCatalog):
    """Writes the metadata of a commit, and swings no pointer."""

    def commit_table(self, table: Table, requirements: Any, updates: Any) -> CommitTableResponse:
        metadata = update_table_metadata(
            table.metadata, updates, enforce_validation=False, metadata_location=table.metadata_location
        )
        return CommitTableResponse(metadata=metadata, metadata_location=write_metadata(metadata))


def put_url(url: str, body: bytes) -> None:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    root(PRODUCER).s3.put_object(Bucket=bucket, Key=key, Body=body)


def get_url(url: str) -> bytes:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bytes(root(PRODUCER).s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def write_metadata(metadata: Any) -> str:
    url = f"{metadata.location}/metadata/{len(metadata.snapshots):05d}-{uuid.uuid4()}.metadata.json"
    ToOutputFile.table_metadata(metadata, _Lake({}).new_output(url), overwrite=True)
    return url


def new_table(folder: str, *fields: NestedField, by: str = "") -> Table:
    """A table without snapshots below the registered location; `by` is a column to partition by."""
    schema = Schema(*fields)
    parts = [PartitionField(schema.find_field(by).field_id, 1000, IdentityTransform(), f"p_{by}")] if by else []
    metadata = new_table_metadata(
        schema, PartitionSpec(*parts), UNSORTED_SORT_ORDER, f"s3://{LAKE}/data/{folder}", {"format-version": "2"}
    )
    return Table(("db", folder), metadata, write_metadata(metadata), _Lake({}), _Stager("stage"))


def write_parquet(table: Table, sql: str, ids: str, *partition: Any, url: str = "", **more: Any) -> DataFile:
    """A data file of the query's rows; `ids` is DuckDB's FIELD_IDS, without braces."""
    url = url or f"{table.location()}/data/{uuid.uuid4()}.parquet"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.parquet"
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            named = f", FIELD_IDS {{{ids}}}" if ids else ""
            rows = connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet{named})").fetchall()[0][0]
        body = path.read_bytes()
    put_url(url, body)
    return data_file(table, url, rows, len(body), *partition, **more)


def data_file(table: Table, url: str, rows: int, size: int, *partition: Any, **more: Any) -> DataFile:
    names = ("column_sizes", "value_counts", "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds")
    counts: dict[str, Any] = {name: {} for name in names}
    given = {"content": DataFileContent.DATA, "file_format": FileFormat.PARQUET} | counts | more
    file = DataFile.from_args(
        file_path=url, partition=Record(*partition), record_count=rows, file_size_in_bytes=size, **given
    )
    file.spec_id = table.spec().spec_id
    return file


def append(table: Table, *files: DataFile) -> Table:
    """A new version of the table: `metadata_location` of it is what a commit points to."""
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as snapshot:
        for file in files:
            snapshot.append_data_file(file)
    return table


def input_of(name: str, table: Table, columns: Iterable[str], location: str = "") -> dict[str, Any]:
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"table_type": "ICEBERG", "metadata_location": location or table.metadata_location},
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": "string"} for column in columns],
            "Location": table.location(),
        },
    }


def commit(database: str, name: str, table: Table, columns: Sequence[str] = (), location: str = "") -> None:
    """Point central's Glue table to the staged metadata, with these columns or all of its schema."""
    central = root(CENTRAL)
    listed = columns or [field.name.lower() for field in table.schema().fields]
    given = input_of(name, table, listed, location)
    found = central.glue.get_tables(DatabaseName=database)["TableList"] if _has(database) else []
    if name in [each["Name"] for each in found]:
        version = next(each["VersionId"] for each in found if each["Name"] == name)
        central.glue.update_table(DatabaseName=database, TableInput=given, VersionId=version, SkipArchive=True)
        return
    if not _has(database):
        central.glue.create_database(DatabaseInput={"Name": database})
        tags = [{"TagKey": "product", "TagValues": [database]}, {"TagKey": "pii", "TagValues": ["none"]}]
        central.lf.add_lf_tags_to_resource(Resource={"Database": {"Name": database}}, LFTags=tags)
    place = {"DataLocation": {"ResourceArn": f"arn:aws:s3:::{LAKE}/data"}}
    grant(central, central.arn, place, ["DATA_LOCATION_ACCESS"])
    central.glue.create_table(DatabaseName=database, TableInput=given)


def _has(database: str) -> bool:
    return database in [each["Name"] for each in root(CENTRAL).glue.get_databases()["DatabaseList"]]
