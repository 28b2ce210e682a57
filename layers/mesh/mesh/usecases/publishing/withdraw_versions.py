"""Versions end: they are withdrawn, or exceed the retention. Central marks them first.

Marked versions cannot be restored or pinned. Then their pins end, and only then their owner's account is notified
which files nothing needs any more (`usecases.settle_pin`).
"""

from collections.abc import Iterable, Sequence
from itertools import batched

from mesh.domain.contracts.product import ConcurrentChange, Product, ProductVersion, VersionEnd
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    Envelope,
    Event,
    Metadata,
    Reason,
    VersionsEnded,
    WithdrawalRefused,
    WithdrawalRequested,
    follow,
    metadata_of,
    read_event,
    stable_id,
)
from mesh.domain.model import Model
from mesh.domain.publishing.keeping import (
    NothingToWithdraw,
    ObjectPresent,
    Retention,
    outdated,
    released,
    require_known,
    require_metadata,
    require_not_present,
)
from mesh.ports import Bus, MemberTopics, Proposals, PublishedFiles
from mesh.usecases.authorisation import product_of, record_refusal, require_sender
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import Deliveries, notify_member
from mesh.usecases.publishing.release_versions import tell_kept

_AT_ONCE = 500


class Withdrawn(Model):
    """The versions of a product that ended."""

    product: str
    versions: tuple[int, ...]


class Expired(Model):
    """What the daily retention check ended, and what of it is released now."""

    ended: tuple[Withdrawn, ...]
    released: tuple[Withdrawn, ...]


def withdraw_versions(
    envelope: Envelope,
    *,
    context: CentralContext,
    proposals: Proposals,
    files: PublishedFiles,
    topics: MemberTopics,
    bus: Bus,
) -> Withdrawn:
    """Mark the versions, or all that have rows of the object; their pins end, and their files are deleted at once.

    Repeatable at any point of it. Raises what `authorise` raises, MalformedEvent, NotTheOwner, UnknownVersion,
    NeedsExpress, PresentVersion, ObjectPresent, NothingToWithdraw (every rejection is recorded and sent to the sender);
    ConcurrentChange while the product is being rolled back, perhaps to one of them.
    """
    metadata = metadata_of(envelope)
    try:
        require_sender(envelope, context)
        request = read_event(WithdrawalRequested, envelope).data
        product = product_of(request.product, envelope.account, context)
        numbers = _having(product, request.key, context, files) if request.key else sorted(set(request.versions))
        if not numbers:
            said = f"that is kept has rows of {request.key}" if request.key else "is named"
            raise NothingToWithdraw(
                f"no version of {product.name} {said}",
                product=product.name,
                key=request.key,
                remedy=f"mesh history {product.name} lists the versions.",
            )
        wanted = _wanted(product, numbers, context)
    except Rejected as refusal:
        _refuse(envelope, refusal, metadata, context, topics)
        raise
    for version in wanted:
        if version.ended is None or version.ended.status == "expired":
            end = VersionEnd(status="withdrawn", at=context.clock.now(), reason=request.reason, by=envelope.account)
            context.registry.end_version(product.name, version.version, end)
    if proposals.rolling_back(product.name):  # it may have chosen one of them before they were marked
        raise ConcurrentChange(f"{product.name} is being rolled back", product=product.name)
    facts = {
        "product": product.name,
        "versions": numbers,
        "by": envelope.account,
        "why": request.reason,
        "key": request.key,
    }
    context.trace.note(metadata.correlation_id, "withdrawn", **facts)
    _tell_ended(product.name, numbers, metadata, bus)
    return Withdrawn(product=product.name, versions=tuple(numbers))


def expire_versions(
    retention: Retention, *, context: CentralContext, proposals: Proposals, topics: MemberTopics, bus: Bus
) -> Expired:
    """Mark versions beyond the retention; release those marked so long ago that no query reads them. Once a day those
    that have them look whether the files of all others are there. Idempotent; a product of which nobody can be told
    keeps no others, and raises at the end."""
    ended, due, deliveries = [], [], Deliveries()
    now = context.clock.now()
    for name in context.registry.product_names():
        product = context.registry.product(name)
        if product is None or product.status == "retired":
            continue
        versions = list(context.registry.versions(product.name))
        pinned = {pin.version for pin in context.registry.pins(product.name).kept()}
        old = outdated(versions, pinned, retention, now)
        for version in old:
            context.registry.end_version(product.name, version.version, VersionEnd(status="expired", at=now))
        if old:
            ended.append(Withdrawn(product=product.name, versions=_numbers(old)))
        over = released(versions, retention, now)
        if over and not proposals.rolling_back(product.name):
            cause = Metadata(id=stable_id(product.name, "retention", now.isoformat()))
            _tell_ended(product.name, _numbers(over), cause, bus)
            due.append(Withdrawn(product=product.name, versions=_numbers(over)))
        today = Metadata(id=stable_id(product.name, "kept", now.date().isoformat()))
        with deliveries.to(product.owner):
            tell_kept(product, versions, _numbers(over), today, context=context, topics=topics)
    deliveries.complete()
    return Expired(ended=tuple(ended), released=tuple(due))


def _numbers(versions: Iterable[ProductVersion]) -> tuple[int, ...]:
    return tuple(sorted(version.version for version in versions))


def _having(product: Product, key: str, context: CentralContext, files: PublishedFiles) -> list[int]:
    """Versions with rows of the object, by the index beside each metadata file; its rows may be in any table.

    Raises NeedsExpress for Hive tables, and ObjectPresent where the present version has some: its owner deletes the
    object, and it is staged without.
    """
    last = context.registry.latest_version(product.name)
    if last is not None:
        require_metadata(last)
    found, known = [], dict[str, bool]()
    for version in context.registry.versions(product.name):
        if not version.staged or (version.ended is not None and version.ended.released is not None):
            continue
        for table in version.tables:
            if table.metadata not in known:
                entries = files.index(files.state(table.metadata).index)
                known[table.metadata] = any(entry.key == key for entry in entries)
        if any(known[table.metadata] for table in version.tables):
            found.append(version.version)
    if product.version in found:
        raise ObjectPresent(
            f"version {product.version} of {product.name}, which consumers read now, has rows of {key}",
            product=product.name,
            key=key,
            remedy="Delete the object, wait for the version without it, and withdraw again.",
        )
    return sorted(found)


def _wanted(product: Product, numbers: list[int], context: CentralContext) -> list[ProductVersion]:
    found = ((number, context.registry.version(product.name, number)) for number in numbers)
    wanted = [require_known(version, product.name, number) for number, version in found]
    for version in wanted:
        require_metadata(version)
    last = context.registry.latest_version(product.name)
    if last is not None:
        require_not_present(wanted, last)
    return wanted


def _tell_ended(product: str, numbers: Sequence[int], cause: Metadata, bus: Bus) -> None:
    for part in batched(numbers, _AT_ONCE, strict=False):
        event = Event[VersionsEnded](
            metadata=follow(cause, "versions ended", part[0]), data=VersionsEnded(product=product, versions=part)
        )
        bus.put(VersionsEnded.detail_type(), event.model_dump_json())


def _refuse(
    envelope: Envelope, refusal: Rejected, metadata: Metadata, context: CentralContext, topics: MemberTopics
) -> None:
    record_refusal(envelope, refusal, context)
    reason = Reason.model_validate(refusal.to_dict())
    news = WithdrawalRefused(product=envelope.quoted("product"), request=metadata.id, reason=reason)
    notify_member(envelope.account, news, metadata, "withdrawal refused", context=context, topics=topics)
