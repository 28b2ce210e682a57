"""Drift made by hand, through AWS's API as `aws` uses it: seen in the plan of `mesh reconcile --dry-run`, and then
repaired, until the reader reads, or reported.

A mesh of its own: what other tests leave would be drift.
"""

import json
import shlex
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from mesh.domain.membership.entrances import same

from local.accounts import ACCOUNTS, ADMIN_ROLE, role_arn
from tests import mesh_fixtures
from tests.access_driver import CENTRAL, CONSUMER, GROWING, OPEN, PRODUCER, AccessDriver
from tests.consumer_accesses import links, local_grants, query
from tests.mesh_commands import mesh_command
from tests.mesh_driver import MeshDriver
from tests.workflow.contracts.test_claimed_names import EVERYBODY, grants_on, somebodys_database

LINK = f"rl_{OPEN}"
SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
SQL = f'SELECT id FROM "{LINK}".t1'


@pytest.fixture(scope="module")
def deployed_mesh() -> Iterator[MeshDriver]:
    with mesh_fixtures.tested_mesh() as driver:
        yield driver


@pytest.fixture
def access(accesses: AccessDriver) -> str:
    """Live, by tags, to the account's analysts."""
    live = accesses.live(OPEN)
    accesses.mesh.until(accesses.mesh.at_rest, "nothing going on")
    return live


def plan(mesh: MeshDriver) -> list[dict[str, Any]]:
    """What a dry run finds; it exits with 1 when that is anything."""
    code, found = mesh_command(mesh, "reconcile", "--dry-run")
    assert found["repaired"] == []
    assert code == (1 if found["left"] else 0)
    return list(found["left"])


def repair(mesh: MeshDriver, *words: str) -> dict[str, Any]:
    code, found = mesh_command(mesh, "reconcile", *words)
    assert code == (1 if found["left"] else 0)
    return found


def kinds(drifts: list[dict[str, Any]]) -> list[str]:
    return sorted(drift["kind"] for drift in drifts)


def reads(mesh: MeshDriver, role: str = "DataAnalyst") -> bool:
    return query(mesh, SQL, role) == ""


def test_nothing_drifted(mesh: MeshDriver, access: str) -> None:
    found = repair(mesh)
    assert (found["outcome"], found["left"], found["repaired"]) == ("in order", [], [])
    assert found["accesses"] == 1


def test_a_link_that_is_gone_is_made_again(mesh: MeshDriver, access: str) -> None:
    drop = {"Resource": {"Database": {"CatalogId": CONSUMER, "Name": LINK}}, "Permissions": ["DROP"]}
    principal = {"DataLakePrincipalIdentifier": role_arn(CONSUMER, "ConsumerAdmin")}
    mesh.client("consumer", "lakeformation", "ConsumerAdmin").grant_permissions(Principal=principal, **drop)
    mesh.client("consumer", "glue", "ConsumerAdmin").delete_database(Name=LINK)
    assert not reads(mesh)
    [drift] = plan(mesh)
    assert (drift["kind"], drift["access"]) == ("reader", access)
    assert LINK not in links(mesh)
    assert repair(mesh)["left"] == []
    assert LINK in links(mesh)
    assert reads(mesh)


def test_a_local_grant_that_is_gone_is_made_again(mesh: MeshDriver, access: str) -> None:
    lake = mesh.client("consumer", "lakeformation", "ConsumerAdmin")
    for held in local_grants(mesh, OPEN):
        lake.revoke_permissions(
            Principal={"DataLakePrincipalIdentifier": role_arn(CONSUMER, "DataAnalyst")},
            Resource=held["resource"],
            Permissions=held["permissions"],
        )
    assert not reads(mesh)
    assert kinds(plan(mesh)) == ["reader"]
    assert repair(mesh)["left"] == []
    assert reads(mesh)


