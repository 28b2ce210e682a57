"""A governance before it is in force: checked by itself, against the one before, and against what is registered."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mesh.domain.access.record import Access
from mesh.domain.errors import Rejected
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot
from mesh.domain.governance.documents import FILES
from mesh.domain.governance.governance import Governance, parse_governance
from mesh.domain.governance.governance_change import (
    Impact,
    laxer_keys,
    require_harmless,
    still_carried,
    stopped_product,
    vanished,
    without_domain,
)
from mesh.domain.governance.ontology import Ontology, OntologyInvalid, parse_ontology
from mesh.domain.governance.rename_changes import never_named, refused_renames
from mesh.domain.governance.tag_names import OldTag
from mesh.ports import GovernanceRecord, LakeFormation, Registry
from mesh.usecases.governance.compare_grants import Today, not_allowed


def adopt_governance(
    document: Callable[[str], Mapping[str, Any]], *, record: GovernanceRecord, registry: Registry, lake: LakeFormation
) -> tuple[Impact, ...]:
    """Check the documents, and record that they are in force from now on; what they do to what is there.

    Idempotent. Raises GovernanceInvalid, GovernanceRefused: then nothing is recorded.
    """
    governance, before = parse_governance(document), in_force(record)
    impacts = tuple(check_governance(governance, before, registry=registry, lake=lake))
    require_harmless(impacts)
    pending = _pending(governance.ontology, before, lake)
    record.keep_pending(pending)
    record.keep({file: document(file) for file in FILES})
    return impacts


@dataclass(frozen=True)
class InForce:
    """The governance that was deployed last: its ontology; of the other files each `purpose` and `persona` with its old
    names; and the renames of which nothing in Lake Formation has the new name yet."""

    ontology: Ontology
    entries: Mapping[str, Mapping[str, tuple[str, ...]]]
    pending: frozenset[OldTag]


def in_force(record: GovernanceRecord) -> InForce | None:
    """None before the first, or where it was valid once and is no more (a later version of Meshwork asks for more)."""
    documents = record.kept()
    if not documents:
        return None
    try:
        ontology = parse_ontology(documents["ontology.yaml"])
    except OntologyInvalid:
        return None
    files = {"purpose": ("policies.yaml", "purposes"), "persona": ("personas.yaml", "personas")}
    entries = {kind: _with_old_names(documents.get(file, {}).get(part, {})) for kind, (file, part) in files.items()}
    pending = record.pending_renames() & ontology.renamed.keys() if ontology.renamed else frozenset[OldTag]()
    return InForce(ontology, entries, pending)


def _with_old_names(entries: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """As the file has them: a purpose may be a text alone."""
    return {
        name: tuple(each.get("renamed_from", ())) if isinstance(each, dict) else () for name, each in entries.items()
    }


def _pending(ontology: Ontology, before: InForce | None, lake: LakeFormation) -> list[OldTag]:
    """The renames that are to be carried out from now on, or are still: those whose old value Lake Formation has."""
    known, pending = (before.ontology.renamed, before.pending) if before else ({}, frozenset[OldTag]())
    fresh = (tag for tag in ontology.renamed if tag in pending or tag not in known)
    return [(key, old) for key, old in fresh if old in _values(lake, key)]


def check_governance(
    governance: Governance, before: InForce | None, *, registry: Registry, lake: LakeFormation
) -> Iterator[Impact]:
    """What it does to LF-Tags, products and members."""
    ontology = governance.ontology
    products = set(registry.product_names())
    if before is not None:
        gone = vanished(before.ontology, ontology)
        values = partial(_values, lake)
        yield from refused_renames(before.ontology, ontology, values, lake.is_named, pending=before.pending)
        policies = governance.policies
        renamed = {"purpose": policies.renamed_purposes, "persona": policies.personas.renamed}
        for kind, names in renamed.items():
            yield from never_named(kind, names, before.entries[kind])
        yield from laxer_keys(before.ontology, ontology)
        yield from still_carried(
            {
                (key, value): places
                for key, values in gone.items()
                for value in values
                if (places := [place for place in lake.carriers(key, value) if place.partition(".")[0] in products])
            }
        )
    for name in sorted(products):
        product = registry.product(name)
        if product is not None and product.status != "retired":
            yield from stopped_product(product, registry.findings(name), ontology)
    for member in registry.members():
        yield from without_domain(member, ontology)


def _values(lake: LakeFormation, key: str) -> tuple[str, ...]:
    return lake.tag_values(key) or ()


def affected_accesses(
    governance: Governance, accesses: Iterable[Access], today: Today, lake: CatalogSnapshot
) -> Iterator[Impact]:
    """Live accesses that its rules would not allow: `today` is their decision. They end in the time that it states."""
    policies = governance.policies
    days = policies.ends_after.total_seconds() / 86400
    for access in accesses:
        if access.status != "live":
            continue
        try:
            why = not_allowed(access, today, lake, policies)
        except Rejected as unclear:
            why = unclear.message
        if why:
            reader = access.request.reader or "the whole account"
            yield Impact(
                kind="access",
                subject=access.id,
                what=f"{access.request.what} for {reader} of {access.receiver}: {why}",
                remedy=f"Its holder and the owners are told, and it ends {days:g} days later.",
            )
