"""What still has an old name, or says it: who renames sees what that touches, and when `renamed_from` can go."""

from collections.abc import Iterable, Iterator

from mesh.domain.access.policy import Policies
from mesh.domain.access.record import OVER, Access
from mesh.domain.contracts.contract import Contract
from mesh.domain.governance.expressions import Expression
from mesh.domain.governance.governance_change import Impact
from mesh.domain.governance.ontology import DOMAIN, PII, Ontology
from mesh.domain.governance.rename_changes import Uses, in_use
from mesh.domain.governance.renames import names_old, old_names
from mesh.domain.governance.tag_names import OldTag
from mesh.ports import LakeFormation, Registry


def touched_by_renames(
    policies: Policies, accesses: Iterable[Access], *, registry: Registry, lake: LakeFormation
) -> Iterator[Impact]:
    """Each renamed value, purpose and persona."""
    going_on = [access for access in accesses if access.status not in OVER]
    if policies.ontology.renamed:
        yield from _of_values(policies.ontology, going_on, registry, lake)
    asked = {"purpose": policies.renamed_purposes, "persona": policies.personas.renamed}
    for kind, renamed in asked.items():
        for old, new in renamed.items():
            uses = Uses(accesses=sum(1 for access in going_on if getattr(access.request, kind) == old))
            yield in_use(f"{kind} {new.name}", old, uses)


def _of_values(
    ontology: Ontology, going_on: Iterable[Access], registry: Registry, lake: LakeFormation
) -> Iterator[Impact]:
    contracts, found = dict[str, set[OldTag]](), dict[str, set[str]]()
    for name in registry.product_names():
        product = registry.product(name)
        if product is not None and product.status != "retired":
            said = old_names(Contract.model_validate(product.contract), ontology)
            contracts[name] = {(each.key, each.old) for each in said}
            found[name] = {one.value for some in registry.findings(name).values() for one in some}
    members = [member for member in registry.members() if member.status != "expelled"]
    for (key, old), new in ontology.renamed.items():
        carriers = [place for place in lake.carriers(key, old) if place.partition(".")[0] in contracts]
        uses = Uses(
            places=len(carriers),
            contracts=[name for name, tags in contracts.items() if (key, old) in tags],
            found=[name for name, values in found.items() if key == PII and old in values],
            members=[each.account for each in members if key == DOMAIN and old in each.domains],
            accesses=sum(1 for access in going_on if _says(access, (key, old), new)),
        )
        yield in_use(f"{key}={new}", old, uses)


def _says(access: Access, tag: OldTag, new: str) -> bool:
    """Whether the access was granted, or requested, by the old name."""
    policies = (entry.resource.get("LFTagPolicy") for entry in (access.decided.entries if access.decided else ()))
    granted = [Expression.of_tags(each["Expression"]) for each in policies if each]
    return any(names_old(each, {tag: new}) for each in (access.request.tags, *granted))
