"""Each path of `release-share`: what an access passed on goes, and nothing that another one needs."""

from collections.abc import Callable

import pytest

from local.accounts import REGION
from tests.consumer_accesses import (
    CENTRAL,
    CONSUMER,
    EventListener,
    Granted,
    accept,
    by_name,
    by_tags,
    grant,
    held,
    links,
    local_grants,
    publish,
    query,
    revoke,
    revoked,
    send_event,
)
from tests.mesh_conditions import ATTEMPTS, crash, started_again
from tests.mesh_driver import MeshDriver

PRODUCT, OTHER = "release-cards", "release-loans"
HAPPY = ("ReleaseAccess", "AnnounceRelease", "Released")
SQL = f'SELECT id FROM "rl_{PRODUCT}".t1'

type Make = Callable[..., Granted]


@pytest.fixture(scope="module")
def listener(deployed_mesh: MeshDriver) -> EventListener:
    publish(deployed_mesh, PRODUCT, OTHER)
    return EventListener(deployed_mesh)


@pytest.fixture
def ready(mesh: MeshDriver, listener: EventListener) -> Make:
    """Makes an access that is granted, accepted and proved."""

    def make(granted: Granted | None = None) -> Granted:
        granted = granted or Granted(PRODUCT, by_tags(PRODUCT))
        grant(mesh, granted)
        assert accept(mesh, granted).outcome == "ready"
        return granted

    return make


def nothing_left(mesh: MeshDriver, *roles: str) -> None:
    assert f"rl_{PRODUCT}" not in links(mesh)
    assert [one for role in roles or ("DataAnalyst",) for one in local_grants(mesh, PRODUCT, role)] == []
    assert query(mesh, SQL) != ""


def test_released_and_announced(mesh: MeshDriver, listener: EventListener, ready: Make) -> None:
    granted = ready()
    assert query(mesh, SQL) == ""
    run = revoke(mesh, granted)
    assert (run.status, run.states, run.outcome) == ("SUCCEEDED", HAPPY, "released")
    assert listener.wait(granted, "AccessReleased")["links_removed"] == [granted.link]
    assert held(mesh, granted) == "over"
    nothing_left(mesh)


def test_what_another_access_of_the_same_reader_needs_stays(
    mesh: MeshDriver, listener: EventListener, ready: Make
) -> None:
    whole, again = ready(), ready()
    some = ready(Granted(PRODUCT, by_name(PRODUCT, "id"), columns=("id",)))
    revoke(mesh, whole)
    assert listener.wait(whole, "AccessReleased")["links_removed"] == []
    assert query(mesh, f'SELECT id, amount FROM "{whole.link}".t1') == ""
    revoke(mesh, again)
    assert query(mesh, SQL) == ""
    assert "COLUMN_NOT_FOUND" in query(mesh, f'SELECT amount FROM "{whole.link}".t1')
    revoke(mesh, some)
    nothing_left(mesh)


def test_columns_and_permissions_go_one_by_one(mesh: MeshDriver, listener: EventListener, ready: Make) -> None:
    both = ready(Granted(PRODUCT, by_name(PRODUCT, "id", "amount")))
    one = ready(Granted(PRODUCT, by_name(PRODUCT, "amount"), columns=("amount",)))
    revoke(mesh, both)
    assert query(mesh, f'SELECT amount FROM "{one.link}".t1') == ""
    assert "COLUMN_NOT_FOUND" in query(mesh, SQL)
    revoke(mesh, one)
    nothing_left(mesh)


def test_another_reader_keeps_its_own_and_the_link(mesh: MeshDriver, listener: EventListener, ready: Make) -> None:
    analyst = ready()
    scientist = ready(Granted(PRODUCT, by_tags(PRODUCT), reader="DataScientist"))
    revoke(mesh, analyst)
    assert local_grants(mesh, PRODUCT) == []
    assert query(mesh, SQL) != ""
    assert query(mesh, SQL, "DataScientist") == ""
    revoke(mesh, scientist)
    nothing_left(mesh, "DataAnalyst", "DataScientist")


def test_a_redelivered_end_is_answered_again_and_changes_nothing(
    mesh: MeshDriver, listener: EventListener, ready: Make
) -> None:
    granted = ready()
    revoke(mesh, granted, event=f"end-of-{granted.access}")
    later = ready()
    assert revoke(mesh, granted, event=f"end-of-{granted.access}").states == HAPPY
    listener.wait(granted, "AccessReleased", count=2)
    assert len({detail["metadata"]["id"] for detail in listener.received(granted, "AccessReleased")}) == 1
    assert query(mesh, SQL) == ""
    revoke(mesh, later)
    nothing_left(mesh)


def test_a_denial_releases_too(mesh: MeshDriver, listener: EventListener) -> None:
    granted = Granted(PRODUCT, by_tags(PRODUCT))
    denied = {name: value for name, value in revoked(granted).items() if name != "cause"}
    send_event(mesh, "AccessDenied", granted, denied)
    assert mesh.wait_for_run("release-share", granted.access).states == HAPPY
    assert listener.wait(granted, "AccessReleased")["links_removed"] == []
    grant(mesh, granted)
    assert accept(mesh, granted).outcome == "superseded"


