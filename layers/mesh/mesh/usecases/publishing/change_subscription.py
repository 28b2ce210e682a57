"""A consumer subscribes to the notices of a product, the present version's first, or unsubscribes."""

from datetime import datetime
from typing import Literal

from mesh.domain.contracts.product import UnknownProduct
from mesh.domain.events import Envelope, SubscriptionEnded, SubscriptionRequested, metadata_of, read_event
from mesh.domain.model import Model
from mesh.ports import MemberTopics, Registry
from mesh.usecases.authorisation import refusals_told, require_sender
from mesh.usecases.central_context import CentralContext
from mesh.usecases.publishing.notify_subscribers import notify

type Status = Literal["subscribed", "ended", "superseded"]


class SubscriptionChanged(Model):
    """The subscription as it is now; `superseded`: the account asked otherwise later, and nothing changed."""

    product: str
    account: str
    status: Status


def change_subscription(
    envelope: Envelope, *, catalog_id: str, context: CentralContext, topics: MemberTopics
) -> SubscriptionChanged:
    """Record the request of an admitted consumer, and notify a new subscriber of the version that is there already.
    Idempotent; of several requests the one that was sent last counts.

    Raises UnknownProduct, MalformedEvent, or what `authorise` raises; every rejection is recorded and told. Raises
    EventNotAccepted or Throttled, which are retried, where the account's topic does not take the notice.
    """
    metadata = metadata_of(envelope)
    with refusals_told(envelope, records=context, topics=topics):
        require_sender(envelope, context)
        changed = _change(envelope, min(metadata.time, context.clock.now()), context.registry)
    context.trace.note(metadata.correlation_id, changed.status, product=changed.product, account=changed.account)
    if changed.status == "subscribed":
        _notify_of_present_version(changed, catalog_id, context, topics)
    return changed


def _notify_of_present_version(
    subscribed: SubscriptionChanged, catalog_id: str, context: CentralContext, topics: MemberTopics
) -> None:
    """Once, whoever else notifies of it meanwhile: a notice has one id. A draft's version is its owner's."""
    product = context.registry.product(subscribed.product)
    version = context.registry.latest_version(subscribed.product)
    if product is not None and version is not None and not version.draft:
        notify(version, product, [subscribed.account], catalog_id=catalog_id, context=context, topics=topics)


def _change(envelope: Envelope, asked: datetime, registry: Registry) -> SubscriptionChanged:
    account, wanted = envelope.account, envelope.detail_type != SubscriptionEnded.detail_type()
    if wanted:
        name = read_event(SubscriptionRequested, envelope).data.product
        product = registry.product(name)
        if product is None or product.status == "retired" or (product.draft and product.owner != account):
            raise UnknownProduct(f"unknown product {name!r}", product=name, remedy="mesh products lists them")
    else:
        name = read_event(SubscriptionEnded, envelope).data.product
    changed = registry.follow_request(name, account, wanted=wanted, asked=asked)
    status: Status = "superseded" if not changed else "subscribed" if wanted else "ended"
    return SubscriptionChanged(product=name, account=account, status=status)
