"""Which LF-Tags a product's database, tables and columns get: contract, ontology and findings of personal data."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from pydantic import Field

from mesh.domain.contracts.contract import Contract, ContractColumn, ContractTable
from mesh.domain.events import PersonalDataFinding
from mesh.domain.governance.ontology import CONFIDENTIALITY, DOMAIN, PII, PRODUCT, Ontology
from mesh.domain.model import Model

_CLASSIFIED_AS_PII: Final = {"pii": "personal"}


class TagPlan(Model):
    """What to assign, key → value. A table or column appears only with what differs from what it inherits."""

    database: dict[str, str]
    tables: dict[str, dict[str, str]] = Field(default_factory=dict)
    columns: dict[str, dict[str, dict[str, str]]] = Field(default_factory=dict)

    def effective(self, table: str, column: str) -> dict[str, str]:
        """A column's tags once the plan is assigned, as far as it says."""
        own = self.columns.get(table, {}).get(column, {})
        return {**self.database, **self.tables.get(table, {}), **own}

    def column_groups(self, table: str) -> Iterator[tuple[dict[str, str], list[str]]]:
        """Columns of a table that get the same tags, for one Lake Formation call each."""
        groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for column, tags in self.columns.get(table, {}).items():
            groups.setdefault(tuple(sorted(tags.items())), []).append(column)
        return ((dict(tags), columns) for tags, columns in groups.items())


def resolve_tags(
    contract: Contract | None,
    ontology: Ontology,
    findings: Mapping[str, Sequence[PersonalDataFinding]],
    *,
    product: str,
    tables: Mapping[str, Sequence[str]] | None = None,
    registered: Mapping[str, str] | None = None,
) -> TagPlan:
    """The tags of a product.

    `tables`: table → columns that exist in the catalog (tags on others would fail); `None` takes the contract's.
    `findings`: table → all that was ever found in its columns. `registered`: the database's tags as they were
    registered, which may be stricter than the contract's (`database_tags`).

    The nearest value wins, but a finding makes a column stricter and never laxer, unless the contract releases it, and
    personal data lifts `confidentiality` to what the ontology says it implies: an expression on confidentiality alone
    never exposes it. Without a contract, or with a draft, ordered keys get their most restrictive value. Old names of
    values are read as their new ones. Raises `UnknownLFTag`.
    """
    if contract is None or contract.draft:
        return TagPlan(database=_most_restrictive(ontology, product))
    existing = {table.catalog_name: [c.catalog_name for c in table.columns] for table in contract.tables}
    database = {**_database_tags(contract, ontology, product), **ontology.in_current_names(registered or {})}
    table_tags: dict[str, dict[str, str]] = {}
    column_tags: dict[str, dict[str, dict[str, str]]] = {}
    for name, columns in (existing if tables is None else tables).items():
        declared = contract.table(name)
        own = _checked(declared.lf_tags, ontology, table=name) if declared else {}
        table = ontology.with_implied({**database, **own})
        table_tags[name] = _differences(table, database)
        by_column: dict[str, dict[str, str]] = {}
        for column in columns:
            found = [finding.value for finding in findings.get(name, ()) if finding.column == column]
            tags = _column_tags(declared.column(column) if declared else None, ontology, table, found, name)
            by_column[column] = _differences(tags, table)
        column_tags[name] = {column: tags for column, tags in by_column.items() if tags}
    return TagPlan(
        database=database,
        tables={name: tags for name, tags in table_tags.items() if tags},
        columns={name: columns for name, columns in column_tags.items() if columns},
    )


def database_tags(
    contract: Contract, ontology: Ontology, product: str, before: Mapping[str, str] | None
) -> dict[str, str]:
    """The database's tags under a new revision. `before` are those under the last one, None where that was a draft:
    of an ordered key that the contract does not state the stricter value stays. Raises `UnknownLFTag`."""
    tags = resolve_tags(contract, ontology, {}, product=product).database
    kept = {k: value for k, value in ontology.in_current_names(before or {}).items() if k not in contract.lf_tags}
    for key, value in kept.items():
        known = ontology.keys.get(key)
        if known is not None and known.ordered and value in known.values:
            tags[key] = ontology.stricter(key, tags.get(key), value) or value
    return ontology.with_implied(tags)


def stated_on_table(table: ContractTable) -> frozenset[str]:
    """The keys that the contract states at the table itself."""
    return frozenset(table.lf_tags)


