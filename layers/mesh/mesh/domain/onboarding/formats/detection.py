"""Which format an object has: by its name, checked against its first bytes.

Hive, Athena and Glue choose the decompression by the name's ending, so name and bytes have to agree.
"""

from typing import Final, Literal, NamedTuple

from mesh.domain.onboarding.formats.errors import (
    ArchiveUnsupported,
    BinaryContent,
    FormatDeclined,
    InconsistentCompression,
)
from mesh.domain.onboarding.formats.model import Compression

GZIP_MAGIC: Final = b"\x1f\x8b"
MAGIC_LENGTH: Final = 8
Format = Literal["csv", "json", "parquet"]


class _Known(NamedTuple):
    """`called` in messages. A binary format begins with its `magic`, and compresses inside."""

    called: str
    extensions: tuple[str, ...]
    magic: bytes = b""


_FORMATS: Final[dict[Format, _Known]] = {
    "csv": _Known("CSV", ("csv", "tsv", "psv")),
    "json": _Known("JSON lines", ("json", "jsonl", "ndjson")),
    "parquet": _Known("Parquet", ("parquet", "parq", "pq"), b"PAR1"),
}
"""What express reads: `adapters/duckdb/reading/loading.py` says how."""
_EXTENSIONS: Final = {extension: name for name, known in _FORMATS.items() for extension in known.extensions}
_BINARY: Final = {name: known for name, known in _FORMATS.items() if known.magic}
*_SEVERAL, _LAST = (known.called for known in _FORMATS.values())
_DECLINED: Final = {
    "avro", "orc", "xml", "xlsx", "xls", "ion", "log",
    "bz2", "zst", "zstd", "snappy", "lz4", "lzo", "xz", "br", "deflate",
}  # fmt: skip
_ARCHIVES: Final = {"zip", "7z", "tar", "tgz"}
"""Files of files: neither a crawler nor Athena reads the second one."""
_USE_GLUE: Final = (
    f"Upload {', '.join(_SEVERAL)} or {_LAST}; or let the contract say crawl: glue, before the product's first "
    "version: a Glue crawler may read it."
)
_BINARY_MAGIC: Final[dict[bytes, str]] = {
    **{known.magic: name for name, known in _BINARY.items()},
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
    if format_ in _BINARY and compression == "gzip":
        known = _BINARY[format_]
        raise InconsistentCompression(
            f"a {known.called} file inside gzip: no engine can seek in it",
            remedy=f"Compress inside the {known.called} file (snappy, zstd, gzip) and name it .{known.extensions[0]}.",
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
        if format_ := next((name for name in _BINARY if name == other), None):
            return Detected(format_, "none")
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
