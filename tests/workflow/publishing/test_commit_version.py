"""Each path of `commit-version`: staged by hand as a producer does, committed and answered by central."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mesh.domain.events import PersonalDataFinding

from cli.access import query
from local.accounts import ADMIN_ROLE
from tests.access_driver import AccessDriver
from tests.mesh_conditions import started_again, without_permission
from tests.mesh_driver import MeshDriver
from tests.staged_tables import COLUMNS, Stager

HAPPY = (
    "VerifyProposal",
    "RouteProposal",
    "CommitVersion",
    "NotifySubscribers",
    "RecordLineage",
)
ANSWERED = ("VerifyProposal", "RouteProposal", "AnswerProposal", "Settled")
ROWS = "SELECT i::BIGINT AS id, (10 * i)::BIGINT AS amount FROM range(1, 4) AS r(i)"
WITH_EMAIL = "SELECT 9::BIGINT AS id, 90::BIGINT AS amount, 'a@example.com' AS email"
EMAIL = PersonalDataFinding(column="email", value="personal", reason="mail addresses in all values", confidence=1.0)


def prepared(mesh: MeshDriver, product: str) -> Stager:
    """Of a registered product."""
    mesh.prepare(product)
    return Stager(mesh, product)


def versions(mesh: MeshDriver, product: str) -> int:
    return sum(item["sk"].startswith("VERSION#") for item in mesh.items("central", f"PRODUCT#{product}"))


def read(mesh: MeshDriver, sql: str) -> list[list[Any]]:
    """The rows that the consumer's analyst gets."""
    athena = mesh.client("consumer", "athena", "DataAnalyst")
    answer = query.run(athena, sql, workgroup="consumer-workgroup", database="default", limit=20, role="DataAnalyst")
    return [list(row) for row in answer.rows]


def test_what_is_staged_is_published_answered_announced_and_read(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "com-happy")
    mesh.subscribe("com-happy")
    proposal = stager.proposal(stager.stage(ROWS))
    run = stager.propose(proposal)
    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)
    assert stager.pointer().endswith(proposal["tables"][0]["staged"])
    answer = stager.answer(proposal)
    assert (answer["outcome"], answer["version"], answer["reason"]) == ("published", 1, None)
    change = mesh.wait_for_notice("com-happy")["changes"][0]
    assert (change["rows"], change["rows_total"], change["new_table"]) == (3, 3, True)
    AccessDriver(mesh).live("com-happy")
    link = '"rl_com-happy"."t1"'
    assert read(mesh, f"SELECT id, amount FROM {link} ORDER BY id") == [["1", "10"], ["2", "20"], ["3", "30"]]
    stager.publish(stager.stage("SELECT 4::BIGINT AS id, 40::BIGINT AS amount"))
    assert read(mesh, f"SELECT count(*), sum(amount) FROM {link}") == [["4", "100"]]
    assert mesh.wait_for_notice("com-happy", version=2)["changes"][0]["rows_delta"] == 1


def test_a_new_column_is_tagged_before_anybody_can_read_it(mesh: MeshDriver) -> None:
    """Central is stopped where it would tag: the column is in the catalog, without any value, and for nobody."""
    stager = prepared(mesh, "com-tagged")
    stager.publish(stager.stage(ROWS))
    before = stager.pointer()
    columns = {**COLUMNS, "email": "string"}
    staged = stager.stage(WITH_EMAIL, columns=columns, findings=[EMAIL])
    with without_permission(mesh, "central", "CommitVersionFunctionRole", "lakeformation:AddLFTagsToResource"):
        run = stager.propose(stager.proposal(staged))
    assert (run.status, run.states[-2:]) == ("FAILED", ("CommitVersion", "CommitFailed"))
    assert stager.pointer() == before
    assert mesh.tags("com-tagged", "t1")["email"]["publication"] == "pending"
    again = started_again(mesh, run)
    assert (again.status, again.states) == ("SUCCEEDED", HAPPY)
    tags = mesh.tags("com-tagged", "t1")["email"]
    assert (tags["pii"], tags["publication"]) == ("personal", "published")
    assert stager.pointer().endswith(staged["staged"])


