"""LF-Tags on tables and columns, set before a version is announced.

The last one is `publication=published`, on each column by itself and never on a table or a database: whatever
appears in them later inherits `pending`, and no grant by an expression reaches it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.product import ConcurrentChange, Product, TableSnapshot, UnknownProduct, product_lock
from mesh.domain.contracts.registration import Registration
from mesh.domain.events import Event, Metadata, PersonalDataFinding, TagsLoosened, follow
from mesh.domain.governance.kept_tags import PresentTags, changed_columns, keep_stricter, loosened_by, tags_after
from mesh.domain.governance.ontology import PENDING, PRODUCT, PUBLICATION, PUBLISHED, Ontology
from mesh.domain.governance.tagging import TagPlan, database_tags, resolve_tags, split_by_strictness
from mesh.domain.model import Model
from mesh.domain.publishing.iceberg_table import pointer_of
from mesh.domain.publishing.pin_tags import closed_tags
from mesh.ports import Catalog, LakeFormation, Locks, MemberTopics, Message, Trace
from mesh.usecases.named_accesses import NamedAccesses
from mesh.usecases.publishing.published_tables import MAX_LISTED, columns_of
from mesh.usecases.publishing.tag_pins import Tagging, follow_pins, tags_of_pins


class Tagged(Model):
    """How many tables and columns carry their own tags, and how many columns were published."""

    tables: int
    columns: int
    published: int = 0


@dataclass(frozen=True)
class Loosening:
    """Where it is recorded, and who is told, that a contract loosens tags."""

    trace: Trace
    topics: MemberTopics
    steward_topic: str


class ContractTags(NamedTuple):
    """What a contract would make of a product's tags: table → column → those in effect, and what becomes laxer, as
    `table.column key: before → after`."""

    after: dict[str, dict[str, Mapping[str, str]]]
    loosened: list[str]


def tag_product(registration: Registration, *, tagging: Tagging, named: NamedAccesses, loosening: Loosening) -> Tagged:
    """Tag published tables and columns that are still in the catalog by the new contract, then pins, then the database.

    In that order: a database that becomes laxer must not, for a moment, let its columns inherit that. What a batch that
    was held back brought stays pending, and what it lost cannot be tagged. What the owner's contract loosens, and which
    findings it releases, the trace and the steward are told before it is done. Accesses by name that it has overtaken
    end.

    Raises ConcurrentChange where something was found meanwhile: it is planned again.
    """
    lake, product = tagging.lake, registration.product
    _make_known(product, lake)
    contract = Contract.model_validate(registration.contract)
    found = tagging.registry.findings(product)
    tables, present, plan = _plan(
        product, contract, registration.tags, found, tagging, after_draft=registration.after_draft
    )
    after = tags_after(plan, columns_by_table(tables), present)
    _record_decision(registration, contract, loosened_by(after, present, tagging.ontology), loosening)
    tagged = assign_tags(product, plan, tables, present, lake)
    follow_pins(product, tagging)
    lake.tag_database(registration.database, {**registration.tags, PUBLICATION: PENDING})
    named.end_overtaken(product, {**effective_tags(product, tables, lake), **tags_of_pins(product, tagging)})
    if tagging.registry.findings(product) != found:
        raise ConcurrentChange(f"something was found in {product} meanwhile", product=product)
    return tagged


def tags_by_contract(product: Product, contract: Contract, tagging: Tagging) -> ContractTags:
    """What `tag_product` would assign if the contract were registered now. Read only. Raises UnknownLFTag."""
    before = None if product.draft else product.tags
    tables, present, plan = _plan(
        product.name,
        contract,
        database_tags(contract, tagging.ontology, product.name, before),
        tagging.registry.findings(product.name),
        tagging,
        after_draft=product.draft,
    )
    after = tags_after(plan, columns_by_table(tables), present)
    return ContractTags(after, loosened_by(after, present, tagging.ontology))


type _Planned = tuple[list[TableSnapshot], dict[str, PresentTags], TagPlan]


def _plan(
    product: str,
    contract: Contract,
    registered: Mapping[str, str],
    findings: Mapping[str, Sequence[PersonalDataFinding]],
    tagging: Tagging,
    *,
    after_draft: bool,
) -> _Planned:
    """A draft's tags are no decision."""
    version = tagging.registry.latest_version(product)
    tables = list(_still_there(product, version.tables if version else (), tagging.catalog))
    present = present_tags(product, tables, tagging.lake)
    plan = plan_tags(
        product,
        contract,
        tables,
        {} if after_draft else closed(present, made_anew(tables, present), tagging.ontology),
        findings=findings,
        registered=registered,
        ontology=tagging.ontology,
    )
    return tables, present, plan


