"""Lake Formation, where an answer of 200 may be a failure: moto for effects, Stubber for `Failures[]`."""

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from mesh.adapters.lakeformation.lake import LakeFormationAdapter, LakeFormationRefused
from mesh.domain.contracts.product import ConcurrentChange, NotPropagated, Throttled
from mesh.domain.governance.product_rights import grant_entry, producer_grants
from mesh.domain.governance.tag_names import TagNames

from tests.builders import CENTRAL, PRODUCER, a_registration
from tests.fakes import FakeLakeFormation


@pytest.fixture(params=["fake", "lakeformation"])
def lake(request):
    if request.param == "fake":
        return FakeLakeFormation()
    return LakeFormationAdapter(request.getfixturevalue("aws")("lakeformation"), CENTRAL)


@pytest.fixture
def stub(aws):
    client = boto3.client("lakeformation")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def adapter(stub):
    return LakeFormationAdapter(stub.client, CENTRAL)


def failure(code, message="why"):
    return {"Failures": [{"RequestEntry": {"Id": "0"}, "Error": {"ErrorCode": code, "ErrorMessage": message}}]}


def tag_failure(code, message="why"):
    return {
        "Failures": [
            {"LFTag": {"TagKey": "pii", "TagValues": ["none"]}, "Error": failure(code, message)["Failures"][0]["Error"]}
        ]
    }


TRANSIENT = [
    ("ConcurrentModificationException", "why", ConcurrentChange),
    ("ThrottledException", "why", Throttled),
    ("InvalidInputException", "Invalid principal, arn:aws:iam::1:role/new", NotPropagated),
    ("InvalidInputException", "Grantee has no permissions", NotPropagated),
    ("AccessDeniedException", "User is not authorized to access requested permissions", NotPropagated),
    ("AccessDeniedException", "Insufficient Lake Formation permission(s): Required Alter on loans", NotPropagated),
    ("EntityNotFoundException", "LF-Tag not found", NotPropagated),
]
ATTEMPTS = {ConcurrentChange: 4, Throttled: 4, NotPropagated: 1, LakeFormationRefused: 1}
"""How often an entry is tried that always fails so."""
FINAL = [("AccessDeniedException", "Insufficient permissions"), ("InvalidInputException", "no such permission")]


def test_a_tag_grows_and_exists_once(lake):
    lake.create_tag("pii", ["none"])
    lake.create_tag("pii", ["none"])
    lake.add_tag_values("pii", ["personal"])

    assert sorted(lake.tag_values("pii")) == ["none", "personal"]


@pytest.mark.parametrize("call", ["get_lf_tag", "create_lf_tag", "update_lf_tag"])
def test_an_administrator_that_was_just_set_is_waited_for(stub, call):
    denied = "Insufficient Lake Formation permission(s): Required Create Tag on Catalog"
    stub.add_client_error(call, "AccessDeniedException", denied)
    act = {
        "get_lf_tag": lambda lake: lake.tag_values("pii"),
        "create_lf_tag": lambda lake: lake.create_tag("pii", ["none"]),
        "update_lf_tag": lambda lake: lake.add_tag_values("pii", ["none"]),
    }[call]

    with pytest.raises(NotPropagated, match="Insufficient"):
        act(adapter(stub))


@pytest.mark.parametrize(("code", "message"), [(code, message) for code, message, _ in TRANSIENT[-2:]])
def test_a_tag_that_was_just_created_is_waited_for(stub, code, message):
    stub.add_client_error("add_lf_tags_to_resource", code, message)

    with pytest.raises(NotPropagated, match=message.partition("(")[0]):
        adapter(stub).tag_database("loans", {"pii": "none"})


def test_a_tag_that_is_not_there_has_no_values(stub):
    stub.add_client_error("get_lf_tag", "EntityNotFoundException")

    assert adapter(stub).tag_values("pii") is None
    assert FakeLakeFormation().tag_values("pii") is None


def test_settings_come_back_as_they_were_put(lake):
    settings = {
        "DataLakeAdmins": [{"DataLakePrincipalIdentifier": "arn:aws:iam::111111111111:role/a"}],
        "Parameters": {"CROSS_ACCOUNT_VERSION": "4"},
    }

    lake.put_settings(settings)

    assert {key: lake.settings()[key] for key in settings} == settings


def test_a_location_may_be_registered_again(lake):
    for _ in range(2):
        lake.register_location("arn:aws:s3:::b/loans/data", "arn:aws:iam::111111111111:role/r")


