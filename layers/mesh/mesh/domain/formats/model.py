"""What an inspection reads from, and what it finds. All models are JSON-serialisable (`model_dump(mode="json")`)."""

from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from mesh.domain.partitions import PartitionValue
from mesh.domain.schema import Column

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
MAX_TEXT_BYTES = MIB
"""At most this much of a CSV or JSON object is read."""
MAX_FOOTER_BYTES = 64 * KIB
"""One suffix read of this size holds nearly every Parquet footer; a longer one is read by its own length."""
MAX_SAMPLES = 20
MAX_SAMPLE_LENGTH = 100

Format = Literal["csv", "json", "parquet"]
Compression = Literal["none", "gzip"]
SerDe = Literal["lazy-simple", "open-csv", "openx-json", "parquet-hive"]


class Curated(BaseModel):
    """What a recipe made of a raw object, as an object of the work bucket. `recipe` is the SHA-256 of the steps."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    bucket: str
    key: str
    size: int = Field(ge=0)
    recipe: str


class ObjectRef(BaseModel):
    """One version of one object, as S3's event names it. `size` in bytes, `etag` without quotes.

    `requester` is the account, or the AWS service, that wrote it. `deleted`: the event said that it is gone, and what
    is at the key now has to be looked up. `curated`: of a raw object, what its recipe made of it; the raw object is
    what is published, held and told of, and only its rows are read from there.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    bucket: str
    key: str
    size: int = Field(ge=0)
    etag: str = ""
    version_id: str | None = None
    sequencer: str = ""
    requester: str = ""
    deleted: bool = False
    curated: Curated | None = None

    @property
    def digest(self) -> str:
        """The same for the same rows: S3's ETag, and for a raw object the recipe that it went through."""
        return f"{self.etag}+{self.curated.recipe}" if self.curated and self.etag else self.etag

    @property
    def content(self) -> "ObjectRef":
        """The object whose bytes are read."""
        made = self.curated
        return ObjectRef(bucket=made.bucket, key=made.key, size=made.size) if made else self


class RangeReader(Protocol):
    """Random access to one object's bytes."""

    @property
    def size(self) -> int:
        """The object's size in bytes."""
        ...

    def read(self, start: int, length: int) -> bytes:
        """Bytes from `start`, at most `length`, fewer only at the object's end."""
        ...


class BytesReader:
    """A reader of bytes in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self._content)

    def read(self, start: int, length: int) -> bytes:
        """A slice."""
        return self._content[start : start + length]


class CountingReader:
    """Counts the bytes that pass, for the promise of how little `express` reads."""

    def __init__(self, reader: RangeReader) -> None:
        self._reader = reader
        self.bytes_read = 0

    @property
    def size(self) -> int:
        """Size of the object in bytes."""
        return self._reader.size

    def read(self, start: int, length: int) -> bytes:
        """As the wrapped reader reads."""
        content = self._reader.read(start, length)
        self.bytes_read += len(content)
        return content


class CsvDialect(BaseModel):
    """How a CSV file is written. `quoted`: whether any field is in quotes (then OpenCSVSerDe has to read it)."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    delimiter: str
    quote: str = '"'
    header: bool
    quoted: bool = False
    encoding: Literal["utf-8", "utf-8-sig"] = "utf-8"


class Storage(BaseModel):
    """How a table's files are written, and so which SerDe reads them."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    format: Format
    compression: Compression = "none"
    dialect: CsvDialect | None = None

    @property
    def serde(self) -> SerDe:
        """Quoted CSV needs OpenCSVSerDe, plain CSV is faster and typed with LazySimpleSerDe."""
        if self.format == "csv":
            return "open-csv" if self.dialect and self.dialect.quoted else "lazy-simple"
        return "openx-json" if self.format == "json" else "parquet-hive"


class ObjectInspection(BaseModel):
    """What one object is. A column's type is "" where no value says it (all null). `rows` is an estimate unless
    `rows_exact`; `bytes` the object's size, `bytes_read` what was read of it.

    `samples` holds a few distinct values per column for the search for personal data: never log, never publish them.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    ref: ObjectRef
    table: str
    format: Format
    compression: Compression = "none"
    dialect: CsvDialect | None = None
    columns: tuple[Column, ...]
    partition: tuple[PartitionValue, ...] = ()
    rows: int = Field(ge=0)
    rows_exact: bool
    bytes: int = Field(ge=0)
    bytes_read: int = Field(ge=0)
    samples: dict[str, tuple[str, ...]] = Field(default_factory=dict, repr=False)

    @property
    def storage(self) -> Storage:
        """Format, compression and dialect."""
        return Storage(format=self.format, compression=self.compression, dialect=self.dialect)

    @property
    def serde(self) -> SerDe:
        """Which SerDe reads it."""
        return self.storage.serde
