"""A consumer subscribes to the notices of a product, or unsubscribes."""

from typing import Literal

from mesh.domain.contracts.product import UnknownProduct
from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, Event, Metadata, SubscriptionEnded, SubscriptionRequested
from mesh.domain.model import Model
from mesh.ports import Clock, Registry
from mesh.usecases.authorisation import record_refusal, require_sender
from mesh.usecases.central_context import CentralContext


class SubscriptionChanged(Model):
    """The subscription as it is now."""

    product: str
    account: str
    status: Literal["subscribed", "ended"]


def change_subscription(envelope: Envelope, *, context: CentralContext) -> SubscriptionChanged:
    """Record the request of an admitted consumer. Idempotent.

    Raises UnknownProduct, or what `authorise` raises; every rejection is recorded.
    """
    metadata = Metadata.model_validate(envelope.detail.get("metadata", {}))
    try:
        require_sender(envelope, context)
        changed = _change(envelope, context.registry, context.clock)
    except Rejected as refusal:
        record_refusal(envelope, refusal, context)
        raise
    context.trace.note(metadata.correlation_id, changed.status, product=changed.product, account=changed.account)
    return changed


def _change(envelope: Envelope, registry: Registry, clock: Clock) -> SubscriptionChanged:
    if envelope.detail_type == SubscriptionEnded.detail_type():
        request = Event[SubscriptionEnded].model_validate(envelope.detail).data
        registry.unsubscribe(request.product, envelope.account)
        return SubscriptionChanged(product=request.product, account=envelope.account, status="ended")
    name = Event[SubscriptionRequested].model_validate(envelope.detail).data.product
    product = registry.product(name)
    if product is None or (product.draft and product.owner != envelope.account):
        raise UnknownProduct(f"unknown product {name!r}", product=name, remedy="mesh products lists them")
    registry.subscribe(name, envelope.account, clock.now())
    return SubscriptionChanged(product=name, account=envelope.account, status="subscribed")
