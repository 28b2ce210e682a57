"""Tell a product's readers of a breaking revision of its contract, and wait for the notice period that it states."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mesh.domain.access.affected import MAX_LISTED, affected_accesses
from mesh.domain.contracts.announcement import Announcement, announced_change
from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.evolution import ContractDiff
from mesh.domain.contracts.product import Product
from mesh.domain.contracts.service_levels import notice_period
from mesh.domain.events import (
    AffectedAccess,
    ContractChangeAnnounced,
    Envelope,
    ProductDeclared,
    metadata_of,
    read_event,
    stable_id,
)
from mesh.domain.governance.ontology import PUBLICATION, PUBLISHED, Ontology
from mesh.domain.governance.tagging import resolve_tags
from mesh.ports import Announcements, MemberTopics, Schedules, Target
from mesh.usecases.authorisation import same_event
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import Deliveries, notify_member


@dataclass(frozen=True)
class Announcing:
    """What announcing takes; `again` starts the registration when the notice period is over."""

    context: CentralContext
    announcements: Announcements
    ontology: Ontology
    topics: MemberTopics
    schedules: Schedules
    again: Target


def announce_change(
    envelope: Envelope, product: Product, contract: Contract, diff: ContractDiff, using: Announcing
) -> Announcement | None:
    """Record the announcement, tell subscribers, holders of affected accesses, and who waits for one that it replaces,
    once, and schedule the registration.

    `in_force` is when the revision may be registered: now, where the registered contract promises no notice period. The
    owner is told if it has to wait. None where a newer revision is announced, or the product was retired meanwhile:
    this one does not come. Repeatable: the date of the first time stands. Raises EventNotAccepted, Throttled.
    """
    now, declaration = using.context.clock.now(), same_event(envelope)
    found = using.announcements.announce(
        Announcement(
            product=product.name,
            owner=product.owner,
            declaration=declaration,
            sequencer=read_event(ProductDeclared, envelope).data.sequencer,
            registered=product.contract_version,
            contract_version=contract.version,
            at=now,
            in_force=_notice_ends(product, now),
        )
    )
    if found.declaration != declaration or found.ended:
        return None
    if found.in_force > now:
        using.schedules.at(
            _schedule(product.name), found.in_force, using.again, envelope.model_dump_json(by_alias=True)
        )
    if not found.told and product.status == "registered":
        news, affected = announced_change(found, product, contract, diff), _affected(product, diff, using)
        accounts = dict.fromkeys([*using.context.registry.subscribers(product.name), *affected, *found.readers])
        readers = tuple(account for account in accounts if account != product.owner)
        using.announcements.record_readers(found, readers, told=False)  # whoever hears of it hears if it does not come
        waits = found.in_force > found.at
        _tell(envelope, news, [*readers, *([product.owner] if waits else [])], affected, using)
        using.announcements.record_readers(found, readers, told=True)
    return found


def withdraw_announcement(envelope: Envelope, product: Product, sequencer: str, using: Announcing) -> None:
    """A newer revision is recorded. Readers who were told of an older one that is not registered are told that it does
    not come. Repeatable."""
    found = using.announcements.newest(product.name)
    if found is None or found.ended or found.compared(envelope.account, sequencer) >= 0:
        return
    if found.contract_version != product.contract_version:
        event = ContractChangeAnnounced(
            product=product.name,
            domain=product.domain,
            owner_account=product.owner,
            registered=found.registered,
            contract_version=found.contract_version,
            in_force=found.in_force,
            version=product.version,
            withdrawn=True,
        )
        _tell(envelope, event, [*found.readers, product.owner], {}, using)
    using.schedules.drop(_schedule(product.name))
    using.announcements.end(product.name)


def _affected(product: Product, diff: ContractDiff, using: Announcing) -> dict[str, list[AffectedAccess]]:
    """By the account that receives them."""
    found: dict[str, list[AffectedAccess]] = defaultdict(list)
    accesses, tags = using.context.accesses.newest(), _tags_of_columns(product, using)
    for receiver, access in affected_accesses(accesses, product.name, diff.breaking, tags):
        found[receiver].append(access)
    return found


def _tags_of_columns(product: Product, using: Announcing) -> dict[str, dict[str, dict[str, str]]]:
    """Of the newest version's tables, by the contract in force and what was found: table → column → tags."""
    registry, name = using.context.registry, product.name
    version = registry.latest_version(name)
    tables = {table.table: table.column_names() for table in version.tables} if version else {}
    contract = Contract.model_validate(product.contract)
    plan = resolve_tags(
        contract, using.ontology, registry.findings(name), product=name, tables=tables, registered=product.tags
    )
    return {
        table: {column: {**plan.effective(table, column), PUBLICATION: PUBLISHED} for column in columns}
        for table, columns in tables.items()
    }


def _tell(
    envelope: Envelope,
    event: ContractChangeAnnounced,
    accounts: Iterable[str],
    affected: Mapping[str, Sequence[AffectedAccess]],
    using: Announcing,
) -> None:
    """Each with its own accesses; those that have left are passed over."""
    context, metadata, told, deliveries = using.context, metadata_of(envelope), [], Deliveries()
    for account in accounts:
        own = affected.get(account, ())
        news = event.evolve(accesses=tuple(own[:MAX_LISTED]), accesses_count=len(own))
        with deliveries.to(account):
            if notify_member(account, news, metadata, "announced", context=context, topics=using.topics):
                told.append(account)
    context.trace.note(
        metadata.correlation_id,
        "contract change withdrawn" if event.withdrawn else "contract change announced",
        product=event.product,
        contract_version=event.contract_version,
        in_force=event.in_force.isoformat(),
        told=told,
    )
    deliveries.complete()


def _notice_ends(product: Product, now: datetime) -> datetime:
    """At once where there are no data that anybody may read."""
    if product.status != "registered" or not product.version:
        return now
    return max(now + notice_period(Contract.model_validate(product.contract)), product.notice_until or now)


def _schedule(product: str) -> str:
    """A product's name is longer than a schedule's may be."""
    return f"contract-{stable_id(product, 'contract')}"
