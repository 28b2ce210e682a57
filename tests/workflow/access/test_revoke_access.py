"""Each path of `revoke-access`: by each sender, at each time; and that nothing is revoked that another access needs."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from mesh.domain.access.grants import unneeded
from mesh.domain.access.record import Access
from mesh.domain.events import GrantEntry

from tests.access_driver import CENTRAL, CONSUMER, GROWING, OPEN, RETIRED, SECRET, AccessDriver
from tests.consumer_accesses import Granted, held, links, local_grants, lock_held, query
from tests.mesh_conditions import crash, started_again, without_permission
from tests.mesh_driver import MeshDriver

ENDED = ("EndAccess", "CheckOver", "RevokeGrants", "Ended")
SQL = f'SELECT id, amount FROM "rl_{OPEN}".t1'
CONFLICT = "ConcurrentModificationException"


@pytest.fixture(scope="module")
def deployed_mesh(skipped_mesh: MeshDriver) -> MeshDriver:
    return skipped_mesh


@pytest.mark.parametrize("by", ["consumer", "producer", "central"])
def test_consumer_owner_and_steward_end_it_everywhere(mesh: MeshDriver, accesses: AccessDriver, by: str) -> None:
    access = accesses.live(OPEN)
    assert query(mesh, SQL) == ""

    run = accesses.end(access, by=by)

    assert (run.status, run.outcome, run.states) == ("SUCCEEDED", "ended", ENDED)
    assert query(mesh, SQL) != ""
    accesses.nothing_left(access, OPEN)
    for account in ("consumer", "producer"):
        assert accesses.notified(access, "AccessRevoked", account)["reason"]["message"] == "the project is over"


def test_a_repeated_end_is_success_and_changes_nothing(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.live(OPEN)
    first = accesses.end(access)
    before = accesses.record(access)
    accesses.revoke(access, by="producer")

    again = accesses.revoke_run(access, after=[first])
    assert (again.status, again.outcome, again.states) == ("SUCCEEDED", "ended", ("EndAccess", "CheckOver", "Ended"))
    assert accesses.record(access) == before


def test_an_end_that_is_delivered_twice_is_announced_once_and_not_held_up(
    mesh: MeshDriver, accesses: AccessDriver
) -> None:
    access = accesses.live(OPEN)
    mesh.inject("duplicate_event", "events", "RevocationRequested", account=CENTRAL)
    accesses.revoke(access)
    accesses.wait(access, "ended", seconds=40)
    assert mesh.faults() == []
    for account in ("consumer", "producer"):
        assert len(accesses.notices(account, "AccessRevoked", access)) == 1


def test_an_unknown_request_is_rejected_and_reported(mesh: MeshDriver, accesses: AccessDriver) -> None:
    unknown = "ac-ffffffffffff"
    accesses.revoke(unknown)
    run = accesses.revoke_run(unknown)
    assert (run.status, run.outcome, run.states) == ("SUCCEEDED", "refused", ("EndAccess", "Refused"))
    assert accesses.notified(unknown, "DecisionRefused")["reason"]["code"] == "UnknownAccess"


def test_revoked_while_it_waits(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.waiting(SECRET)
    assert accesses.end(access).outcome == "ended"
    assert accesses.grant_run(access).outcome == "superseded"

    late = accesses.decide(access)
    assert late
    assert accesses.notified(access, "DecisionRefused", "producer")["reason"]["code"] == "DecidedAlready"
    accesses.nothing_left(access, SECRET)


def test_revoked_while_it_is_granted(mesh: MeshDriver, accesses: AccessDriver) -> None:
    """A revoke beats a grant in flight."""
    mesh.inject("delay", "lakeformation", "BatchGrantPermissions", account=CENTRAL, seconds=2)
    access = accesses.request(OPEN)
    accesses.wait(access, "sharing")
    assert accesses.end(access).outcome == "ended"
    assert accesses.grant_run(access).outcome == "superseded"
    accesses.nothing_left(access, OPEN)


def test_revoked_while_it_is_shared(mesh: MeshDriver, accesses: AccessDriver) -> None:
    with lock_held(mesh):
        access = accesses.request(OPEN)
        accesses.notified(access, "AccessGranted")
        mesh.until(lambda: _held(mesh, access) == "accepting", "accepting")
        accesses.revoke(access)
        accesses.notified(access, "AccessRevoked")
    accesses.wait(access, "ended")
    assert accesses.grant_run(access).outcome == "superseded"
    mesh.wait_for_run("accept-share", access, seconds=60)
    mesh.until(lambda: _held(mesh, access) == "over", "released")
    accesses.nothing_left(access, OPEN)


def _held(mesh: MeshDriver, access: str) -> str:
    return held(mesh, Granted(OPEN, [], access=access))


def test_a_consumer_that_does_not_answer_is_not_waited_for(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.live(OPEN)
    with without_permission(mesh, "consumer", "ReleaseShareRole", "events:PutEvents"):
        accesses.revoke(access)
        mesh.wait_for_run("release-share", access, seconds=60)
        assert accesses.record(access).status == "ending"
        accesses.skip(61)
        run = accesses.revoke_run(access)
    assert (run.status, run.outcome, run.states) == ("SUCCEEDED", "ended", ("EndAccess", "RevokeGrants", "Ended"))
    assert query(mesh, SQL) != ""
    accesses.nothing_left(access, OPEN)


def test_what_another_reader_needs_stays_at_every_layer(mesh: MeshDriver, accesses: AccessDriver) -> None:
    mine = accesses.live(OPEN)
    both = f"product={OPEN},{GROWING} pii=none confidentiality=internal"
    theirs = accesses.live(expression=both, reader="data-scientist")
    accesses.end(mine)

    assert query(mesh, SQL) != ""
    assert query(mesh, SQL, "DataScientist") == ""
    assert local_grants(mesh, OPEN) == []
    assert f"rl_{OPEN}" in links(mesh)
    keys = [item["sk"] for item in mesh.items("central", f"PRODUCT#{OPEN}")]
    assert f"SUBSCRIPTION#{CONSUMER}" in keys
    accesses.end(theirs)
    accesses.nothing_left(theirs, OPEN, "DataAnalyst", "DataScientist")
    accesses.nothing_left(theirs, GROWING, "DataAnalyst", "DataScientist")


def test_crashes_and_trouble_that_passes_are_retried(mesh: MeshDriver, accesses: AccessDriver) -> None:
    """Each function of the machine dies once; then revoking is refused, fails in part, and its answer is lost."""
    access = accesses.live(OPEN)
    for function in ("EndAccess", "RevokeGrants"):
        crash(mesh, "central", f"{function}Function")
    for kind in ("throttle", "batch_failure", "lost_answer"):
        mesh.inject(kind, "lakeformation", "BatchRevokePermissions", account=CENTRAL, code=CONFLICT)
    assert accesses.end(access).states == ENDED
    assert mesh.faults() == []
    accesses.nothing_left(access, OPEN)


def test_what_cannot_be_revoked_is_revoked_as_soon_as_it_can_be(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.live(OPEN)
    with without_permission(mesh, "central", "RevokeGrantsFunctionRole", "lakeformation:BatchRevokePermissions"):
        accesses.revoke(access)
        run = accesses.revoke_run(access)
    assert (run.status, run.states) == ("FAILED", (*ENDED[:3], "RevocationFailed"))
    assert started_again(mesh, run).states == ENDED
    assert accesses.record(access).status == "ended"
    accesses.nothing_left(access, OPEN)


def test_an_account_that_could_not_be_told_is_told_once_it_can_be(mesh: MeshDriver, accesses: AccessDriver) -> None:
    """Nobody reads meanwhile; but the account would keep its grants and its link for good."""
    access = accesses.live(OPEN)
    with without_permission(mesh, "central", "EndAccessFunctionRole", "sns:Publish"):
        accesses.revoke(access)
        run = accesses.revoke_run(access)
    assert (run.status, run.states) == ("FAILED", ("EndAccess", "RevokeAnyway", "RevocationFailed"))
    assert accesses.record(access).status == "ended"
    assert query(mesh, SQL) != ""

    assert started_again(mesh, run).states == ("EndAccess", "CheckOver", "Ended")
    mesh.until(lambda: f"rl_{OPEN}" not in links(mesh), "the link's end")
    accesses.nothing_left(access, OPEN)


def test_by_its_schedule_it_ends_everywhere_and_an_overlapping_access_still_reads(
    mesh: MeshDriver, accesses: AccessDriver
) -> None:
    """Warned before; asked for in another time zone, which is the same moment."""
    overlapping = accesses.live(OPEN, reader="data-scientist")
    until = mesh.now() + timedelta(seconds=20)
    access = accesses.live(OPEN, until=until.isoformat().replace("+00:00", "Z"))
    assert query(mesh, SQL) == ""

    assert accesses.notified(access, "AccessExpiring")["what"] == OPEN
    accesses.wait(access, "ended")
    assert mesh.now() >= until - timedelta(seconds=1)
    assert accesses.record(access).cause == "expired"
    assert accesses.notified(access, "AccessRevoked")["cause"] == "expired"
    assert query(mesh, SQL) != ""
    assert local_grants(mesh, OPEN) == []
    assert query(mesh, SQL, "DataScientist") == ""
    assert accesses.shared_with_consumer()
    accesses.end(overlapping)
    accesses.nothing_left(overlapping, OPEN, "DataAnalyst", "DataScientist")
    assert query(mesh, SQL, "DataScientist") != ""
    assert accesses.shared_with_consumer() == bool(accesses.grants())  # what earlier tests granted by hand is shared


def test_a_retired_product_is_visible_to_nobody(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.live(RETIRED)
    by_tags = accesses.live(expression=f"product={RETIRED} confidentiality=internal pii=none", reader="data-scientist")
    accesses.send("RetirementRequested", {"product": RETIRED, "reason": "there is a better one"}, by="producer")

    accesses.wait(access, "ended")
    assert accesses.record(access).cause == "retired"
    mesh.until(lambda: query(mesh, f'SELECT id FROM "rl_{RETIRED}".t1', "DataScientist") != "", "hidden from tags")
    assert mesh.notices(RETIRED, "consumer", "ProductRetired")
    late = accesses.request(RETIRED)
    assert accesses.notified(late, "AccessDenied")["reason"]["code"] == "UnknownProduct"
    accesses.end(by_tags)
    accesses.nothing_left(access, RETIRED, "DataAnalyst", "DataScientist")


# --- many at once -----------------------------------------------------------------------------------------------------


def overlapping_asks() -> list[dict[str, Any]]:
    """Twenty that share products, expressions, tables, columns; no two are the same ask."""
    asks: list[dict[str, Any]] = []
    for reader in ("analyst", "data-scientist"):
        both = f"product={OPEN},{GROWING} confidentiality=internal pii=none"
        asks += [
            {"product": OPEN, "reader": reader},
            {"product": GROWING, "reader": reader},
            {"product": OPEN, "reader": reader, "permission": "DESCRIBE"},
            {"expression": both, "reader": reader},
            {"expression": both, "reader": reader, "permission": "DESCRIBE"},
            {"product": OPEN, "reader": reader, "columns": ["id"]},
            {"product": OPEN, "reader": reader, "columns": ["id", "amount"]},
            {"product": OPEN, "reader": reader, "table": "t1"},
            {"product": OPEN, "reader": reader, "rows": "amount > 15"},
            {"product": OPEN, "reader": reader, "purpose": "research"},
        ]
    return asks


@pytest.mark.timeout(600)  # twenty of each function at a time, each in a process of its own
def test_twenty_requests_at_once_end_right_though_lake_formation_is_busy(
    mesh: MeshDriver, accesses: AccessDriver
) -> None:
    """Every fifth is revoked while it is on its way; conflicts come as errors of calls, and of entries of batches."""
    for kind in ("throttle", "batch_failure"):
        for action in ("BatchGrantPermissions", "BatchRevokePermissions"):
            mesh.inject(
                kind, "lakeformation", action, account=CENTRAL, code=CONFLICT, probability=0.15, seed=7, count=1000
            )
    asked = [accesses.request(**ask) for ask in overlapping_asks()]
    time.sleep(2)
    revoked = asked[::5]
    for access in revoked:
        accesses.wait(access, "requested", "waiting", "granting", "sharing", "live", seconds=90)
        accesses.revoke(access)
    for access in asked:
        accesses.wait(access, "ended" if access in revoked else "live", seconds=150)
    mesh.clear_faults()
    for access in revoked:
        _await_release(mesh, access)

    live = [accesses.record(access) for access in asked if access not in revoked]
    assert len(live) == 16
    _same_grants(accesses.grants(), live)
    for role in ("DataAnalyst", "DataScientist"):
        mine = [access for access in live if access.request.reader == role]
        on_link = [one for one in local_grants(mesh, OPEN, role) if f'"rl_{OPEN}"' in json.dumps(one)]
        assert [one["permissions"] for one in on_link] == [["DESCRIBE"]]
        _same_grants(_of_central(mesh, role), mine)
    assert sorted(accesses.filters()) == sorted(f"mesh-{access.id}" for access in live if access.request.rows)


def _await_release(mesh: MeshDriver, access: str) -> None:
    mesh.until(lambda: _held(mesh, access) in ("", "over"), f"{access} released", 60)


def _of_central(mesh: MeshDriver, role: str) -> list[dict[str, Any]]:
    """What the role holds on central's catalog."""
    listed = (one for product in (OPEN, GROWING) for one in local_grants(mesh, product, role))
    found = {json.dumps(one, sort_keys=True): one for one in listed}
    return [one for text, one in found.items() if '"rl_' not in text]


def _same_grants(listed: list[dict[str, Any]], live: list[Access]) -> None:
    """Nothing is missing of what the live accesses need, and nothing is left over, about the products of the test."""
    about = (f'"{OPEN}"', f'"{GROWING}"')
    found = [_entry(one) for one in listed if any(name in json.dumps(one) for name in about)]
    needed = [entry for access in live if access.decided for entry in access.decided.entries]
    assert unneeded(needed, [found]) == [], "missing"
    assert unneeded(found, [needed]) == [], "left over"


def _entry(listed: dict[str, Any]) -> GrantEntry:
    return GrantEntry(resource=listed["resource"], permissions=tuple(listed["permissions"]))