def test_grants_to_the_account_are_granted_again_or_reported(
    mesh: MeshDriver, accesses: AccessDriver, access: str
) -> None:
    lake = mesh.client("central", "lakeformation")
    principal = {"DataLakePrincipalIdentifier": CONSUMER}
    for held in accesses.grants():
        if f'"{OPEN}"' in json.dumps(held["resource"]):
            permissions = {"Permissions": held["permissions"], "PermissionsWithGrantOption": held["permissions"]}
            lake.revoke_permissions(Principal=principal, Resource=held["resource"], **permissions)
    by_hand = {"Table": {"CatalogId": CENTRAL, "DatabaseName": OPEN, "Name": "t1"}}
    lake.grant_permissions(Principal=principal, Resource=by_hand, Permissions=["DESCRIBE"])
    assert not reads(mesh)
    assert {"missing", "foreign", "reader"} == set(kinds(plan(mesh)))
    found = repair(mesh)
    assert kinds(found["left"]) == ["foreign"]
    assert set(kinds(found["repaired"])) == {"missing"}
    assert reads(mesh)
    lake.revoke_permissions(Principal=principal, Resource=by_hand, Permissions=["DESCRIBE"])


def test_a_grant_to_a_role_is_reported_as_that_roles(mesh: MeshDriver, access: str) -> None:
    """It covers nothing of the account's own grants, which stay as they are."""
    lake = mesh.client("central", "lakeformation")
    of_central = mesh.physical_id("central", "AnnounceOutcomeFunctionRole")
    for arn in (role_arn(CONSUMER, "DataAnalyst"), role_arn(CENTRAL, of_central)):
        by_hand = {
            "Principal": {"DataLakePrincipalIdentifier": arn},
            "Resource": {"Table": {"CatalogId": CENTRAL, "DatabaseName": OPEN, "Name": "t1"}},
            "Permissions": ["SELECT"],
        }
        lake.grant_permissions(**by_hand)
        assert {(drift["kind"], drift["principal"]) for drift in plan(mesh)} == {("foreign", arn)}
        lake.revoke_permissions(**by_hand)
    assert plan(mesh) == []


def test_a_value_of_an_lf_tag_that_somebody_deleted_is_made_again(mesh: MeshDriver, access: str) -> None:
    lake = mesh.client("central", "lakeformation")
    lake.update_lf_tag(TagKey="domain", TagValuesToDelete=["energy"])
    [drift] = plan(mesh)
    assert (drift["kind"], drift["what"]) == ("settings", "gone: domain=energy")
    assert repair(mesh)["left"] == []
    assert "energy" in lake.get_lf_tag(TagKey="domain")["TagValues"]


@pytest.fixture
def role(mesh: MeshDriver) -> Iterator[str]:
    """A reader of its own, that may do what analysts may."""
    name = f"Reader{uuid.uuid4().hex[:8]}"
    create_role(mesh, name)
    yield name
    delete_role(mesh, name)


def create_role(mesh: MeshDriver, name: str) -> None:
    iam = mesh.client("consumer", "iam")
    like = iam.get_role(RoleName="DataAnalyst")["Role"]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(like["AssumeRolePolicyDocument"]))
    for policy in iam.list_role_policies(RoleName="DataAnalyst")["PolicyNames"]:
        document = iam.get_role_policy(RoleName="DataAnalyst", PolicyName=policy)["PolicyDocument"]
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
    for attached in iam.list_attached_role_policies(RoleName="DataAnalyst")["AttachedPolicies"]:
        iam.attach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])


def delete_role(mesh: MeshDriver, name: str) -> None:
    iam = mesh.client("consumer", "iam")
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
    iam.delete_role(RoleName=name)


def test_a_role_that_is_gone_is_told_and_its_access_suspended(
    mesh: MeshDriver, accesses: AccessDriver, role: str
) -> None:
    """Whoever makes a role of that name reads nothing, until somebody says that it is the same."""
    access = accesses.live(OPEN, reader=role)
    assert reads(mesh, role)
    delete_role(mesh, role)
    create_role(mesh, role)
    assert [drift["access"] for drift in plan(mesh) if "ReaderGone" in drift["what"]] == [access]
    assert local_grants(mesh, OPEN, role) != []

    left = repair(mesh)["left"]
    assert kinds(left) == ["suspended"], left
    assert local_grants(mesh, OPEN, role) == []
    assert not reads(mesh, role)
    assert kinds(repair(mesh)["left"]) == ["suspended"]
    assert "suspended" in accesses.record(access).history[-1].what

    assert repair(mesh, "--same-role", access)["left"] == []
    assert reads(mesh, role)


