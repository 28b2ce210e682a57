"""Reads a staged table again, file by file: nothing that its summary says is taken for true."""

import json
from typing import TYPE_CHECKING

from pyiceberg.manifest import DataFileContent, ManifestContent
from pyiceberg.table.metadata import TableMetadataV2

from mesh.adapters.iceberg.file_io import S3FileIO
from mesh.adapters.iceberg.values import text_of
from mesh.domain.publishing.staging import ListedFile, TableContent
from mesh.domain.publishing.table_state import MetadataInvalid, read_state

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from pyiceberg.manifest import ManifestEntry


class IcebergContents:
    """Implements `ports.TableContents`."""

    def __init__(self, client: "S3Client") -> None:
        self._io = S3FileIO(client)

    def read(self, metadata: str) -> TableContent:
        """See the port."""
        with self._io.new_input(metadata).open() as stream:
            content = stream.read()
        try:
            document = json.loads(content)
            state = read_state(metadata, document)
            return self._content(TableMetadataV2.model_validate(document), TableContent(state=state))
        except MetadataInvalid:
            raise
        except ValueError as fault:  # not JSON, not Avro, not what the specification says
            raise MetadataInvalid(
                f"{metadata} cannot be read as a table of Iceberg: {str(fault)[:200]}",
                metadata=metadata,
                remedy="Upload the data again, so that it is staged anew.",
            ) from fault

    def details(self, location: str) -> bytes:
        """See the port."""
        with self._io.new_input(location).open() as stream:
            return stream.read()

    def _content(self, table: TableMetadataV2, found: TableContent) -> TableContent:
        snapshot = table.current_snapshot()
        if snapshot is None:
            return found
        files, deletes = [], 0
        schema = table.schema()
        for manifest in snapshot.manifests(self._io):
            if manifest.content != ManifestContent.DATA:
                deletes += 1
                continue
            spec = table.specs()[manifest.partition_spec_id]
            types = [schema.find_type(part.source_id) for part in spec.fields]
            for entry in manifest.fetch_manifest_entry(self._io, discard_deleted=True):
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
        return found.model_copy(update={"files": tuple(files), "delete_files": deletes})


def _values(entry: "ManifestEntry") -> list[object]:
    record = entry.data_file.partition
    return [record[index] for index in range(len(record))]
