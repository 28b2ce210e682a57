"""Helpers of the inspection's tests: bytes in, inspection out."""

from collections.abc import Mapping

from mesh.domain.formats.model import BytesReader, ObjectInspection, ObjectRef
from mesh.domain.inspection import inspect_object
from mesh.domain.schema import Column, TableSchema

FOLDER = "p1/data/t/"


def inspect(content: bytes | str, file: str = "x.csv", expected: TableSchema | None = None) -> ObjectInspection:
    """Inspect this content as an object of table `t`; `file` may have partition folders."""
    content = content.encode() if isinstance(content, str) else content
    ref = ObjectRef(bucket="b", key=FOLDER + file, size=len(content))
    return inspect_object(ref, BytesReader(content), expected)


def types(inspection: ObjectInspection) -> dict[str, str]:
    """Column → type."""
    return {column.name: column.type for column in inspection.columns}


def schema(columns: Mapping[str, str], **keys: str) -> TableSchema:
    """A schema from column → type, and partition key → type."""
    return TableSchema(
        columns=tuple(Column(name=name, type=type_) for name, type_ in columns.items()),
        partition_keys=tuple(Column(name=name, type=type_) for name, type_ in keys.items()),
    )