def test_a_link_that_leads_elsewhere_by_now_stays(mesh: MeshDriver, listener: EventListener, ready: Make) -> None:
    granted = ready()
    lake = mesh.client("consumer", "lakeformation", "ConsumerAdmin")
    glue = mesh.client("consumer", "glue", "ConsumerAdmin")
    own = {"Database": {"Name": granted.link}}
    who = {"DataLakePrincipalIdentifier": f"arn:aws:iam::{CONSUMER}:role/ConsumerAdmin"}
    lake.grant_permissions(Principal=who, Resource=own, Permissions=["DROP"])
    glue.delete_database(Name=granted.link)
    target = {"CatalogId": CENTRAL, "DatabaseName": OTHER, "Region": REGION}
    glue.create_database(DatabaseInput={"Name": granted.link, "TargetDatabase": target})
    try:
        assert revoke(mesh, granted).outcome == "released"
        assert listener.wait(granted, "AccessReleased")["links_removed"] == []
        assert granted.link in links(mesh)
    finally:
        glue.delete_database(Name=granted.link)


def test_a_link_that_is_gone_already_is_released(mesh: MeshDriver, listener: EventListener, ready: Make) -> None:
    granted = ready()
    lake = mesh.client("consumer", "lakeformation", "ConsumerAdmin")
    who = {"DataLakePrincipalIdentifier": f"arn:aws:iam::{CONSUMER}:role/ConsumerAdmin"}
    lake.grant_permissions(Principal=who, Resource={"Database": {"Name": granted.link}}, Permissions=["DROP"])
    mesh.client("consumer", "glue", "ConsumerAdmin").delete_database(Name=granted.link)
    assert revoke(mesh, granted).outcome == "released"
    nothing_left(mesh)


@pytest.mark.parametrize(
    ("service", "action", "kind", "code"),
    [
        ("lakeformation", "BatchRevokePermissions", "throttle", "ConcurrentModificationException"),
        ("lakeformation", "BatchRevokePermissions", "batch_failure", "ConcurrentModificationException"),
        ("lakeformation", "BatchRevokePermissions", "lost_answer", ""),
        ("glue", "DeleteDatabase", "lost_answer", ""),
    ],
)
def test_trouble_that_passes_is_retried(
    mesh: MeshDriver, ready: Make, *, service: str, action: str, kind: str, code: str
) -> None:
    granted = ready()
    mesh.inject(kind, service, action, account=CONSUMER, count=2, code=code)
    assert revoke(mesh, granted).states == HAPPY
    assert mesh.faults() == []
    nothing_left(mesh)


def test_a_failed_run_completes_when_it_is_started_again(mesh: MeshDriver, ready: Make) -> None:
    granted = ready()
    crash(mesh, "consumer", "ReleaseAccessFunction", times=ATTEMPTS)
    run = revoke(mesh, granted)
    assert (run.status, run.error, run.states) == ("FAILED", "Runtime.ExitError", ("ReleaseAccess", "ReleaseFailed"))
    assert started_again(mesh, run).outcome == "released"
    nothing_left(mesh)


def test_an_event_that_does_not_match_its_contract_is_rejected(mesh: MeshDriver) -> None:
    granted = Granted(PRODUCT, by_tags(PRODUCT))
    send_event(mesh, "AccessRevoked", granted, revoked(granted) | {"cause": "whim"})
    run = mesh.wait_for_run("release-share", granted.access)
    assert (run.status, run.outcome, run.states) == ("SUCCEEDED", "refused", ("ReleaseAccess", "Refused"))


def test_events_about_another_account_start_nothing(mesh: MeshDriver) -> None:
    granted = Granted(PRODUCT, by_tags(PRODUCT))
    send_event(mesh, "AccessRevoked", granted, revoked(granted) | {"receiver": "444444444444"})
    later = Granted(PRODUCT, by_tags(PRODUCT))
    send_event(mesh, "AccessRevoked", later, revoked(later))
    mesh.wait_for_run("release-share", later.access)
    assert mesh.runs("release-share", granted.access) == []


def test_many_at_once_with_conflicts_all_end_right(mesh: MeshDriver, listener: EventListener) -> None:
    forms = [by_tags(PRODUCT), by_name(PRODUCT, "id", "amount"), by_tags(OTHER)]
    products = [PRODUCT, PRODUCT, OTHER]
    many = [
        Granted(products[number % 3], forms[number % 3], reader=("DataAnalyst", "DataScientist")[number % 2])
        for number in range(12)
    ]
    for granted in many[:3]:
        grant(mesh, granted)
    conflict = {"code": "ConcurrentModificationException", "probability": 0.2, "count": 500, "account": CONSUMER}
    mesh.inject("batch_failure", "lakeformation", "BatchGrantPermissions", seed=7, **conflict)
    mesh.inject("throttle", "lakeformation", "BatchRevokePermissions", seed=8, **conflict)
    for granted in many:
        send_event(mesh, "AccessGranted", granted, granted.data())
    for granted in many:
        assert mesh.wait_for_run("accept-share", granted.access, seconds=90).outcome == "ready"
    *ending, last, scientist = many
    for granted in ending:
        send_event(mesh, "AccessRevoked", granted, revoked(granted))
    for granted in ending:
        assert mesh.wait_for_run("release-share", granted.access, seconds=90).outcome == "released"
    for granted in (last, scientist):
        assert query(mesh, f'SELECT id, amount FROM "{granted.link}".t1', granted.reader) == ""
        mesh.clear_faults()
        revoke(mesh, granted)
    nothing_left(mesh, "DataAnalyst", "DataScientist")
    assert f"rl_{OTHER}" not in links(mesh)
