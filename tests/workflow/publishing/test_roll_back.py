"""Each path of `roll-back`: versions staged by hand as a producer does, gone back to by central alone."""

from functools import partial
from typing import Any

import pytest

from local.accounts import ACCOUNTS, ADMIN_ROLE
from tests.access_driver import AccessDriver
from tests.mesh_commands import mesh_command
from tests.mesh_conditions import started_again, without_permission
from tests.mesh_driver import MeshDriver, Run
from tests.publishing_driver import PublishingDriver, csv
from tests.staged_tables import COLUMNS, Stager
from tests.workflow.publishing.test_commit_version import EMAIL, ROWS, WITH_EMAIL, prepared, read, versions

HAPPY = (
    "StartRollback", "PrepareRollback", "CommitVersion", "NotifySubscribers",
    "RecordLineage", "RolledBack",
)  # fmt: skip
REFUSED = ("StartRollback", "PrepareRollback", "AnnounceRefusal", "Refused")


def ask_back(mesh: MeshDriver, product: str, version: int, by: str = "producer") -> str:
    """RollbackRequested by the account's steward; the event's id."""
    request = {"product": product, "version": version, "reason": "labels were flipped"}
    return AccessDriver(mesh).send("RollbackRequested", request, by=by)


def refusal(mesh: MeshDriver, event: str) -> dict[str, Any]:
    """The reason that the owner received for the rejection; a request that names no version is answered as an event."""

    def look() -> list[dict[str, Any]]:
        found = [detail for kind, detail in mesh.notified("producer") if kind in ("RollbackRefused", "EventRefused")]
        return [detail["data"] for detail in found if detail["metadata"]["causation_id"] == event]

    return dict(mesh.until(look, f"refusal of {event}")[0]["reason"])


def roll_back(mesh: MeshDriver, product: str, version: int) -> Run:
    """How the run that it starts ended."""
    before = mesh.runs("roll-back", product)
    ask_back(mesh, product, version)
    return mesh.wait_for_run("roll-back", product, after=before)


def two_versions(mesh: MeshDriver, product: str) -> Stager:
    """Version 1 has three rows, version 2 one more with an e-mail address."""
    stager = prepared(mesh, product)
    mesh.subscribe(product)
    stager.publish(stager.stage(ROWS))
    stager.publish(stager.stage(WITH_EMAIL, columns={**COLUMNS, "email": "string"}, findings=[EMAIL]))
    return stager


def test_an_earlier_version_is_published_again_as_a_new_one(mesh: MeshDriver) -> None:
    stager = two_versions(mesh, "rob-happy")
    AccessDriver(mesh).live("rob-happy")
    link = '"rl_rob-happy"."t1"'
    assert read(mesh, f"SELECT count(*) FROM {link}") == [["4"]]

    run = roll_back(mesh, "rob-happy", 1)

    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)
    assert read(mesh, f"SELECT * FROM {link} ORDER BY id") == [["1", "10"], ["2", "20"], ["3", "30"]]
    notice = mesh.wait_for_notice("rob-happy", version=3)
    assert (notice["rollback"]["version"], notice["rollback"]["reason"]) == (1, "labels were flipped")
    assert notice["changes"][0]["removed_columns"] == ["email"]
    # `country` never shows what was `email`: no id is given twice.
    wider = {**COLUMNS, "country": "string"}
    stager.publish(stager.stage("SELECT 4::BIGINT AS id, 40::BIGINT AS amount, 'de' AS country", columns=wider))
    assert read(mesh, f"SELECT id, country FROM {link} WHERE country IS NOT NULL") == [["4", "de"]]
    assert roll_back(mesh, "rob-happy", 2).states == HAPPY
    tags = mesh.tags("rob-happy", "t1")["email"]
    assert (tags["pii"], tags["publication"]) == ("personal", "published")
    assert read(mesh, f"SELECT count(*) FROM {link}") == [["4"]]
    assert versions(mesh, "rob-happy") == 5