def _record_decision(
    registration: Registration, contract: Contract, loosened: Sequence[str], loosening: Loosening
) -> None:
    """Who loosened which columns, by which revision, and what it says of released findings. A repeated message has the
    same id; a draft's tags were nobody's decision."""
    if not loosened:
        return
    released = [
        {"column": f"{table.catalog_name}.{column.catalog_name}", **column.released.model_dump()}
        for table in contract.tables
        for column in table.columns
        if column.released
    ]
    news = TagsLoosened(
        product=registration.product,
        owner_account=registration.owner,
        contract_version=contract.version,
        columns=tuple(loosened[:MAX_LISTED]),
        count=len(loosened),
        released=tuple(released[:MAX_LISTED]),
    )
    loosening.trace.note(registration.correlation_id, "tags loosened", **news.model_dump(mode="json"))
    if registration.after_draft:
        return
    cause = Metadata(id=registration.event_id, correlation_id=registration.correlation_id)
    event = Event[TagsLoosened](metadata=follow(cause, "loosened"), data=news)
    loosening.topics.publish(loosening.steward_topic, Message(news.detail_type(), event.model_dump_json()))


def _still_there(database: str, tables: Sequence[TableSnapshot], catalog: Catalog) -> Iterator[TableSnapshot]:
    """The tables with those of their columns that the catalog has."""
    for snapshot in tables:
        table = catalog.table(database, snapshot.table)
        if table is not None:
            found = columns_of([*table["StorageDescriptor"].get("Columns", []), *table.get("PartitionKeys", [])])
            there = {column.name for column in found}
            kept = {
                "columns": tuple(column for column in snapshot.columns if column.name in there),
                "partition_keys": tuple(column for column in snapshot.partition_keys if column.name in there),
            }
            yield snapshot.evolve(**kept)


def _make_known(product: str, lake: LakeFormation) -> None:
    """The product as a value of its LF-Tag. The first products of a mesh may make that tag at the same moment: creating
    one that exists is success, and adds no value to it."""
    known = lake.tag_values(PRODUCT)
    if known is None:
        lake.create_tag(PRODUCT, [product])
        known = lake.tag_values(PRODUCT)
    if product not in (known or ()):
        lake.add_tag_values(PRODUCT, [product])


def assign_tags(
    product: str,
    plan: TagPlan,
    tables: Sequence[TableSnapshot],
    present: Mapping[str, PresentTags],
    lake: LakeFormation,
) -> Tagged:
    """Assign the plan, columns before their tables. Nothing is removed: what should not be there is overwritten, so
    that no column inherits, for a moment, what its database has before it is tagged anew.

    Columns that were not there before are published when all else is in place.
    """
    assign_plan(product, plan, lake)
    published = sum(publish_columns(product, table, lake, present[table.table].own_columns) for table in tables)
    tagged = sum(map(len, plan.columns.values()))
    return Tagged(tables=len(plan.tables), columns=tagged, published=published)


def assign_plan(product: str, plan: TagPlan, lake: LakeFormation) -> None:
    """Assign the plan, columns before their tables."""
    for table in plan.columns:
        for tags, columns in plan.column_groups(table):
            lake.tag_columns(product, table, columns, tags)
    for table, tags in plan.tables.items():
        lake.tag_table(product, table, tags)


def tighten_product(name: str, *, batch: str, tagging: Tagging, named: NamedAccesses, locks: Locks) -> Tagged:
    """Tag published columns by all that was found in them; nothing is loosened or published. Pins follow, and accesses
    by name end. `batch` announced what it found. Not while a registration is at work, which may have planned without
    it. Idempotent.

    Raises UnknownProduct, UnknownLFTag, NotYetReadable, ConcurrentChange."""
    with locks.hold(product_lock(name)):
        tighter = _tighten(name, batch, tagging, named)
    follow_pins(name, tagging)
    return Tagged(tables=len(tighter.tables), columns=sum(map(len, tighter.columns.values())))


def _tighten(name: str, batch: str, tagging: Tagging, named: NamedAccesses) -> TagPlan:
    product, version = tagging.registry.product(name), tagging.registry.latest_version(name)
    if product is None:
        raise UnknownProduct(f"there is no product {name}", product=name)
    tables = list(_still_there(name, version.tables if version else (), tagging.catalog))
    present, found = present_tags(name, tables, tagging.lake), tagging.registry.findings(name)
    plan = plan_tags(
        name,
        Contract.model_validate(product.contract),
        tables,
        present,
        findings=found,
        registered=product.tags,
        ontology=tagging.ontology,
    )
    effective = {table: (tags.seen, tags.seen_columns) for table, tags in present.items()}
    tighter, _ = split_by_strictness(plan, effective, tagging.ontology)
    changed = changed_columns(tighter, columns_by_table(tables), present, findings=found, batch=batch)
    with named.overtaken_by(name, changed):
        assign_plan(name, tighter, tagging.lake)
    return tighter


