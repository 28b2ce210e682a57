"""What a pinned version looks like in the catalog and in the bucket, made from its manifest alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mesh.domain.keys import DataKey, check_safe, parse_key
from mesh.domain.manifest import Manifest, PinnedObject, PinnedTable
from mesh.domain.names import data_prefix, pinned_prefix, pinned_table
from mesh.domain.pins import PinnedTableTaken, TooLargeToPin

PIN: Final = "meshwork:pin"
"""Table parameter: the id of the pin that the table belongs to."""
MAX_COPIED: Final = 50 * 1024**3
"""Bytes of one object: what S3 copies, in parts, well within a function's time."""
MAX_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Place:
    """Where one pin lies."""

    bucket: str
    product: str
    version: int
    pin: str

    @property
    def prefix(self) -> str:
        """Of all its keys."""
        return pinned_prefix(self.product, self.version, self.pin)

    def target(self, key: str) -> str:
        """The key of the copy of an object: `data/` is replaced, folders and name stay.

        Raises UnsafeKey where that is longer than S3 takes.
        """
        copied = self.prefix + key.removeprefix(data_prefix(self.product))
        check_safe(copied)
        return copied

    def definition(self, table: PinnedTable) -> dict[str, Any]:
        """The TableInput of the pinned table: columns, partition keys and serde of the version. Raises
        PinnedTableTaken for a name that is too long."""
        name = pinned_table(table.table, self.version)
        if len(name) > MAX_NAME:
            raise PinnedTableTaken(
                f"{name} has {len(name)} characters, Glue takes {MAX_NAME}",
                table=table.table,
                remedy="Copy what is needed with UNLOAD instead.",
            )
        whole = table.definition
        return {
            **whole,
            "Name": name,
            "Description": f"Version {self.version} of {self.product}.{table.table}, pinned",
            "StorageDescriptor": {**whole["StorageDescriptor"], "Location": self._location(f"{table.table}/")},
            "Parameters": {**whole.get("Parameters", {}), PIN: self.pin, "meshwork:version": str(self.version)},
        }

    def partitions(self, table: PinnedTable) -> Iterator[dict[str, Any]]:
        """A PartitionInput for each partition that has objects, values in the order of the table's keys."""
        names = [key["Name"] for key in table.definition.get("PartitionKeys", ())]
        folders: dict[tuple[str, ...], str] = {}
        for item in table.objects if names else ():
            key = parse_key(item.key)
            if isinstance(key, DataKey) and key.partitions:
                found = {name.lower(): value for name, value in key.partitions}
                if all(name in found for name in names):
                    folder = self.target(item.key).rpartition("/")[0]
                    folders.setdefault(tuple(found[name] for name in names), folder)
        descriptor = table.definition["StorageDescriptor"]
        for values, folder in folders.items():
            location = f"s3://{self.bucket}/{folder}/"
            yield {"Values": list(values), "StorageDescriptor": {**descriptor, "Location": location}}

    def _location(self, below: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{below}"


def require_copyable(manifest: Manifest, place: Place) -> None:
    """Before anything is made of it. Raises TooLargeToPin, UnsafeKey, PinnedTableTaken."""
    for table in manifest.tables:
        place.definition(table)
        for item in table.objects:
            place.target(item.key)
            _require_small(item)


def _require_small(item: PinnedObject) -> None:
    if item.size > MAX_COPIED:
        raise TooLargeToPin(
            f"{item.key} has {item.size} bytes, a pin takes objects of at most {MAX_COPIED}",
            key=item.key,
            remedy="Copy what is needed with UNLOAD instead.",
        )
