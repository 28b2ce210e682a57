"""Stages the next version of a table: manifests and one metadata file with exactly one snapshot, no catalog touched.

pyiceberg writes and reads the files; which manifests are kept, written anew or merged is decided here, since a version
is the whole table and not a step in a history (docs/decisions/0014).
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from pyiceberg.io import FileIO
from pyiceberg.manifest import (
    DataFile as IcebergFile,
)
from pyiceberg.manifest import (
    DataFileContent,
    FileFormat,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriter,
    read_manifest_list,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table.metadata import TableMetadataV2
from pyiceberg.table.refs import SnapshotRef
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.transforms import IdentityTransform
from pyiceberg.typedef import Record

from mesh.adapters.iceberg.file_io import S3FileIO
from mesh.adapters.iceberg.values import bound, value_of
from mesh.domain.errors import Transient
from mesh.domain.publishing.staging import DataFile, StagedTable, StageOrder
from mesh.domain.publishing.table_state import CONTRACT, DETAILS, INDEX, ONLY_NULLS, PROPOSAL, Marks, schema_json

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_SMALL: Final = 10
"""More small manifests than this are merged: each costs a request when a query is planned, and in central's
verification."""
_SMALL: Final = 1_000
"""Files of a small manifest; larger ones stay, so that a large table is not written anew with each few versions."""
_CODEC: Final = "deflate"
_FORMAT_VERSION: Final = 2


class StaleBase(Transient):
    """What is staged does not fit the base that it is staged on: read the base again."""


class IcebergStaging:
    """Implements `ports.TableStaging`."""

    def __init__(self, client: "S3Client") -> None:
        self._io = S3FileIO(client)

    def stage(self, order: StageOrder) -> StagedTable:
        """See the port."""
        return _Staging(order, self._io).stage()


class _Staging:
    def __init__(self, order: StageOrder, io: FileIO) -> None:
        self._order, self._io, self._base = order, io, order.base
        self._id, self._snapshot = uuid4().hex, _snapshot_id()
        marks = order.marks.covering(order.base.marks) if order.base else order.marks
        self._sequence = marks.sequence + 1
        self._schema, self._schema_id = _schema(order, marks)
        self._spec = _spec(order, marks, self._schema)
        self._marks = marks.covering(_given(order, self._schema_id, self._spec, self._sequence))
        self._removed_bytes = 0

    def stage(self) -> StagedTable:
        manifests = self._manifests()
        files = sum(map(_files, manifests))
        rows = sum((m.added_rows_count or 0) + (m.existing_rows_count or 0) for m in manifests)
        before = self._base.bytes if self._base else 0  # of a summary that was verified when it was committed
        size = before - self._removed_bytes + sum(file.bytes for file in self._order.add)
        snapshot = self._write_snapshot(manifests, files, rows, size)
        metadata = self._write(self._metadata(snapshot), "staged")
        empty = "" if self._base else self._write(self._metadata(None), "empty")
        return StagedTable(metadata=metadata, empty=empty, rows=rows, bytes=size, files=files)

    def _manifests(self) -> list[ManifestFile]:
        kept = list(self._kept())
        small = [manifest for manifest in kept if _files(manifest) < _SMALL]
        if len(small) > MAX_SMALL:
            kept = [*self._merged(small), *(manifest for manifest in kept if _files(manifest) >= _SMALL)]
        added = [self._written(self._additions())] if self._order.add else []
        return [*added, *kept]

    def _kept(self) -> Iterator[ManifestFile]:
        """The base's manifests; those that list a removed file are written anew without it. Raises StaleBase."""
        unseen = set(self._order.remove)
        for manifest in self._listed():
            entries = manifest.fetch_manifest_entry(self._io, discard_deleted=True) if self._order.remove else []
            left = [entry for entry in entries if entry.data_file.file_path not in self._order.remove]
            for entry in entries:
                if entry.data_file.file_path in unseen:
                    unseen.remove(entry.data_file.file_path)
                    self._removed_bytes += entry.data_file.file_size_in_bytes
            if left or not entries:
                self._check_spec(manifest)
                yield manifest if len(left) == len(entries) else self._written(map(_existing, left))
        if unseen:
            raise StaleBase(
                f"{len(unseen)} files to remove are not in {self._order.location}", files=sorted(unseen)[:3]
            )

    def _listed(self) -> Iterator[ManifestFile]:
        """The base's own."""
        there = self._base.manifest_list if self._base else ""
        return read_manifest_list(self._io.new_input(there)) if there else iter(())

    def _check_spec(self, manifest: ManifestFile) -> None:
        """Files stay only under the partitioning that they were written for."""
        if manifest.partition_spec_id != self._spec.spec_id:
            raise StaleBase(f"{manifest.manifest_path} has another partitioning", location=self._order.location)

    def _merged(self, manifests: Sequence[ManifestFile]) -> list[ManifestFile]:
        entries = (
            _existing(entry)
            for manifest in manifests
            for entry in manifest.fetch_manifest_entry(self._io, discard_deleted=True)
        )
        return [self._written(entries)]

    def _additions(self) -> Iterator[ManifestEntry]:
        for file in self._order.add:
            yield ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED,
                snapshot_id=self._snapshot,
                sequence_number=None,
                file_sequence_number=None,
                data_file=_iceberg_file(file, self._schema, self._spec),
            )

    def _written(self, entries: Iterable[ManifestEntry]) -> ManifestFile:
        output = self._io.new_output(self._path("m", "avro"))
        writer: ManifestWriter
        with write_manifest(_FORMAT_VERSION, self._spec, self._schema, output, self._snapshot, _CODEC) as writer:
            for entry in entries:
                writer.add_entry(writer.prepare_entry(entry))
        return writer.to_manifest_file()

    def _write_snapshot(self, manifests: list[ManifestFile], files: int, rows: int, size: int) -> Snapshot:
        location = self._path("snap", "avro")
        output = self._io.new_output(location)
        with write_manifest_list(_FORMAT_VERSION, output, self._snapshot, None, self._sequence, _CODEC) as writer:
            writer.add_manifests(manifests)
        totals = {
            "added-data-files": str(len(self._order.add)),
            "added-records": str(sum(file.rows for file in self._order.add)),
            "deleted-data-files": str(len(self._order.remove)),
            "total-data-files": str(files),
            "total-records": str(rows),
            "total-files-size": str(size),
            "total-delete-files": "0",
        }
        operation = Operation.OVERWRITE if self._order.remove else Operation.APPEND
        return Snapshot(
            snapshot_id=self._snapshot,
            sequence_number=self._sequence,
            timestamp_ms=_now(),
            manifest_list=location,
            summary=Summary(operation, **totals),
            schema_id=self._schema_id,
        )

    def _metadata(self, snapshot: Snapshot | None) -> TableMetadataV2:
        now = _now()
        main = {"snapshot-id": snapshot.snapshot_id, "type": "branch"} if snapshot else None
        return TableMetadataV2(
            location=self._order.location,
            table_uuid=UUID(self._base.uuid) if self._base else uuid4(),
            last_updated_ms=now,
            last_column_id=self._marks.column,
            last_partition_id=self._marks.partition,
            last_sequence_number=self._sequence if snapshot else 0,
            schemas=[self._schema],
            current_schema_id=self._schema_id,
            partition_specs=[self._spec],
            default_spec_id=self._spec.spec_id,
            sort_orders=[UNSORTED_SORT_ORDER],
            default_sort_order_id=0,
            properties={"write.format.default": "parquet", "gc.enabled": "false", **self._own_properties(snapshot)},
            current_snapshot_id=snapshot.snapshot_id if snapshot else None,
            snapshots=[snapshot] if snapshot else [],
            refs={"main": SnapshotRef.model_validate(main)} if main else {},
        )

    def _own_properties(self, snapshot: Snapshot | None) -> dict[str, str]:
        nulls = " ".join(map(str, sorted(self._order.only_nulls)))
        properties = {PROPOSAL: self._order.proposal, CONTRACT: self._order.contract}
        properties |= {ONLY_NULLS: nulls} if nulls else {}
        return properties | ({INDEX: self._order.index, DETAILS: self._order.details} if snapshot else {})

    def _write(self, metadata: TableMetadataV2, kind: str) -> str:
        location = self._path(kind, "metadata.json")
        ToOutputFile.table_metadata(metadata, self._io.new_output(location))
        return location

    def _path(self, kind: str, ending: str) -> str:
        return f"{self._order.location}/metadata/{self._id}-{kind}-{uuid4().hex[:8]}.{ending}"