def restore_tags(name: str, *, tagging: Tagging, named: NamedAccesses) -> Tagged:
    """Tag a product by its registered contract and all that was found, as registration and publication do; columns of
    its last version are published. Of a table that is not at that version nothing is known, and it is left. Accesses by
    name that become overtaken end. Idempotent.

    Raises UnknownProduct, UnknownLFTag, and ConcurrentChange where something was found meanwhile.
    """
    lake, registry = tagging.lake, tagging.registry
    product, version = registry.product(name), registry.latest_version(name)
    if product is None:
        raise UnknownProduct(f"there is no product {name}", product=name)
    _make_known(name, lake)
    at_version = [
        table
        for table in (version.tables if version else ())
        if not table.metadata or pointer_of(tagging.catalog.table(name, table.table)) == table.metadata
    ]
    tables = list(_still_there(name, at_version, tagging.catalog))
    found, present = registry.findings(name), present_tags(name, tables, lake)
    plan = plan_tags(
        name,
        Contract.model_validate(product.contract),
        tables,
        closed(present, made_anew(tables, present), tagging.ontology),
        findings=found,
        registered=product.tags,
        ontology=tagging.ontology,
    )
    tagged = assign_tags(name, plan, tables, present, lake)
    follow_pins(name, tagging)
    lake.tag_database(name, {**product.tags, PUBLICATION: PENDING})
    named.end_overtaken(name, {**effective_tags(name, tables, lake), **tags_of_pins(name, tagging)})
    now = registry.product(name)
    if registry.findings(name) != found or now is None or now.contract != product.contract:
        raise ConcurrentChange(f"what {name}'s tags follow from has changed meanwhile", product=name)
    return tagged


def present_tags(product: str, tables: Sequence[TableSnapshot], lake: LakeFormation) -> dict[str, PresentTags]:
    """By table."""
    return {
        table.table: PresentTags(*lake.assigned_tags(product, table.table), *lake.table_tags(product, table.table))
        for table in tables
    }


def effective_tags(
    product: str, tables: Sequence[TableSnapshot], lake: LakeFormation
) -> dict[str, dict[str, Mapping[str, str]]]:
    """Table → column → the tags that are in effect."""
    found = {table: lake.table_tags(product, table) for table in columns_by_table(tables)}
    return {
        table: {column: own.get(column, inherited) for column in columns}
        for table, columns in columns_by_table(tables).items()
        for inherited, own in [found[table]]
    }


def columns_by_table(tables: Sequence[TableSnapshot]) -> dict[str, list[str]]:
    """Table → its columns."""
    return {table.table: table.column_names() for table in tables}


def plan_tags(
    product: str,
    contract: Contract,
    tables: Sequence[TableSnapshot],
    present: Mapping[str, PresentTags],
    *,
    findings: Mapping[str, Sequence[PersonalDataFinding]],
    registered: Mapping[str, str],
    ontology: Ontology,
) -> TagPlan:
    """What is to be assigned: the strictest of what the contract states, all that was ever found, and what is there
    already, which only the contract's own words loosen; `present` is empty where that does not count. `registered`: the
    database's tags. Raises UnknownLFTag."""
    columns = columns_by_table(tables)
    plan = resolve_tags(contract, ontology, findings, product=product, tables=columns, registered=registered)
    kept = keep_stricter(plan, contract, columns, present, ontology) if present else plan
    return _unpublished_tables(kept, present)


def made_anew(tables: Iterable[TableSnapshot], present: Mapping[str, PresentTags]) -> dict[str, list[str]]:
    """Columns of a version's tables without tags of their own, which each got when it was published: somebody dropped
    their table, and made it again."""
    return {
        table.table: [name for name in table.column_names() if name not in present[table.table].own_columns]
        for table in tables
        if table.table in present
    }


def closed(
    present: Mapping[str, PresentTags], columns: Mapping[str, Sequence[str]], ontology: Ontology
) -> dict[str, PresentTags]:
    """As if these columns that come back were closed: unless the contract describes them, nobody knows what tags they
    had."""
    tags = closed_tags(ontology)
    return {
        table: each._replace(seen_columns={**each.seen_columns, **dict.fromkeys(columns.get(table, ()), tags)})
        for table, each in present.items()
    }


def unpublished(table: TableSnapshot, own: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Columns that are not published. `own`: the tags that columns carry themselves."""
    return [name for name in table.column_names() if own.get(name, {}).get(PUBLICATION) != PUBLISHED]


def publish_columns(
    product: str, table: TableSnapshot, lake: LakeFormation, own: Mapping[str, Mapping[str, str]]
) -> int:
    """How many columns are new, and published by this one call. `own` as for `unpublished`."""
    new = unpublished(table, own)
    if new:
        lake.tag_columns(product, table.table, new, {PUBLICATION: PUBLISHED})
    return len(new)


def _unpublished_tables(plan: TagPlan, present: Mapping[str, PresentTags]) -> TagPlan:
    """A table tagged as published would pass that on to future columns."""
    wrong = [name for name, tags in present.items() if tags.own.get(PUBLICATION, PENDING) != PENDING]
    closed = {name: {PUBLICATION: PENDING, **plan.tables.get(name, {})} for name in wrong}
    return plan.evolve(tables={**plan.tables, **closed})
