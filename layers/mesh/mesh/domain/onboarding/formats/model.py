"""What an inspection reads from, and what it finds. All models are JSON-serialisable (`model_dump(mode="json")`)."""

from typing import Literal, Protocol

from pydantic import Field

from mesh.domain.model import Model

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
MAX_TEXT_BYTES = MIB
"""At most this much of a CSV or JSON object is read."""
MAX_SAMPLES = 20
MAX_SAMPLE_LENGTH = 100

Compression = Literal["none", "gzip"]


class Curated(Model):
    """What a recipe made of a raw object, as an object of the work bucket. `recipe` is the SHA-256 of the steps."""

    bucket: str
    key: str
    size: int = Field(ge=0)
    recipe: str


class ObjectRef(Model):
    """One version of one object, as S3's event names it. `size` in bytes, `etag` without quotes.

    `requester` is the account, or the AWS service, that wrote it. `deleted`: the event said that it is gone, and what
    is at the key now has to be looked up. `curated`: of a raw object, what its recipe made of it; the raw object is
    what is published, held and reported; only its rows are read from there.
    """

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
