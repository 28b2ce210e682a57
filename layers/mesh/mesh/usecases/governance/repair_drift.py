"""Repair what `find_drift` found, where Meshwork owns it; what is somebody else's is left to people.

Each difference by itself: one that cannot be repaired is left with its reason, and the others are repaired.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mesh.domain.access.grants import filter_name, grants_digest, unneeded
from mesh.domain.access.overtaken import stricter_columns
from mesh.domain.access.record import OVER, Access, lock_name
from mesh.domain.contracts.product import Product, product_lock
from mesh.domain.errors import Transient
from mesh.domain.events import AccessCheckRequested, AccessId, GrantEntry
from mesh.domain.governance.catalog_snapshot import IAM_ALLOWED_PRINCIPALS
from mesh.domain.governance.drift import Drift, Drifts, Look, Repaired, reason_of
from mesh.domain.governance.product_rights import grant_entry, products_in, registered_rights
from mesh.domain.membership.authorisation import NotAMember
from mesh.domain.model import Model
from mesh.domain.names import execution_name, published_location_arn
from mesh.ports import LakeFormation, Locks, Principals
from mesh.usecases.access_ends import Endings, cut_short
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.carry_out_renames import Renaming, carry_out, passed_on_by
from mesh.usecases.governance.compare_entrances import Entrances, admitted, restore_statement
from mesh.usecases.governance.compare_grants import of_products, overdue
from mesh.usecases.governance.compare_readers import unanswered
from mesh.usecases.governance.govern_lake import merge_settings, merge_tags
from mesh.usecases.member_notifications import cause_of, notify_member
from mesh.usecases.named_accesses import NamedAccesses, tags_of_columns

_OF_PRODUCTS: Final = frozenset({"location", "tags", "rights"})
_OF_ENTRANCES: Final = frozenset({"bus", "topic"})


class Order(Model):
    """What a run of `reconcile` was started with: whether it changes anything, and the accesses of which somebody says
    that the role of their reader's name is the same reader."""

    dry_run: bool = False
    same_role: tuple[AccessId, ...] = ()


@dataclass(frozen=True)
class Repairing:
    """The ports that repairs need. `named` starts the machine that ends accesses, `endings` schedules it;
    `restore_tags` tags a product as contract and findings say; locations are registered under `location_role`;
    `admins` are those of central's stack."""

    context: CentralContext
    lake: LakeFormation
    locks: Locks
    named: NamedAccesses
    endings: Endings
    entrances: Entrances
    principals: Principals
    restore_tags: Callable[[str], object]
    location_role: str
    admins: Callable[[], tuple[str, ...]]
    renaming: Renaming


def repair_drift(found: Drifts, *, run: str, order: Order, asked: bool, using: Repairing) -> Repaired:
    """Check each grant again under the lock of its account, and leave it alone if it is in order by now.

    Idempotent."""
    short, again = run[-36:], False
    looked_at = {look.access for look in found.looks}
    resumed = [Look(access=number) for number in order.same_role if not order.dry_run and number not in looked_at]
    repaired = list(found.repaired)
    left = [] if asked else ask_readers([*found.looks, *resumed], short, order, using)
    for drift in found.drifts if not order.dry_run else ():
        try:
            done, reason = _repair(drift, short, using), drift.reason
        except Exception as error:
            done, reason, again = False, reason_of(error), again or isinstance(error, Transient)
        if done:
            repaired.append(drift)
            using.context.trace.note(
                f"reconcile-{short}", f"repaired: {drift.kind}", principal=drift.principal, drift=drift.what
            )
        else:
            left.append(drift.evolve(reason=reason))
    return Repaired(repaired=tuple(repaired), left=tuple(left), again=again)


def ask_readers(looks: Iterable[Look], run: str, order: Order, using: Repairing) -> list[Drift]:
    """Ask the accounts of readers to look, and unless it is a dry run to repair; those that could not be asked."""
    failed = []
    for look in looks:
        access = using.context.accesses.access(look.access)
        if access is None or access.status != "live":
            continue
        try:
            _ask(access, look, run, order, using)
        except Exception as error:
            failed.append(unanswered(access).evolve(reason=reason_of(error)))
    return failed


def _ask(access: Access, look: Look, run: str, order: Order, using: Repairing) -> None:
    same = not order.dry_run and access.id in order.same_role
    if same and access.checked is not None and access.checked.suspended:
        now = using.context.clock.now()
        access = using.context.accesses.save(access.noted(now, "the role of its reader's name is said to be the same"))
    event = AccessCheckRequested(
        access=access.id,
        receiver=access.receiver,
        run=run,
        repair=not order.dry_run,
        same_role=same,
        tables=(look.table,) if look.table else (),
    )
    if not order.dry_run and access.decided and _is_behind(access, access.decided.entries):
        passed = passed_on_by(access, run, access.decided.entries)
        event = event.evolve(entries=passed.entries, grants=passed.grants)
    if not notify_member(
        access.receiver, event, cause_of(access), "check", run, context=using.context, topics=using.entrances.topics
    ):
        raise NotAMember(f"account {access.receiver} is not an admitted member of this mesh", account=access.receiver)


def _is_behind(access: Access, entries: tuple[GrantEntry, ...]) -> bool:
    """Whether the account has yet to pass on what the access consists of by now, all of which was ordered."""
    digest = grants_digest(entries)
    return access.passing_on.endswith(f" {digest}") and access.passed_on != digest


