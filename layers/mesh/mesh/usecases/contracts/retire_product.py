"""Retire a product: no more grants, notices or reads. Its data stays where it is."""

import json
from collections.abc import Iterator

from mesh.domain.access.record import OVER
from mesh.domain.contracts.product import ContractIsNewer, Product, product_lock
from mesh.domain.events import Envelope, Metadata, ProductRetired, RetirementRequested, metadata_of, read_event
from mesh.domain.governance.ontology import PENDING, PUBLICATION, PUBLISHED
from mesh.domain.model import Model
from mesh.domain.names import execution_name
from mesh.ports import Announcements, CatalogState, Executions, LakeFormation, Locks, MemberTopics
from mesh.usecases.authorisation import product_of, refusals_told, require_sender
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import Deliveries, notify_member


class Retired(Model):
    """The outcome: accesses that ended, and accounts that were notified; none where a request comes again after a newer
    contract has revived the product."""

    product: str
    accesses: tuple[str, ...] = ()
    notified: tuple[str, ...] = ()


def retire_product(
    envelope: Envelope,
    *,
    context: CentralContext,
    announcements: Announcements,
    catalog: CatalogState,
    lake: LakeFormation,
    locks: Locks,
    endings: Executions,
    topics: MemberTopics,
) -> Retired:
    """Mark it, drop an announced revision of its contract, end the accesses that name it, hide it from accesses by
    LF-Tags, notify and unsubscribe.

    Idempotent. Raises what `authorise` raises, MalformedEvent, NotTheOwner, ContractIsNewer; every rejection is
    recorded and told. ConcurrentChange is transient.
    """
    metadata = metadata_of(envelope)
    with refusals_told(envelope, records=context, topics=topics):
        require_sender(envelope, context)
        request = read_event(RetirementRequested, envelope).data
        product_of(request.product, envelope.account, context)  # nobody else holds a registration up
        with locks.hold(product_lock(request.product)):
            product = product_of(request.product, envelope.account, context)
            sent = min(metadata.time, context.clock.now())
            if product.was_revived_after(metadata.id, sent):
                if metadata.id in product.retirements:
                    return Retired(product=product.name)
                raise _is_newer(product)
            announcements.end(product.name)
            context.registry.mark_retired(product, metadata.id, sent, context.clock.now())
            _hide(product.name, catalog, lake)
    ended = tuple(_end_accesses(request, metadata, context, endings))
    subscribers = list(context.registry.subscribers(product.name))
    news = ProductRetired(product=product.name, reason=request.reason)
    notified, deliveries = [], Deliveries()
    for account in dict.fromkeys([*subscribers, product.owner]):
        with deliveries.to(account):
            if notify_member(account, news, metadata, "retired", context=context, topics=topics):
                notified.append(account)
    deliveries.complete()
    for account in subscribers:
        context.registry.unsubscribe(product.name, account, context.clock.now())
    context.trace.note(
        metadata.correlation_id, "retired", product=product.name, accesses=list(ended), notified=notified
    )
    return Retired(product=product.name, accesses=ended, notified=tuple(notified))


def _is_newer(product: Product) -> ContractIsNewer:
    return ContractIsNewer(
        f"the contract of {product.name} was uploaded again after its retirement was requested",
        product=product.name,
        declared=product.declared and product.declared.isoformat(),
        remedy=f"To retire it all the same: mesh retire {product.name}",
    )


def _end_accesses(
    request: RetirementRequested, metadata: Metadata, context: CentralContext, endings: Executions
) -> Iterator[str]:
    """Those that name the product, each by a run of its own."""
    for access in context.accesses.newest():
        if access.status not in OVER and access.request.product == request.product:
            why = f"{request.product} is retired: {request.reason}"
            order = {"access": access.id, "cause": "retired", "reason": why}
            endings.start(execution_name(f"retire-{access.id}", metadata.id[:36]), json.dumps({"ending": order}))
            yield access.id


def _hide(product: str, catalog: CatalogState, lake: LakeFormation) -> None:
    """No column is published any more, so that no grant by LF-Tags matches, whatever values it names; what its columns
    are stays as it was, for a contract that revives it."""
    database = catalog.tagged((product,)).databases.get(product)
    for table in database.tables.values() if database is not None else ():
        published = [column for column, tags in table.column_tags.items() if tags.get(PUBLICATION) == PUBLISHED]
        if published:
            lake.tag_columns(product, table.name, published, {PUBLICATION: PENDING})
