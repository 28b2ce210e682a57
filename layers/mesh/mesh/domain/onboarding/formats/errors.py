"""Why a file cannot be read as its table's data. `FormatDeclined` is not a rejection: the Glue crawler may read it."""

from mesh.domain.errors import MeshError, Rejected


class EmptyFile(Rejected):
    """An object of zero bytes, or with nothing but white space."""


class BinaryContent(Rejected):
    """Bytes that are not text, under a name that promises text."""


class ArchiveUnsupported(Rejected):
    """A file of files (zip, tar, 7z), of which Athena reads none."""


class UnsupportedEncoding(Rejected):
    """Text in another encoding than UTF-8, which Athena could not read."""


class InconsistentCompression(Rejected):
    """The name and the first bytes disagree on gzip, or the gzip stream is broken."""


class LineTooLong(Rejected):
    """One row is longer than all that the inspection reads."""


class HeaderWithoutRows(Rejected):
    """A CSV file with a header and no data."""


class RaggedRows(Rejected):
    """A CSV row with another number of fields than the first."""


class UnclosedQuote(Rejected):
    """A quoted CSV field that never ends."""


class MalformedJson(Rejected):
    """A line that is not a JSON object."""


class CorruptParquet(Rejected):
    """A Parquet file whose magic, footer or schema cannot be right."""


class InconsistentPartitions(Rejected):
    """Objects of one table lie under different partition keys."""


class MixedFormats(Rejected):
    """Objects of one table have different formats."""


class FormatDeclined(MeshError):  # noqa: N818 - a signal, and no fault of the data
    """Express does not read this format; the Glue crawler may. Not a rejection."""
