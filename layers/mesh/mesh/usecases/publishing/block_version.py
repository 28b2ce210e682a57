"""A version that may not be published: its owner is notified of what would break, and whose queries."""

from collections.abc import Collection, Iterator

from mesh.domain.access.record import HOLDING, Access
from mesh.domain.contracts.product import Product
from mesh.domain.events import Metadata, ProductQuarantined, Reason
from mesh.domain.model import Model
from mesh.ports import MemberTopics
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import notify_member

MAX_READERS = 20


class Reader(Model):
    """An access that the change would affect, and its affected columns (`table.column`)."""

    account: str
    access: str
    reader: str
    columns: tuple[str, ...]


def notify_held(
    product: Product, refusal: Reason, cause: Metadata, *, context: CentralContext, topics: MemberTopics
) -> Reason:
    """Notify the owner that a version was held back and why, with the readers affected: the reason as it was
    sent. Notifications with the same `cause` are one event."""
    touched = set(refusal.where.get("columns", ()))
    readers = list(touched_readers(context.accesses.newest(), product.name, touched))
    where = {
        **refusal.where,
        "subscribers": list(context.registry.subscribers(product.name)),
        "readers": [reader.model_dump(mode="json") for reader in readers[:MAX_READERS]],
        "readers_count": len(readers),
    }
    reason = refusal.evolve(where=where)
    news = ProductQuarantined(product=product.name, reason=reason, bucket=product.bucket)
    notify_member(product.owner, news, cause, "held", context=context, topics=topics)
    context.trace.note(cause.correlation_id, "held back", product=product.name, reason=reason.model_dump(mode="json"))
    return reason


def touched_readers(accesses: Iterator[Access], product: str, touched: Collection[str]) -> Iterator[Reader]:
    """Live accesses that expose one of these columns (`table.column`; `table.` stands for any of its columns)."""
    whole = {place for place in touched if place.endswith(".")}
    for access in accesses:
        if access.status not in HOLDING or access.decided is None:
            continue
        exposed = [
            name.removeprefix(f"{product}.") for name in access.decided.columns if name.startswith(f"{product}.")
        ]
        hit = tuple(name for name in exposed if name in touched or f"{name.partition('.')[0]}." in whole)
        if hit:
            yield Reader(account=access.receiver, access=access.id, reader=access.request.reader or "", columns=hit)