def test_files_that_are_not_the_tables_own_are_refused(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "com-forged")
    own = stager.stage(ROWS)
    file = stager.write(ROWS, stager.files.state(f"{stager.location()}/metadata/{own['staged']}").fields)
    elsewhere = file.model_copy(update={"path": f"s3://{mesh.bucket}/pub-other/data/t1/a.parquet"})
    for files, said in (([elsewhere], "lie outside"), ([file, file], "listed twice")):
        proposal = stager.proposal(stager.stage(files=files))
        run = stager.propose(proposal)
        assert (run.status, run.states, run.outcome) == ("SUCCEEDED", ANSWERED, "refused")
        reason = stager.answer(proposal)["reason"]
        assert reason["code"] == "ProposalForged"
        assert said in reason["message"]
    assert (stager.pointer(), versions(mesh, "com-forged")) == ("", 0)


def test_totals_and_files_that_are_not_there_are_refused(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "com-claimed")
    for claimed, code in (({"rows": 99}, "ProposalForged"), ({"staged": "never-written.metadata.json"}, "ObjectGone")):
        proposal = stager.proposal(stager.stage(ROWS, **claimed))
        assert stager.propose(proposal).states == ANSWERED
        answer = stager.answer(proposal)
        assert (answer["outcome"], answer["reason"]["code"]) == ("refused", code)


def test_an_expired_proposal_is_refused_and_stays_so(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "com-late")
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    proposal = stager.proposal(stager.stage(ROWS), expires=past)
    assert stager.propose(proposal).outcome == "refused"
    assert stager.answer(proposal)["reason"]["code"] == "ProposalExpired"
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert stager.propose({**proposal, "expires": later}).outcome == "refused"
    assert stager.answer(proposal, count=2)["reason"]["code"] == "ProposalExpired"
    assert versions(mesh, "com-late") == 0


def test_a_proposal_that_is_sent_again_is_one_version_with_one_answer(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "com-twice")
    mesh.inject("duplicate_event", "events", "VersionProposed", account="111111111111")
    proposal = stager.proposal(stager.stage(ROWS))
    stager.propose(proposal)
    mesh.until(lambda: len(mesh.runs("commit-version", "com-twice")) == 2, "both deliveries")
    run = stager.propose(proposal)
    assert run.states == HAPPY
    mesh.settled("com-twice")
    assert {run.status for run in mesh.runs("commit-version", "com-twice")} == {"SUCCEEDED"}
    answers = mesh.until(lambda: _of(stager.answers(proposal["proposal"]), 2), "an answer to each event")
    assert {(answer["outcome"], answer["version"]) for answer in answers} == {("published", 1)}
    assert versions(mesh, "com-twice") == 1
    assert len(mesh.notices("com-twice", "producer")) == 1


def _of[T](found: list[T], count: int) -> list[T]:
    return found if len(found) == count else []


def test_a_proposal_on_a_base_that_moved_is_to_be_staged_again(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "com-rebase")
    stager.publish(stager.stage(ROWS))
    first, second = (stager.stage("SELECT 5::BIGINT AS id, 50::BIGINT AS amount") for _ in range(2))
    stager.publish(first)
    late = stager.proposal(second)
    run = stager.propose(late)
    assert (run.states, run.outcome) == (ANSWERED, "rebase")
    assert stager.answer(late)["reason"]["code"] == "Rebase"
    assert stager.pointer().endswith(first["staged"])
    assert versions(mesh, "com-rebase") == 2


NEEDED = (
    ("VerifyProposal", "VerifyProposalFunctionRole", "glue:GetTable"),
    ("CommitVersion", "CommitVersionFunctionRole", "glue:CreateTable"),
    ("NotifySubscribers", "AnnounceOutcomeFunctionRole", "sns:Publish"),
)


@pytest.mark.parametrize(("step", "role", "action"), NEEDED, ids=[step for step, *_ in NEEDED])
def test_without_a_needed_permission_that_step_fails_and_the_same_event_completes(
    mesh: MeshDriver, step: str, role: str, action: str
) -> None:
    stager = prepared(mesh, f"com-{step.lower()}")
    proposal = stager.proposal(stager.stage(ROWS))
    with without_permission(mesh, "central", role, action):
        run = stager.propose(proposal)
    assert (run.status, run.states[-2:]) == ("FAILED", (step, "CommitFailed"))
    assert stager.propose(proposal).status == "SUCCEEDED"
    assert stager.answer(proposal)["version"] == 1
    mesh.wait_for_notice(stager.product, "producer")
    assert len(mesh.notices(stager.product, "producer")) == 1


def test_without_the_bucket_policy_central_reads_nothing_and_reports_it(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "com-unread")
    proposal = stager.proposal(stager.stage(ROWS))
    with without_permission(mesh, "central", "VerifyProposalFunctionRole", "s3:GetObject"):
        assert stager.propose(proposal).outcome == "refused"
    assert stager.answer(proposal)["reason"]["code"] == "ObjectGone"


