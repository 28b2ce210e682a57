"""Create what an accepted contract needs in central: database, LF-Tags, data location, grants, and its record."""

from collections.abc import Callable
from dataclasses import dataclass

from mesh.domain.contracts.claims import NameTaken, database_mark
from mesh.domain.contracts.product import product_lock
from mesh.domain.contracts.registration import Registration
from mesh.domain.events import Event, Metadata, ProductRegistered, follow
from mesh.domain.governance.product_rights import commit_grants, producer_grants, registrar_grant
from mesh.domain.names import published_location_arn
from mesh.domain.onboarding.keys import contract_key
from mesh.ports import Catalog, LakeFormation, Locks, MemberTopics
from mesh.usecases.central_context import CentralContext
from mesh.usecases.contracts.hand_over import complete_handover


@dataclass(frozen=True)
class CentralRoles:
    """Central's roles, by ARN: `own` registers products, Lake Formation reads published data as `location`, `commit`
    creates and switches tables, `pin` creates those of pinned versions."""

    own: str
    location: str
    commit: str
    pin: str


def register_product(
    registration: Registration,
    *,
    roles: CentralRoles,
    catalog: Catalog,
    lake: LakeFormation,
    locks: Locks,
    tag: Callable[[Registration], object],
    context: CentralContext,
    topics: MemberTopics,
) -> Event[ProductRegistered] | None:
    """Create everything, and return the event for the owner. Idempotent step by step. What another delivery of the same
    declaration has done since this one was checked is not done again: where an event comes a hundred times at once, all
    wait for one lock.

    None, and nothing is changed, where a newer contract, another owner's or the product's end came first: one that is
    late must not undo it.

    Tags come before grants: a tag policy on an untagged database would match nothing, or too much. The product is
    marked registered only when everything is in place, and a former owner has its rights until then.

    Raises NameTaken, before anything is changed, where the database or the location is somebody else's: the refusal is
    recorded, and a product that was never registered gives its names back; a repetition is refused again. Raises
    ConcurrentChange, NotPropagated, Throttled, EventNotAccepted.
    """
    with locks.hold(product_lock(registration.product)):
        product = context.registry.product(registration.product)
        if product is not None and not product.is_declared_by(registration.owner, registration.sequencer):
            return None
        if product is not None and product.was_registered_since(registration.checked_at):
            return _announcement(registration)
        _create_database(registration, roles, catalog, lake, context)
        tag(registration)
        lake.register_location(published_location_arn(registration.bucket, registration.product), roles.location)
        _grant(registration, roles, lake)
        if registration.taken_from:
            complete_handover(registration, registration.taken_from, lake=lake, context=context, topics=topics)
        context.registry.mark_registered(registration.product, registration.sequencer, context.clock.now())
    return _announcement(registration)


def _create_database(
    registration: Registration, roles: CentralRoles, catalog: Catalog, lake: LakeFormation, context: CentralContext
) -> None:
    """Without grants to IAMAllowedPrincipals: it is shared by tags only."""
    owners = (registration.owner, registration.taken_from)
    try:
        lake.require_free_location(published_location_arn(registration.bucket, registration.product), roles.location)
        catalog.create_database(
            registration.database,
            location=registration.location,
            description=registration.description,
            marks=[database_mark(registration.product, owner) for owner in owners if owner],
        )
    except NameTaken as refusal:
        refusal.where = {"bucket": registration.bucket, "key": contract_key(registration.product), **refusal.where}
        context.registry.release_claims(registration.product, registration.sequencer)
        now = context.clock.now()
        context.registry.record_refusal(
            registration.owner, "ProductDeclared", refusal.to_dict(), now, event=registration.declaration
        )
        raise
    lake.revoke_iam_allowed_principals(registration.database)


def _grant(registration: Registration, roles: CentralRoles, lake: LakeFormation) -> None:
    """The producer account may read its own product, with grant option; where its Glue crawler fills the tables, also
    create and alter them. Central's commit role may create and alter tables on published data, and reads no rows. So
    may the pin role, which IAM restricts to the names of pinned tables. This role may alter the database that it made:
    no document says for how long its creator may.
    """
    own = registrar_grant(registration.catalog_id, registration.database, roles.own)
    by_central = [grant for role in (roles.commit, roles.pin) for grant in commit_grants(registration, role)]
    lake.grant([*producer_grants(registration), *by_central, own])


def _announcement(registration: Registration) -> Event[ProductRegistered]:
    """The same event at every attempt."""
    cause = Metadata(id=registration.event_id, correlation_id=registration.correlation_id)
    return Event[ProductRegistered](
        metadata=follow(cause, "registered"),
        data=ProductRegistered(
            product=registration.product,
            database=registration.database,
            catalog_id=registration.catalog_id,
            region=registration.region,
            bucket=registration.bucket,
            location=registration.location,
            crawl=registration.crawl,
            crawler_prefix=registration.crawler_prefix,
            draft=registration.draft,
            contract=registration.contract,
            sequencer=registration.sequencer,
            dropped=registration.dropped,
        ),
    )
