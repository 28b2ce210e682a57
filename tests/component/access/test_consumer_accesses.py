"""The consumer's adapters: records on moto, beside their fake; the others by what AWS answers."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from mesh.adapters.athena import AthenaQueries
from mesh.adapters.dynamodb.consumer_accesses import DynamoConsumerAccesses
from mesh.adapters.lakeformation.reader_roles import ReaderRoles
from mesh.adapters.lakeformation.shares import GlueResourceLinks, RamShares
from mesh.domain.access.consumer_access import ConsumerAccess, QueryRefused
from mesh.domain.contracts.product import ConcurrentChange, Throttled
from mesh.domain.events import GrantEntry

from tests.builders import CENTRAL, PRODUCER
from tests.consumer_fakes import FakeConsumerAccesses
from tests.fakes import NOON

ROLE = f"arn:aws:iam::{CENTRAL}:role/DataAnalyst"
ACCESS, OTHER = "ac-0123456789ab", "ac-0123456789cd"


@pytest.fixture(params=["fake", "dynamodb"])
def accesses(request):
    if request.param == "fake":
        return FakeConsumerAccesses()
    return DynamoConsumerAccesses(request.getfixturevalue("table"))


@pytest.fixture
def stubs(aws):
    """A stubbed client of a service."""
    made = []

    def make(service):
        client = boto3.client(service)
        stub = Stubber(client)
        stub.activate()
        made.append(stub)
        return client, stub

    yield make
    for stub in made:
        stub.assert_no_pending_responses()


def a_held(access=ACCESS, state="accepting", **more):
    return ConsumerAccess(access=access, state=state, noted=NOON, reader=ROLE, **more)


def test_a_record_comes_back_as_it_was_saved(accesses):
    entry = GrantEntry(resource={"Database": {"CatalogId": CENTRAL, "Name": "cards"}}, permissions=("DESCRIBE",))
    saved = accesses.save(a_held(entries=(entry,), databases=("cards",)))

    assert accesses.get(ACCESS) == saved
    assert saved.revision == 1
    assert accesses.get(OTHER) is None


def test_who_has_not_seen_the_last_write_does_not_write(accesses):
    first = accesses.save(a_held())
    accesses.save(first.model_copy(update={"state": "ready"}))

    for late in (first, a_held()):
        with pytest.raises(ConcurrentChange):
            accesses.save(late)
    assert accesses.get(ACCESS).state == "ready"


def test_live_are_those_whose_needs_stay(accesses):
    for number, state in enumerate(("accepting", "ready", "releasing", "over")):
        accesses.save(a_held(f"ac-00000000000{number}", state))

    assert {held.state for held in accesses.live()} == {"accepting", "ready"}


def test_only_what_is_over_is_forgotten_some_day(table):
    accesses = DynamoConsumerAccesses(table)
    accesses.save(a_held())
    accesses.save(a_held(OTHER, "over"))

    assert "expires" not in table.get("ACCESS", ACCESS)
    assert table.get("ACCESS", OTHER)["expires"] > NOON.timestamp()


def invitation(name, status, at, sender=CENTRAL):
    return {
        "resourceShareInvitationArn": f"arn:aws:ram:us-east-1:{sender}:resource-share-invitation/{name}-{at}",
        "resourceShareName": name,
        "resourceShareArn": f"arn:aws:ram:us-east-1:{sender}:resource-share/{name}",
        "senderAccountId": sender,
        "receiverAccountId": "333333333333",
        "invitationTimestamp": at,
        "status": status,
    }


def test_only_central_s_invitations_of_lake_formation_count_oldest_first(stubs):
    client, stub = stubs("ram")
    first = [invitation("LakeFormation-V4-B", "PENDING", 200), invitation("theirs", "PENDING", 1)]
    second = [
        invitation("LakeFormation-V4-A", "REJECTED", 100),
        invitation("LakeFormation-V4-X", "PENDING", 1, PRODUCER),
    ]
    stub.add_response("get_resource_share_invitations", {"resourceShareInvitations": first, "nextToken": "more"})
    stub.add_response("get_resource_share_invitations", {"resourceShareInvitations": second}, {"nextToken": "more"})

    found = RamShares(client).invitations(CENTRAL)

    assert [one.status for one in found] == ["REJECTED", "PENDING"]


@pytest.mark.parametrize("code", ["AlreadyAccepted", "AlreadyRejected", "Expired"])
def test_an_invitation_that_was_answered_meanwhile_is_left(stubs, code):
    client, stub = stubs("ram")
    stub.add_client_error("accept_resource_share_invitation", f"ResourceShareInvitation{code}Exception")

    RamShares(client).accept("arn")


def test_an_invitation_that_may_not_be_accepted_is_an_error(stubs):
    client, stub = stubs("ram")
    stub.add_client_error("accept_resource_share_invitation", "AccessDeniedException")

    with pytest.raises(ClientError):
        RamShares(client).accept("arn")


@pytest.mark.parametrize("code", ["EntityNotFoundException", "AccessDeniedException"])
def test_what_is_not_shared_is_not_visible(stubs, code):
    client, stub = stubs("glue")
    stub.add_client_error("get_database", code, expected_params={"CatalogId": CENTRAL, "Name": "cards"})

    assert GlueResourceLinks(client).visible(CENTRAL, "cards") is False


def test_a_throttled_read_is_not_an_answer(stubs):
    client, stub = stubs("glue")
    stub.add_client_error("get_database", "ThrottlingException")

    with pytest.raises(Throttled):
        GlueResourceLinks(client).visible(CENTRAL, "cards")


def test_links_lead_somewhere_databases_nowhere_and_go_once(glue):
    links = GlueResourceLinks(glue)
    target = {"CatalogId": CENTRAL, "DatabaseName": "cards", "Region": "us-east-1"}
    glue.create_database(DatabaseInput={"Name": "rl_cards", "TargetDatabase": target})
    glue.create_database(DatabaseInput={"Name": "own"})

    assert links.target("rl_cards") == (CENTRAL, "cards")
    assert links.target("own") == ("", "")
    assert links.target("none") is None
    for _ in range(2):
        links.delete("rl_cards")
    assert links.target("rl_cards") is None


def expression(*values):
    return [{"TagKey": "product", "TagValues": list(values)}]


def tables(*values, catalog=CENTRAL):
    policy = {"CatalogId": catalog, "ResourceType": "TABLE", "Expression": expression(*values)}
    return {"LFTagPolicy": policy}


def columns(*names, **more):
    place = {"CatalogId": CENTRAL, "DatabaseName": "cards", "Name": "t1", **more}
    return {"TableWithColumns": {**place, **({"ColumnNames": list(names)} if names else {})}}


def entry(resource, *permissions):
    return GrantEntry(resource=resource, permissions=permissions)


@pytest.mark.parametrize(
    ("wanted", "listed", "holding", "lacking"),
    [
        (entry(tables("b", "a"), "SELECT", "DESCRIBE"), [(tables("a", "b"), ["DESCRIBE", "SELECT"])], True, False),
        (entry(tables("a"), "SELECT", "DESCRIBE"), [(tables("a"), ["DESCRIBE"])], ("DESCRIBE",), True),
        (entry(tables("a"), "SELECT"), [(tables("b"), ["SELECT"])], False, True),
        (entry(columns("id"), "SELECT"), [(columns("amount", "id"), ["SELECT"])], True, False),
        (entry(columns("id", "amount"), "SELECT"), [(columns("id"), ["SELECT"])], True, True),
        (
            entry({"Table": {"CatalogId": CENTRAL, "DatabaseName": "cards", "Name": "t1"}}, "SELECT"),
            [(columns(ColumnWildcard={}), ["SELECT"])],
            True,
            False,
        ),
        (entry(tables("a"), "SELECT"), [], False, True),
    ],
)  # fmt: skip
def test_what_a_role_holds_is_found_in_whatever_form_it_is_listed(stubs, wanted, listed, holding, lacking):
    client, stub = stubs("lakeformation")
    principal = {"DataLakePrincipalIdentifier": ROLE}
    entries = [{"Principal": principal, "Resource": place, "Permissions": held} for place, held in listed]
    for part, token in ((entries[:1], "more"), (entries[1:], "")):
        answer = {"PrincipalResourcePermissions": part, **({"NextToken": token} if token else {})}
        stub.add_response(
            "list_permissions",
            answer,
            {"CatalogId": CENTRAL, "Principal": principal, **({} if token else {"NextToken": ANY})},
        )

    found, missing = ReaderRoles(boto3.client("iam"), client).held(ROLE, [CENTRAL], [wanted])

    permissions = wanted.permissions if holding is True else holding or ()
    assert [one.permissions for one in found] == ([permissions] if permissions else [])
    assert missing == ([wanted] if lacking else [])


def test_a_role_has_an_arn_with_its_path(aws):
    iam = aws("iam")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName="Reader", Path="/people/", AssumeRolePolicyDocument=trust)
    readers = ReaderRoles(iam, boto3.client("lakeformation"))

    found = readers.role("Reader")
    assert found is not None
    assert (found.arn, found.id[:4]) == (f"arn:aws:iam::{CENTRAL}:role/people/Reader", "AROA")
    assert readers.role("Nobody") is None


def queries(stubs, athena_error="", sts_error=""):
    (athena, athena_stub), (sts, sts_stub) = stubs("athena"), stubs("sts")
    if athena_error:
        athena_stub.add_client_error("start_query_execution", athena_error, "why")
    if sts_error:
        sts_stub.add_client_error("assume_role", sts_error)
    return AthenaQueries(athena, sts, "group"), athena_stub


def test_a_query_is_started_once_for_its_token(stubs):
    found, athena = queries(stubs)
    expected = {"QueryString": "SELECT 1", "ClientRequestToken": "t" * 36, "WorkGroup": "group"}
    athena.add_response("start_query_execution", {"QueryExecutionId": "q"}, expected)

    assert found.start("SELECT 1", "t" * 36) == "q"


def test_a_role_that_cannot_be_assumed_is_not_an_error(stubs):
    found, _ = queries(stubs, sts_error="AccessDenied")

    assert found.start("SELECT 1", "t" * 36, role_arn=ROLE) is None


@pytest.mark.parametrize("code", ["InvalidRequestException", "AccessDeniedException"])
def test_a_query_that_athena_does_not_take_is_rejected(stubs, code):
    found, _ = queries(stubs, athena_error=code)

    with pytest.raises(QueryRefused, match="why"):
        found.start("SELECT 1", "t" * 36)


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        ({"State": "QUEUED"}, "running", ""),
        ({"State": "RUNNING"}, "running", ""),
        ({"State": "SUCCEEDED"}, "succeeded", ""),
        ({"State": "FAILED", "StateChangeReason": "COLUMN_NOT_FOUND"}, "failed", "COLUMN_NOT_FOUND"),
        ({"State": "CANCELLED"}, "failed", ""),
    ],
)
def test_how_a_query_stands(stubs, status, state, reason):
    found, athena = queries(stubs)
    athena.add_response("get_query_execution", {"QueryExecution": {"Status": status}}, {"QueryExecutionId": "q"})

    answer = found.state("q")

    assert (answer.state, answer.reason) == (state, reason)
