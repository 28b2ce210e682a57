"""Which objects a metadata file needs: itself, what lies beside it, its manifests, and its data files."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING

from pyiceberg.manifest import ManifestFile
from pyiceberg.table.metadata import TableMetadataV2

from mesh.adapters.iceberg.file_io import S3FileIO
from mesh.adapters.s3.storage import ObjectGone
from mesh.domain.publishing.staging import Reach
from mesh.domain.publishing.table_state import INDEX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class IcebergReach:
    """Implements `ports.Reaching`."""

    def __init__(self, client: "S3Client") -> None:
        self._io = S3FileIO(client)
        self._listed: dict[str, frozenset[str]] = {}
        """Manifest → data files: most versions share all but one with the one before."""

    def of(self, metadata: str) -> Reach:
        """See the port."""
        return self._read(metadata, nullcontext)

    def remains(self, metadata: str) -> Reach | None:
        """See the port."""
        with suppress(ObjectGone):
            return self._read(metadata, partial(suppress, ObjectGone))
        return None

    def _read(self, metadata: str, tolerant: Callable[[], AbstractContextManager[None]]) -> Reach:
        """`tolerant` is around the reading of each list of manifests, and of each manifest."""
        with self._io.new_input(metadata).open() as stream:
            table = TableMetadataV2.model_validate_json(stream.read())
        beside, manifests, data = set[str](), set[str](), set[str]()
        if index := table.properties.get(INDEX, ""):
            beside.add(index)
        snapshot = table.current_snapshot()
        if snapshot is not None:
            beside.add(snapshot.manifest_list)
            with tolerant():
                for manifest in snapshot.manifests(self._io):
                    manifests.add(manifest.manifest_path)
                    with tolerant():
                        data |= self._data_of(manifest)
        return Reach(metadata=metadata, beside=frozenset(beside), manifests=frozenset(manifests), data=frozenset(data))

    def _data_of(self, manifest: ManifestFile) -> frozenset[str]:
        if manifest.manifest_path not in self._listed:
            entries = manifest.fetch_manifest_entry(self._io, discard_deleted=True)
            self._listed[manifest.manifest_path] = frozenset(entry.data_file.file_path for entry in entries)
        return self._listed[manifest.manifest_path]
