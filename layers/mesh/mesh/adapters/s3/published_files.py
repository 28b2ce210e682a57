"""What is published, in the producer's bucket: metadata and indexes of tables, data files of the next version.

An index is Parquet, one row a source; its columns are those of `IndexEntry`.
"""

import json
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors, whole_object
from mesh.adapters.s3.storage import GONE, ObjectGone
from mesh.domain.onboarding.batches import IndexEntry
from mesh.domain.publishing.places import bucket_and_key
from mesh.domain.publishing.table_state import MetadataInvalid, TableState, read_state

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from mypy_boto3_s3 import S3Client

_IN_PARTS: Final = 8 * 1024**2
"""Bytes from which on boto3 uploads in parts, with threads that a small file need not wait for."""

_COLUMNS = {
    "key": "VARCHAR", "version_id": "VARCHAR", "etag": "VARCHAR", "size": "BIGINT", "file": "VARCHAR",
    "first_row": "BIGINT", "rows": "BIGINT",
}  # fmt: skip


@cache
def _engine() -> "DuckDBPyConnection":
    """For indexes alone, which are ours: opening one takes longer than what is asked of it."""
    import duckdb  # noqa: PLC0415 - only functions with the layer `profiling` have it

    return duckdb.connect(":memory:")


class S3PublishedFiles:
    """Implements `ports.PublishedFiles`."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def state(self, metadata: str) -> TableState:
        """See the port."""
        content = self._read(metadata)
        try:
            return read_state(metadata, json.loads(content))
        except (ValueError, RecursionError) as fault:
            raise MetadataInvalid(f"{metadata} is not JSON: {fault}", metadata=metadata) from fault

    def index(self, location: str) -> list[IndexEntry]:
        """See the port."""
        if not location:
            return []
        with tempfile.TemporaryDirectory(prefix="mesh-") as folder, _engine().cursor() as db:
            file = Path(folder) / "index.parquet"
            file.write_bytes(self._read(location))
            rows = db.execute(f"SELECT {', '.join(_COLUMNS)} FROM read_parquet(?)", [str(file)]).fetchall()  # noqa: S608
        return [IndexEntry(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]

    def known_index(self, location: str) -> list[IndexEntry]:
        """See the port."""
        try:
            return self.index(location)
        except ObjectGone:
            return []

    def write_index(self, location: str, entries: Sequence[IndexEntry]) -> None:
        """See the port."""
        with tempfile.TemporaryDirectory(prefix="mesh-") as folder, _engine().cursor() as db:
            lines, file = Path(folder) / "index.json", Path(folder) / "index.parquet"
            with lines.open("w", encoding="utf-8", errors="surrogatepass") as text:
                text.writelines(entry.model_dump_json() + "\n" for entry in entries)
            columns = "{" + ", ".join(f"'{name}': '{type_}'" for name, type_ in _COLUMNS.items()) + "}"
            source = f"read_json(?, format = 'newline_delimited', columns = {columns})"
            db.execute(f"COPY (SELECT * FROM {source}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)", [str(lines)])  # noqa: S608
            self.upload(file, location)

    def upload(self, file: Path, location: str) -> None:
        """See the port. Managed, where a file is so large that it goes in parts."""
        bucket, key = bucket_and_key(location)
        with transient_errors():
            if file.stat().st_size < _IN_PARTS:
                self._client.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())
            else:
                self._client.upload_file(str(file), bucket, key)

    def download(self, location: str, file: Path) -> None:
        """See the port."""
        bucket, key = bucket_and_key(location)
        try:
            with transient_errors():
                self._client.download_file(bucket, key, str(file))
        except ClientError as error:
            raise _gone(location, error) from error

    def write(self, location: str, content: bytes) -> None:
        """See the port."""
        bucket, key = bucket_and_key(location)
        with transient_errors():
            self._client.put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/json")

    def copy(self, source: str, target: str, *, version_id: str | None = None) -> bool:
        """See the port. Managed: past 5 GB in parts. Tags and metadata of an owner's object do not come along."""
        (bucket, key), place = bucket_and_key(source), bucket_and_key(target)
        of: Any = {"Bucket": bucket, "Key": key} | ({"VersionId": version_id} if version_id else {})
        without = {"TaggingDirective": "REPLACE", "MetadataDirective": "REPLACE"}
        try:
            with transient_errors():
                self._client.copy(of, *place, ExtraArgs=without)
        except ClientError as error:
            if code_of(error) not in GONE:
                raise
            return False
        return True

    def remove(self, location: str) -> None:
        """See the port."""
        bucket, key = bucket_and_key(location)
        with transient_errors():
            self._client.delete_object(Bucket=bucket, Key=key)

    def clear(self, folder: str) -> None:
        """See the port."""
        bucket, prefix = bucket_and_key(f"{folder}/")
        with transient_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        for key in keys:
            self.remove(f"s3://{bucket}/{key}")

    def _read(self, location: str) -> bytes:
        bucket, key = bucket_and_key(location)
        try:
            return whole_object(self._client, Bucket=bucket, Key=key)[0]
        except ClientError as error:
            raise _gone(location, error) from error


def _gone(location: str, error: ClientError) -> Exception:
    if code_of(error) not in GONE:
        return error
    return ObjectGone(f"{location} is gone", location=location, remedy="Was it deleted by hand? mesh doctor")
