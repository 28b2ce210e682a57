"""Which format an object has: by its name, checked against its first bytes.

Hive, Athena and Glue choose the decompression by the name's ending, so name and bytes have to agree.
"""

from typing import Final, NamedTuple

from mesh.domain.onboarding.formats.errors import (
    ArchiveUnsupported,
    BinaryContent,
    FormatDeclined,
    InconsistentCompression,
)
from mesh.domain.onboarding.formats.model import Compression, Format

GZIP_MAGIC: Final = b"\x1f\x8b"
PARQUET_MAGIC: Final = b"PAR1"
MAGIC_LENGTH: Final = 8
_EXTENSIONS: Final[dict[str, Format]] = {
    "csv": "csv", "tsv": "csv", "psv": "csv", "json": "json", "jsonl": "json", "ndjson": "json", "parquet": "parquet",
    "parq": "parquet", "pq": "parquet",
}  # fmt: skip
_DECLINED: Final = {
    "avro", "orc", "xml", "xlsx", "xls", "ion", "log",
    "bz2", "zst", "zstd", "snappy", "lz4", "lzo", "xz", "br", "deflate",
}  # fmt: skip
_ARCHIVES: Final = {"zip", "7z", "tar", "tgz"}
"""Files of files: neither a crawler nor Athena reads the second one."""
_USE_GLUE: Final = (
    "Upload CSV, JSON lines or Parquet; or let the contract say crawl: glue, before the product's first version: a "
    "Glue crawler may read it."
)
_BINARY_MAGIC: Final = {
    PARQUET_MAGIC: "parquet",
    b"Obj\x01": "avro",
    b"ORC": "orc",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ": "xz",
    b"\x04\x22\x4d\x18": "lz4",
}


class Detected(NamedTuple):
    """`format` is `None` if the name does not show it (no ending, `.txt`): then the text decides."""

    format: Format | None
    compression: Compression


def detect_by_name(file: str, **where: str) -> Detected:
    """By the name's ending alone. Raises `FormatDeclined` for what express does not read, and `ArchiveUnsupported`."""
    *_, name = file.lower().rsplit("/", 1)
    compression: Compression = "none"
    if name.endswith((".gz", ".gzip")):
        name, compression = name.rpartition(".")[0], "gzip"
    extension = name.rpartition(".")[2] if "." in name else ""
    if extension in _ARCHIVES:
        raise _archive(extension, **where)
    if extension in _DECLINED:
        raise _declined(extension, **where)
    format_ = _EXTENSIONS.get(extension)
    if format_ == "parquet" and compression == "gzip":
        raise InconsistentCompression(
            "a Parquet file inside gzip: no engine can seek in it",
            remedy="Compress inside the Parquet file (snappy, zstd, gzip) and name it .parquet.",
            **where,
        )
    return Detected(format_, compression)


def check_magic(detected: Detected, head: bytes, **where: str) -> Detected:
    """The name's promise against the object's first bytes (at least `MAGIC_LENGTH`, or all there are).

    Raises `InconsistentCompression`, `BinaryContent`, `FormatDeclined`, `ArchiveUnsupported`.
    """
    zipped = head.startswith(GZIP_MAGIC)
    if zipped != (detected.compression == "gzip"):
        raise InconsistentCompression(
            "the name ends in .gz, the content is not gzip" if not zipped else "gzip content without .gz in its name",
            remedy="Name gzip objects <name>.csv.gz or <name>.json.gz, and only those.",
            **where,
        )
    # A column may well be called ORC: only what is not text as well is taken for another format.
    text = all(byte >= 0x20 or byte in b"\t\n\r\f\x1b" for byte in head)
    other = None if text else next((name for magic, name in _BINARY_MAGIC.items() if head.startswith(magic)), None)
    if detected.format is None:
        if other == "parquet":
            return Detected("parquet", "none")
        if other in _ARCHIVES:
            raise _archive(other, **where)
        if other or head.startswith(b"<?xml"):
            raise _declined(other or "xml", **where)
    elif other and other != detected.format:
        raise BinaryContent(
            f"{other} content under a {detected.format} name",
            remedy="Upload it with the ending of its format.",
            **where,
        )
    return detected


def _archive(what: str, **where: str) -> ArchiveUnsupported:
    return ArchiveUnsupported(
        f"{what} is an archive of files: no table can be read from it",
        remedy="Upload the files in it, each for itself; gzip compresses a single one.",
        **where,
    )


def _declined(what: str, **where: str) -> FormatDeclined:
    return FormatDeclined(f"express does not read {what}", remedy=_USE_GLUE, format=what, **where)