# --- central's side --------------------------------------------------------------------------------------------------


def of_product(drifts: list[dict[str, Any]], product: str = OPEN) -> list[str]:
    return kinds([drift for drift in drifts if drift["database"] == product])


def test_tags_that_are_gone_or_laxer_are_set_again(mesh: MeshDriver, access: str) -> None:
    """The reader reads again: without `publication` no grant by tags matches a column."""
    before = mesh.tags(OPEN, "t1")
    lake = mesh.client("central", "lakeformation")
    column = {"TableWithColumns": {"DatabaseName": OPEN, "Name": "t1", "ColumnNames": ["id"]}}
    lake.remove_lf_tags_from_resource(Resource=column, LFTags=[{"TagKey": "publication", "TagValues": ["published"]}])
    database = {"Database": {"Name": OPEN}}
    lake.add_lf_tags_to_resource(Resource=database, LFTags=[{"TagKey": "confidentiality", "TagValues": ["public"]}])
    assert not reads(mesh)
    [drift] = [drift for drift in plan(mesh) if drift["kind"] == "tags"]
    assert "t1.id is not published" in drift["what"]
    assert "confidentiality: public, not internal" in drift["what"]
    found = repair(mesh)
    assert (of_product(found["repaired"]), found["left"]) == (["tags"], [])
    assert mesh.tags(OPEN, "t1") == before
    assert reads(mesh)


def test_a_table_that_was_made_again_without_tags_is_readable_again(mesh: MeshDriver, access: str) -> None:
    before, tags = mesh.table(OPEN, "t1"), mesh.tags(OPEN, "t1")
    remake(mesh, before, **before["Parameters"])
    assert not reads(mesh)
    assert "tags" in of_product(plan(mesh))
    assert repair(mesh)["left"] == []
    assert mesh.tags(OPEN, "t1") == tags
    assert reads(mesh)


def remake(mesh: MeshDriver, table: dict[str, Any], **parameters: str) -> None:
    """Drop the table, and create it anew, as somebody who may do both."""
    glue, lake = mesh.client("central", "glue"), mesh.client("central", "lakeformation")
    admin = {"DataLakePrincipalIdentifier": role_arn(CENTRAL, ADMIN_ROLE)}
    on_table = {"Table": {"DatabaseName": OPEN, "Name": "t1"}}
    lake.grant_permissions(Principal=admin, Resource=on_table, Permissions=["DROP"])
    lake.grant_permissions(Principal=admin, Resource={"Database": {"Name": OPEN}}, Permissions=["CREATE_TABLE"])
    where = table["StorageDescriptor"]["Location"].replace("s3://", "arn:aws:s3:::")
    location = {"DataLocation": {"ResourceArn": where.partition("/published/")[0] + "/published"}}
    lake.grant_permissions(Principal=admin, Resource=location, Permissions=["DATA_LOCATION_ACCESS"])
    glue.delete_table(DatabaseName=OPEN, Name="t1")
    if parameters:
        kept = {name: table[name] for name in ("Name", "TableType", "StorageDescriptor", "PartitionKeys")}
        glue.create_table(DatabaseName=OPEN, TableInput={**kept, "Parameters": parameters})
    lake.revoke_permissions(Principal=admin, Resource=location, Permissions=["DATA_LOCATION_ACCESS"])


def test_a_location_that_was_deregistered_is_registered_again(mesh: MeshDriver, access: str) -> None:
    lake = mesh.client("central", "lakeformation")
    arns = [info["ResourceArn"] for info in lake.list_resources()["ResourceInfoList"]]
    [arn] = [arn for arn in arns if f"/{OPEN}/" in arn]
    lake.deregister_resource(ResourceArn=arn)
    assert "location" in of_product(plan(mesh))
    found = repair(mesh)
    assert ("location" in of_product(found["repaired"]), found["left"]) == (True, [])
    assert reads(mesh)


