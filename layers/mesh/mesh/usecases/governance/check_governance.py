"""A governance before it is in force: checked by itself, against the one before, and against what is registered."""

from collections.abc import Callable, Iterable, Iterator, Mapping
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
from mesh.ports import GovernanceRecord, LakeFormation, Registry
from mesh.usecases.governance.compare_grants import Today, not_allowed


def adopt_governance(
    document: Callable[[str], Mapping[str, Any]], *, record: GovernanceRecord, registry: Registry, lake: LakeFormation
) -> tuple[Impact, ...]:
    """Check the documents, and record that they are in force from now on; what they do to what is there.

    Idempotent. Raises GovernanceInvalid, GovernanceRefused: then nothing is recorded.
    """
    governance = parse_governance(document)
    impacts = tuple(check_governance(governance, in_force(record), registry=registry, lake=lake))
    require_harmless(impacts)
    record.keep({file: document(file) for file in FILES})
    return impacts


def in_force(record: GovernanceRecord) -> Ontology | None:
    """The ontology of the governance that was deployed last; None before the first, or where it was valid once and is
    no more (a later version of Meshwork asks for more)."""
    documents = record.kept()
    try:
        return parse_ontology(documents["ontology.yaml"]) if documents else None
    except OntologyInvalid:
        return None


def check_governance(
    governance: Governance, before: Ontology | None, *, registry: Registry, lake: LakeFormation
) -> Iterator[Impact]:
    """What it does to LF-Tags, products and members."""
    ontology = governance.ontology
    products = set(registry.product_names())
    if before is not None:
        gone = vanished(before, ontology)
        yield from laxer_keys(before, ontology)
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
