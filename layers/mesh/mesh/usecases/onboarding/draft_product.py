"""Data without a contract: infer a draft with the most restrictive tags, visible to its owner only, and declare it.

Objects are read as the checks read them, so that the draft matches what they will publish.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from mesh.domain.contracts.contract import MAX_TEXT, CrawlMode
from mesh.domain.model import Model
from mesh.domain.onboarding.batches import CheckedBatch, held_for
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import contract_key
from mesh.domain.onboarding.quality.model import Finding
from mesh.domain.onboarding.quality.verdicts import culprits
from mesh.domain.onboarding.reading.model import TableSources
from mesh.domain.packing import fits
from mesh.domain.schema import TableSchema
from mesh.ports import Bus, DraftContract, Readings, TableReading, Trace, Uploads, WorkFiles
from mesh.usecases.onboarding.batches import checked_path, is_raw, read_batch
from mesh.usecases.onboarding.curation import curation_of
from mesh.usecases.onboarding.declare_product import send_declaration
from mesh.usecases.onboarding.rounds import Round, table_of

MAX_DRAFTED: Final = 10_000
"""Columns of a draft: a contract is read within its limits on size and nodes then."""


class Found(NamedTuple):
    """Tables by name, and the objects that could not be read: key → why.

    A table that only a Glue crawler can read has no columns here; `crawl` is `glue` where there is one.
    """

    tables: dict[str, TableSchema]
    refused: dict[str, Finding]
    crawl: CrawlMode


class Draft(Round):
    """A round of a product without a contract; `holder` is the execution's ARN."""

    holder: str


class Drafted(Model):
    """The tables of the draft. None: nothing could be read, and `held` objects were held back."""

    product: str
    tables: tuple[str, ...] = ()
    sent: bool = False
    held: int = 0


def draft_product(
    round_: Draft,
    *,
    draft_contract: DraftContract,
    readings: Readings,
    uploads: Uploads,
    bus: Bus,
    work: WorkFiles,
    trace: Trace,
) -> Drafted:
    """Send a draft contract to central, and drop the lease: the objects stay pending until registration starts the next
    run. A real contract replaces the draft at any time. Idempotent.

    Where nothing can be read there is no contract to send: the objects are held, as the checks of a batch hold them.
    """
    objects = read_batch(work, round_.work)
    refs = [ref for ref in objects if ref.curated or not is_raw(ref)]
    found = find_tables([ref for ref in refs if not ref.deleted], readings)
    if not found.tables:
        return _hold(round_, objects, found, work)
    contract = ObjectRef(bucket=refs[0].bucket, key=contract_key(round_.product), size=0)
    text = draft_contract(round_.product, found.tables, crawl=found.crawl)
    if too_large := _too_large(found.tables, text):
        refused = {ref.key: too_large.evolve(table=table_of(ref)) for ref in objects}
        return _hold(round_, objects, found._replace(refused=refused), work)
    sent = send_declaration(contract, round_.product, text, uploads=uploads, bus=bus)
    trace.note(
        round_.correlation_id, "draft contract inferred", product=round_.product, tables=list(found.tables),
        not_read=len(found.refused),
    )  # fmt: skip
    uploads.drop_lease(round_.product, round_.holder)
    return Drafted(product=round_.product, tables=tuple(found.tables), sent=sent)


def _too_large(tables: dict[str, TableSchema], text: str) -> Finding | None:
    """Why no draft of these tables is sent: central reads no contract that is larger."""
    columns = sum(len(schema.columns) + len(schema.partition_keys) for schema in tables.values())
    if columns <= MAX_DRAFTED and len(text.encode()) <= MAX_TEXT and fits(text):
        return None
    return Finding(
        code="DraftTooLarge",
        severity="error",
        table="",
        message=f"{len(tables):,} tables with {columns:,} columns came at once, without a contract: a draft describes "
        f"{MAX_DRAFTED:,} columns at most, in {MAX_TEXT:,} bytes",
        remedy="Upload a contract, or divide the tables among several products, and upload the objects again.",
    )


def find_tables(refs: Iterable[ObjectRef], readings: Readings) -> Found:
    """The tables, from the whole objects; those that cannot be read do not affect the rest."""
    by_table: dict[str, list[ObjectRef]] = defaultdict(list)
    for ref in refs:
        by_table[table_of(ref)].append(ref)
    tables: dict[str, TableSchema] = {}
    refused: dict[str, Finding] = {}
    crawl: CrawlMode = "auto"
    for table, of_table in sorted(by_table.items()):
        with readings.open(TableSources(table=table, refs=tuple(of_table))) as reading:
            bad = _set_aside(reading, of_table)
            if reading.sources:
                tables[table] = _schema(reading)
        declined = {key for key, finding in bad.items() if finding.code == "FormatDeclined"}
        if table not in tables and declined:
            tables[table], crawl = TableSchema(), "glue"
            bad = {key: finding for key, finding in bad.items() if key not in declined}
        refused |= bad
    return Found(tables, refused, crawl)


def _set_aside(reading: TableReading, refs: list[ObjectRef]) -> dict[str, Finding]:
    """Exclude what cannot be read, until the rest agrees."""
    bad: dict[str, Finding] = {}
    left = refs
    for _ in refs:
        errors = [found for found in reading.findings if found.severity == "error"]
        if not errors or not left:
            break
        wrong = culprits(errors, left)
        reading.exclude(set(wrong))
        bad |= wrong
        left = [ref for ref in left if ref.key not in wrong]
    return bad


def _schema(reading: TableReading) -> TableSchema:
    keys = reading.partition_keys
    columns = reading.schema.columns
    return TableSchema(
        columns=tuple(column for column in columns if column.name not in keys),
        partition_keys=tuple(column for column in columns if column.name in keys),
    )


def _hold(round_: Round, objects: tuple[ObjectRef, ...], found: Found, work: WorkFiles) -> Drafted:
    curation = curation_of(round_, work)
    held = [held_for(ref, found.refused[ref.key], releasable=False) for ref in objects if ref.key in found.refused]
    held = [*(curation.held if curation else ()), *held]
    batch = CheckedBatch(objects=objects, bucket=objects[0].bucket if objects else "", held=tuple(held))
    work.put(checked_path(round_.work), batch.model_dump_json())
    return Drafted(product=round_.product, held=len(held))
