"""The express crawl of one object: what it is, from its head or footer."""

from mesh.domain.formats.csv import inspect_csv
from mesh.domain.formats.detection import MAGIC_LENGTH, Detected, check_magic, detect_by_name
from mesh.domain.formats.jsonlines import inspect_json
from mesh.domain.formats.model import MAX_TEXT_BYTES, CountingReader, ObjectInspection, ObjectRef, RangeReader
from mesh.domain.formats.parquet import inspect_parquet
from mesh.domain.formats.text import TextHead, read_text_head
from mesh.domain.keys import DataKey, parse_key
from mesh.domain.rejections import DuplicateColumns, EmptyFile, UnknownPrefix
from mesh.domain.schema import TableSchema


def inspect_object(ref: ObjectRef, reader: RangeReader, expected: TableSchema | None = None) -> ObjectInspection:
    """What this object is: format, dialect, columns with Hive types, partition, rows.

    `expected` is the contract's schema of the table: it decides about the header, and lets dates be dates. Reads at
    most 64 KiB of a Parquet file (more only for a schema that is longer) and 1 MiB of anything else.

    Raises leaves of `Rejected` (see `mesh.domain.rejections`), and `FormatDeclined` for what the Glue crawler may read.
    """
    key = parse_key(ref.key)
    if not isinstance(key, DataKey):
        raise UnknownPrefix("the key is no data of a table", key=ref.key, remedy="Upload to <product>/data/<table>/.")
    if reader.size == 0:
        raise EmptyFile("the object has no bytes", bucket=ref.bucket, key=ref.key, remedy="Upload it with data.")
    counting = CountingReader(reader)
    inspection = _inspect(ref, key, counting, expected)
    _check_partition_names(inspection)
    return inspection


def _inspect(ref: ObjectRef, key: DataKey, reader: CountingReader, expected: TableSchema | None) -> ObjectInspection:
    detected = detect_by_name(key.file, bucket=ref.bucket, key=ref.key)
    first = b""
    if detected.format is None:
        # Only a name that says nothing costs this extra look.
        first = reader.read(0, MAGIC_LENGTH)
        detected = check_magic(detected, first, bucket=ref.bucket, key=ref.key)
    if detected.format == "parquet":
        return _inspect_parquet(ref, key, reader)
    head = first + reader.read(len(first), MAX_TEXT_BYTES - len(first))
    detected = check_magic(detected, head[:MAGIC_LENGTH], bucket=ref.bucket, key=ref.key)
    text = read_text_head(head, reader.size, detected.compression, bucket=ref.bucket, key=ref.key)
    if detected.format is None:
        detected = Detected("json" if text.text.lstrip().startswith("{") else "csv", detected.compression)
    return _inspect_text(ref, key, text, detected=detected, expected=expected, bytes_read=reader.bytes_read)


def _inspect_parquet(ref: ObjectRef, key: DataKey, reader: CountingReader) -> ObjectInspection:
    content = inspect_parquet(reader, bucket=ref.bucket, key=ref.key)
    return ObjectInspection(
        ref=ref, table=key.table, format="parquet", columns=content.columns, partition=key.partitions,
        rows=content.rows, rows_exact=True, bytes=reader.size, bytes_read=reader.bytes_read,
    )  # fmt: skip


def _inspect_text(
    ref: ObjectRef,
    key: DataKey,
    text: TextHead,
    *,
    detected: Detected,
    expected: TableSchema | None,
    bytes_read: int,
) -> ObjectInspection:
    dialect = None
    if detected.format == "json":
        content = inspect_json(text, bucket=ref.bucket, key=ref.key)
        columns, rows, exact, samples = content
    else:
        dialect, columns, rows, exact, samples = inspect_csv(text, expected, bucket=ref.bucket, key=ref.key)
    return ObjectInspection(
        ref=ref, table=key.table, format=detected.format or "csv", compression=detected.compression, dialect=dialect,
        columns=columns, partition=key.partitions, rows=rows, rows_exact=exact, bytes=ref.size, bytes_read=bytes_read,
        samples=samples,
    )  # fmt: skip


def _check_partition_names(inspection: ObjectInspection) -> None:
    names = {column.name for column in inspection.columns}
    for name, _ in inspection.partition:
        if name in names:
            raise DuplicateColumns(
                f"{name!r} is a column of the file and a partition key of its folder",
                column=name,
                bucket=inspection.ref.bucket,
                key=inspection.ref.key,
                remedy="Leave the partition key out of the file, or rename the folder.",
            )
