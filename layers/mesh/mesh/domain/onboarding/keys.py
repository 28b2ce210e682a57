"""What an object is, by its key alone. Keys are taken as they are: never URL-decoded, never normalised.

    <product>/contract.yaml                   ContractKey
    <product>/recipe.json                     RecipeKey
    <product>/raw/<table>/…                   RawKey
    <product>/data/<table>/[k=v/…]<file>      DataKey
    <product>/published/<table>/…             PublishedKey
    <product>/reports/…                       ReportKey

Keys in EventBridge's S3 events are not URL-encoded; decoding one would turn `a%2Fb` into another object's key.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesh.domain.errors import Rejected
from mesh.domain.names import is_pinned_table
from mesh.domain.onboarding.partitions import PartitionValue, parse_partitions

MAX_KEY_BYTES = 1024
PRODUCT = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
RESERVED = frozenset({"reports"})
"""No product's name: reports on keys that belong to no product lie there."""
RESERVED_DATABASES = frozenset({"default", "sys"})
"""No product's name, since its database has it: Athena and Glue expect `default` in every account, Hive keeps its own
tables in `sys`. What else they reserve (`information_schema`, `global_temp`) is no product's name by its shape."""
TABLE = re.compile(r"[a-z][a-z0-9_]{0,254}")
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
REFUSAL_SUFFIX = ".refusal.json"
SHAPES = "<product>/contract.yaml, <product>/recipe.json, <product>/raw/<table>/… or <product>/data/<table>/…"


class UnsafeKey(Rejected):
    """A key with `.`, `..` or empty segments, or longer than S3 allows: other tools would read another path."""


class UnknownPrefix(Rejected):
    """A key outside the shape of a data product."""


@dataclass(frozen=True, slots=True)
class FolderMarker:
    """A key that ends in `/`: consoles write one, of zero bytes, for each new folder."""

    key: str


@dataclass(frozen=True, slots=True)
class ContractKey:
    """A product's contract."""

    key: str
    product: str


@dataclass(frozen=True, slots=True)
class RecipeKey:
    """A product's DataBrew recipe."""

    key: str
    product: str


