"""Reads a staged table again, file by file: nothing that its summary says is taken for true."""

import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pyiceberg.exceptions import ResolveError, ValidationError
from pyiceberg.manifest import DataFileContent, ManifestContent
from pyiceberg.table.metadata import TableMetadataV2

from mesh.adapters.aws import code_of
from mesh.adapters.iceberg.file_io import S3FileIO
from mesh.adapters.iceberg.values import text_of
from mesh.adapters.s3.storage import ObjectGone
from mesh.domain.publishing.staging import ListedFile, TableContent
from mesh.domain.publishing.table_state import MetadataInvalid, read_state

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from pyiceberg.manifest import ManifestEntry, ManifestFile


_NOT_ICEBERG = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, NotImplementedError,
    RecursionError, ResolveError, TypeError, ValidationError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What pyiceberg's readers run into where a file is not JSON, not Avro, or not what the specification says."""


class IcebergContents:
    """Implements `ports.TableContents`. A manifest is read once, however many of the files that are read list it."""

    def __init__(self, client: "S3Client") -> None:
        self._io = S3FileIO(client)
        self._manifests: dict[str, list[ManifestEntry]] = {}

    def read(self, metadata: str) -> TableContent:
        """See the port."""
        with _let_in(metadata), self._io.new_input(metadata).open() as stream:
            content = stream.read()
        try:
            document = json.loads(content)
            state = read_state(metadata, document)
            with _let_in(metadata):
                return self._content(TableMetadataV2.model_validate(document), TableContent(state=state))
        except _NOT_ICEBERG as fault:
            raise MetadataInvalid(
                f"{metadata} cannot be read as an Iceberg table: {type(fault).__name__} {str(fault)[:200]}",
                metadata=metadata,
                remedy="Upload the data again, so that it is staged anew.",
            ) from fault

    def details(self, location: str) -> bytes:
        """See the port."""
        with _let_in(location), self._io.new_input(location).open() as stream:
            return stream.read()

    def _content(self, table: TableMetadataV2, found: TableContent) -> TableContent:
        snapshot = table.current_snapshot()
        if snapshot is None:
            return found
        files, deletes = [], 0
        schema = table.schema()
        folder = found.state.metadata.rpartition("/")[0]
        _require_in(folder, snapshot.manifest_list)
        for manifest in snapshot.manifests(self._io):
            _require_in(folder, manifest.manifest_path)
            if manifest.content != ManifestContent.DATA:
                deletes += 1
                continue
            spec = table.specs()[manifest.partition_spec_id]
            types = [schema.find_type(part.source_id) for part in spec.fields]
            for entry in self._entries(manifest):
                if entry.data_file.content != DataFileContent.DATA:
                    deletes += 1
                    continue
                values = tuple(map(text_of, types, _values(entry)))
                file = entry.data_file
                files.append(
                    ListedFile(
                        path=file.file_path, rows=file.record_count, bytes=file.file_size_in_bytes, partition=values
                    )
                )
        return found.evolve(files=tuple(files), delete_files=deletes)

    def _entries(self, manifest: "ManifestFile") -> "list[ManifestEntry]":
        path = manifest.manifest_path
        if path not in self._manifests:
            self._manifests[path] = manifest.fetch_manifest_entry(self._io, discard_deleted=True)
        return self._manifests[path]


def _values(entry: "ManifestEntry") -> list[object]:
    record = entry.data_file.partition
    return [record[index] for index in range(len(record))]


def _require_in(folder: str, path: str) -> None:
    """The verifier may read every producer's metadata: a producer must not make it read another's."""
    if path.rpartition("/")[0] != folder:
        raise ValueError(f"{path} does not lie beside it")


@contextmanager
def _let_in(location: str) -> Iterator[None]:
    """For a missing object S3 answers AccessDenied to a caller that may not list the bucket."""
    try:
        yield
    except ClientError as error:
        if code_of(error) not in {"AccessDenied", "403"}:
            raise
        raise ObjectGone(
            f"{location}, or what it lists, is gone, or its bucket lets central not in",
            location=location,
            remedy="Update the producer's stack, and upload the data again.",
        ) from error
