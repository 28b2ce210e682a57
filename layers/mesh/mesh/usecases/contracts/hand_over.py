"""Both sides of a handover, and the product's readers, are told; the former owner's rights end."""

from collections.abc import Iterator

from mesh.domain.access.grants import unneeded
from mesh.domain.access.record import HOLDING, Access
from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.handover import HandoverRefused
from mesh.domain.contracts.product import Product
from mesh.domain.contracts.registration import Registration
from mesh.domain.events import Envelope, GrantEntry, HandoverOffered, Metadata, ProductHandedOver, metadata_of
from mesh.domain.governance.product_rights import grant_entry, registered_rights
from mesh.domain.membership.authorisation import PRODUCER
from mesh.ports import LakeFormation, MemberTopics, Registry
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import Deliveries, cause_of, notify_member


def require_recipient(contract: Contract, owner: str, registry: Registry) -> None:
    """Raises HandoverRefused where a contract hands its product over to who could not take it."""
    account = contract.hand_over_to
    if not account:
        return
    member = registry.member(account)
    if account == owner:
        why, remedy = "it is the owner's already", "Leave handOverTo out."
    elif member is None or member.status != "admitted" or PRODUCER not in member.roles():
        why = "that is no producer of this mesh"
        remedy = f"Have the account admitted first: mesh admit {account} --role producer --domain {contract.domain}"
    else:
        return
    raise HandoverRefused(
        f"{contract.name} cannot be handed over to account {account}: {why}", account=account, remedy=remedy
    )


def offer(envelope: Envelope, product: Product, context: CentralContext, topics: MemberTopics) -> None:
    """The account that may take the product is told; a repetition tells it the same."""
    account = product.offered_to
    if account:
        news = HandoverOffered(
            product=product.name,
            owner_account=product.owner,
            domain=product.domain,
            contract_version=product.contract_version,
        )
        notify_member(account, news, metadata_of(envelope), "offered", context=context, topics=topics)


def complete_handover(
    registration: Registration, former: str, *, lake: LakeFormation, context: CentralContext, topics: MemberTopics
) -> None:
    """The former owner's rights end, but for those of accesses that it was granted; what it was asked to approve, the
    new owner is asked; the former owner and the subscribers are told.

    Repeatable, until the product is marked as registered. Raises Throttled, EventNotAccepted, ConcurrentChange.
    """
    going = unneeded(list(_owners_rights(registration)), list(_granted(former, context)))
    lake.revoke(grant_entry(former, entry.resource, list(entry.permissions), grantable=True) for entry in going)
    for access in context.accesses.newest():
        if access.status == "waiting" and registration.product in access.products():
            _ask_instead(access, former, registration.owner, context, topics)
    _tell(registration, former, context, topics)


def _owners_rights(registration: Registration) -> Iterator[GrantEntry]:
    rights = registered_rights(registration.catalog_id, registration.product, registration.bucket, registration.crawl)
    return (GrantEntry(resource=resource, permissions=tuple(held)) for resource, held in rights)


def _granted(account: str, context: CentralContext) -> Iterator[tuple[GrantEntry, ...]]:
    for access in context.accesses.held_by(account):
        if access.status in HOLDING and access.granted and access.decided is not None:
            yield access.decided.entries


def _ask_instead(access: Access, former: str, owner: str, context: CentralContext, topics: MemberTopics) -> None:
    """Unless the former owner has answered, or owns other products of the access."""
    decided = access.decided
    products = (context.registry.product(name) for name in access.products())
    still = any(product is not None and product.owner == former for product in products)
    answered = any(answer.account == former for answer in access.answers)
    if decided is None or still or answered:
        return
    if former in decided.approvers:
        approvers = tuple(dict.fromkeys(owner if each == former else each for each in decided.approvers))
        said = f"approval is account {owner}'s, which has taken the product over"
        now = context.clock.now()
        access = context.accesses.save(access.noted(now, said, decided=decided.evolve(approvers=approvers)))
    if access.decided and owner in access.decided.approvers:
        question, parts = access.question(0), ("decision", "handed-over")
        notify_member(owner, question, cause_of(access), *parts, context=context, topics=topics)


def _tell(registration: Registration, former: str, context: CentralContext, topics: MemberTopics) -> None:
    product = context.registry.product(registration.product)
    contracts = [each.contract_sequencer for each in product.former if each.account == former] if product else []
    news = ProductHandedOver(
        product=registration.product,
        domain=registration.domain,
        owner_account=former,
        new_owner=registration.owner,
        sequencer=contracts[-1] if contracts else "",
    )
    cause = Metadata(id=registration.event_id, correlation_id=registration.correlation_id)
    subscribers = context.registry.subscribers(registration.product)
    told, deliveries = [], Deliveries()
    for account in dict.fromkeys([former, *(each for each in subscribers if each != registration.owner)]):
        with deliveries.to(account):
            if notify_member(account, news, cause, "handed-over", context=context, topics=topics):
                told.append(account)
    facts = {"product": registration.product, "from": former, "to": registration.owner, "notified": told}
    context.trace.note(registration.correlation_id, "handed over", **facts)
    deliveries.complete()
