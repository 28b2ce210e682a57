"""The plan for reading an Iceberg table: one metadata file, a snapshot of it, the data files that its manifests list.

Nothing here knows S3: `Read` gives the bytes of a URL. Reasons are worded as Trino's connector words them, which is
Athena's engine: https://trino.io/docs/current/connector/iceberg.html
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, override

from pydantic import ValidationError as ModelError
from pyiceberg.exceptions import ValidationError
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestContent, ManifestFile, read_manifest_list
from pyiceberg.schema import Schema
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.transforms import IdentityTransform

from local.athena.errors import DATA, NOT_FOUND, REJECTED, UNAUTHORIZED, MissingObjectError, QueryError

type Read = Callable[[str], bytes]
"""URL → the whole object. Raises `QueryError`, `MissingObjectError` where there is none."""


@dataclass(frozen=True)
class PlannedFile:
    """A data file; `identity` are the values of its partition by the id of the column that they are of."""

    file: DataFile
    identity: dict[int, Any]

    @property
    def url(self) -> str:
        return _s3(str(self.file.file_path))


@dataclass(frozen=True)
class Storage:
    """Where a table lies, and how its objects are read. `name` is `database.table`, for reasons."""

    name: str
    location: str
    read: Read

    def check_inside(self, url: str) -> None:
        """Refuse what lies elsewhere: Lake Formation's credentials are for the table's location."""
        if not _s3(url).startswith(f"{_s3(self.location).rstrip('/')}/"):
            raise QueryError(
                f"PERMISSION_DENIED: Access Denied on {url}: outside the location of {self.name}, {self.location}",
                UNAUTHORIZED,
            )


@dataclass(frozen=True)
class IcebergTable:
    """A table by one metadata file, which a query reads once."""

    storage: Storage
    metadata: TableMetadata
    _files: dict[int, list[PlannedFile]] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return self.storage.name

    def files(self, snapshot: Snapshot | None) -> list[PlannedFile]:
        """The snapshot's data files, none of a table without snapshots; their list is read once.

        Raises:
            QueryError: a manifest is gone or broken, or lists what is not read: delete files, files that are no
                Parquet, files outside the table's location.
        """
        if snapshot is None:
            return []
        if snapshot.snapshot_id not in self._files:
            self._files[snapshot.snapshot_id] = list(self._planned(snapshot))
        return self._files[snapshot.snapshot_id]

    def _planned(self, snapshot: Snapshot) -> Iterator[PlannedFile]:
        specs = self.metadata.specs()
        for manifest in self._manifests(snapshot):
            if manifest.content != ManifestContent.DATA:
                raise self._deletes()
            identity = [
                (at, partition.source_id)
                for at, partition in enumerate(specs[manifest.partition_spec_id].fields)
                if isinstance(partition.transform, IdentityTransform)
            ]
            for entry in self._broken_is_said(
                manifest.manifest_path, manifest.fetch_manifest_entry, _Files(self.storage)
            ):
                file = entry.data_file
                self.storage.check_inside(str(file.file_path))
                if file.content != DataFileContent.DATA:
                    raise self._deletes()
                if file.file_format != FileFormat.PARQUET:
                    raise QueryError(
                        f"NOT_SUPPORTED: {file.file_path} is {file.file_format}: only Parquet is emulated", REJECTED
                    )
                yield PlannedFile(file, {source: file.partition[at] for at, source in identity})

    def _deletes(self) -> QueryError:
        return QueryError(f"NOT_SUPPORTED: {self.name} has delete files, which are not emulated", REJECTED)

    def _manifests(self, snapshot: Snapshot) -> list[ManifestFile]:
        # `Snapshot.manifests` keeps manifests by their path for the whole process, whichever table they were of.
        source = _Files(self.storage).new_input(snapshot.manifest_list)
        return self._broken_is_said(snapshot.manifest_list, lambda: list(read_manifest_list(source)))

    def _broken_is_said[T](self, url: str, reading: Callable[..., T], *arguments: object) -> T:
        try:
            return reading(*arguments)
        except MissingObjectError as error:
            raise _invalid_metadata(self.name, f"{url} does not exist") from error
        except (ValueError, KeyError, EOFError, OSError, AssertionError, ValidationError) as error:
            # What pyiceberg's Avro reader raises for bytes that are none, or not a manifest's.
            raise _invalid_metadata(self.name, f"{url}: {error}") from error

    def snapshot_by_id(self, number: int) -> Snapshot:
        found = self.metadata.snapshot_by_id(number)
        if found is None:
            raise QueryError(f"INVALID_ARGUMENTS: Iceberg snapshot ID does not exists: {number}", NOT_FOUND)
        return found

    def snapshot_at(self, milliseconds: int) -> Snapshot:
        """The snapshot that was current at that time since 1970, by the table's history."""
        before = [entry for entry in self.metadata.snapshot_log if entry.timestamp_ms <= milliseconds]
        latest = max(before, key=lambda entry: entry.timestamp_ms, default=None)
        if latest is None:
            when = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat().replace("+00:00", "Z")
            raise QueryError(f"INVALID_ARGUMENTS: No version history table {self.name} at or before {when}", NOT_FOUND)
        return self.snapshot_by_id(latest.snapshot_id)

    def schema_of(self, snapshot: Snapshot | None) -> Schema:
        """The schema that the snapshot was written with, for time travel; else the current one."""
        number = snapshot.schema_id if snapshot is not None else None
        written = self.metadata.schema_by_id(number) if number is not None else None
        return written if written is not None else self.metadata.schema()


def open_table(storage: Storage, metadata_location: str) -> IcebergTable:
    """The table by the metadata file that the catalog points to.

    Raises:
        QueryError: it is gone, broken, or outside the table's location.
    """
    try:
        return IcebergTable(storage, FromInputFile.table_metadata(_Files(storage).new_input(metadata_location)))
    except MissingObjectError as error:
        raise QueryError(
            f"ICEBERG_MISSING_METADATA: Metadata not found in metadata location for table {storage.name}", NOT_FOUND
        ) from error
    except (ValueError, KeyError, OSError, ValidationError, ModelError) as error:
        raise _invalid_metadata(storage.name, f"{metadata_location}: {error}") from error


def _invalid_metadata(name: str, why: str) -> QueryError:
    return QueryError(f"ICEBERG_INVALID_METADATA: Invalid metadata file for table {name}: {why}", DATA)


def _s3(url: str) -> str:
    """`s3a:` is what Hadoop's file system calls S3."""
    return f"s3:{url.removeprefix('s3a:')}" if url.startswith("s3a:") else url


class _Files(FileIO):
    """Reads what lies in the table's location, as pyiceberg asks for it; writes nothing."""

    def __init__(self, storage: Storage) -> None:
        super().__init__({})
        self._storage = storage

    @override
    def new_input(self, location: str) -> InputFile:
        self._storage.check_inside(location)
        return _Object(_s3(location), self._storage.read)

    @override
    def new_output(self, location: str) -> OutputFile:
        raise NotImplementedError("queries only read")

    @override
    def delete(self, location: str | InputFile | OutputFile) -> None:
        raise NotImplementedError("queries only read")


class _Object(InputFile):
    def __init__(self, location: str, read: Read) -> None:
        super().__init__(location)
        self._read = read

    @override
    def __len__(self) -> int:
        return len(self._read(self.location))

    @override
    def exists(self) -> bool:
        try:
            self._read(self.location)
        except MissingObjectError:
            return False
        return True

    @override
    def open(self, seekable: bool = True) -> InputStream:
        return io.BytesIO(self._read(self.location))
