"""A value of an LF-Tag that has another name by now: how what still says the old one is read.

Contracts, findings and tags are read as if they said the new name (`Ontology.current`, `tagging`). In Lake Formation a
value has no name that could change: the new one is another value. Until all readers are granted it, tags go on being
written by the old one (`TagNames`), and grants name both (`widened`). See docs/decisions/0042.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from mesh.domain.contracts.contract import Contract, ContractColumn
from mesh.domain.contracts.product import Product
from mesh.domain.events import GrantEntry
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, Database, Table
from mesh.domain.governance.expressions import Expression, Tags
from mesh.domain.governance.ontology import CONFIDENTIALITY, DOMAIN, PII, Ontology, UnknownLFTag
from mesh.domain.governance.renamed_from import NewName
from mesh.domain.governance.tag_names import OldTag, Renames


class OldName(NamedTuple):
    """A place in a contract that says an old name: `old` of the LF-Tag `key`, called `new` by now."""

    where: str
    key: str
    old: str
    new: str
    until: date

    @property
    def note(self) -> str:
        """For its owner."""
        return f"{self.key} {NewName(self.new, self.until).note(self.old)}"


def old_names(contract: Contract, ontology: Ontology) -> Iterator[OldName]:
    """All of a contract, by their paths."""
    named = {"$.domain": (DOMAIN, contract.domain.lower()), **_stated(contract.lf_tags, "$")}
    for number, table in enumerate(contract.tables):
        place = f"$.schema[{number}]"
        named |= _stated(table.lf_tags, place)
        for position, column in enumerate(table.columns):
            named |= _of_column(column, f"{place}.properties[{position}]", ontology)
    for where, (key, value) in named.items():
        found = ontology.keys[key].renamed.get(value) if key in ontology.keys else None
        if found is not None:
            yield OldName(where, key, value, found.name, found.until)


def _stated(tags: Tags, place: str) -> dict[str, OldTag]:
    return {f"{place}.customProperties.lfTags.{key}": (key, value) for key, value in tags.items()}


def _of_column(column: ContractColumn, place: str, ontology: Ontology) -> dict[str, OldTag]:
    found = _stated(column.lf_tags, place)
    if column.classification:
        key = PII if column.classification in ontology.keys[PII].renamed else CONFIDENTIALITY
        found[f"{place}.classification"] = (key, column.classification)
    if column.released:
        found[f"{place}.customProperties.releasedFinding.pii"] = (PII, column.released.pii)
    return found


def require_readable(contract: Contract, ontology: Ontology, today: date) -> None:
    """Raises UnknownLFTag for an old name that may not be written any more."""
    late = next((each for each in old_names(contract, ontology) if today > each.until), None)
    if late is not None:
        raise UnknownLFTag(
            f"{late.where} says {late.key} {late.old!r}, which is called {late.new!r} and was read until {late.until}",
            lf_tag=f"{late.key}={late.old}",
            path=late.where,
            known=list(ontology.keys[late.key].values),
            remedy=f"Write {late.new} in place of {late.old}.",
        )


def contract_by_new_names(contract: Contract, ontology: Ontology) -> Contract:
    """The same contract."""
    if not any(True for _ in old_names(contract, ontology)):
        return contract

    def column(each: ContractColumn) -> ContractColumn:
        key = PII if each.classification in ontology.keys[PII].renamed else CONFIDENTIALITY
        released = each.released
        return each.evolve(
            lf_tags=ontology.in_current_names(each.lf_tags),
            classification=ontology.current(key, each.classification),
            released=released and released.evolve(pii=ontology.current(PII, released.pii)),
        )

    tables = (
        table.evolve(
            lf_tags=ontology.in_current_names(table.lf_tags), columns=tuple(column(each) for each in table.columns)
        )
        for table in contract.tables
    )
    return contract.evolve(
        domain=ontology.renamed.get((DOMAIN, contract.domain.lower()), contract.domain),
        lf_tags=ontology.in_current_names(contract.lf_tags),
        tables=tuple(tables),
    )


def product_by_new_names(product: Product, ontology: Ontology) -> Product:
    """The same record."""
    contract = Contract.model_validate(product.contract)
    named = contract_by_new_names(contract, ontology)
    return product.evolve(
        domain=ontology.renamed.get((DOMAIN, product.domain.lower()), product.domain),
        tags=ontology.in_current_names(product.tags),
        contract=product.contract if named is contract else named.model_dump(mode="json", exclude_defaults=True),
    )


def lake_by_new_names(lake: CatalogSnapshot, ontology: Ontology) -> CatalogSnapshot:
    """The same catalog; its grants stay as they are."""
    if not ontology.renamed:
        return lake
    named = ontology.in_current_names

    def table(each: Table) -> Table:
        return replace(each, tags=named(each.tags), column_tags={c: named(t) for c, t in each.column_tags.items()})

    def database(each: Database) -> Database:
        tables = {name: table(one) for name, one in each.tables.items()}
        return replace(each, tags=named(each.tags), tables=tables)

    return replace(lake, databases={name: database(each) for name, each in lake.databases.items()})


def carried(lake: CatalogSnapshot, renames: Renames) -> dict[OldTag, list[tuple[str, ...]]]:
    """The old names that something carries itself, with what does: (database,), (database, table) or (…, column)."""
    found: dict[OldTag, list[tuple[str, ...]]] = {}
    for place, tags in _assigned(lake) if renames else ():
        for tag in tags.items():
            if tag in renames:
                found.setdefault(tag, []).append(place)
    return found


def _assigned(lake: CatalogSnapshot) -> Iterator[tuple[tuple[str, ...], Tags]]:
    for database in lake.databases.values():
        yield (database.name,), database.tags
        for table in database.tables.values():
            yield (database.name, table.name), table.tags
            yield from (((database.name, table.name, column), tags) for column, tags in table.column_tags.items())


def names_old(expression: Expression, renames: Renames) -> list[OldTag]:
    """The old names in an expression."""
    return [(key, value) for key, values in expression.clauses for value in sorted(values) if (key, value) in renames]


def widened(entries: Iterable[GrantEntry], renames: Renames) -> tuple[GrantEntry, ...]:
    """The grants for both names: a column that carries either matches, whichever of several renames it has seen."""
    both: dict[OldTag, set[str]] = {}
    for (key, old), new in renames.items():
        both.setdefault((key, old), set()).add(new)
        both.setdefault((key, new), set()).add(old)
    return _mapped(entries, lambda key, value: {value, *both.get((key, value), ())})


def narrowed(entries: Iterable[GrantEntry], renames: Renames) -> tuple[GrantEntry, ...]:
    """The grants for the new names alone."""
    return _mapped(entries, lambda key, value: {renames.get((key, value), value)})


def _mapped(entries: Iterable[GrantEntry], names: Callable[[str, str], set[str]]) -> tuple[GrantEntry, ...]:
    """Those by LF-Tags, each value replaced; each grant once."""
    found: dict[str, GrantEntry] = {}
    for entry in entries:
        renamed = _renamed(entry, names)
        found.setdefault(renamed.model_dump_json(), renamed)
    return tuple(found.values())


def _renamed(entry: GrantEntry, names: Callable[[str, str], set[str]]) -> GrantEntry:
    policy: Mapping[str, Any] | None = entry.resource.get("LFTagPolicy")
    if policy is None:
        return entry
    before = Expression.of_tags(policy["Expression"])
    after = expression_of(before, names)
    named = {"LFTagPolicy": {**policy, "Expression": after.to_tags()}}
    return entry if after == before else entry.evolve(resource=named)


def expression_of(expression: Expression, names: Callable[[str, str], set[str]]) -> Expression:
    """The expression with each value replaced."""
    return Expression.of(
        {key: {name for value in values for name in names(key, value)} for key, values in expression.clauses}
    )