@pytest.mark.parametrize(("code", "message", "error"), TRANSIENT)
def test_a_grant_that_failed_with_200_and_may_work_later_is_transient(stub, code, message, error):
    for _ in range(ATTEMPTS[error]):
        stub.add_response("batch_grant_permissions", failure(code, message))

    with pytest.raises(error):
        adapter(stub).grant(producer_grants(a_registration()))


@pytest.mark.parametrize(("code", "message"), FINAL)
def test_a_grant_that_failed_with_200_is_an_error(stub, code, message):
    stub.add_response("batch_grant_permissions", failure(code, message))

    with pytest.raises(LakeFormationRefused, match=message) as refused:
        adapter(stub).grant(producer_grants(a_registration()))

    assert refused.value.where["failures"][0]["ErrorCode"] == code


def test_only_the_entries_that_met_a_concurrent_change_are_repeated(stub):
    """Seen: each attempt repeated the whole batch, where another entry met one; twelve attempts were not enough."""
    refused = failure("ConcurrentModificationException")["Failures"][0]
    other = {**refused, "RequestEntry": {"Id": "1"}}
    stub.add_response("batch_grant_permissions", {"Failures": [refused, other]})
    stub.add_response("batch_grant_permissions", {"Failures": [other]}, {"CatalogId": CENTRAL, "Entries": [ANY, ANY]})
    stub.add_response("batch_grant_permissions", {"Failures": []}, {"CatalogId": CENTRAL, "Entries": [ANY]})
    adapter(stub).grant(producer_grants(a_registration()))


def test_what_will_not_pass_is_raised_though_another_entry_was_repeated(stub):
    first = failure("InvalidInputException", "no such permission")["Failures"]
    again = {**failure("ThrottledException")["Failures"][0], "RequestEntry": {"Id": "1"}}
    stub.add_response("batch_grant_permissions", {"Failures": [*first, again]})
    stub.add_response("batch_grant_permissions", {"Failures": []}, {"CatalogId": CENTRAL, "Entries": [ANY]})
    with pytest.raises(LakeFormationRefused, match="no such permission"):
        adapter(stub).grant(producer_grants(a_registration()))


def test_only_the_tags_that_met_a_concurrent_change_are_assigned_again(stub):
    stub.add_response("add_lf_tags_to_resource", tag_failure("ConcurrentModificationException"))
    again = [{"CatalogId": CENTRAL, "TagKey": "pii", "TagValues": ["none"]}]
    resource = {"Database": {"CatalogId": CENTRAL, "Name": "cards"}}
    stub.add_response(
        "add_lf_tags_to_resource", {"Failures": []}, {"CatalogId": CENTRAL, "Resource": resource, "LFTags": again}
    )
    adapter(stub).tag_database("cards", {"pii": "none", "domain": "lending"})


def test_a_grant_that_exists_is_success(stub):
    stub.add_response("batch_grant_permissions", failure("AlreadyExistsException"))

    adapter(stub).grant(producer_grants(a_registration()))


def test_grants_go_in_batches_of_twenty_with_ids_of_their_own(stub):
    grants = producer_grants(a_registration()) * 8
    sent = []
    for _ in range(2):
        stub.add_response("batch_grant_permissions", {"Failures": []}, {"CatalogId": CENTRAL, "Entries": ANY})
    call = stub.client.batch_grant_permissions
    stub.client.batch_grant_permissions = lambda **arguments: (sent.append(arguments["Entries"]), call(**arguments))[1]

    adapter(stub).grant(grants)

    assert [len(entries) for entries in sent] == [20, 4]
    assert len({entry["Id"] for entries in sent for entry in entries}) == 24


@pytest.mark.parametrize(("code", "message", "error"), [*TRANSIENT, *((*one, LakeFormationRefused) for one in FINAL)])
def test_a_tag_that_was_not_assigned_is_an_error_though_the_answer_is_200(stub, code, message, error):
    for _ in range(ATTEMPTS[error]):
        stub.add_response("add_lf_tags_to_resource", tag_failure(code, message))

    with pytest.raises(error):
        adapter(stub).tag_table("loans", "loans", {"pii": "none"})


@pytest.mark.parametrize(
    ("call", "resource"),
    [
        (lambda lake: lake.tag_database("d", {"pii": "none"}), {"Database": {"CatalogId": CENTRAL, "Name": "d"}}),
        (
            lambda lake: lake.tag_table("d", "t", {"pii": "none"}),
            {"Table": {"CatalogId": CENTRAL, "DatabaseName": "d", "Name": "t"}},
        ),
        (
            lambda lake: lake.tag_columns("d", "t", ["a", "b"], {"pii": "none"}),
            {"TableWithColumns": {"CatalogId": CENTRAL, "DatabaseName": "d", "Name": "t", "ColumnNames": ["a", "b"]}},
        ),
    ],
)
def test_tags_go_where_they_should(stub, call, resource):
    tags = [{"CatalogId": CENTRAL, "TagKey": "pii", "TagValues": ["none"]}]
    expected = {"CatalogId": CENTRAL, "Resource": resource, "LFTags": tags}
    stub.add_response("add_lf_tags_to_resource", {"Failures": []}, expected)

    call(adapter(stub))