def test_rights_on_a_location_and_on_a_tag_are_granted_again_and_what_somebody_gave_is_reported(
    mesh: MeshDriver, access: str
) -> None:
    lake = mesh.client("central", "lakeformation")
    committer = role_arn(CENTRAL, mesh.physical_id("central", "CommitVersionFunctionRole"))
    [location] = [
        each["Resource"]
        for each in lake.list_permissions(ResourceType="DATA_LOCATION")["PrincipalResourcePermissions"]
        if each["Principal"]["DataLakePrincipalIdentifier"] == committer and f"/{OPEN}/" in json.dumps(each["Resource"])
    ]
    tag = {"LFTag": {"CatalogId": CENTRAL, "TagKey": "product", "TagValues": [OPEN]}}
    lake.revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": committer}, Resource=location, Permissions=["DATA_LOCATION_ACCESS"]
    )
    lake.revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": PRODUCER},
        Resource=tag,
        Permissions=["DESCRIBE"],
        PermissionsWithGrantOption=["DESCRIBE"],
    )
    analyst = {"DataLakePrincipalIdentifier": role_arn(CONSUMER, "DataAnalyst")}
    lake.grant_permissions(Principal=analyst, Resource=location, Permissions=["DATA_LOCATION_ACCESS"])
    lake.grant_permissions(Principal=analyst, Resource=tag, Permissions=["ASSOCIATE"])
    assert kinds(plan(mesh)) == ["foreign", "foreign", "rights", "rights"]
    found = repair(mesh)
    assert (kinds(found["repaired"]), kinds(found["left"])) == (["rights", "rights"], ["foreign", "foreign"])
    lake.revoke_permissions(Principal=analyst, Resource=location, Permissions=["DATA_LOCATION_ACCESS"])
    lake.revoke_permissions(Principal=analyst, Resource=tag, Permissions=["ASSOCIATE"])
    assert repair(mesh)["left"] == []


def test_settings_are_merged_again_and_what_iam_allows_is_revoked(mesh: MeshDriver, access: str) -> None:
    lake = mesh.client("central", "lakeformation")
    before = lake.get_data_lake_settings()["DataLakeSettings"]
    everybody = {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}
    by_default = [{"Principal": everybody, "Permissions": ["ALL"]}]
    gone = mesh.physical_id("central", "RepairDriftFunctionRole")
    admins = [each for each in before["DataLakeAdmins"] if not each["DataLakePrincipalIdentifier"].endswith(gone)]
    lake.put_data_lake_settings(
        DataLakeSettings={**before, "DataLakeAdmins": admins, "CreateTableDefaultPermissions": by_default}
    )
    lake.grant_permissions(Principal=everybody, Resource={"Database": {"Name": OPEN}}, Permissions=["ALL"])
    assert {"settings", "iam-allowed"} <= set(kinds(plan(mesh)))
    found = repair(mesh)
    assert {"settings", "iam-allowed"} <= set(kinds(found["repaired"]))
    assert found["left"] == []
    after = lake.get_data_lake_settings()["DataLakeSettings"]
    assert after["CreateTableDefaultPermissions"] == []
    assert {each["DataLakePrincipalIdentifier"] for each in after["DataLakeAdmins"]} == {
        each["DataLakePrincipalIdentifier"] for each in before["DataLakeAdmins"]
    }


@pytest.mark.parametrize("pointer", ["", "s3://elsewhere/metadata.json"])
def test_a_table_that_vanished_or_points_elsewhere_is_reported_and_stops_nothing_else(
    mesh: MeshDriver, access: str, pointer: str
) -> None:
    """The command that is told brings it back."""
    lake, before = mesh.client("central", "lakeformation"), mesh.table(OPEN, "t1")
    remake(mesh, before, **({**before["Parameters"], "metadata_location": pointer} if pointer else {}))
    lake.grant_permissions(
        Principal={"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"},
        Resource={"Database": {"Name": GROWING}},
        Permissions=["ALL"],
    )
    found = repair(mesh)
    assert kinds(found["repaired"]) == ["iam-allowed"]
    [drift] = [drift for drift in found["left"] if drift["kind"] == "table"]
    what = "t1: it points at s3://elsewhere/metadata.json, not at" if pointer else "t1: it is gone from the catalog"
    assert drift["database"] == OPEN
    assert drift["what"].startswith(what)
    command = shlex.split(drift["remedy"])
    assert command[:2] == ["mesh", "rollback"]
    assert mesh_command(mesh, *command[1:])[0] == 0
    mesh.until(mesh.at_rest, "nothing going on")
    assert reads(mesh)
    assert repair(mesh)["left"] == []


