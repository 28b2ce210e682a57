"""A consumer subscribes to the notices of a product, or unsubscribes."""

from datetime import datetime
from typing import Literal

from mesh.domain.contracts.product import UnknownProduct
from mesh.domain.events import Envelope, SubscriptionEnded, SubscriptionRequested, metadata_of, read_event
from mesh.domain.model import Model
from mesh.ports import MemberTopics, Registry
from mesh.usecases.authorisation import refusals_told, require_sender
from mesh.usecases.central_context import CentralContext

type Status = Literal["subscribed", "ended", "superseded"]


class SubscriptionChanged(Model):
    """The subscription as it is now; `superseded`: the account asked otherwise later, and nothing changed."""

    product: str
    account: str
    status: Status


def change_subscription(envelope: Envelope, *, context: CentralContext, topics: MemberTopics) -> SubscriptionChanged:
    """Record the request of an admitted consumer. Idempotent; of several the one that was sent last counts.

    Raises UnknownProduct, MalformedEvent, or what `authorise` raises; every rejection is recorded and told.
    """
    metadata = metadata_of(envelope)
    with refusals_told(envelope, records=context, topics=topics):
        require_sender(envelope, context)
        changed = _change(envelope, min(metadata.time, context.clock.now()), context.registry)
    context.trace.note(metadata.correlation_id, changed.status, product=changed.product, account=changed.account)
    return changed


def _change(envelope: Envelope, asked: datetime, registry: Registry) -> SubscriptionChanged:
    account, wanted = envelope.account, envelope.detail_type != SubscriptionEnded.detail_type()
    if wanted:
        name = read_event(SubscriptionRequested, envelope).data.product
        product = registry.product(name)
        if product is None or (product.draft and product.owner != account):
            raise UnknownProduct(f"unknown product {name!r}", product=name, remedy="mesh products lists them")
    else:
        name = read_event(SubscriptionEnded, envelope).data.product
    changed = registry.follow_request(name, account, wanted=wanted, asked=asked)
    status: Status = "superseded" if not changed else "subscribed" if wanted else "ended"
    return SubscriptionChanged(product=name, account=account, status=status)
