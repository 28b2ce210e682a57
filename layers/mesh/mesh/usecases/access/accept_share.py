"""A consumer account accepts what central granted it: invitations, resource links, the reader's grants.

Local grants are made under the account's one lock, after a check that the access has not ended: `release_share`
revokes under the same lock, so nothing is granted after it.
"""

from typing import Any, Final, Literal

from mesh.domain import names
from mesh.domain.access.consumer_access import ConsumerAccess, accepting
from mesh.domain.access.record import UnknownAccess
from mesh.domain.events import AccessGranted, AccessReady, Envelope, Event, follow
from mesh.domain.governance.product_rights import grant_entry
from mesh.domain.model import Model
from mesh.ports import Catalog, Clock, ConsumerAccesses, LakeFormation, Locks, Readers, ResourceLinks, Shares
from mesh.usecases.access.explain_access import UnknownRole
from mesh.usecases.central_shares import require_shared

LOCK: Final = "accesses"


class Accepted(Model):
    """`ready` where an earlier run completed it: then only AccessReady, `announcement`, is sent again."""

    access: str
    outcome: Literal["accepted", "ready"]
    announcement: dict[str, Any] | None = None


def accept_share(
    envelope: Envelope,
    *,
    account: str,
    accesses: ConsumerAccesses,
    readers: Readers,
    shares: Shares,
    catalog: Catalog,
    links: ResourceLinks,
    lake: LakeFormation,
    locks: Locks,
    clock: Clock,
) -> Accepted:
    """Record the access, accept central's shares, link its databases and grant to the reader. Idempotent.

    Where there is a reader, it may also see the database `default`, which Athena asks for
    (https://docs.aws.amazon.com/athena/latest/ug/lf-athena-limitations.html#lf-athena-limitations-describe-default).

    Raises AccessOver, UnknownRole, ShareRefused (central has to share anew), NotYetShared (retried), LinkTaken,
    ConcurrentChange, NotPropagated.
    """
    event = Event[AccessGranted].model_validate(envelope.detail)
    held = _noted(event, accesses=accesses, readers=readers, clock=clock)
    if held.state == "ready":
        return Accepted(access=held.access, outcome="ready", announcement=ready_event(held).model_dump(mode="json"))
    require_shared(
        event.data.catalog_id,
        held.databases,
        shares=shares,
        links=links,
        remedy="request it again: mesh request; central then shares anew",
    )
    with locks.hold(LOCK):
        pass_on(going_on(held.access, accesses), account=account, catalog=catalog, lake=lake)
    return Accepted(access=held.access, outcome="accepted")


def pass_on(held: ConsumerAccess, *, account: str, catalog: Catalog, lake: LakeFormation) -> None:
    """Link its databases and grant to the reader, under the lock `LOCK`. Idempotent.

    Raises LinkTaken, NotPropagated."""
    _link(held, catalog)
    # DESCRIBE on each link, and what central granted, to the reader's role; none for a whole account.
    grants = [grant_entry(held.reader, entry.resource, list(entry.permissions)) for entry in held.passed_on(account)]
    if held.reader:
        catalog.require_default_database()
        grants.append(_default_grant(held.reader, account))
    lake.grant(grants)


def _noted(
    event: Event[AccessGranted], *, accesses: ConsumerAccesses, readers: Readers, clock: Clock
) -> ConsumerAccess:
    """The recorded access; a new one for a grant seen for the first time."""
    granted = event.data
    known = accesses.get(granted.access)
    if known is not None:
        return known.require_going_on()
    role = readers.role(granted.reader) if granted.reader else None
    if granted.reader and role is None:
        raise UnknownRole(
            f"there is no role {granted.reader} in account {granted.receiver}",
            role=granted.reader,
            remedy="create the role, or request another reader: mesh request --role",
        )
    return accesses.save(accepting(event, role, clock.now()))


def _link(held: ConsumerAccess, catalog: Catalog) -> None:
    """A resource link for each database. Raises LinkTaken where the name is used for something else."""
    for database in held.databases:
        link = names.resource_link(database)
        catalog.create_resource_link(link, catalog=str(held.catalog_id), database=database, region=held.region)


def _default_grant(reader: str, account: str) -> dict[str, Any]:
    """Athena looks at the account's database `default` for every query. The reader keeps this: it shows nothing of
    anybody's data, and somebody else may have granted it as well."""
    return grant_entry(reader, {"Database": {"CatalogId": account, "Name": names.DEFAULT_DATABASE}}, ["DESCRIBE"])


def going_on(access: str, accesses: ConsumerAccesses) -> ConsumerAccess:
    """The access's record. Raises AccessOver, and UnknownAccess where it was never recorded."""
    held = accesses.get(access)
    if held is None:
        raise UnknownAccess(f"access {access} is not known to this account", access=access)
    return held.require_going_on()


def ready_event(held: ConsumerAccess) -> Event[AccessReady]:
    """The same event at every repetition."""
    if held.metadata is None:
        raise UnknownAccess(f"access {held.access} was never granted", access=held.access)
    data = AccessReady(
        access=held.access,
        links=held.links,
        proved_as=held.proved_as,
        query_execution_id=held.query_execution_id,
    )
    return Event[AccessReady](metadata=follow(held.metadata, "ready"), data=data)
