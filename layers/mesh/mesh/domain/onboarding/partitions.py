"""Hive partitions, read from the folders between a table and its files."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from mesh.domain.errors import Rejected

MAX_VALUE = 1024
NAME = re.compile(r"[a-z0-9_][a-z0-9_ .-]{0,254}")


class InvalidPartition(Rejected):
    """A `k=v` folder that cannot become a partition: key or value empty, or a key given twice."""


class PartitionValue(NamedTuple):
    """One folder: `dt=2026-11-21` is `("dt", "2026-11-21")`."""

    key: str
    value: str


def parse_partitions(folders: Sequence[str], *, key: str) -> tuple[PartitionValue, ...]:
    """Folders in order → partition values. A folder without `=` is `partition_<n>`, as a Glue crawler names it.

    Raises `InvalidPartition` for an empty key or value, or a key that comes twice. Values stay as they are written.
    """
    values = tuple(_parse_folder(folder, index, key) for index, folder in enumerate(folders))
    names = [value.key for value in values]
    for name in names:
        if names.count(name) > 1:
            raise InvalidPartition(
                f"partition key {name!r} comes twice", key=key, remedy="Name each folder's key once."
            )
    return values


def partition_path(values: Sequence[PartitionValue]) -> str:
    """Hive's name of a partition: `dt=2026-11-21/country=de`."""
    return "/".join(f"{name}={value}" for name, value in values)


def _parse_folder(folder: str, index: int, key: str) -> PartitionValue:
    name, separator, value = folder.partition("=")
    if not separator:
        return PartitionValue(f"partition_{index}", folder)
    name = name.lower()
    if not NAME.fullmatch(name) or not 0 < len(value) <= MAX_VALUE:
        raise InvalidPartition(
            f"the folder {folder!r} is not a partition",
            key=key,
            remedy="Write folders as key=value: a key of letters, digits and '_', a value that is not empty.",
        )
    return PartitionValue(name, value)