@dataclass(frozen=True, slots=True)
class RawKey:
    """An object that a recipe reads."""

    key: str
    product: str
    table: str


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A part of what consumers read: written by Meshwork, never onboarded."""

    key: str
    product: str


@dataclass(frozen=True, slots=True)
class ReportKey:
    """What was checked, and what was held back: written by Meshwork, never onboarded."""

    key: str
    product: str


@dataclass(frozen=True, slots=True)
class HiddenKey:
    """A file below a table that Hive, Athena and Glue do not read: a name with `_` or `.` first (`_SUCCESS`)."""

    key: str
    product: str
    table: str


@dataclass(frozen=True, slots=True)
class DataKey:
    """An object of a table. `partitions` are in the order of the folders."""

    key: str
    product: str
    table: str
    partitions: tuple[PartitionValue, ...]
    file: str


type ParsedKey = DataKey | ContractKey | RecipeKey | RawKey | PublishedKey | ReportKey | HiddenKey | FolderMarker


_OWN_FOLDERS: Final[dict[str, Callable[[str, str], ParsedKey]]] = {
    "published": PublishedKey,
    "reports": ReportKey,
}
"""Where Meshwork writes."""


def parse_key(key: str) -> ParsedKey:
    """What this key is.

    Raises `UnsafeKey` (`.`, `..`, empty segments, too long), `UnknownPrefix` (no product's shape),
    `InvalidPartition` (a `k=v` folder that cannot be one).
    """
    check_safe(key)
    if key.endswith("/"):
        return FolderMarker(key)
    product, *rest = key.split("/")
    if not PRODUCT.fullmatch(product) or product in RESERVED:
        raise _unknown(key)
    if len(rest) > 1 and rest[0] in _OWN_FOLDERS:
        # Before all refusals: the report on one lies here, and would bring about the next.
        return _OWN_FOLDERS[rest[0]](key, product)
    if product in RESERVED_DATABASES:
        raise UnknownPrefix(
            f"no product can be called {product!r}: Glue and Athena reserve that name for a database",
            key=key,
            remedy="Choose another name for the product, and upload to a prefix of that name.",
        )
    match rest:
        case ["contract.yaml"]:
            return ContractKey(key, product)
        case ["recipe.json"]:
            return RecipeKey(key, product)
        case ["raw" | "data", table, _, *_] if is_pinned_table(table):
            raise UnknownPrefix(
                f"a table {table!r} would be taken for a pinned version", key=key,
                remedy="Give it a name that does not end in __v and a number.",
            )  # fmt: skip
        case ["raw", table, _, *_] if TABLE.fullmatch(table):
            return RawKey(key, product, table)
        case ["data", table, *folders, file] if TABLE.fullmatch(table):
            if any(segment[0] in "_." for segment in (*folders, file)):
                return HiddenKey(key, product, table)
            return DataKey(key, product, table, parse_partitions(folders, key=key), file)
    raise _unknown(key)


def contract_key(product: str) -> str:
    """Where a product's contract lies."""
    return f"{product}/contract.yaml"


def table_key(key: str) -> DataKey | None:
    """The place in its table of an object, uploaded as data or as raw data; None for any other key. Raises as
    `parse_key` does."""
    parsed = parse_key(key)
    if isinstance(parsed, RawKey):
        *folders, file = key.split("/")[3:]
        return DataKey(key, parsed.product, parsed.table, parse_partitions(folders, key=key), file)
    return parsed if isinstance(parsed, DataKey) else None


def check_safe(key: str) -> None:
    """Raises `UnsafeKey` for a key that another tool could read as another path, or that S3 cannot hold."""
    size = len(key.encode("utf-8", "surrogatepass"))
    if not 0 < size <= MAX_KEY_BYTES:
        raise UnsafeKey(f"a key has 1 to {MAX_KEY_BYTES} bytes, this one {size}", key=key[:200], remedy="Rename it.")
    segments = key.removesuffix("/").split("/")
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise UnsafeKey(
                f"the key has a segment {segment!r}",
                key=key,
                remedy="Upload the object under a key without empty, '.' or '..' segments.",
            )


def refusal_report_key(key: str, run_id: str) -> str:
    """Where the report on an object that was refused lies: `<product>/reports/<run_id>/<rest of the key>.refusal.json`.

    A rest that is unsafe or would pass S3's 1,024 bytes is replaced by its SHA-256. Raises `UnknownPrefix` when the key
    is below no product.
    """
    product, slash, rest = key.partition("/")
    if not PRODUCT.fullmatch(product) or not slash or not rest:
        raise _unknown(key)
    if not RUN_ID.fullmatch(run_id):
        raise ValueError(f"a run id is {RUN_ID.pattern}, not {run_id!r}")
    folder = f"{product}/reports/{run_id}/"
    if not _fits(folder + rest):
        rest = hashlib.sha256(rest.encode("utf-8", "surrogatepass")).hexdigest()
    return folder + rest + REFUSAL_SUFFIX


def compare_sequencers(left: str, right: str) -> int:
    """-1, 0 or 1: which of two S3 events of **one key** came first.

    S3: pad the shorter on the right with zeros, then compare as text.
    """
    width = max(len(left), len(right))
    a, b = left.upper().ljust(width, "0"), right.upper().ljust(width, "0")
    return (a > b) - (a < b)


def _fits(place: str) -> bool:
    try:
        check_safe(place + REFUSAL_SUFFIX)
    except UnsafeKey:
        return False
    return not place.endswith("/")


def _unknown(key: str) -> UnknownPrefix:
    return UnknownPrefix("the key belongs to no data product", key=key, remedy=f"Upload to {SHAPES}.")