def test_the_command_follows_it_and_history_and_diff_show_it(mesh: MeshDriver) -> None:
    two_versions(mesh, "rob-notified")
    asked = ("rollback", "rob-notified", "1", "--reason", "labels were flipped", "--account", "central")
    code, found = mesh_command(mesh, *asked)
    assert (code, found["status"], found["published_as"]) == (0, "published", 3)
    notice = mesh.wait_for_notice("rob-notified", version=3)
    assert notice["rollback"] == {
        "version": 1, "request": found["request"], "requested_by": ACCOUNTS["central"], "reason": "labels were flipped",
    }  # fmt: skip
    assert (notice["severity"], notice["follows"]) == ("breaking", 2)
    assert (notice["changes"][0]["rows_total"], notice["changes"][0]["rows_delta"]) == (3, -1)
    _, history = mesh_command(mesh, "history", "rob-notified")
    assert [version["version"] for version in history["versions"]] == [3, 2, 1]
    assert history["versions"][0]["rollback"]["reason"] == "labels were flipped"
    _, diff = mesh_command(mesh, "diff", "rob-notified", "1", "2")
    assert diff["texts"] == ["t1.email: added (string)"]
    assert diff["tables"][0]["rows"] == [3, 4]


def test_what_may_not_be_changes_nothing(mesh: MeshDriver) -> None:
    stager = two_versions(mesh, "rob-bad")
    present = stager.pointer()
    assert refusal(mesh, ask_back(mesh, "rob-bad", 7))["code"] == "UnknownVersion"
    assert refusal(mesh, ask_back(mesh, "rob-bad", 2))["code"] == "AlreadyThere"
    with pytest.raises(AssertionError, match="AccessDenied"):  # by the bus: only stewards decide
        ask_back(mesh, "rob-bad", 1, by="consumer")
    mesh.settled("rob-bad")
    ends = {(run.status, run.states, run.outcome) for run in mesh.runs("roll-back", "rob-bad")}
    assert (stager.pointer(), ends) == (present, {("SUCCEEDED", REFUSED, "refused")})


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"version": 0}, "MalformedEvent"),
        ({"version": 1, "account": ACCOUNTS["consumer"]}, "ForgedSender"),
        ({"version": 1, "product": "nobodys-at-all"}, "NotTheOwner"),
    ],
)
def test_who_sends_what_nobody_may_send_is_told_and_no_operator_is(
    mesh: MeshDriver, sent: dict[str, Any], code: str
) -> None:
    dead, product = mesh.dead_letters(), str(sent.get("product", f"rob-{code.lower()}"))
    request = {"product": product, "reason": "labels were flipped", **sent}

    event = AccessDriver(mesh).send("RollbackRequested", request, by="producer")

    assert refusal(mesh, event)["code"] == code
    run = mesh.wait_for_run("roll-back", product)
    assert (run.status, run.states, run.outcome) == ("SUCCEEDED", REFUSED, "refused")
    assert mesh.dead_letters_since(dead) == {}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.ordered_delivery("this test says itself which event comes twice")
def test_an_event_that_comes_twice_is_one_rollback(mesh: MeshDriver, *, late: bool) -> None:
    """At the same time, or after its end: both runs end well, with one version, and one notice of it."""
    product = f"rob-{'again' if late else 'twice'}"
    stager = two_versions(mesh, product)
    if late:
        run = roll_back(mesh, product, 1)
        runs = [run, mesh.start("central", mesh.output("central", "RollBackArn"), run.input)]
    else:
        mesh.inject("duplicate_event", "events", "RollbackRequested", account=ACCOUNTS["central"])
        ask_back(mesh, product, 1)
        mesh.until(lambda: len(mesh.runs("roll-back", product)) == 2, "two runs")
        runs = mesh.runs("roll-back", product)

    assert {(run.status, run.output["version"]) for run in runs} == {("SUCCEEDED", 3)}
    assert not late or [run.outcome for run in runs] == ["published", "repeated"]
    mesh.until(mesh.at_rest, "nothing on its way")
    assert versions(mesh, product) == 3
    assert sorted(notice["data"]["version"] for notice in mesh.notices(product)) == [1, 2, 3]
    assert mesh.notices(product, "producer", "RollbackRefused") == []
    stager.publish(stager.stage(ROWS))  # the turn is over