def test_nothing_to_assign_calls_nothing(stub):
    adapter(stub).tag_table("loans", "loans", {})


def pair(key, value):
    return {"CatalogId": CENTRAL, "TagKey": key, "TagValues": [value]}


def test_effective_tags_are_the_nearest_ones(stub):
    stub.add_response(
        "get_resource_lf_tags",
        {
            "LFTagOnDatabase": [pair("pii", "none"), pair("domain", "retail")],
            "LFTagsOnTable": [pair("pii", "personal")],
            "LFTagsOnColumns": [{"Name": "email", "LFTags": [pair("pii", "sensitive")]}],
        },
        {"CatalogId": CENTRAL, "Resource": ANY, "ShowAssignedLFTags": False},
    )

    table, columns = adapter(stub).table_tags("loans", "loans")

    assert table == {"pii": "personal", "domain": "retail"}
    assert columns == {"email": {"pii": "sensitive", "domain": "retail"}}


def test_assigned_tags_are_those_of_the_place_itself(stub):
    stub.add_response(
        "get_resource_lf_tags",
        {
            "LFTagOnDatabase": [pair("domain", "retail")],
            "LFTagsOnTable": [pair("pii", "personal")],
            "LFTagsOnColumns": [{"Name": "email", "LFTags": [pair("pii", "sensitive")]}],
        },
        {"CatalogId": CENTRAL, "Resource": ANY, "ShowAssignedLFTags": True},
    )

    assert adapter(stub).assigned_tags("loans", "loans") == ({"pii": "personal"}, {"email": {"pii": "sensitive"}})


@pytest.mark.parametrize("message", ["No permissions revoked.", "Grantee has no permissions"])
def test_nothing_to_revoke_is_success(stub, message):
    stub.add_client_error("revoke_permissions", "InvalidInputException", message)

    adapter(stub).revoke_iam_allowed_principals("loans")


def test_a_revoke_that_is_denied_is_an_error(stub):
    stub.add_client_error("revoke_permissions", "AccessDeniedException", "no")

    with pytest.raises(ClientError):
        adapter(stub).revoke_iam_allowed_principals("loans")


def test_grants_are_made_in_fact(aws):
    client = aws("lakeformation")

    grants = producer_grants(a_registration())
    LakeFormationAdapter(client, CENTRAL).grant(grants)

    listed = client.list_permissions()["PrincipalResourcePermissions"]
    assert [one["Principal"]["DataLakePrincipalIdentifier"] for one in listed] == [PRODUCER] * len(grants)


def sent_revokes(stub):
    """What is sent from now on, a list of entries for each call."""
    sent, call = [], stub.client.batch_revoke_permissions
    stub.client.batch_revoke_permissions = lambda **arguments: (sent.append(arguments["Entries"]), call(**arguments))[1]
    return sent


def test_revokes_go_by_permission_in_batches_of_twenty(stub):
    for _ in range(3):
        stub.add_response("batch_revoke_permissions", {"Failures": []}, {"CatalogId": CENTRAL, "Entries": ANY})
    sent = sent_revokes(stub)

    grants = producer_grants(a_registration()) * 12

    adapter(stub).revoke(grants)

    single = sum(len(grant["Permissions"]) for grant in grants)
    assert [len(entries) for entries in sent] == [20, 20, single - 40]
    assert {len(entry["Permissions"]) for entries in sent for entry in entries} == {1}