def test_a_breaking_version_is_held_and_the_owner_is_notified_of_affected_readers(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "com-broken")
    mesh.subscribe("com-broken")
    stager.publish(stager.stage(ROWS))
    access = AccessDriver(mesh).live("com-broken")
    held = stager.proposal(stager.stage("SELECT 5::BIGINT AS id", columns={"id": "bigint"}))
    run = stager.propose(held)
    assert (run.status, run.states, run.outcome) == ("SUCCEEDED", ANSWERED, "held")
    assert stager.answer(held)["reason"]["code"] == "BreakingSchemaChange"
    stager.propose(held)
    stager.answer(held, count=2)
    notices = mesh.notices("com-broken", "producer", "ProductQuarantined")
    where = notices[0]["data"]["reason"]["where"]
    assert len(notices) == 1
    assert (where["columns"], where["subscribers"]) == (["t1.amount"], ["333333333333"])
    assert [reader["access"] for reader in where["readers"]] == [access]
    assert versions(mesh, "com-broken") == 1
    assert read(mesh, 'SELECT sum(amount) FROM "rl_com-broken"."t1"') == [["60"]]


def test_a_run_that_died_after_the_commit_is_completed_by_a_repeated_proposal(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "com-down")
    proposal = stager.proposal(stager.stage(ROWS))
    with without_permission(mesh, "central", "CommitVersionFunctionRole", "dynamodb:UpdateItem"):
        run = stager.propose(proposal)
    assert (run.status, run.states[-2:]) == ("FAILED", ("CommitVersion", "CommitFailed"))
    assert stager.pointer().endswith(proposal["tables"][0]["staged"])
    assert stager.answers(proposal["proposal"]) == []
    assert stager.propose(proposal).states == HAPPY
    assert stager.answer(proposal)["version"] == 1
    assert versions(mesh, "com-down") == 1


def test_tables_are_published_together(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "com-tables")
    one, two = stager.stage(ROWS), stager.stage(files=[], table="t2")
    stager.publish(one, two)
    assert stager.pointer("t2").endswith(two["staged"])
    notice = mesh.wait_for_notice("com-tables", "producer")
    assert [(change["table"], change["rows_total"]) for change in notice["changes"]] == [("t1", 3), ("t2", 0)]
    assert mesh.tags("com-tables", "t2")["id"]["publication"] == "published"


def test_a_product_that_is_not_the_senders_is_refused(mesh: MeshDriver) -> None:
    stranger = Stager(mesh, "com-nobodys")
    table = {"name": "t1", "staged": "a.json", "details": "b.json", "rows": 1, "bytes": 1, "files": 1}
    for by, code in (("producer", "NotTheOwner"), ("consumer", "NotAllowedForRole")):
        run = stranger.propose(stranger.proposal(table), by=by)
        assert (run.status, run.states, run.outcome) == ("SUCCEEDED", ("VerifyProposal", "Refused"), "refused")
        assert run.output["reason"]["code"] == code


@pytest.mark.parametrize(
    ("account", "role"), [("producer", ADMIN_ROLE), ("producer", "ProducerSteward"), ("central", ADMIN_ROLE)]
)
def test_nobody_but_the_role_that_checks_proposes_a_version(mesh: MeshDriver, account: str, role: str) -> None:
    stager = prepared(mesh, f"com-forged-{account}-{role.lower()}")
    proposal = stager.proposal(stager.stage(ROWS))

    refused = mesh.put_event("VersionProposed", proposal, by=account, role=role)

    assert refused.get("ErrorCode") == "AccessDeniedException", refused
    assert stager.propose(proposal).states == HAPPY
    assert len({run.event for run in mesh.runs("commit-version", stager.product)}) == 1


def test_only_meshwork_writes_published_data_and_central_reads_only_metadata(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "com-closed")
    staged = stager.stage(ROWS)
    stager.publish(staged)
    metadata = f"com-closed/published/t1/iceberg/metadata/{staged['staged']}"
    admin = mesh.client("producer", "s3", ADMIN_ROLE)
    for refused in (
        lambda: admin.put_object(Bucket=mesh.bucket, Key="com-closed/published/t1/iceberg/data/x.parquet", Body=b"x"),
        lambda: admin.delete_object(Bucket=mesh.bucket, Key=metadata),
        lambda: mesh.client("central", "s3", ADMIN_ROLE).get_object(Bucket=mesh.bucket, Key=metadata),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()