def _files(manifest: ManifestFile) -> int:
    return (manifest.added_files_count or 0) + (manifest.existing_files_count or 0)


def _schema(order: StageOrder, marks: Marks) -> tuple[Schema, int]:
    """The base's schema where nothing changed, so that its id stays; else one with an unused id."""
    base = order.base
    schema_id = base.schema_id if base is not None and base.fields == order.fields else marks.schema_id + 1
    return Schema.model_validate(schema_json(order.fields, schema_id)), schema_id


def _spec(order: StageOrder, marks: Marks, schema: Schema) -> PartitionSpec:
    """Identity partitions. A spec that is the same as the base's keeps its ids."""
    sources = [schema.find_field(name).field_id for name in order.partition]
    base = order.base
    if base is not None and [part.source for part in base.partition_fields] == sources:
        ids, spec_id = [part.id for part in base.partition_fields], base.spec_id
    else:
        first = marks.partition + 1
        ids, spec_id = list(range(first, first + len(sources))), marks.spec + 1
    parts = (
        PartitionField(source_id=source, field_id=id_, transform=IdentityTransform(), name=f"p_{source}")
        for source, id_ in zip(sources, ids, strict=True)
    )
    return PartitionSpec(*parts, spec_id=spec_id)


def _given(order: StageOrder, schema_id: int, spec: PartitionSpec, sequence: int) -> Marks:
    highest = max((each.id for field in order.fields for each in field.every()), default=0)
    partition = max((part.field_id for part in spec.fields), default=0)
    return Marks(column=highest, partition=partition, schema_id=schema_id, spec=spec.spec_id, sequence=sequence)


