"""The way of an upload whose product is published as Iceberg tables: checked, staged, proposed, answered, settled."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from local.accounts import ADMIN_ROLE
from tests.event_queue import producers_events
from tests.mesh_commands import mesh_command
from tests.mesh_conditions import ATTEMPTS, crash
from tests.mesh_driver import MeshDriver, Run
from tests.publishing_driver import Analyst, PublishingDriver, csv, one_table_contract
from tests.staged_tables import Stager, stager_role

CHECKED = ("TakeBatch", "RouteBatch", "CheckObjects", "CheckChanges")
PROPOSED = (*CHECKED, "ProposeVersion")
SETTLED = ("SettleBatch", "CheckHeld", "RecordLineage", "CheckMore")
UNCHANGED = ("SettleBatch", "CheckHeld", "CheckMore", "Settled")
PUBLISHED = (*PROPOSED, *SETTLED, "Settled")
PRODUCER, CENTRAL = "222222222222", "111111111111"
TIMEOUT = 1501
"""Seconds after which a producer without an answer proposes again."""
WHILE = 15.0
"""Seconds within which it has proposed again, on a busy machine as well."""


@pytest.fixture(scope="module")
def deployed_mesh(skipped_mesh: MeshDriver) -> MeshDriver:
    return skipped_mesh


def published(run: Run, version: int) -> None:
    assert (run.status, run.outcome, run.output["version"]) == ("SUCCEEDED", "published", version), run


def test_an_upload_is_published_and_read_by_the_consumer(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-first")
    mesh.subscribe(product.name)
    run = product.upload("a.csv", csv((1, 10), (2, 20)))
    assert (run.status, run.path) == ("SUCCEEDED", PUBLISHED)
    assert run.output == {
        "outcome": "published", "product": product.name, "generation": 1, "accepted": 1, "held": 0, "same": 0,
        "version": 1,
    }  # fmt: skip
    assert product.share().rows() == [["1", "10"], ["2", "20"]]
    change = mesh.wait_for_notice(product.name)["changes"][0]
    assert (change["table"], change["rows"], change["rows_total"]) == ("t1", 2, 2)
    assert product.at_rest()


def test_what_is_overwritten_replaces_its_rows_alone(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-over")
    product.upload("a.csv", csv((1, 10), (2, 20)))
    product.upload("b.csv", csv((3, 30)))
    analyst = product.share()
    assert analyst.totals() == (3, 60)
    published(product.upload("a.csv", csv((9, 90))), version=3)
    assert analyst.rows() == [["3", "30"], ["9", "90"]]


def test_a_bad_overwrite_is_held_and_the_rows_stay(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-held")
    product.upload("a.csv", csv((1, 10), (2, 20)))
    analyst = product.share()
    notices = {"detail-type": ["ProductQuarantined"], "detail": {"data": {"product": [product.name]}}}
    with producers_events(mesh, f"events-{product.name}", notices) as queue:
        run = product.upload("a.csv", csv((1, "many")))
        assert (run.status, run.path) == (
            "SUCCEEDED", (*CHECKED, "SettleBatch", "CheckHeld", "NotifyOwner", "RecordLineage", "CheckMore", "Settled"),
        )  # fmt: skip
        [event] = mesh.until(queue.events, "the owner's event")
    assert (run.outcome, run.output["held"]) == ("nothing", 1)
    assert analyst.totals() == (2, 30)
    assert product.versions() == 1
    [batch] = product.held()
    assert (batch["status"], batch["objects"], batch["reason"]["code"]) == ("held", 1, "ValueNotOfType")
    assert event["detail"]["data"]["objects"][0]["key"] == product.key("a.csv")
    assert mesh.exists(batch["page"])
    assert mesh.read(product.key("a.csv")) == csv((1, "many")).encode()  # the owner's object stays where it is
    published(product.upload("a.csv", csv((5, 50))), version=2)
    assert analyst.rows() == [["5", "50"]]


def test_the_good_are_published_without_the_bad(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-mixed")
    run = product.together(
        partial(product.put, "good.csv", csv((1, 10))), partial(product.put, "bad.csv", "id,amount\n1,2,3\n")
    )
    assert run.path == (*PROPOSED, "SettleBatch", "CheckHeld", "NotifyOwner", "RecordLineage", "CheckMore", "Settled")
    assert (run.output["accepted"], run.output["held"], run.output["version"]) == (1, 1, 1)
    assert product.share().rows() == [["1", "10"]]


def test_deleted_objects_are_not_in_the_next_version(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-deleted")
    product.together(*(partial(product.put, f"{n}.csv", csv((n, 10 * n))) for n in (1, 2)))
    analyst = product.share()
    run = product.work(lambda: product.delete("1.csv"))
    assert (run.path, run.outcome) == (PUBLISHED, "published")
    assert analyst.rows() == [["2", "20"]]
    product.work(lambda: product.delete("2.csv"))
    assert analyst.totals() == (0, 0)
    assert product.versions() == 3


@pytest.mark.parametrize("late", ["none", "Object Deleted", "Object Created"])
def test_a_key_that_is_deleted_and_uploaded_again_is_what_lies_there(mesh: MeshDriver, late: str) -> None:
    """S3 orders its events by nothing: whichever event arrives last, the key's present state counts."""
    product = PublishingDriver(mesh, f"pu-again-{late[-7:].lower()}")
    product.together(*(partial(product.put, f"{n}.csv", csv((n, 10 * n))) for n in (1, 2)))
    analyst = product.share()
    if late != "none":
        mesh.inject("reorder", "events", late, account=PRODUCER)
    product.delete("1.csv")
    product.put("1.csv", csv((7, 70)))
    becomes(analyst, [["2", "20"], ["7", "70"]])
    if late != "none":
        mesh.inject("reorder", "events", late, account=PRODUCER)
    product.put("1.csv", csv((8, 80)))
    product.delete("1.csv")
    becomes(analyst, [["2", "20"]])
    mesh.until(product.at_rest, "the end of all work")
    mesh.settled(product.name)
    assert analyst.rows() == [["2", "20"]]


