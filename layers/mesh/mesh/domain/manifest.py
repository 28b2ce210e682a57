"""What a product was after one batch: tables as the catalog had them, and every object by its S3 version id.

Written beside the data, `<product>/versions/<generation>.json.gz`, from the manifest before it and the batch alone: a
bucket is never listed, since what lies in it may not have passed.
"""

import gzip
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field

from mesh.domain.counting import ObjectCount
from mesh.domain.errors import Rejected
from mesh.domain.events import Model
from mesh.domain.keys import DataKey, parse_key

_TABLE_INPUT: Final = (
    "Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters",
)  # fmt: skip
"""Members of Glue's TableInput that a table as `GetTable` gives it has as well, and that say how its files are read."""


class ManifestDamaged(Rejected):
    """A manifest whose bytes are not those that were written."""


class VersionGone(Rejected):
    """An object version that a manifest pins, or the manifest itself, does not exist any more."""


class PinnedObject(Model):
    """One version of one object, with what was counted in it."""

    key: str
    version_id: str | None = None
    size: int = Field(ge=0)
    etag: str = ""
    rows: int = Field(ge=0)
    rows_exact: bool

    def counted(self) -> ObjectCount:
        """As it counts in its table's total."""
        return ObjectCount(key=self.key, rows=self.rows, rows_exact=self.rows_exact, bytes=self.size)


class PinnedTable(Model):
    """One table. `definition` is a Glue TableInput; objects are by key."""

    table: str
    definition: dict[str, Any]
    objects: tuple[PinnedObject, ...]

    def partitions(self) -> int:
        """How many partitions its objects lie in."""
        keys = (parse_key(item.key) for item in self.objects)
        return len({key.partitions for key in keys if isinstance(key, DataKey) and key.partitions})


class Manifest(Model):
    """A product after one batch. `follows` is the generation of the manifest that it was made from, 0 for the first."""

    product: str
    bucket: str
    generation: int = Field(ge=1)
    follows: int = Field(default=0, ge=0)
    tables: tuple[PinnedTable, ...]

    def objects(self) -> dict[str, PinnedObject]:
        """Every object by its key."""
        return {item.key: item for table in self.tables for item in table.objects}

    def table(self, name: str) -> PinnedTable | None:
        """The table of that name."""
        return next((table for table in self.tables if table.table == name), None)

    def to_bytes(self) -> bytes:
        """Gzip of JSON; the same manifest gives the same bytes."""
        return gzip.compress(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode(), mtime=0)

    @classmethod
    def from_bytes(cls, body: bytes, sha256: str) -> "Manifest":
        """The manifest. Raises ManifestDamaged when the bytes are others than those that were pinned."""
        found = digest(body)
        if found != sha256:
            raise ManifestDamaged(
                "the manifest is not what was written",
                expected=sha256,
                found=found,
                remedy="Choose another version: mesh history.",
            )
        return cls.model_validate_json(gzip.decompress(body))


@dataclass(frozen=True, slots=True)
class Restoration:
    """What it takes to make the bucket what a manifest says: objects to have current, keys to delete."""

    wanted: tuple[PinnedObject, ...]
    unwanted: tuple[str, ...]


def digest(body: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def definition_of(table: Mapping[str, Any]) -> dict[str, Any]:
    """The TableInput of a table as `GetTable` gives it; what Glue adds of its own (times, owners, ids) is left out."""
    return {name: table[name] for name in _TABLE_INPUT if table.get(name) not in (None, "")}


def extended(
    previous: Manifest | None, *, product: str, bucket: str, generation: int, batch: Iterable[PinnedTable]
) -> Manifest:
    """The manifest after a batch: by key, what the batch brought takes the place of what was there."""
    tables = {table.table: table for table in previous.tables} if previous else {}
    for new in batch:
        old = tables.get(new.table)
        objects = {item.key: item for item in (*(old.objects if old else ()), *new.objects)}
        tables[new.table] = new.model_copy(update={"objects": tuple(objects[key] for key in sorted(objects))})
    return Manifest(
        product=product,
        bucket=bucket,
        generation=generation,
        follows=previous.generation if previous else 0,
        tables=tuple(tables[name] for name in sorted(tables)),
    )


def restoration(current: Manifest | None, target: Manifest, pending: Collection[str]) -> Restoration:
    """What to do to get from one manifest to the other. Keys that wait to be onboarded are newer than both: they stay,
    and their own batch comes on top of what is restored."""
    wanted, there = target.objects(), current.objects() if current else {}
    return Restoration(
        wanted=tuple(item for key, item in wanted.items() if key not in pending),
        unwanted=tuple(key for key in there if key not in wanted and key not in pending),
    )


def restored(
    current: Manifest | None, target: Manifest, *, generation: int, version_ids: Mapping[str, str]
) -> Manifest:
    """The manifest after a restoration: the target's tables, each object by the version that is current now; tables
    that came later are kept, empty, since only central could drop them."""
    tables = {
        table.table: table.model_copy(update={"objects": ()}) for table in (current.tables if current else ())
    } | {
        table.table: table.model_copy(
            update={
                "objects": tuple(
                    item.model_copy(update={"version_id": version_ids.get(item.key, item.version_id)})
                    for item in table.objects
                )
            }
        )
        for table in target.tables
    }
    return Manifest(
        product=target.product,
        bucket=target.bucket,
        generation=generation,
        follows=current.generation if current else 0,
        tables=tuple(tables[name] for name in sorted(tables)),
    )
