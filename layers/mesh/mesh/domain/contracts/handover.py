"""A product moves to another producer: its owner's contract names the account, and that account declares the product.

Both contracts are the owners' word, and stay as such in the registry. Versions that are published stay where they are.
"""

from datetime import datetime

from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.evolution import ContractDiff
from mesh.domain.contracts.product import FormerOwner, Product
from mesh.domain.contracts.service_levels import notice_period
from mesh.domain.errors import Rejected
from mesh.domain.membership.authorisation import NotTheOwner
from mesh.domain.onboarding.keys import compare_sequencers


class HandoverRefused(Rejected):
    """A product cannot be offered to that account, or not be taken over by this contract."""


def is_offered(product: Product, account: str) -> bool:
    """Whether the contract in force hands the product over to this account."""
    return product.owner != account and product.offered_to == account


def require_takeable(product: Product, contract: Contract, diff: ContractDiff) -> None:
    """Raises HandoverRefused unless the new owner's contract only continues the product: readers get one change at a
    time, each from who answers for it."""
    why = _refusal(product, contract, diff)
    if why:
        raise HandoverRefused(
            f"{product.name} cannot be taken over from account {product.owner}: {why[0]}",
            product=product.name,
            owner=product.owner,
            remedy=why[1],
        )


def _refusal(product: Product, contract: Contract, diff: ContractDiff) -> tuple[str, str] | None:
    if product.status != "registered":
        return f"it is {product.status}", "Its owner uploads its contract again, with handOverTo."
    if product.taken_from:
        return f"it is being taken over from account {product.taken_from}", "Upload the contract again in a minute."
    if "glue" in {product.crawl, contract.crawl}:
        return (
            "a Glue crawler's tables lie where it crawls",
            "Declare a product with another name, and let readers move there.",
        )
    if contract.draft:
        return "a draft is seen by nobody but its owner", "Set another status than draft."
    if diff.breaking:
        return (
            f"the contract changes what readers have: {diff.breaking[0].text}",
            "Take it over as it is; declare the change in the next revision.",
        )
    return None


def declared_again(existing: Product, product: Product) -> Product:
    """What is registered once this is declared: the existing product itself, where that has a newer contract. Versions
    and state stay; two accounts' sequencers have no order. Raises NotTheOwner."""
    if is_offered(existing, product.owner):
        leaving = FormerOwner(
            account=existing.owner,
            bucket=existing.bucket,
            contract_sequencer=existing.contract_sequencer,
            until=product.updated,
        )
        kept = {"former": (*existing.former, leaving), "taken_from": leaving.account, "updated": product.updated}
    elif existing.owner != product.owner:
        raise NotTheOwner(
            f"product {product.name} belongs to account {existing.owner}",
            product=product.name,
            owner=existing.owner,
            remedy="Choose another name, or have its owner hand it over: handOverTo in the contract.",
        )
    else:
        order = compare_sequencers(product.contract_sequencer, existing.contract_sequencer)
        if order < 0:
            return existing
        now = product if order else existing
        kept = {"former": existing.former, "taken_from": existing.taken_from}
        kept |= {"updated": now.updated, "declared": now.declared, "registered_at": now.registered_at}
    kept |= {"retirements": existing.retirements, "retired": existing.retired}
    kept |= {"notice_until": _notice_until(existing, product)}
    return product.evolve(version=existing.version, status=existing.status, **kept)


def _notice_until(existing: Product, product: Product) -> datetime | None:
    """A period that was promised to readers is not shortened at once: they count on it for as long as it is."""
    before, after = (notice_period(Contract.model_validate(each.contract)) for each in (existing, product))
    ends = [existing.notice_until, product.updated + before if existing.version and after < before else None]
    return max((end for end in ends if end), default=None)
