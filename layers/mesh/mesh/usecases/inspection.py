"""What a batch holds: every object inspected, bad ones named, good ones merged into tables."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from mesh.domain.contract import Contract, CrawlMode
from mesh.domain.counting import ObjectCount
from mesh.domain.errors import Rejected
from mesh.domain.events import Model, PersonalDataFinding
from mesh.domain.formats.model import ObjectInspection, ObjectRef, Storage
from mesh.domain.glue_table import schema_from_table, storage_from_table
from mesh.domain.inspection import inspect_object
from mesh.domain.keys import DataKey, parse_key, table_key
from mesh.domain.merging import MergedTable, merge_inspections
from mesh.domain.partitions import partition_path
from mesh.domain.rejections import FormatDeclined
from mesh.domain.schema import TableSchema
from mesh.domain.sensitivity import find_personal
from mesh.ports import Catalog, Objects, WorkFiles
from mesh.usecases.batches import read_batch
from mesh.usecases.reject_objects import Rejection, reason_of

_THREADS = 8

Mode = Literal["express", "glue"]


class ProductFacts(Model):
    """What prepare-product recorded of a product. Empty for data that came without a contract."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    database: str = ""
    link: str = ""
    catalog_id: str = ""
    crawler: str = ""
    crawl: CrawlMode = "auto"
    contract: dict[str, Any] | None = None

    def expected(self, table: str) -> TableSchema | None:
        """What the contract says a table looks like."""
        return self.promised.table_schema(table) if self.promised else None

    @cached_property
    def promised(self) -> Contract | None:
        """The contract, as it was registered."""
        return Contract.model_validate(self.contract) if self.contract else None


class Round(Model):
    """One round of `onboard-upload`: a batch, and what is known of its product."""

    product: str
    generation: int
    work: str
    correlation_id: str
    facts: ProductFacts

    @property
    def inspection(self) -> str:
        """The work file of the inspection."""
        return self.work.replace("batch.json", "inspection.json")

    @property
    def checked(self) -> str:
        """The work file of the inspection after the checks: what they held back is among what is rejected."""
        return self.work.replace("batch.json", "checked.json")

    @property
    def run(self) -> str:
        """The run's folder below `quarantine/`."""
        return f"{self.generation:08d}"


class TableInspection(BaseModel):
    """One table of the batch. `merged` is None where express declined and the Glue crawler decides alone; `read` names
    the columns of the batch's own files."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    table: str
    new_table: bool
    merged: MergedTable | None
    objects: int
    bytes: int
    counts: tuple[ObjectCount, ...] = ()
    new_partitions: tuple[tuple[str, ...], ...] = ()
    new_partition_paths: tuple[str, ...] = ()
    findings: tuple[PersonalDataFinding, ...] = ()
    read: tuple[str, ...] | None = None


class ContractNeeded(Rejected):
    """Data without a contract, of which none can be inferred either."""


class Inspection(BaseModel):
    """The whole batch. Written once per generation: a retry of the step must not find its own effects as old news."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    bucket: str = ""
    mode: Mode
    tables: tuple[TableInspection, ...]
    rejected: tuple[Rejection, ...]


class Inspected(Model):
    """What the machine decides on."""

    accepted: int
    rejected: int
    mode: Mode
    bytes_read: int = 0


def inspect_batch(round_: Round, *, objects: Objects, catalog: Catalog, work: WorkFiles) -> Inspected:
    """Inspect, merge, compare with the catalog, and keep the result as a work file."""
    written = work.get(round_.inspection)
    if written is not None:
        return summary(Inspection.model_validate_json(written))
    refs = read_batch(work, round_.work)
    tables, rejected, bytes_read = inspect_tables(refs, round_.facts, objects, catalog)
    inspection = Inspection(
        bucket=refs[0].bucket if refs else "", mode=crawl_mode(round_.facts, tables), tables=tables, rejected=rejected
    )
    work.put(round_.inspection, inspection.model_dump_json())
    return summary(inspection, bytes_read=bytes_read)


def inspect_tables(
    refs: Sequence[ObjectRef], facts: ProductFacts, objects: Objects, catalog: Catalog
) -> tuple[tuple[TableInspection, ...], tuple[Rejection, ...], int]:
    """The tables that these objects make up, the objects that did not pass, and how many bytes were read."""
    found = inspect_all(refs, facts, objects)
    tables, rejected = [], list(found.rejected)
    if not facts.link:
        rejected.extend(_without_contract(found))
    for name in sorted({*found.inspected, *found.declined}) if facts.link else ():
        table, conflicts = _table(name, found, facts, catalog)
        rejected.extend(conflicts)
        if table is not None:
            tables.append(table)
    return tuple(tables), tuple(rejected), found.bytes_read


def crawl_mode(facts: ProductFacts, tables: Sequence[TableInspection]) -> Mode:
    """Express, unless the contract or one of the tables needs the Glue crawler."""
    return "glue" if facts.crawl == "glue" or any(table.merged is None for table in tables) else "express"


class Found(BaseModel):
    """Objects by table, and those that did not pass."""

    inspected: dict[str, list[ObjectInspection]]
    declined: dict[str, list[ObjectRef]]
    rejected: list[Rejection]

    @property
    def bytes_read(self) -> int:
        """What it took, of all objects."""
        return sum(item.bytes_read for items in self.inspected.values() for item in items)


