"""Carry out renames: one step for each difference that `find_renames` found. See docs/decisions/0042."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from mesh.domain.access.grants import grants_digest, unneeded
from mesh.domain.access.policy import Policies
from mesh.domain.access.record import HOLDING, OVER, Access, lock_name
from mesh.domain.contracts.product import Product, product_lock
from mesh.domain.events import AccessCheckRequested, GrantEntry
from mesh.domain.governance.drift import Drift
from mesh.domain.governance.product_rights import grant_entry
from mesh.domain.governance.rename_stage import RenameStage, of_products, stage_of
from mesh.domain.governance.renames import carried
from mesh.domain.governance.tag_names import OldTag
from mesh.domain.membership.authorisation import NotAMember
from mesh.ports import GovernanceRecord, LakeFormation, Locks, MemberTopics, TaggedCatalog
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.find_renames import is_ordered, may_go_on, old_records
from mesh.usecases.member_notifications import cause_of, notify_member


@dataclass(frozen=True)
class Renaming:
    """The ports that it needs; one for each run: what Lake Formation has is read once."""

    context: CentralContext
    policies: Policies
    record: GovernanceRecord
    catalog: TaggedCatalog
    lake: LakeFormation
    locks: Locks
    topics: MemberTopics

    @cached_property
    def stage(self) -> RenameStage:
        """How far it has come."""
        renamed = self.policies.ontology.renamed
        values = {key: self.lake.tag_values(key) or () for key, _ in renamed}
        return stage_of(self.catalog.tagged(), self.policies.ontology, self.record.pending_renames(), values)


def carry_out(drift: Drift, run: str, using: Renaming) -> bool:
    """Do the step; whether it was done. Idempotent."""
    if drift.step == "records":
        return _rewrite(using)
    if drift.step == "grants":
        return _regrant(drift.access, run, using)
    key, _, old = drift.principal.partition("=")
    if drift.step == "tags":
        return _retag((key, old), using)
    if drift.step == "value" and (key, old) not in using.stage.before_tags:
        using.lake.remove_tag_values(key, [old])
        return True
    return False


def _rewrite(using: Renaming) -> bool:
    """Each conditionally: what somebody else has written meanwhile is looked at by the next run."""
    accesses = using.context.accesses
    going_on = [access for access in accesses.newest() if access.status not in OVER]
    for record in old_records(using.context, going_on, using.policies):
        if isinstance(record, Product):
            using.context.registry.claim_product(record)
        else:
            accesses.save(record.noted(using.context.clock.now(), "recorded by new names of the governance"))
    return True


def _regrant(number: str, run: str, using: Renaming) -> bool:
    """Grant what it is to have beside what it has, and tell its account, which grants it to the reader first and then
    revokes the rest; once it has, revoke the rest here as well. Both are recorded before they are granted."""
    accesses = using.context.accesses
    access = accesses.access(number)
    if access is None or access.status != "live" or access.decided is None:
        return False
    with using.locks.hold(lock_name(access.receiver)):
        access = accesses.access(number)
        if access is None or access.status != "live" or access.decided is None:
            return False
        decided = access.decided
        if using.stage.is_reached(decided.entries):
            return True
        target = using.stage.target(decided.entries)
        digest = grants_digest(target)
        if may_go_on(access, digest, run):
            others = [
                each.decided.entries for each in accesses.held_by(access.receiver) if each.decided and each.id != number
            ]
            gone = unneeded(decided.entries, [target, *others])
            using.lake.revoke(_granted(access, gone))
            noted = access.noted(using.context.clock.now(), "granted by new names of LF-Tags")
            accesses.save(noted.evolve(decided=decided.evolve(entries=target)))
            return True
        if is_ordered(access, run, digest):
            return False
        both = unneeded([*decided.entries, *target], [])
        access = accesses.save(access.evolve(decided=decided.evolve(entries=both), passing_on=f"{run} {digest}"))
        using.lake.grant(_granted(access, target))
    order = passed_on_by(access, run, target)
    if not notify_member(
        access.receiver, order, cause_of(access), "grants", run, digest, context=using.context, topics=using.topics
    ):
        raise NotAMember(f"account {access.receiver} is not an admitted member of this mesh", account=access.receiver)
    return True


def passed_on_by(access: Access, run: str, entries: tuple[GrantEntry, ...]) -> AccessCheckRequested:
    """The order to pass these on to the reader, and nothing else."""
    digest = grants_digest(entries)
    return AccessCheckRequested(
        access=access.id, receiver=access.receiver, run=run, repair=True, entries=entries, grants=digest
    )


def _granted(access: Access, entries: Iterable[GrantEntry]) -> list[dict[str, object]]:
    return [grant_entry(access.receiver, each.resource, list(each.permissions), grantable=True) for each in entries]


def _retag(tag: OldTag, using: Renaming) -> bool:
    """Unless somebody is granted the old name alone by now. From here on the new name is what is written."""
    stage = using.stage
    holding = (access for access in using.context.accesses.newest() if access.status in HOLDING)
    granted = (access.decided.entries for access in holding if access.decided)
    if any(not stage.is_reached(entries) for entries in granted):
        return False
    using.record.keep_pending(using.record.pending_renames() - {tag})
    for database in dict.fromkeys(place[0] for place in stage.carriers.get(tag, ())):
        with using.locks.hold(product_lock(database)):
            _retag_database(database, tag, using)
    return True


def _retag_database(database: str, tag: OldTag, using: Renaming) -> None:
    """What has the old name at this moment: some of it may be stricter by now than when all was looked at."""
    new = {tag[0]: using.stage.there[tag]}
    columns = dict[str, list[str]]()
    for place in carried(of_products(using.catalog.tagged((database,))), using.stage.there).get(tag, ()):
        match place:
            case (_, table, column):
                columns.setdefault(table, []).append(column)
            case (_, table):
                using.lake.tag_table(database, table, new)
            case _:
                using.lake.tag_database(database, new)
    for table, names in columns.items():
        using.lake.tag_columns(database, table, names, new)
