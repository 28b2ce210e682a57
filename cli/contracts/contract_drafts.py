"""A draft contract from files on this machine, by the code that drafts in the producer's account."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

from mesh.adapters.duckdb.reading.reading import DuckReadings
from mesh.adapters.odcs.contracts import draft_contract
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import DataKey, parse_key
from mesh.ports import Objects
from mesh.usecases.onboarding.draft_product import find_tables

from cli.output import CommandFailed


class Drafted(NamedTuple):
    """The contract's text, the files that it was inferred from, and those that could not be read: file → why."""

    text: str
    read: list[str]
    refused: dict[str, str]


class FileReader:
    """Random access to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def size(self) -> int:
        """In bytes."""
        return self._path.stat().st_size

    def read(self, start: int, length: int) -> bytes:
        """Bytes from `start`, at most `length`."""
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(length)


class LocalFiles:
    """Files under the keys that they would be uploaded to."""

    def __init__(self, files: dict[str, Path]) -> None:
        self.files = files

    def reader(self, ref: ObjectRef) -> FileReader:
        """The file behind a key."""
        return FileReader(self.files[ref.key])

    def refs(self) -> list[ObjectRef]:
        """Of all files, in the order of their keys."""
        return [ObjectRef(bucket="local", key=key, size=self.files[key].stat().st_size) for key in sorted(self.files)]


def draft_from(path: Path, *, name: str = "", domain: str = "") -> Drafted:
    """Infer a contract from a file, a folder of tables, or a product's folder. Raises `CommandFailed`, `Rejected`."""
    product = name or _slug(path.resolve().name if path.is_dir() else path.name.split(".")[0], "-")
    files = LocalFiles(dict(_keys(path, product)))
    readings = DuckReadings(cast(Objects, files))  # it opens readers, and no more
    found = find_tables(files.refs(), readings)
    refused = {str(files.files[key]): _without(key, finding.message) for key, finding in found.refused.items()}
    if not found.tables:
        why = next(iter(refused.values()), "there are no files")
        raise CommandFailed(
            f"nothing at {path} can be read: {why}", remedy="CSV, JSON lines or Parquet files are read", refused=refused
        )
    read = [str(path) for _, path in sorted(files.files.items()) if str(path) not in refused]
    text = draft_contract(product, found.tables, domain=domain, crawl=found.crawl)
    return Drafted(text, read, refused)


def _without(key: str, message: str) -> str:
    """A finding's words without the key, which is made up here."""
    return message.removeprefix(f"{key}: ")


def _keys(path: Path, product: str) -> Iterator[tuple[str, Path]]:
    root = path / "data" if (path / "data").is_dir() else path
    for file in [path] if path.is_file() else sorted(root.rglob("*")):
        inside = file.relative_to(root).parts if file != path else (file.name,)
        if not file.is_file() or any(part.startswith((".", "_")) for part in inside):
            continue
        key = f"{product}/data/{'/'.join(_in_table(inside, path))}"
        if isinstance(parse_key(key), DataKey):
            yield key, file


def _in_table(inside: tuple[str, ...], path: Path) -> tuple[str, ...]:
    """Folders are tables, but for those of partitions (`dt=…`); files without one lie in a table of the path's name."""
    if len(inside) > 1 and "=" not in inside[0]:
        return (_slug(inside[0], "_"), *inside[1:])
    return (_slug(path.resolve().name.split(".")[0], "_"), *inside)


def _slug(text: str, joint: str) -> str:
    """Lower-case letters and digits, joined; a table's name starts with a letter."""
    slug = re.sub(r"[^a-z0-9]+", joint, text.lower()).strip(joint)
    return slug if slug[:1].isalpha() or joint == "-" else f"t_{slug}"