def inspect_all(refs: Sequence[ObjectRef], facts: ProductFacts, objects: Objects) -> Found:
    """Inspect objects side by side; the order of the result is the order of the keys."""
    inspected: dict[str, list[ObjectInspection]] = defaultdict(list)
    declined: dict[str, list[ObjectRef]] = defaultdict(list)
    rejected: list[Rejection] = []
    expected = {table: facts.expected(table) for table in {table_of(ref) for ref in refs}}

    def look(ref: ObjectRef) -> ObjectInspection | Rejected | FormatDeclined:
        try:
            return inspect_object(ref, objects.reader(ref), expected[table_of(ref)])
        except (Rejected, FormatDeclined) as outcome:
            return outcome

    ordered = sorted(refs, key=lambda ref: ref.key)
    with ThreadPoolExecutor(_THREADS) as pool:
        for ref, outcome in zip(ordered, pool.map(look, ordered), strict=True):
            if isinstance(outcome, Rejected):
                rejected.append(Rejection(ref=ref, reason=reason_of(outcome, ref)))
            elif isinstance(outcome, FormatDeclined):
                declined[table_of(ref)].append(ref)
            else:
                inspected[outcome.table].append(outcome)
    return Found(inspected=inspected, declined=declined, rejected=rejected)


def table_of(ref: ObjectRef) -> str:
    """The table an object lies in. Pending objects are data, or raw data, or they would not be pending."""
    key = table_key(ref.key)
    return key.table if key else ""


def sources_of(refs: Sequence[ObjectRef]) -> tuple[str, ...]:
    """Accounts that wrote these objects."""
    return tuple(sorted({ref.requester for ref in refs if ref.requester}))


def merge_good(
    existing: TableSchema | None,
    inspections: Iterable[ObjectInspection],
    *,
    expected: TableSchema | None,
    storage: Storage | None,
) -> tuple[MergedTable | None, list[ObjectInspection], list[Rejection]]:
    """Merge what can be merged: an object that disagrees with the others, or with the table, is set aside."""
    good, rejected = list(inspections), []
    while good:
        try:
            merged = merge_inspections(existing, good, expected=expected, storage=storage)
        except Rejected as conflict:
            culprit = next((item for item in good if item.ref.key == conflict.where.get("key")), good[-1])
            good.remove(culprit)
            rejected.append(Rejection(ref=culprit.ref, reason=reason_of(conflict, culprit.ref)))
        else:
            return merged, good, rejected
    return None, [], rejected


def _table(
    name: str, found: Found, facts: ProductFacts, catalog: Catalog
) -> tuple[TableInspection | None, list[Rejection]]:
    link = facts.link
    current = catalog.table(link, name)
    declined = found.declined.get(name, [])
    storage = storage_from_table(current) if current else None
    merged, good, rejected = merge_good(
        schema_from_table(current) if current else None,
        found.inspected.get(name, []),
        expected=facts.expected(name),
        storage=storage,
    )
    if merged is None and not declined:
        return None, rejected
    values = _partition_values([item.ref for item in good] + declined)
    existing = catalog.partitions(link, name, list(values)) if current and values else set()
    new = [value for value in values if value not in existing]
    return (
        TableInspection(
            table=name,
            new_table=current is None,
            merged=None if declined else merged,
            objects=len(good) + len(declined),
            bytes=sum(item.bytes for item in good) + sum(ref.size for ref in declined),
            counts=(*map(_count, good), *map(_uncounted, declined)),
            new_partitions=tuple(new),
            new_partition_paths=tuple(values[value] for value in new),
            findings=tuple(find_personal(merged.table_schema.columns, _samples(good))) if merged else (),
            read=tuple(dict.fromkeys(column.name for item in good for column in item.columns)),
        ),
        rejected,
    )


def _without_contract(found: Found) -> list[Rejection]:
    refs = [*(item.ref for items in found.inspected.values() for item in items)]
    refs += [ref for items in found.declined.values() for ref in items]
    needed = ContractNeeded(
        "there is no contract for this data, and none can be inferred from it",
        remedy="Upload <product>/contract.yaml, then the data again.",
    )
    return [Rejection(ref=ref, reason=reason_of(needed, ref)) for ref in refs]


def _count(item: ObjectInspection) -> ObjectCount:
    return ObjectCount(key=item.ref.key, rows=item.rows, rows_exact=item.rows_exact, bytes=item.bytes)


def _uncounted(ref: ObjectRef) -> ObjectCount:
    return ObjectCount(key=ref.key, rows=0, rows_exact=False, bytes=ref.size)


def _partition_values(refs: Iterable[ObjectRef]) -> dict[tuple[str, ...], str]:
    """Values in key order → `dt=2026-11-21`, in order."""
    found: dict[tuple[str, ...], str] = {}
    for ref in refs:
        key = parse_key(ref.key)
        if isinstance(key, DataKey) and key.partitions:
            found[tuple(value for _, value in key.partitions)] = partition_path(key.partitions)
    return dict(sorted(found.items()))


def _samples(inspections: Iterable[ObjectInspection]) -> Mapping[str, tuple[str, ...]]:
    samples: dict[str, tuple[str, ...]] = {}
    for inspection in inspections:
        for column, values in inspection.samples.items():
            samples[column] = tuple(dict.fromkeys((*samples.get(column, ()), *values)))
    return samples


def summary(inspection: Inspection, bytes_read: int = 0) -> Inspected:
    """How many objects are accepted, and rejected."""
    return Inspected(
        accepted=sum(table.objects for table in inspection.tables),
        rejected=len(inspection.rejected),
        mode=inspection.mode,
        bytes_read=bytes_read,
    )