def _repair(drift: Drift, run: str, using: Repairing) -> bool:
    """Whether it is repaired."""
    if not drift.repairable:
        return False
    if drift.kind == "overdue":
        return _overdue(drift.access, run, using)
    if drift.kind == "stricter":
        return _ended(drift.access, run, using)
    if drift.kind == "not-allowed":
        access = using.context.accesses.access(drift.access)
        return access is not None and cut_short(
            access,
            drift.what,
            endings=using.endings,
            context=using.context,
            locks=using.locks,
            topics=using.entrances.topics,
        )
    if drift.kind == "settings":
        now = using.lake.settings()
        using.lake.put_settings(merge_settings(now, using.admins(), (), gone=using.principals.is_gone))
        merge_tags(using.lake, using.named.ontology)
        return True
    if drift.kind in _OF_ENTRANCES:
        return _entrance(drift, using)
    if drift.kind == "rename":
        return carry_out(drift, run, using.renaming)
    if drift.kind in _OF_PRODUCTS:
        with using.locks.hold(product_lock(drift.database)):
            product = using.context.registry.product(drift.database)
            return product is not None and product.status == "registered" and _product(drift, product, using)
    return drift.entry is not None and _grants(drift, drift.entry, using)


def _overdue(number: str, run: str, using: Repairing) -> bool:
    """An access that is overdue at this moment: it may have gone live, or have ended, since all was compared."""
    access, now = using.context.accesses.access(number), using.context.clock.now()
    what = overdue(access, now) if access is not None and access.status not in OVER else ""
    if access is None or not what:
        return False
    order = {"access": number, "cause": "expired" if access.until <= now else "failed", "reason": what}
    using.named.endings.start(execution_name(f"reconcile-{number}", run), json.dumps({"ending": order}))
    return True


def _ended(number: str, run: str, using: Repairing) -> bool:
    """An access that is stricter by now than what was decided on, by what the tags are at this moment."""
    access = using.context.accesses.access(number)
    if access is None or access.status != "live":
        return False
    stricter = stricter_columns(access, tags_of_columns(using.lake), using.named.ontology)
    if stricter:
        using.named.end(number, stricter, again=run)
    return bool(stricter)


def _entrance(drift: Drift, using: Repairing) -> bool:
    if drift.kind == "bus":
        return restore_statement(drift.principal, using.entrances, using.context)
    if drift.principal not in admitted(using.context.registry):
        return False
    using.entrances.topics.create(drift.principal)
    return True


def _product(drift: Drift, product: Product, using: Repairing) -> bool:
    """The registry's word counts at the time of the repair."""
    if drift.kind == "location":
        for bucket in product.buckets:
            using.lake.register_location(published_location_arn(bucket, product.name), using.location_role)
    elif drift.kind == "tags":
        using.restore_tags(product.name)
    elif drift.entry is not None and drift.principal in {product.owner, *using.admins()}:
        grantable = drift.principal == product.owner
        if grantable and unneeded([drift.entry], [_rights_of_owner(product, using.context.account)]):
            return False
        using.lake.grant([_batch_entry(drift.principal, drift.entry, grantable=grantable)])
    else:
        return False
    return True


def _rights_of_owner(product: Product, central: str) -> list[GrantEntry]:
    rights = registered_rights(central, product.name, product.bucket, product.crawl)
    return [GrantEntry(resource=resource, permissions=tuple(held)) for resource, held in rights]


def _grants(drift: Drift, entry: GrantEntry, using: Repairing) -> bool:
    if drift.kind == "iam-allowed":
        using.lake.revoke([_batch_entry(IAM_ALLOWED_PRINCIPALS, entry, grantable=False)])
        return True
    with using.locks.hold(lock_name(drift.principal)):
        going_on = list(using.context.accesses.held_by(drift.principal))
        if drift.kind == "surplus":
            return _revoked(drift.principal, entry, going_on, using)
        live = next((each for each in going_on if each.id == drift.access and each.status == "live"), None)
        return live is not None and _granted(live, entry, using.lake)


def _batch_entry(principal: str, entry: GrantEntry, *, grantable: bool) -> dict[str, object]:
    return grant_entry(principal, entry.resource, list(entry.permissions), grantable=grantable)


def _entries(accesses: list[Access]) -> Iterator[tuple[GrantEntry, ...]]:
    return (access.decided.entries for access in accesses if access.decided is not None)


def _revoked(principal: str, entry: GrantEntry, going_on: list[Access], using: Repairing) -> bool:
    """But for what other accesses need, and products that are the account's by now."""
    going = unneeded([entry], [*_entries(going_on), *of_products(principal, products_in(entry), using.context)])
    using.lake.revoke(_batch_entry(principal, part, grantable=True) for part in going)
    return bool(going)


def _granted(access: Access, entry: GrantEntry, lake: LakeFormation) -> bool:
    """What the access consists of by now: a rename may have changed that."""
    if access.decided is None or unneeded([entry], [access.decided.entries]):
        return False
    for place, columns in access.decided.row_filters():
        lake.put_filter(place, filter_name(access.id), columns, access.decided.row_filter)
    lake.grant([_batch_entry(access.receiver, entry, grantable=True)])
    return True
