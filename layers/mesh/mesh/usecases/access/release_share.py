"""A consumer account revokes its local grants: the reader's, and drops resource links that are no longer needed."""

from typing import Any, Literal

from mesh.domain import names
from mesh.domain.access.consumer_access import ConsumerAccess, still_needed
from mesh.domain.access.grants import unneeded, unneeded_databases
from mesh.domain.access.passed_on import ending_with
from mesh.domain.events import (
    AccessDenied,
    AccessGranted,
    AccessReleased,
    AccessRevoked,
    Envelope,
    Event,
    Metadata,
    follow,
)
from mesh.domain.governance.product_rights import grant_entry
from mesh.domain.model import Model
from mesh.ports import Clock, ConsumerAccesses, LakeFormation, Locks, Readers, ResourceLinks
from mesh.usecases.access.accept_share import LOCK

type Ending = AccessRevoked | AccessDenied | AccessGranted

_ENDINGS: dict[str, type[Ending]] = {kind.detail_type(): kind for kind in (AccessRevoked, AccessDenied, AccessGranted)}


class Released(Model):
    """`released`: by this run. `over`: by an earlier one. `kept`: another run made it ready."""

    access: str
    outcome: Literal["released", "over", "kept"]
    links_removed: tuple[str, ...] = ()
    announcement: dict[str, Any]
    """AccessReleased's detail."""


def release_access(
    envelope: Envelope,
    *,
    execution: str,
    account: str,
    own_role: str,
    accesses: ConsumerAccesses,
    lake: LakeFormation,
    readers: Readers,
    links: ResourceLinks,
    locks: Locks,
    clock: Clock,
) -> Released:
    """Revoke everything of an access that no other access of this account needs, also what people of the account passed
    on of it, and record that it is over.

    `envelope` holds AccessRevoked or AccessDenied; or the AccessGranted that could not be accepted, and then an access
    that another run made ready is kept. An unknown access leaves a tombstone for a grant that arrives late.
    """
    access, cause = _subject(envelope)
    with locks.hold(LOCK):
        held = accesses.get(access) or ConsumerAccess(access=access, state="releasing", noted=clock.now())
        if held.state == "ready" and envelope.detail_type == AccessGranted.detail_type():
            return _released(held, cause, "kept")
        if held.state == "over":
            return _released(held, cause, "released" if held.ended_by == execution else "over")
        if held.revision == 0 or held.state != "releasing":
            held = accesses.save(held.evolve(state="releasing"))
        others = list(accesses.live())
        if held.reader:
            _revoke(held, others, account, lake, readers)
        _revoke_passed_on(held, others, account, lake, readers)
        unused = unneeded_databases(held.databases, [other.databases for other in others])
        removed = tuple(link for link in map(names.resource_link, unused) if _leads_to_central(link, held, links))
        # Administrators may not drop what they did not create, but may grant themselves that right.
        droppable = [({"Database": {"CatalogId": account, "Name": link}}, ["DROP"]) for link in removed]
        lake.grant(grant_entry(own_role, resource, permissions) for resource, permissions in droppable)
        for link in removed:
            links.delete(link)
        ended = {"state": "over", "ended_by": execution, "links_removed": removed, "noted": clock.now()}
        held = accesses.save(held.evolve(**ended))
    return _released(held, cause, "released")


def _subject(envelope: Envelope) -> tuple[str, Metadata]:
    """The access that an event is about, and the event's metadata."""
    kind = _ENDINGS[envelope.detail_type]
    metadata = Metadata.model_validate(envelope.detail.get("metadata"))
    return kind.model_validate(envelope.detail.get("data")).access, metadata


def _revoke(
    held: ConsumerAccess, others: list[ConsumerAccess], account: str, lake: LakeFormation, readers: Readers
) -> None:
    """Only what the reader holds: without central's own grant the account may not even list it."""
    taken = unneeded(held.passed_on(account), still_needed(held, others, account))
    taken, _ = readers.held(held.reader, [account, str(held.catalog_id)], taken)
    lake.revoke(grant_entry(held.reader, entry.resource, list(entry.permissions)) for entry in taken)


def _revoke_passed_on(
    held: ConsumerAccess, others: list[ConsumerAccess], account: str, lake: LakeFormation, readers: Readers
) -> None:
    """What people passed on of it: left behind it would be in effect again with the account's next access."""
    if held.catalog_id is None:
        return
    for each in ending_with(held, others, readers.passed_on(account, held.catalog_id), account):
        permissions = list(each.entry.permissions)
        option = [permission for permission in permissions if permission in each.grantable]
        entry = grant_entry(each.principal, each.entry.resource, permissions)
        lake.revoke([{**entry, "PermissionsWithGrantOption": option}])


def _leads_to_central(link: str, held: ConsumerAccess, links: ResourceLinks) -> bool:
    """Anything else of that name is not Meshwork's to delete."""
    return links.target(link) in {(held.catalog_id, database) for database in held.databases}


def _released(held: ConsumerAccess, cause: Metadata, outcome: Literal["released", "over", "kept"]) -> Released:
    data = AccessReleased(access=held.access, links_removed=held.links_removed)
    event = Event[AccessReleased](metadata=follow(cause, "released"), data=data)
    return Released(
        access=held.access,
        outcome=outcome,
        links_removed=held.links_removed,
        announcement=event.model_dump(mode="json"),
    )