def becomes(analyst: Analyst, rows: list[list[str]]) -> None:
    analyst.mesh.until(lambda: analyst.rows() == rows, f"{rows} to be read")


def test_the_same_bytes_make_no_version(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-same")
    product.upload("a.csv", csv((1, 10)))
    run = product.upload("a.csv", csv((1, 10)))
    assert (run.path, run.outcome) == ((*CHECKED, *UNCHANGED), "nothing")
    assert (product.versions(), product.held(), product.at_rest()) == (1, [], True)


def test_two_tables_of_a_batch_are_one_version(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-tables")
    product.together(
        partial(product.put, "a.csv", csv((1, 10))), partial(product.put, "a.csv", csv((2, 20)), table="t2")
    )
    analyst = product.share()
    assert (analyst.rows(), analyst.rows(table="t2")) == ([["1", "10"]], [["2", "20"]])
    assert product.versions() == 1


def test_a_table_that_a_new_major_drops_loses_its_rows_with_the_next_batch(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-drops")
    both = one_table_contract(product.name, version="1.1.0")
    both["schema"].append({**both["schema"][0], "name": "t2"})
    mesh.put_contract(product.name, both)
    product.upload("a.csv", csv((1, 10)))
    product.upload("a.csv", csv((2, 20)), table="t2")
    analyst = product.share()
    assert analyst.rows(table="t2") == [["2", "20"]]
    mesh.put_contract(product.name, one_table_contract(product.name, version="2.0.0"))
    published(product.upload("b.csv", csv((3, 30))), version=3)
    assert (analyst.totals(), analyst.totals("t2")) == ((2, 40), (0, 0))
    assert "t2" in {change["table"] for change in mesh.wait_for_notice(product.name, "producer", version=3)["changes"]}


@pytest.mark.ordered_delivery("which round of a run takes what")
def test_what_arrives_meanwhile_is_the_same_runs_next_round(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-more")

    def while_it_runs() -> None:
        mesh.inject("delay", "glue", "CreateTable", account=CENTRAL, seconds=3)
        product.put("1.csv", csv((1, 10)))
        mesh.until(lambda: mesh.faults() == [], "central at work on the first file")
        for number in (2, 3, 4):
            product.put(f"{number}.csv", csv((number, 10 * number)))

    run = product.work(while_it_runs)
    assert run.path == (*PROPOSED, *SETTLED, *PUBLISHED)
    assert product.share().totals() == (4, 100)
    assert len(publishing_runs(product)) == 1


# --- central is silent, slow or repeats itself --------------------------------------------------------------------


def test_a_run_without_an_answer_proposes_again(mesh: MeshDriver) -> None:
    """Central receives nothing for more than an hour: proposals are lost meanwhile; there is one version in the end."""
    product = PublishingDriver(mesh, "pu-deaf")
    before = mesh.runs("onboard-upload", product.name)
    asked = asks(mesh)
    with deaf(mesh):
        product.put("a.csv", csv((1, 10)))
        mesh.until(lambda: asked() == 1, "the proposal")
        for times in (2, 3, 4):
            skip_until(mesh, lambda times=times: asked() >= times, "another proposal")  # type: ignore[misc]
    skip_until(mesh, lambda: mesh.runs("commit-version", product.name), "central's answer")
    run = mesh.wait_for_run("onboard-upload", product.name, after=before)
    published(run, version=1)
    assert run.states.count("RepeatProposal") >= 4
    assert run.states[:4] == CHECKED
    assert run.states[-4:] == PUBLISHED[-4:]
    assert run.states.count("CheckObjects") == 1
    mesh.settled(product.name)
    assert (product.versions(), product.share().totals()) == (1, (1, 10))


@pytest.mark.ordered_delivery("as many crashes as one run has attempts")
def test_central_fails_for_a_while_and_there_is_one_version(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-down")
    before = mesh.runs("onboard-upload", product.name)
    crash(mesh, "central", "AnnounceOutcomeFunction", times=ATTEMPTS)
    product.put("a.csv", csv((1, 10)))
    failed = mesh.wait_for_run("commit-version", product.name)
    assert (failed.status, failed.states[-1]) == ("FAILED", "CommitFailed")
    skip_until(mesh, lambda: len(mesh.runs("commit-version", product.name)) > 1, "another attempt of central")
    published(mesh.wait_for_run("onboard-upload", product.name, after=before), version=1)
    mesh.settled(product.name)
    assert (product.versions(), product.share().totals(), product.at_rest()) == (1, (1, 10), True)


def test_an_answer_that_comes_twice_or_late_changes_nothing(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-echo")
    kept = mesh.dead_letters()
    mesh.inject("duplicate_event", "events", "ProposalSettled", account=PRODUCER)
    published(product.upload("a.csv", csv((1, 10))), version=1)
    assert mesh.faults() == []
    [proposal] = product.proposals()
    before = len(mesh.notices(product.name, "producer", "ProposalSettled"))
    again = proposal.input["detail"]["data"]
    assert "EventId" in mesh.put_event("VersionProposed", again, by="producer", role=stager_role(mesh))
    mesh.until(lambda: len(mesh.notices(product.name, "producer", "ProposalSettled")) > before, "the answer once more")
    mesh.settled(product.name)
    published(product.upload("b.csv", csv((2, 20))), version=2)
    assert [run.output["version"] for run in publishing_runs(product)] == [1, 2]
    assert (mesh.dead_letters_since(kept), product.versions()) == ({}, 2)


def test_a_commit_in_between_is_staged_again(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "pu-rebase")
    product.upload("a.csv", csv((1, 10)))
    ended, asked = mesh.runs("onboard-upload", product.name), asks(mesh)
    other = Stager(mesh, product.name)
    with deaf(mesh):
        product.put("b.csv", csv((2, 20)))
        mesh.until(lambda: asked() == 1, "the proposal")
    other.publish(other.stage("SELECT 5::BIGINT AS id, 50::BIGINT AS amount"))
    skip_until(mesh, lambda: len(product.proposals()) >= 3, "another proposal")
    run = mesh.wait_for_run("onboard-upload", product.name, after=ended)
    published(run, version=3)
    assert run.states.count("CheckObjects") == 2
    assert run.states[-len(PUBLISHED) :] == PUBLISHED
    mesh.settled(product.name)
    assert product.share().rows() == [["1", "10"], ["2", "20"], ["5", "50"]]
    assert [run.output["version"] for run in publishing_runs(product)] == [1, 3]


# --- functions that die, calls whose answer is lost -----------------------------------------------------------------


@pytest.mark.parametrize("function", ["CheckObjects", "ProposeVersion", "SettleBatch"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_that_dies_is_taken_again(mesh: MeshDriver, function: str, when: str) -> None:
    """Before it did anything, and after all of it was done."""
    product = PublishingDriver(mesh, f"pu-{when}-{function.lower()}")
    if when == "before":
        crash(mesh, "producer", f"{function}Function")
    else:
        name = mesh.physical_id("producer", f"{function}Function")
        mesh.inject("error_after_effect", "lambda", "InvokeFunction", resource=f"*{name}*", code="ServiceException")
    run = product.upload("a.csv", csv((1, 10)))
    assert mesh.faults() == []
    published(run, version=1)
    assert run.path == PUBLISHED
    assert run.failed_tasks() != []
    assert (product.versions(), product.share().totals(), product.at_rest()) == (1, (1, 10), True)


@pytest.mark.parametrize("step", ["CheckObjects", "ProposeVersion"])
def test_a_batch_that_breaks_a_function_twice_is_held_and_blocks_no_later_upload(mesh: MeshDriver, step: str) -> None:
    product = PublishingDriver(mesh, f"pu-broke-{step.lower()}")
    failed = mesh.dead_letters()["producer/FailedRunsQueue"]
    crash(mesh, "producer", f"{step}Function", times=ATTEMPTS)
    run = product.upload("a.csv", csv((1, 10)))
    assert (run.status, run.outcome, run.output["held"]) == ("SUCCEEDED", "refused", 1)
    assert run.path[-7:] == ("HoldBatch", "SettleBatch", "CheckHeld", "NotifyOwner", *SETTLED[2:], "Settled")
    assert (product.pending(), mesh.lease(product.name), product.proposals()) == ([], "", [])

    [batch] = product.held()
    [held] = product.listing(batch)
    assert (held["key"], held["reason"]["code"], held["releasable"]) == (product.key("a.csv"), "FunctionCrashed", True)
    assert held["reason"]["where"] == {"step": step, "error": "Runtime.ExitError"}
    _, listed = mesh_command(mesh, "quarantine")
    assert [one["reason"]["code"] for one in listed["batches"] if one["product"] == product.name] == ["FunctionCrashed"]

    run = product.upload("b.csv", csv((2, 20)))
    assert (run.outcome, run.output["accepted"]) == ("published", 1)
    analyst = product.share()
    becomes(analyst, [["2", "20"]])

    before = mesh.runs("onboard-upload", product.name)
    mesh_command(mesh, "release", f"{product.name}/{batch['run']}", "--reason", "it was the function's fault")
    published(mesh.wait_for_run("onboard-upload", product.name, after=before), version=2)
    assert analyst.rows() == [["1", "10"], ["2", "20"]]
    assert mesh.dead_letters()["producer/FailedRunsQueue"] == failed


def publishing_runs(product: PublishingDriver) -> list[Run]:
    """Runs of the producer that published something, oldest first."""
    return [run for run in product.mesh.runs("onboard-upload", product.name) if run.outcome == "published"]


def asks(mesh: MeshDriver) -> Callable[[], int]:
    """How often the producer has proposed something from now on."""
    role = mesh.physical_id("producer", "ProposeVersionFunctionRole")
    since = max(float(call["time"]) for call in mesh.record(0)) + 1e-6

    def count() -> int:
        return sum(
            call["action"] == "PutEvents" and call["principal"].rpartition("/")[2] == role
            for call in mesh.record(since)
        )

    return count


def skip_until(mesh: MeshDriver, look: Callable[[], Any], what: str) -> None:
    """Let the time pass after which the producer asks again, as often as it takes; each time it has a while to do so:
    after more time its lease ends, and another run takes its objects."""
    due = time.monotonic()

    def skipped() -> bool:
        nonlocal due
        if look():
            return True
        if time.monotonic() >= due:
            mesh.skip(TIMEOUT)
            due = time.monotonic() + WHILE
        return False

    mesh.until(skipped, what)


def test_an_upload_whose_event_never_came_is_published_within_a_day(mesh: MeshDriver) -> None:
    """The rule that takes S3's events was off for a while: one object is new, the other has another content."""
    product = PublishingDriver(mesh, "pu-missed")
    product.upload("a.csv", csv((1, 10)))
    product.upload("b.csv", csv((2, 20)))
    assert product.share().totals() == (2, 30)
    with nobody_listens(mesh):
        mesh.put_object(f"{product.name}/data/t1/b.csv", csv((2, 22)))
        mesh.put_object(f"{product.name}/data/t1/c.csv", csv((3, 30)))
        mesh.until(mesh.at_rest, "the end of their events")
    assert product.versions() == 2
    mesh.skip(25 * 3600)
    mesh.until(lambda: product.versions() == 3, "a version of what was missed")
    assert Analyst(mesh, product.name).totals() == (3, 62)


def test_a_contract_whose_event_never_came_is_registered_within_hours_and_what_waited_for_it_published(
    mesh: MeshDriver,
) -> None:
    product = PublishingDriver(mesh, "pu-untold")
    with nobody_listens(mesh):
        mesh.put_contract(product.name, one_table_contract(product.name, version="1.1.0"))
        mesh.until(mesh.at_rest, "the end of its event")
    mesh.put_object(f"{product.name}/data/t1/a.csv", csv((1, 10)))
    mesh.until(mesh.at_rest, "a batch that waits for the contract")
    assert product.versions() == 0
    mesh.skip(2 * 3600)
    mesh.until(lambda: product.versions() == 1, "a version by the contract that was missed")


@contextmanager
def nobody_listens(mesh: MeshDriver) -> Iterator[None]:
    """The producer's rule for uploads does nothing meanwhile."""
    events = mesh.client("producer", "events")
    rules = [each["Name"] for each in events.list_rules()["Rules"] if "Object Created" in each.get("EventPattern", "")]
    for rule in rules:
        events.disable_rule(Name=rule)
    try:
        yield
    finally:
        for rule in rules:
            events.enable_rule(Name=rule)


@pytest.mark.parametrize(
    "kind",
    [
        "ContractChangeAnnounced",
        "FilesReleased",
        "ProductHandedOver",
        "ProductQuarantined",
        "ProductRegistered",
        "ProductUpdated",
        "ProposalSettled",
    ],
)
def test_nobody_in_the_producers_account_speaks_for_central(mesh: MeshDriver, kind: str) -> None:
    """What central says is acted upon: published files are deleted, batches are settled."""
    bus = mesh.output("producer", "OwnBusName")
    entry = {"EventBusName": bus, "Source": "meshwork", "DetailType": kind, "Detail": "{}"}
    [answer] = mesh.client("producer", "events", ADMIN_ROLE).put_events(Entries=[entry])["Entries"]
    assert answer.get("ErrorCode") == "AccessDeniedException"


@contextmanager
def deaf(mesh: MeshDriver) -> Iterator[None]:
    """Central's rule for what is proposed does nothing meanwhile."""
    events = mesh.client("central", "events")
    rules = events.list_rules(EventBusName="mesh")["Rules"]
    [rule] = [each["Name"] for each in rules if "VersionProposed" in each.get("EventPattern", "")]
    events.disable_rule(Name=rule, EventBusName="mesh")
    try:
        yield
    finally:
        events.enable_rule(Name=rule, EventBusName="mesh")