def test_columns_of_which_some_are_not_granted_are_revoked_one_by_one(stub):
    place = {"CatalogId": CENTRAL, "DatabaseName": "d", "Name": "t", "ColumnNames": ["a", "b"]}
    entry = grant_entry(PRODUCER, {"TableWithColumns": place}, ["SELECT"])
    missing = failure("InvalidInputException", "No permissions revoked. Grantee does not have: [SELECT]")
    stub.add_response("batch_revoke_permissions", missing)
    stub.add_response("batch_revoke_permissions", missing)
    sent = sent_revokes(stub)

    adapter(stub).revoke([entry])

    columns = [[entry["Resource"]["TableWithColumns"]["ColumnNames"] for entry in entries] for entries in sent]
    assert columns == [[["a", "b"]], [["a"], ["b"]]]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidInputException", "No permissions revoked. Grantee does not have: [SELECT]"),
        ("InvalidInputException", "Grantee has no permissions"),
        ("EntityNotFoundException", "Database not found."),
    ],
)
def test_what_is_not_granted_is_revoked(stub, code, message):
    stub.add_response("batch_revoke_permissions", failure(code, message))

    adapter(stub).revoke(producer_grants(a_registration()))


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        ("ConcurrentModificationException", "why", ConcurrentChange),
        ("InvalidInputException", "Invalid principal", NotPropagated),
        ("AccessDeniedException", "Insufficient permissions", LakeFormationRefused),
    ],
)
def test_a_revoke_that_failed_with_200_is_an_error(stub, code, message, error):
    for _ in range(ATTEMPTS[error]):
        stub.add_response("batch_revoke_permissions", failure(code, message))

    with pytest.raises(error):
        adapter(stub).revoke(producer_grants(a_registration()))


def test_a_revoke_takes_what_it_names_and_leaves_the_rest(aws):
    client = aws("lakeformation")
    for lake in (FakeLakeFormation(), LakeFormationAdapter(client, CENTRAL)):
        grants = producer_grants(a_registration())
        lake.grant(grants)
        lake.revoke(grants[:2])
        lake.revoke(grants[:2])
        if isinstance(lake, FakeLakeFormation):
            assert lake.grants == grants[2:]
    assert len(client.list_permissions()["PrincipalResourcePermissions"]) == len(grants) - 2


# --- values that get another name -------------------------------------------------------------------------------------


def test_an_old_value_goes_once(lake):
    lake.create_tag("pii", ["none", "nothing"])

    for _ in range(2):
        lake.remove_tag_values("pii", ["none"])

    assert lake.tag_values("pii") == ("nothing",)


BY_NONE = {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": [{"TagKey": "pii", "TagValues": ["none"]}]}}


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        (BY_NONE, True),
        ({"LFTagPolicy": {"ResourceType": "TABLE", "ExpressionName": "mine"}}, True),  # may name it
        ({"LFTagPolicy": {"ResourceType": "TABLE", "Expression": [{"TagKey": "pii", "TagValues": ["x"]}]}}, False),
        ({"Table": {"DatabaseName": "loans", "Name": "t1"}}, False),
    ],
)
def test_a_new_name_is_free_as_long_as_no_grant_names_it(stub, resource, named):
    stub.add_response("get_lf_tag", {"TagKey": "pii", "TagValues": ["none"]})
    stub.add_response("search_tables_by_lf_tags", {"TableList": []})
    stub.add_response("list_permissions", {"PrincipalResourcePermissions": [], "NextToken": "more"})
    stub.add_response("list_permissions", {"PrincipalResourcePermissions": [{"Resource": resource}]})

    assert adapter(stub).is_named("pii", "none") == named


def test_a_value_that_is_not_there_is_free(stub):
    stub.add_response("get_lf_tag", {"TagKey": "pii", "TagValues": ["none"]})

    assert not adapter(stub).is_named("pii", "no-person")


def test_tags_are_read_by_the_new_names_and_written_as_far_as_readers_have_them(stub):
    renamed = {("pii", "none"): "no-person", ("domain", "retail"): "shops"}
    names = TagNames(renamed, frozenset({("pii", "none")}))
    lake = LakeFormationAdapter(stub.client, CENTRAL, names)
    answer = {
        "LFTagOnDatabase": [{"TagKey": "domain", "TagValues": ["retail"]}],
        "LFTagsOnTable": [{"TagKey": "pii", "TagValues": ["none"]}],
        "LFTagsOnColumns": [{"Name": "id", "LFTags": [{"TagKey": "pii", "TagValues": ["no-person"]}]}],
    }
    tags = {"domain": "shops", "pii": "no-person"}
    for _ in range(2):
        stub.add_response("get_resource_lf_tags", answer)
    assert lake.table_tags("loans", "t1") == (tags, {"id": tags})
    assert lake.assigned_tags("loans", "t1") == ({"pii": "no-person"}, {"id": {"pii": "no-person"}})

    pairs = (("domain", "shops"), ("pii", "none"))
    written = [{"CatalogId": CENTRAL, "TagKey": key, "TagValues": [value]} for key, value in pairs]
    database = {"Database": {"CatalogId": CENTRAL, "Name": "loans"}}
    stub.add_response("add_lf_tags_to_resource", {}, {"CatalogId": CENTRAL, "Resource": database, "LFTags": written})
    lake.tag_database("loans", tags)
