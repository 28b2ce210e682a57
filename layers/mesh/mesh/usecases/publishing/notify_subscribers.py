"""The last step of a publication: answer the owner, and notify each subscriber of the version once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import batched
from types import MappingProxyType
from typing import Final

from mesh.domain import names
from mesh.domain.contracts.product import Product, ProductVersion
from mesh.domain.events import (
    Envelope,
    Event,
    Metadata,
    ProductUpdated,
    ProposalSettled,
    Query,
    TableChange,
    VersionProposed,
    follow,
    read_event,
)
from mesh.domain.membership.authorisation import NotTheOwner
from mesh.domain.model import Model
from mesh.ports import MemberTopics, Message, Note, Proposals
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import Deliveries, member_message
from mesh.usecases.publishing.published_tables import MAX_LISTED

MAX_WARNINGS = 20
_NOTIFIED_TOGETHER: Final = 50
"""Members that are recorded together; this many may be notified again when a step fails."""
MAX_BYTES: Final = 240_000
"""Of a notice: a topic takes 262,144 bytes, with the owner's answer beside it."""
_LISTED: Final = (MAX_LISTED, 30, 10, 3, 0)
"""How many names each list of a change has: the most that fit."""
_MOST_TABLES: Final = 100
"""Of a notice that does not fit without lists either."""
_LISTS: Final = ("added_columns", "removed_columns", "changed_types", "added_partitions", "schema_changes")
_SHOWN_COLUMNS = 10
"""How many of the new columns the sample query names."""


class Announce(Model):
    """A version, and the event that proposed it; a rollback has none."""

    version: ProductVersion
    proposal: Envelope | None = None


class Notified(Model):
    """Who was notified of a version; `already` were notified by an earlier attempt."""

    product: str
    version: int
    notified: tuple[str, ...]
    already: tuple[str, ...]


def notify_subscribers(
    command: Announce, *, catalog_id: str, context: CentralContext, proposals: Proposals, topics: MemberTopics
) -> Notified:
    """Answer who proposed it, and waits, together with the notice; then notify each subscriber once per version.
    Idempotent.

    An answer has an id of its own for each event that asked. A notice has the same id at every attempt, so a repeated
    one is recognised in the member's inbox. A member that has left, or is not admitted, is skipped. A draft is
    announced to its owner only.

    A member whose topic does not take the notice keeps nobody else from it: its error, EventNotAccepted or Throttled,
    is raised when all others are notified.
    """
    version = command.version
    product = context.registry.product(version.product)
    if product is None:
        raise NotTheOwner(f"there is no product {version.product!r}", product=version.product)
    proposal = command.proposal
    answers = {proposal.account: _answer(proposal, version, proposals)} if proposal else {}
    subscribers = [] if product.draft else context.registry.subscribers(product.name)
    wanted = [product.owner, *answers, *subscribers]
    return notify(version, product, wanted, answers, catalog_id=catalog_id, context=context, topics=topics)


def notify(
    version: ProductVersion,
    product: Product,
    accounts: Iterable[str],
    answers: Mapping[str, Sequence[Message]] = MappingProxyType({}),
    *,
    catalog_id: str,
    context: CentralContext,
    topics: MemberTopics,
) -> Notified:
    """Notify each of the accounts of the version once, together with its `answers`. See `notify_subscribers`."""
    wanted = dict.fromkeys(accounts)
    found = context.registry.audience(product.name, version.version, wanted)
    audience = [found[account] for account in wanted if account in found and found[account].member.status == "admitted"]
    news = Message(ProductUpdated.detail_type(), notice(version, product, catalog_id).model_dump_json())
    deliveries = Deliveries()
    for group in tuple(batched(audience, _NOTIFIED_TOGETHER, strict=False)) or ((),):
        for member, was_notified in group:
            messages = [*answers.get(member.account, ()), *([] if was_notified else [news])]
            with deliveries.to(member.account):
                if messages:
                    topics.publish(member.topic_arn, *messages)
        new = [each.member.account for each in group if not each.notified]
        reached = [account for account in new if account not in deliveries.failed]
        facts = {"product": product.name, "version": version.version, "members": reached}
        note = Note(version.correlation_id, "notified", facts)
        context.registry.record_notices(product.name, version.version, reached, context.clock.now(), note)
    deliveries.complete()
    return Notified(
        product=product.name,
        version=version.version,
        notified=tuple(each.member.account for each in audience if not each.notified),
        already=tuple(each.member.account for each in audience if each.notified),
    )


def _answer(request: Envelope, version: ProductVersion, proposals: Proposals) -> list[Message]:
    """Recorded, which ends the proposal's turn."""
    answer = proposals.settle(
        ProposalSettled(product=version.product, proposal=version.run, outcome="published", version=version.version)
    )
    return [member_message(request.account, answer, read_event(VersionProposed, request).metadata, "settled")]


def notice(version: ProductVersion, product: Product, catalog_id: str) -> Event[ProductUpdated]:
    """The notice of a version: what changed, and how to query it. Where very many tables change, each change lists
    fewer names, so that a topic takes it: `listed` says how many."""
    listings = (_notice(version, product, catalog_id, listed) for listed in _LISTED)
    return next((each for each in listings if len(each.model_dump_json().encode()) <= MAX_BYTES), None) or _notice(
        version.evolve(changes=version.changes[:_MOST_TABLES]), product, catalog_id, 0
    )


def _notice(version: ProductVersion, product: Product, catalog_id: str, listed: int) -> Event[ProductUpdated]:
    cause = Metadata(id=version.run, correlation_id=version.correlation_id)
    warnings = [found for change in version.changes if change.quality for found in change.quality.findings]
    changes = tuple(_shortened(change, listed) for change in version.changes)
    return Event[ProductUpdated](
        metadata=follow(cause, "updated", version.version),
        data=ProductUpdated(
            product=product.name,
            version=version.version,
            domain=product.domain,
            owner_account=product.owner,
            contract_version=version.contract_version,
            changes=changes,
            tables=len(version.changes),
            listed=listed,
            queries=tuple(query for change in changes for query in _queries(change, catalog_id, product.name)),
            draft=product.draft,
            follows=version.follows,
            severity=version.severity,
            compatibility=version.compatibility,
            rollback=version.rollback,
            warnings=tuple(warnings)[:MAX_WARNINGS],
        ),
    )


def _shortened(change: TableChange, listed: int) -> TableChange:
    quality = change.quality.evolve(findings=change.quality.findings[:listed]) if change.quality else None
    return change.evolve(
        quality=quality,
        **{name: getattr(change, name)[:listed] for name in _LISTS},
    )


def _queries(change: TableChange, catalog_id: str, database: str) -> Iterator[Query]:
    """One for the whole table, and one that shows what is new in it."""
    link = names.resource_link(database)
    selections = ["*"]
    if change.added_columns:
        shown = ", ".join(f'"{column.name}"' for column in change.added_columns[:_SHOWN_COLUMNS])
        selections.append(shown)
    for columns in selections:
        yield Query(
            catalog_id=catalog_id,
            database=database,
            table=change.table,
            resource_link=link,
            sql=f'SELECT {columns} FROM "{link}"."{change.table}" LIMIT 10',  # noqa: S608 - shown, not run
        )
