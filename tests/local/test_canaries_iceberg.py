"""The parts of pyiceberg that we build on and that it does not promise to keep: what they do, and that they are there.

Its API of tables reads through a catalog and pyarrow; planning needs the layer below.
"""

import importlib.metadata
import inspect
import io
import subprocess
import sys

import pytest
from pyiceberg import manifest
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.io import FileIO, InputFile, OutputFile
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestFile, read_manifest_list
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.serializers import FromInputFile, ToOutputFile
from pyiceberg.table.metadata import TableMetadataV2, new_table_metadata
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.table.update import update_table_metadata
from pyiceberg.typedef import Record
from pyiceberg.types import LongType, NestedField


def test_the_version_these_were_written_for() -> None:
    assert importlib.metadata.version("pyiceberg") == "0.12.0"


def test_a_files_interface_is_three_methods() -> None:
    assert FileIO.__abstractmethods__ == {"new_input", "new_output", "delete"}
    assert InputFile.__abstractmethods__ == {"__len__", "exists", "open"}
    assert OutputFile.__abstractmethods__ == {"__len__", "exists", "create", "to_input_file"}


def test_manifests_are_kept_by_their_path_for_the_whole_process() -> None:
    """So local/athena/iceberg/planning.py reads manifest lists itself: two meshes may have one path."""
    assert "_manifest_cache.get_or_cache" in inspect.getsource(manifest._manifests)
    assert "_manifests(" in inspect.getsource(Snapshot.manifests)
    assert "_manifest_cache" not in inspect.getsource(read_manifest_list)
    assert list(inspect.signature(ManifestFile.fetch_manifest_entry).parameters)[:2] == ["self", "io"]


def test_partition_values_are_by_position_in_the_order_of_the_spec() -> None:
    assert Record("a", 2)[1] == 2


def test_a_data_files_arguments() -> None:
    file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path="s3://b/x.parquet",
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=1,
        file_size_in_bytes=2,
    )
    assert (file.file_path, file.record_count, file.content) == ("s3://b/x.parquet", 1, DataFileContent.DATA)


def test_metadata_is_staged_without_a_catalog() -> None:
    schema = Schema(NestedField(7, "id", LongType()))
    made = new_table_metadata(schema, UNPARTITIONED_PARTITION_SPEC, UNSORTED_SORT_ORDER, "s3://b/t", {})
    assert isinstance(made, TableMetadataV2)
    assert made.schema().find_field("id").field_id == 1, "new_table_metadata no longer assigns field ids afresh"
    assert update_table_metadata(made, (), enforce_validation=False, metadata_location="x").location == "s3://b/t"
    with pytest.raises(NotImplementedError):
        NoopCatalog("stage").commit_table(None, (), ())  # type: ignore[arg-type]


class _Memory(InputFile, OutputFile):
    """A file in memory."""

    kept = b""

    def __len__(self) -> int:
        return len(self.kept)

    def exists(self) -> bool:
        return bool(self.kept)

    def open(self, seekable: bool = True) -> io.BytesIO:
        return io.BytesIO(self.kept)

    def create(self, overwrite: bool = False) -> io.BytesIO:
        outer = self

        class Sink(io.BytesIO):
            def close(self) -> None:
                if not self.closed:
                    outer.kept = self.getvalue()
                super().close()

        return Sink()

    def to_input_file(self) -> InputFile:
        return self


def test_metadata_is_written_and_read_through_any_file() -> None:
    schema = Schema(NestedField(1, "id", LongType()))
    made = new_table_metadata(schema, UNPARTITIONED_PARTITION_SPEC, UNSORTED_SORT_ORDER, "s3://b/t", {})
    file = _Memory("s3://b/t/metadata/0.metadata.json")
    ToOutputFile.table_metadata(made, file)
    assert FromInputFile.table_metadata(file) == made


def test_planning_imports_neither_pyarrow_nor_fsspec() -> None:
    modules = "pyiceberg.manifest, pyiceberg.serializers, pyiceberg.table, pyiceberg.catalog.noop"
    code = f"import sys, {modules}; print(sorted({{'pyarrow', 'fsspec', 'boto3'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