def stated_keys(column: ContractColumn, ontology: Ontology) -> frozenset[str]:
    """The keys that the contract states at the column itself: by LF-Tag, classification, or a released finding."""
    released = {PII} if column.released else set()
    return frozenset({*column.lf_tags, *_classified(column, ontology, ""), *released})


type _Effective = tuple[Mapping[str, str], Mapping[str, Mapping[str, str]]]
"""Tags of a table, and of each of its columns, own or inherited."""


def split_by_strictness(
    plan: TagPlan, effective: Mapping[str, _Effective], ontology: Ontology
) -> tuple[TagPlan, TagPlan]:
    """Split the plan: what is new or stricter than the present tags, and what is looser.

    A key without an order (such as a domain) has no strictness: a changed value counts as looser.
    """
    tighter, looser = TagPlan(database={}), TagPlan(database={})
    for name, tags in plan.tables.items():
        for key, value in tags.items():
            part = looser if loosens(key, effective[name][0].get(key), value, ontology) else tighter
            part.tables.setdefault(name, {})[key] = value
    for name, columns in plan.columns.items():
        inherited, own = effective[name]
        for column, tags in columns.items():
            for key, value in tags.items():
                now = own.get(column, inherited).get(key)
                part = looser if loosens(key, now, value, ontology) else tighter
                part.columns.setdefault(name, {}).setdefault(column, {})[key] = value
    return tighter, looser


def loosens(key: str, now: str | None, value: str, ontology: Ontology) -> bool:
    """Whether `value` is laxer than the value `now`; of a key without an order any other value is."""
    if now is None or now == value:
        return False
    known = ontology.keys.get(key)
    return not (known and known.ordered) or ontology.stricter(key, now, value) == now


def check_tags(contract: Contract, ontology: Ontology) -> None:
    """Raises `UnknownLFTag` for any tag of the contract, columns not in the data yet included."""
    resolve_tags(contract.evolve(status="active"), ontology, {}, product=contract.name)


def _most_restrictive(ontology: Ontology, product: str) -> dict[str, str]:
    ordered = {name: key.most_restrictive for name, key in ontology.keys.items() if key.ordered}
    return {**ordered, PRODUCT: product}


def _database_tags(contract: Contract, ontology: Ontology, product: str) -> dict[str, str]:
    defaults = {name: key.default for name, key in ontology.keys.items() if key.default is not None}
    domain = _checked({DOMAIN: contract.domain.lower()}, ontology) if contract.domain else {}
    own = _checked(contract.lf_tags, ontology)
    return ontology.with_implied({**defaults, **domain, **own, PRODUCT: product})


def _column_tags(
    column: ContractColumn | None, ontology: Ontology, inherited: Mapping[str, str], found: Sequence[str], table: str
) -> dict[str, str]:
    own: dict[str, str] = {}
    if column is not None:
        own = _checked(column.lf_tags, ontology, table=table, column=column.catalog_name)
        for key, value in _classified(column, ontology, table).items():
            own[key] = ontology.stricter(key, own.get(key), value) or value
    tags = {**inherited, **own}
    found = [ontology.current(PII, value) for value in found]
    for value in _unreleased(column, found, ontology, table):
        ontology.check(PII, value, table=table)
        tags[PII] = ontology.stricter(PII, tags.get(PII), value) or value
    return ontology.with_implied(tags)


def _unreleased(column: ContractColumn | None, found: Collection[str], ontology: Ontology, table: str) -> Iterator[str]:
    """The classes that the owner's decision does not cover: those above the released one."""
    if column is None or column.released is None:
        yield from found
        return
    least = ontology.current(PII, column.released.pii)
    ontology.check(PII, least, table=table, column=column.catalog_name)
    order = list(ontology.keys[PII].values)
    yield from (value for value in found if value not in order or order.index(value) > order.index(least))


def _classified(column: ContractColumn, ontology: Ontology, table: str) -> dict[str, str]:
    """A column's `classification` is a value of `confidentiality`, or one of `pii`, or the word `pii` itself."""
    word = column.classification
    if not word:
        return {}
    pii = ontology.current(PII, _CLASSIFIED_AS_PII.get(word, word))
    if pii in ontology.keys[PII].values:
        return {PII: pii}
    return _checked({CONFIDENTIALITY: word}, ontology, table=table, column=column.catalog_name)


def _checked(tags: Mapping[str, str], ontology: Ontology, **where: str) -> dict[str, str]:
    current = ontology.in_current_names(tags)
    for key, value in current.items():
        ontology.check(key, value, **where)
    return current


def _differences(tags: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if inherited.get(key) != value}
