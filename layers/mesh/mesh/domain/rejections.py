"""What makes Meshwork say no to a key, a contract or data: leaves of `Rejected`, one per remedy.

State machines match these by exact class name, and reports show them to the data's owner. Each carries `where`
(bucket, key, line, column, …) and a `remedy`. `FormatDeclined` alone is no rejection: it sends the object to the
Glue crawler.

    Rejected
    ├── keys        UnsafeKey, UnknownPrefix, InvalidPartition
    ├── contracts   ContractNotYaml, ContractSchemaViolation, ContractNameMismatch, ContractLocationMismatch
    ├── ontology    OntologyInvalid, UnknownLFTag
    ├── objects     EmptyFile, BinaryContent, UnsupportedEncoding, InconsistentCompression, LineTooLong
    ├── CSV         HeaderWithoutRows, RaggedRows, UnclosedQuote, DuplicateColumns, EmptyColumnName
    ├── others      MalformedJson, CorruptParquet
    └── tables      UnmergeableTypes, InconsistentPartitions, MixedFormats, MixedDialects, MisplacedColumns,
                    ColumnDropped
"""

from mesh.domain.errors import MeshError, Rejected


class UnsafeKey(Rejected):
    """A key with `.`, `..` or empty segments, or longer than S3 allows: other tools would read another path."""


class UnknownPrefix(Rejected):
    """A key outside the shape of a data product."""


class InvalidPartition(Rejected):
    """A `k=v` folder that cannot become a partition: key or value empty, or a key given twice."""


class ContractNotYaml(Rejected):
    """The contract is not YAML, or is YAML meant to exhaust the reader."""


class ContractSchemaViolation(Rejected):
    """The contract breaks the Open Data Contract Standard; `where["violations"]` lists up to 20."""


class ContractNameMismatch(Rejected):
    """The contract's `name` is not the prefix it was uploaded to."""


class ContractLocationMismatch(Rejected):
    """The contract's server points to another bucket or another product's prefix."""


class OntologyInvalid(Rejected):
    """The LF-Tag ontology breaks its own form or Lake Formation's limits."""


class UnknownLFTag(Rejected):
    """A contract uses an LF-Tag key or value that the ontology lacks."""


class EmptyFile(Rejected):
    """An object of zero bytes, or with nothing but white space."""


class BinaryContent(Rejected):
    """Bytes that are no text, under a name that promises text."""


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


class DuplicateColumns(Rejected):
    """Two columns of one name, once lower-cased as Glue does."""


class EmptyColumnName(Rejected):
    """A header with an empty name between its delimiters."""


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