def test_a_pinned_version_that_is_laxer_or_gone_is_tagged_again_or_reported(
    mesh: MeshDriver, accesses: AccessDriver, access: str
) -> None:
    assert mesh_command(mesh, "pin", OPEN, "1", "--days", "3", "--reason", "a model")[0] == 0
    mesh.until(mesh.at_rest, "nothing going on")
    before = mesh.tags(OPEN, "t1__v1")
    lake, place = mesh.client("central", "lakeformation"), {"DatabaseName": OPEN, "Name": "t1__v1"}
    lake.add_lf_tags_to_resource(
        Resource={"TableWithColumns": {**place, "ColumnNames": ["id"]}},
        LFTags=[{"TagKey": "confidentiality", "TagValues": ["public"]}],
    )
    [drift] = plan(mesh)
    assert (drift["kind"], "t1__v1.id confidentiality: public" in drift["what"]) == ("tags", True)
    found = repair(mesh)
    assert (kinds(found["repaired"]), found["left"]) == (["tags"], [])
    assert mesh.tags(OPEN, "t1__v1") == before

    admin = {"DataLakePrincipalIdentifier": role_arn(CENTRAL, ADMIN_ROLE)}
    lake.grant_permissions(Principal=admin, Resource={"Table": place}, Permissions=["DROP"])
    mesh.client("central", "glue").delete_table(DatabaseName=OPEN, Name="t1__v1")
    [drift] = repair(mesh)["left"]
    assert (drift["kind"], drift["what"]) == ("table", "t1__v1, pinned: it is gone from the catalog")
    assert mesh_command(mesh, "unpin", OPEN, "1")[0] == 0
    assert repair(mesh)["left"] == []


def test_reconcile_reports_and_leaves_what_lacks_the_meshs_mark(mesh: MeshDriver) -> None:
    mesh.prepare("names-ours")
    mesh.until(mesh.at_rest, "no registration that takes the grant away")
    somebodys_database(mesh, "central", "names-somebodys")
    lake = mesh.client("central", "lakeformation")
    lake.grant_permissions(Principal=EVERYBODY, Resource={"Database": {"Name": "names-ours"}}, Permissions=["ALL"])
    granted = grants_on(mesh, "central", "names-somebodys")
    output = repair(mesh)
    left = [each for each in output["left"] if each["kind"] == "iam-allowed"]
    assert [each["database"] for each in left] == ["names-somebodys"]
    assert "not a data product" in left[0]["remedy"]
    assert [each["database"] for each in output["repaired"] if each["kind"] == "iam-allowed"] == ["names-ours"]
    assert grants_on(mesh, "central", "names-somebodys") == granted
    mesh.client("central", "glue").delete_database(Name="names-somebodys")


def test_what_was_passed_on_by_hand_ends_with_the_access_that_it_came_from(
    mesh: MeshDriver, accesses: AccessDriver, role: str
) -> None:
    """Left behind it would be in effect again with the account's next access."""
    access = accesses.live(OPEN)
    lake, colleague = mesh.client("consumer", "lakeformation", "ConsumerAdmin"), role_arn(CONSUMER, role)
    principal = {"DataLakePrincipalIdentifier": colleague}
    for name in (LINK, "default"):
        resource = {"Database": {"CatalogId": CONSUMER, "Name": name}}
        lake.grant_permissions(Principal=principal, Resource=resource, Permissions=["DESCRIBE"])
    for held in local_grants(mesh, OPEN):
        if "LFTagPolicy" in held["resource"]:
            more = {"PermissionsWithGrantOption": held["permissions"]}
            lake.grant_permissions(
                Principal=principal, Resource=held["resource"], Permissions=held["permissions"], **more
            )
    assert query(mesh, SQL, role) == ""
    accesses.revoke(access)
    accesses.wait(access, "ended")
    assert not reads(mesh, role)
    accesses.live(OPEN)
    assert not reads(mesh, role)
    assert [held for held in local_grants(mesh, OPEN, role) if "LFTagPolicy" in held["resource"]] == []