def _existing(entry: ManifestEntry) -> ManifestEntry:
    """The same file in another manifest, with the snapshot and the sequence number that brought it."""
    return ManifestEntry.from_args(
        status=ManifestEntryStatus.EXISTING,
        snapshot_id=entry.snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=entry.data_file,
    )


def _iceberg_file(file: DataFile, schema: Schema, spec: PartitionSpec) -> IcebergFile:
    types = [schema.find_type(part.source_id) for part in spec.fields]
    values: list[Any] = [value_of(type_, text) for type_, text in zip(types, file.partition, strict=True)]
    found = file.columns
    lows = {id_: bound(schema.find_type(id_), each.low, upper=False) for id_, each in found.items()}
    highs = {id_: bound(schema.find_type(id_), each.high, upper=True) for id_, each in found.items()}
    made = IcebergFile.from_args(
        content=DataFileContent.DATA,
        file_path=file.path,
        file_format=FileFormat.PARQUET,
        partition=Record(*values),
        record_count=file.rows,
        file_size_in_bytes=file.bytes,
        column_sizes={id_: each.bytes for id_, each in found.items() if each.bytes is not None},
        value_counts={id_: each.values for id_, each in found.items()},
        null_value_counts={id_: each.nulls for id_, each in found.items()},
        nan_value_counts={id_: each.nans for id_, each in found.items() if each.nans is not None},
        lower_bounds={id_: low for id_, low in lows.items() if low is not None},
        upper_bounds={id_: high for id_, high in highs.items() if high is not None},
    )
    made.spec_id = spec.spec_id
    return made


def _snapshot_id() -> int:
    """A positive number of 63 bits."""
    return uuid4().int >> 65


def _now() -> int:
    return time.time_ns() // 1_000_000