def test_a_table_that_came_later_is_empty_and_an_upload_goes_on_from_there(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "rob-later")
    mesh.subscribe("rob-later")
    product.upload("a.csv", csv((1, 10)))
    product.upload("b.csv", csv((2, 20)), "t2")
    analyst = product.share()

    assert roll_back(mesh, "rob-later", 1).states == HAPPY

    notice = mesh.wait_for_notice("rob-later", version=3)
    assert {change["table"]: change["rows_total"] for change in notice["changes"]} == {"t1": 1, "t2": 0}
    assert (analyst.totals(), analyst.totals("t2")) == ((1, 10), (0, 0))
    assert product.at_rest(), "what came back is not an upload"
    product.upload("c.csv", csv((3, 30)))
    assert analyst.totals() == (2, 40)


def test_the_owners_guard_knows_what_is_in_force(mesh: MeshDriver) -> None:
    two_versions(mesh, "rob-guard")
    roll_back(mesh, "rob-guard", 1)
    s3, bucket = mesh.client("producer", "s3", ADMIN_ROLE), mesh.output("producer", "WorkBucketName")
    prefix = "history/rob-guard.rollbacks/"
    listed = partial(s3.list_objects_v2, Bucket=bucket, Prefix=prefix)
    known = mesh.until(lambda: listed().get("Contents"), "the producer's event")
    assert [each["Key"] for each in known] == [f"{prefix}3-1.json"]


def test_a_proposal_on_its_way_is_to_be_staged_again(mesh: MeshDriver) -> None:
    stager = two_versions(mesh, "rob-late")
    late = stager.proposal(stager.stage(WITH_EMAIL, columns={**COLUMNS, "email": "string"}))
    roll_back(mesh, "rob-late", 1)
    assert stager.propose(late).outcome == "rebase"


def test_a_version_with_missing_files_is_rejected_and_the_requester_notified(mesh: MeshDriver) -> None:
    stager = two_versions(mesh, "rob-gone")
    present = stager.pointer()
    with without_permission(mesh, "central", "PrepareRollbackFunctionRole", "s3:GetObject"):
        run = roll_back(mesh, "rob-gone", 1)
    assert (run.status, run.states, run.outcome) == ("SUCCEEDED", REFUSED, "refused")
    assert stager.pointer() == present
    notices = mesh.until(lambda: mesh.notices("rob-gone", "producer", "RollbackRefused"), "the owner's notice")
    assert notices[0]["data"]["reason"]["code"] == "VersionGone"
    again = mesh.start("central", mesh.output("central", "RollBackArn"), run.input)  # its files are back meanwhile
    assert (again.states, again.output) == (REFUSED, run.output), "delivered again after its end, it changes nothing"
    assert roll_back(mesh, "rob-gone", 1).states == HAPPY, "and another may begin"


@pytest.mark.ordered_delivery("a second delivery of the request completes what the first one left")
def test_a_run_that_died_after_the_swing_keeps_others_waiting_until_it_is_started_again(mesh: MeshDriver) -> None:
    stager = two_versions(mesh, "rob-down")
    with without_permission(mesh, "central", "CommitVersionFunctionRole", "dynamodb:UpdateItem"):
        run = roll_back(mesh, "rob-down", 1)
        assert (run.status, run.states[-2:]) == ("FAILED", ("CommitVersion", "RollbackFailed"))
        waiting = stager.propose(stager.proposal(stager.stage(ROWS)))
        assert (waiting.status, waiting.error) == ("FAILED", "ConcurrentChange")
    assert started_again(mesh, run).states == HAPPY
    stager.publish(stager.stage(ROWS))
    assert versions(mesh, "rob-down") == 4


def test_without_a_needed_permission_that_step_fails_and_the_same_run_completes(mesh: MeshDriver) -> None:
    two_versions(mesh, "rob-rights")
    with without_permission(mesh, "central", "PrepareRollbackFunctionRole", "glue:GetTable"):
        run = roll_back(mesh, "rob-rights", 1)
    assert (run.status, run.states[-2:]) == ("FAILED", ("PrepareRollback", "RollbackFailed"))
    assert refusal(mesh, ask_back(mesh, "rob-rights", 1))["code"] == "RollbackInProgress"
    assert started_again(mesh, run).states == HAPPY