def test_an_access_by_name_to_a_column_that_was_tagged_more_strictly_by_hand_is_ended(
    mesh: MeshDriver, accesses: AccessDriver
) -> None:
    access = accesses.live(OPEN, table="t1", columns=["id"], reader="DataScientist")
    mesh.until(mesh.at_rest, "nothing going on")
    assert reads(mesh, "DataScientist")
    before = mesh.tags(OPEN, "t1")["id"]
    accesses.tag(OPEN, {"confidentiality": "confidential", "pii": "personal"}, "id")
    try:
        [drift] = [drift for drift in plan(mesh) if drift["kind"] == "stricter"]
        assert (drift["access"], f"{OPEN}.t1.id" in drift["what"]) == (access, True)
        assert "stricter" in kinds(repair(mesh)["repaired"])
        ended = accesses.wait(access, "ended")
        assert (ended.cause, ended.reason.code if ended.reason else "") == ("revoked", "BecameStricter")
        assert not reads(mesh, "DataScientist")
    finally:
        accesses.tag(OPEN, {key: before[key] for key in ("confidentiality", "pii")}, "id")


@pytest.mark.parametrize("account", ["producer", "consumer"])
def test_a_spokes_own_settings_are_as_they_were_deployed_within_a_day(mesh: MeshDriver, account: str) -> None:
    """Its schedule comes once a day. Central may not look; whoever has credentials there sees it in the plan."""
    lake = mesh.client(account, "lakeformation")
    before = lake.get_data_lake_settings()["DataLakeSettings"]
    everybody = {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}
    somebody = {"DataLakePrincipalIdentifier": role_arn(ACCOUNTS[account], ADMIN_ROLE)}
    by_hand = {"CreateDatabaseDefaultPermissions": [{"Principal": everybody, "Permissions": ["ALL"]}]}
    lake.put_data_lake_settings(DataLakeSettings={**before, **by_hand, "DataLakeAdmins": [somebody]})
    assert {(each["kind"], each["principal"]) for each in plan(mesh)} == {("settings", ACCOUNTS[account])}
    name = mesh.physical_id(account, "GovernLakeFunction")
    answer = mesh.client(account, "lambda").invoke(FunctionName=name, Payload=json.dumps(SCHEDULED))
    assert "FunctionError" not in answer, answer["Payload"].read()
    after = lake.get_data_lake_settings()["DataLakeSettings"]
    assert after["CreateDatabaseDefaultPermissions"] == []
    named = {each["DataLakePrincipalIdentifier"] for each in before["DataLakeAdmins"]}
    assert {each["DataLakePrincipalIdentifier"] for each in after["DataLakeAdmins"]} == named | set(somebody.values())


# --- whom central lets in --------------------------------------------------------------------------------------------


def statements(mesh: MeshDriver) -> list[dict[str, Any]]:
    policy = json.loads(mesh.client("central", "events").describe_event_bus(Name="mesh")["Policy"])
    return sorted(policy["Statement"], key=lambda each: str(each["Sid"]))


