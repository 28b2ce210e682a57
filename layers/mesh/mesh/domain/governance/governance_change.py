"""What a new governance does to what is there: what it would break or weaken is refused, the rest is shown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.product import Product
from mesh.domain.errors import Rejected
from mesh.domain.governance.column_findings import KnownFinding
from mesh.domain.governance.ontology import DOMAIN, PII, Ontology, TagKey
from mesh.domain.governance.tagging import check_tags
from mesh.domain.membership.members import Member
from mesh.domain.model import Model

type Kind = Literal["lf-tag", "product", "member", "access", "rename"]


class Impact(Model):
    """One effect. `refused`: a deployment with it is refused, and the governance before stays in force."""

    kind: Kind
    subject: str
    what: str
    remedy: str = ""
    refused: bool = False


class GovernanceRefused(Rejected):
    """A governance that would break or weaken what is there; `where["violations"]`: up to 20 effects."""


def require_harmless(impacts: Sequence[Impact]) -> None:
    """Raises GovernanceRefused."""
    refused = [f"{each.subject}: {each.what}" for each in impacts if each.refused]
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise GovernanceRefused(
            f"the governance is refused: {refused[0]}{more}",
            violations=refused[:20],
            remedy="See all effects with: mesh governance check",
        )


def vanished(before: Ontology, after: Ontology) -> dict[str, tuple[str, ...]]:
    """LF-Tag key → the values that are gone; of a key that is gone all. Open keys have no list of values; a value that
    is renamed is still there."""
    found = {
        name: tuple(
            value
            for value in key.values
            if name not in after.keys or after.current(name, value) not in after.keys[name].values
        )
        for name, key in before.keys.items()
        if not (name in after.keys and after.keys[name].open)
    }
    return {name: values for name, values in found.items() if values}


def laxer_keys(before: Ontology, after: Ontology) -> Iterator[Impact]:
    """Keys whose order changes, so that what is stricter today is laxer tomorrow; defaults and implied values that
    become laxer, which new contracts and columns get."""
    for name in sorted(before.keys.keys() & after.keys.keys()):
        old, new = _by_new_names(name, before.keys[name], after), after.keys[name]
        if old.ordered and not _same_order(old, new):
            yield Impact(
                kind="lf-tag",
                subject=name,
                what="the order of its values changes, which decides what is stricter",
                remedy="Keep the order; add a value where it belongs.",
                refused=True,
            )
            continue
        if old.ordered and _is_laxer(new.default, old.default, new):
            yield Impact(
                kind="lf-tag", subject=name, what=f"its default becomes laxer: {old.default} \u2192 {new.default}"
            )
        for value, meaning in old.values.items():
            now = new.values.get(value)
            for other, least in meaning.implies.items() if now else ():
                implied = now.implies.get(other) if now else None
                if other in after.keys and _is_laxer(implied, least, after.keys[other]):
                    what = f"implies {other}={implied or 'nothing'} by now, and {other}={least} before"
                    yield Impact(kind="lf-tag", subject=f"{name}={value}", what=what)


def _by_new_names(name: str, key: TagKey, after: Ontology) -> TagKey:
    """The key as it is, its values, and those that they imply, as they are called in `after`."""
    values = {
        after.current(name, value): each.evolve(implies=after.in_current_names(each.implies))
        for value, each in key.values.items()
    }
    return key.evolve(values=values, default=key.default and after.current(name, key.default))


def _same_order(old: TagKey, new: TagKey) -> bool:
    kept = [value for value in new.values if value in old.values]
    return new.ordered and kept == [value for value in old.values if value in new.values]


def _is_laxer(now: str | None, before: str | None, key: TagKey) -> bool:
    order = list(key.values)
    return before in order and (now not in order or order.index(now) < order.index(before))


def still_carried(carriers: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[Impact]:
    """LF-Tag key and value that vanish → the tables and columns that carry it."""
    for (key, value), places in carriers.items():
        more = f" and {len(places) - 3} more" if len(places) > 3 else ""
        yield Impact(
            kind="lf-tag",
            subject=f"{key}={value}",
            what=f"is removed, and is on {', '.join(places[:3])}{more}",
            remedy="Keep the value until nothing has it.",
            refused=True,
        )


def stopped_product(
    product: Product, findings: Mapping[str, Sequence[KnownFinding]], ontology: Ontology
) -> Iterator[Impact]:
    """A product that could not publish any more: its contract names what is gone, or what was found in it does."""
    try:
        check_tags(Contract.model_validate(product.contract), ontology)
        known = ontology.keys[PII].values
        found = {each.value for some in findings.values() for each in some}
        gone = {value for value in found if ontology.current(PII, value) not in known}
        problem = f"its data was found to be {PII}={', '.join(sorted(gone))}, which is gone" if gone else ""
    except Rejected as error:
        problem = f"it could not be published any more: {error.message}"
    if problem:
        yield Impact(
            kind="product",
            subject=product.name,
            what=problem,
            remedy=f"Keep the value until its owner {product.owner} has a contract without it.",
            refused=True,
        )


def without_domain(member: Member, ontology: Ontology) -> Iterator[Impact]:
    """A member whose line of business is gone."""
    known = ontology.keys[DOMAIN].values
    gone = [domain for domain in member.domains if ontology.current(DOMAIN, domain) not in known]
    if gone and member.status != "expelled":
        yield Impact(
            kind="member",
            subject=member.account,
            what=f"its domain {', '.join(gone)} is gone",
            remedy=f"Admit it with other domains first: mesh admit {member.account} --domain …",
            refused=True,
        )
