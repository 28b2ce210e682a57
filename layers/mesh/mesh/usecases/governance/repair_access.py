"""Repair what `find_drift` found, where Meshwork owns it; manual grants are left to people."""

import json
from collections.abc import Iterator

from mesh.domain.access.grants import filter_name, unneeded
from mesh.domain.access.record import Access, lock_name
from mesh.domain.events import GrantEntry
from mesh.domain.governance.catalog_snapshot import IAM_ALLOWED_PRINCIPALS
from mesh.domain.governance.product_rights import grant_entry
from mesh.domain.model import Model
from mesh.domain.names import execution_name
from mesh.ports import AccessRegistry, Executions, LakeFormation, Locks
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.reconcile_access import Drift, Drifts


class Repaired(Model):
    """Which differences were fixed; `left` are as they were found, for people to decide."""

    repaired: tuple[Drift, ...]
    left: tuple[Drift, ...]


def repair_drift(
    found: Drifts, *, run: str, context: CentralContext, lake: LakeFormation, locks: Locks, endings: Executions
) -> Repaired:
    """Each grant is checked again under the lock of its account, and left alone if it is in order by now. Idempotent.

    Raises ConcurrentChange, and what Lake Formation answers.
    """
    short = run[-36:]
    repaired = []
    for drift in found.drifts:
        if _repair(drift, short, accesses=context.accesses, lake=lake, locks=locks, endings=endings):
            repaired.append(drift)
            context.trace.note(
                f"reconcile-{short}", f"repaired: {drift.kind}", principal=drift.principal, drift=drift.what
            )
    left = tuple(drift for drift in found.drifts if drift not in repaired)
    return Repaired(repaired=tuple(repaired), left=left)


def _repair(
    drift: Drift, run: str, *, accesses: AccessRegistry, lake: LakeFormation, locks: Locks, endings: Executions
) -> bool:
    if not drift.repairable:
        return False
    if drift.kind == "overdue":
        order = {"access": drift.access, "cause": "expired", "reason": drift.what}
        endings.start(execution_name(f"reconcile-{drift.access}", run), json.dumps({"ending": order}))
        return True
    if drift.entry is None:
        return False
    if drift.kind == "iam-allowed":
        lake.revoke([_batch_entry(IAM_ALLOWED_PRINCIPALS, drift.entry, grantable=False)])
        return True
    with locks.hold(lock_name(drift.principal)):
        going_on = list(accesses.held_by(drift.principal))
        if drift.kind == "surplus":
            return _revoked(drift.principal, drift.entry, going_on, lake)
        live = next((each for each in going_on if each.id == drift.access and each.status == "live"), None)
        return live is not None and _granted(live, drift.entry, lake)


def _batch_entry(principal: str, entry: GrantEntry, *, grantable: bool) -> dict[str, object]:
    return grant_entry(principal, entry.resource, list(entry.permissions), grantable=grantable)


def _entries(accesses: list[Access]) -> Iterator[tuple[GrantEntry, ...]]:
    return (access.decided.entries for access in accesses if access.decided is not None)


def _revoked(principal: str, entry: GrantEntry, going_on: list[Access], lake: LakeFormation) -> bool:
    going = unneeded([entry], _entries(going_on))
    lake.revoke(_batch_entry(principal, part, grantable=True) for part in going)
    return bool(going)


def _granted(access: Access, entry: GrantEntry, lake: LakeFormation) -> bool:
    if access.decided is None:
        return False
    for place, columns in access.decided.row_filters():
        lake.put_filter(place, filter_name(access.id), columns, access.decided.row_filter)
    lake.grant([_batch_entry(access.receiver, entry, grantable=True)])
    return True