def test_the_policy_of_centrals_bus_is_set_again_and_what_is_not_the_meshs_is_reported(mesh: MeshDriver) -> None:
    """A member that was taken off the bus, a denial that was taken out of it, and an account that was let onto it."""
    events, before = mesh.client("central", "events"), statements(mesh)
    stranger = {"Action": "events:PutEvents", "Principal": "555555555555"}
    for gone in (f"member-{CONSUMER}", "mesh-OnlyChecksPropose"):
        events.remove_permission(EventBusName="mesh", StatementId=gone)
    for name in ("member-555555555555", "by-hand"):
        events.put_permission(EventBusName="mesh", StatementId=name, **stranger)
    assert mesh.put_event("SubscriptionRequested", {"product": "nothing"}, by="consumer")["ErrorCode"]
    assert kinds(plan(mesh)) == ["bus"] * 4
    found = repair(mesh)
    assert kinds(found["repaired"]) == ["bus"] * 3
    assert [drift["principal"] for drift in found["left"]] == ["by-hand"]
    events.remove_permission(EventBusName="mesh", StatementId="by-hand")
    assert all(same(*pair) for pair in zip(statements(mesh), before, strict=True))
    assert not mesh.put_event("SubscriptionRequested", {"product": "nothing"}, by="consumer").get("ErrorCode")


def test_a_members_topic_is_made_as_it_was(mesh: MeshDriver) -> None:
    """Everybody could subscribe to what central tells the producer, and read it without a key."""
    sns, arn = mesh.client("central", "sns"), f"arn:aws:sns:us-east-1:{CENTRAL}:mesh-to-{PRODUCER}"
    before = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "sns:Subscribe", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    for changed in ({"Policy": policy}, {"KmsMasterKeyId": ""}):
        [(name, value)] = changed.items()
        sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
        assert [(drift["kind"], drift["principal"]) for drift in plan(mesh)] == [("topic", PRODUCER)]
        found = repair(mesh)
        assert (kinds(found["repaired"]), found["left"]) == (["topic"], [])
    after = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert {name: after[name] for name in ("Policy", "KmsMasterKeyId")} == {
        name: before[name] for name in ("Policy", "KmsMasterKeyId")
    }


def test_a_queue_or_topic_of_centrals_stack_that_lets_in_others_is_reported(mesh: MeshDriver) -> None:
    sqs, sns = mesh.client("central", "sqs"), mesh.client("central", "sns")
    url, arn = mesh.physical_id("central", "EventDlq"), mesh.output("central", "StewardTopicArn")
    kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    quiet = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    anybody = {"Sid": "by-hand", "Effect": "Allow", "Principal": "*", "Action": "sns:Subscribe", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    sns.set_topic_attributes(
        TopicArn=arn,
        AttributeName="Policy",
        AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [*json.loads(quiet)["Statement"], anybody]}),
    )
    left = repair(mesh)["left"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": kept})
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=quiet)
    assert sorted((drift["kind"], drift["what"]) for drift in left) == [
        ("policy", "its statement EventDlqFromItsRules is gone"),
        ("policy", "its statement TlsOnly is gone"),
        ("policy", "its statement by-hand is not the stack's"),
    ]
    assert repair(mesh)["left"] == []


def test_a_members_bucket_or_queue_that_lets_in_others_is_found_by_its_own_operator(mesh: MeshDriver) -> None:
    """Central may not look at it; whoever has credentials there sees it in the plan too."""
    s3, sqs = mesh.client("producer", "s3"), mesh.client("producer", "sqs")
    bucket, url = mesh.physical_id("producer", "DataBucket"), mesh.physical_id("producer", "InboxQueue")
    files, messages = (
        json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]),
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"],
    )
    anybody = {"Sid": "by-hand", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
               "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}  # fmt: skip
    assert policies(mesh) == []
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({**files, "Statement": [*files["Statement"], anybody]}))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    found, planned = policies(mesh), plan(mesh)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(files))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": messages})
    last = len(files["Statement"])
    assert sorted(found) == [
        f"DataBucketPolicy was changed by hand: /PolicyDocument/Statement/{last}",
        "QueuePolicies was changed by hand: it is gone",
    ]
    assert sorted(drift["what"] for drift in planned) == sorted(found)
    assert {(drift["kind"], drift["principal"]) for drift in planned} == {("policy", PRODUCER)}
    assert policies(mesh) == plan(mesh) == []


def policies(mesh: MeshDriver) -> list[str]:
    """What `mesh doctor` finds wrong with the policies of stacks."""
    _, found = mesh_command(mesh, "doctor")
    return [check["found"] for check in found["checks"] if check["name"] == "policies" and check["ok"] is False]
