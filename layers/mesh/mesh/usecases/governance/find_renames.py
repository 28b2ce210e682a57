"""Find what is to be done for a value, a purpose or a persona that has a new name: the steps of `carry_out_renames`."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from mesh.domain.access.access_context import text
from mesh.domain.access.grants import grants_digest
from mesh.domain.access.policy import Policies
from mesh.domain.access.record import HOLDING, OVER, Access
from mesh.domain.access.renamed_accesses import access_by_new_names
from mesh.domain.contracts.product import Product
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, Grant
from mesh.domain.governance.drift import Drift, Step
from mesh.domain.governance.ontology import Ontology
from mesh.domain.governance.rename_stage import RenameStage, by_old_name, stage_of
from mesh.domain.governance.renames import carried, product_by_new_names
from mesh.domain.governance.tag_names import OldTag
from mesh.ports import GovernanceRecord
from mesh.usecases.central_context import CentralContext

type Values = Callable[[], Mapping[str, Collection[str]]]
"""LF-Tag key → the values that Lake Formation has."""


def find_renames(
    lake: CatalogSnapshot,
    everything: Sequence[Access],
    *,
    run: str,
    context: CentralContext,
    policies: Policies,
    record: GovernanceRecord,
    values: Values,
) -> Iterator[Drift]:
    """What is to be done next of each rename; `run` is empty before the run has changed anything."""
    going_on, ontology = [access for access in everything if access.status not in OVER], policies.ontology
    if count := sum(1 for _ in old_records(context, going_on, policies)):
        yield _drift("records", "registry", f"{count} products or accesses are recorded by old names")
    if not ontology.renamed:
        return
    stage = stage_of(lake, ontology, record.pending_renames(), values())
    regranted = list(_grants(stage, going_on, run))
    yield from regranted
    for tag, new in () if regranted else stage.there.items():
        yield from _next(tag, new, stage, lake)


def old_records(context: CentralContext, going_on: Sequence[Access], policies: Policies) -> Iterator[Product | Access]:
    """Products and accesses that are recorded by old names, as they are to be."""
    if policies.ontology.renamed:
        yield from _products(context, policies.ontology)
    if policies.ontology.renamed or policies.renamed_purposes or policies.personas.renamed:
        for access in going_on:
            if (named := access_by_new_names(access, policies)) != access:
                yield named


def _products(context: CentralContext, ontology: Ontology) -> Iterator[Product]:
    for name in context.registry.product_names():
        product = context.registry.product(name)
        if product is not None and (named := product_by_new_names(product, ontology)) != product:
            yield named


def _grants(stage: RenameStage, going_on: Sequence[Access], run: str) -> Iterator[Drift]:
    for access in going_on:
        if access.status not in HOLDING or access.decided is None:
            continue
        if stage.is_reached(access.decided.entries):
            continue
        what = "it is granted by old names of LF-Tags"
        if access.status != "live":
            yield _drift("", access.receiver, f"{what}, and not live yet", access=access.id, waiting=True)
        else:
            digest = grants_digest(stage.target(access.decided.entries))
            waiting = is_ordered(access, run, digest) and not may_go_on(access, digest, run)
            yield _drift("grants", access.receiver, what, access=access.id, waiting=waiting)


def may_go_on(access: Access, digest: str, run: str) -> bool:
    """Whether its account holds these grants for the reader; or says that the reader cannot read anyway."""
    check = access.checked
    return access.passed_on == digest or (check is not None and check.run == run and check.reason is not None)


def is_ordered(access: Access, run: str, digest: str) -> bool:
    """Whether this run has told the account already."""
    return access.passing_on == f"{run} {digest}"


def _next(tag: OldTag, new: str, stage: RenameStage, lake: CatalogSnapshot) -> Iterator[Drift]:
    """All readers are granted what they need for the step."""
    key, old = tag
    to_tag = tag in stage.before_tags
    by_hand = list(by_old_name(lake.grants, tag, new, alone=to_tag))
    for grant in by_hand:
        yield _by_hand(grant, tag, new)
    if by_hand:
        return
    if to_tag:
        count = len(stage.carriers.get(tag, ()))
        yield _drift("tags", f"{key}={old}", f"{count} databases, tables and columns are to have {key}={new}")
        return
    foreign = carried(lake, {tag: new}).get(tag, [])
    for place in foreign[:5]:
        remedy = f"Whoever owns it tags it anew: then {old} can go"
        yield _drift("", f"{key}={old}", f"{'.'.join(place)} has it, and is not a data product's", remedy=remedy)
    if not foreign:
        yield _drift("value", f"{key}={old}", f"nothing has it any more: it is called {new}")


def _by_hand(grant: Grant, tag: OldTag, new: str) -> Drift:
    remedy = f"Meshwork did not grant it. Grant the same by {tag[0]}={new}, then revoke it: aws lakeformation"
    return _drift("", grant.principal, f"{', '.join(sorted(grant.permissions))} by {text(grant)}", remedy=remedy)


def _drift(
    step: Step, principal: str, what: str, *, access: str = "", remedy: str = "", waiting: bool = False
) -> Drift:
    return Drift(
        kind="rename",
        step=step,
        principal=principal,
        what=what,
        access=access,
        ours=bool(step),
        waiting=waiting,
        remedy=remedy or "mesh reconcile carries the rename out",
    )
