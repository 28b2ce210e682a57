"""Lake Formation across accounts: sharing by tags, passing on, RAM, resource links."""

import json
import time
from dataclasses import replace

import pytest

from local import shares
from tests.local.lf_helpers import CENTRAL, CONSUMER, PRODUCER, REGION, error_of, grant, reset, role, root, settings
from tests.local.lf_helpers import table_input as table

POLICY = {"Expression": [{"TagKey": "product", "TagValues": ["credit-card"]}]}
DATABASES = {"LFTagPolicy": {"ResourceType": "DATABASE"} | POLICY}
TABLES = {"LFTagPolicy": {"ResourceType": "TABLE"} | POLICY}
TAG = {"LFTag": {"TagKey": "product", "TagValues": ["credit-card"]}}
LINK = {"Database": {"Name": "rl_credit-card"}}


@pytest.fixture(autouse=True)
def _mesh() -> None:
    reset()
    for account in (CENTRAL, PRODUCER, CONSUMER):
        settings(account)
    central = root(CENTRAL)
    central.glue.create_database(DatabaseInput={"Name": "credit-card"})
    central.glue.create_table(DatabaseName="credit-card", TableInput=table("credit_card", "laufkont", "name"))
    central.lf.create_lf_tag(TagKey="product", TagValues=["credit-card"])
    central.lf.add_lf_tags_to_resource(
        Resource={"Database": {"Name": "credit-card"}}, LFTags=[{"TagKey": "product", "TagValues": ["credit-card"]}]
    )


def share(account, tables=("SELECT", "DESCRIBE"), databases=("DESCRIBE",)):
    central = root(CENTRAL)
    grant(central, account, DATABASES, list(databases), option=True)
    grant(central, account, TABLES, list(tables), option=True)


def link(account):
    target = {"CatalogId": CENTRAL, "DatabaseName": "credit-card", "Region": REGION}
    root(account).glue.create_database(DatabaseInput={"Name": "rl_credit-card", "TargetDatabase": target})


def shared_policy(resource):
    kind, body = next(iter(resource.items()))
    return {kind: {"CatalogId": CENTRAL} | body}


def read(caller, database="rl_credit-card"):
    return caller.glue.get_table(DatabaseName=database, Name="credit_card")["Table"]


def test_an_accounts_administrator_has_what_the_account_was_given():
    consumer = root(CONSUMER)
    direct = {"CatalogId": CENTRAL, "DatabaseName": "credit-card", "Name": "credit_card"}
    assert error_of(consumer.glue.get_table, **direct)[0] == "AccessDeniedException"
    share(CONSUMER)
    assert consumer.glue.get_table(**direct)["Table"]["CatalogId"] == CENTRAL
    assert error_of(root(PRODUCER).glue.get_table, **direct)[0] == "AccessDeniedException"


def test_a_role_gets_it_through_link_and_local_grants_only():
    share(CONSUMER)
    link(CONSUMER)
    analyst, consumer = role(CONSUMER, "analyst", "glue:Get*"), root(CONSUMER)
    assert "Required Describe on rl_credit-card" in error_of(lambda: read(analyst))[1]
    grant(consumer, analyst.arn, LINK, ["DESCRIBE"])
    assert "Required Describe on credit_card" in error_of(lambda: read(analyst))[1]
    grant(consumer, analyst.arn, shared_policy(TABLES), ["SELECT", "DESCRIBE"])
    found = read(analyst)
    assert (found["CatalogId"], found["DatabaseName"]) == (CENTRAL, "credit-card")
    listed = analyst.glue.get_tables(DatabaseName="rl_credit-card")["TableList"]
    assert [each["Name"] for each in listed] == ["credit_card"]
    assert [d["Name"] for d in analyst.glue.get_databases()["DatabaseList"]] == ["rl_credit-card"]


def test_iam_is_checked_on_link_and_target():
    share(CONSUMER)
    link(CONSUMER)
    own, theirs = (f"arn:aws:glue:{REGION}:{account}" for account in (CONSUMER, CENTRAL))
    local = [f"{own}:catalog", f"{own}:database/rl_credit-card", f"{own}:table/rl_credit-card/*"]
    narrow = role(CONSUMER, "narrow", "glue:GetTable", resources=local)
    grant(root(CONSUMER), narrow.arn, LINK, ["DESCRIBE"])
    grant(root(CONSUMER), narrow.arn, shared_policy(TABLES), ["DESCRIBE"])
    code, message = error_of(lambda: read(narrow))
    assert (code, f"glue:GetTable on resource: {theirs}:catalog" in message) == ("AccessDeniedException", True)
    target = [f"{theirs}:catalog", f"{theirs}:database/credit-card", f"{theirs}:table/credit-card/credit_card"]
    wide = role(CONSUMER, "wide", "glue:GetTable", resources=local + target)
    grant(root(CONSUMER), wide.arn, LINK, ["DESCRIBE"])
    grant(root(CONSUMER), wide.arn, shared_policy(TABLES), ["DESCRIBE"])
    assert read(wide)["Name"] == "credit_card"


def test_revoking_from_the_account_ends_what_it_passed_on():
    share(CONSUMER)
    link(CONSUMER)
    analyst, consumer = role(CONSUMER, "analyst", "glue:Get*"), root(CONSUMER)
    grant(consumer, analyst.arn, LINK, ["DESCRIBE"])
    grant(consumer, analyst.arn, shared_policy(TABLES), ["SELECT", "DESCRIBE"])
    assert read(analyst)
    root(CENTRAL).lf.revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": CONSUMER},
        Resource=TABLES,
        Permissions=["SELECT", "DESCRIBE"],
        PermissionsWithGrantOption=["SELECT", "DESCRIBE"],
    )
    assert error_of(lambda: read(analyst))[0] == "AccessDeniedException"


def test_passing_on_needs_the_grant_option():
    grant(root(CENTRAL), CONSUMER, TABLES, ["SELECT", "DESCRIBE"])
    analyst = role(CONSUMER, "analyst")
    code, _ = error_of(lambda: grant(root(CONSUMER), analyst.arn, shared_policy(TABLES), ["SELECT"]))
    assert code == "AccessDeniedException"


def test_a_receiver_cannot_share_on():
    share(CONSUMER)
    code, message = error_of(lambda: grant(root(CONSUMER), PRODUCER, shared_policy(TABLES), ["SELECT"]))
    assert (code, "third account" in message) == ("AccessDeniedException", True)


def test_a_role_of_another_account_can_be_granted_directly():
    analyst = role(CONSUMER, "analyst", "glue:GetTable")
    grant(root(CENTRAL), analyst.arn, TABLES, ["SELECT", "DESCRIBE"])
    found = analyst.glue.get_table(CatalogId=CENTRAL, DatabaseName="credit-card", Name="credit_card")
    assert found["Table"]["Name"] == "credit_card"


def test_describe_is_never_implied_across_accounts():
    grant(root(CENTRAL), CONSUMER, TABLES, ["SELECT"], option=True)
    code, _ = error_of(root(CONSUMER).glue.get_database, CatalogId=CENTRAL, Name="credit-card")
    assert code == "AccessDeniedException"


def test_tags_are_shared_above_cross_account_version_2_only():
    root(CENTRAL).lf.put_data_lake_settings(DataLakeSettings={"Parameters": {"CROSS_ACCOUNT_VERSION": "2"}})
    code, message = error_of(lambda: share(CONSUMER))
    assert (code, "version" in message) == ("InvalidInputException", True)


def test_from_version_5_on_named_resources_are_shared_by_one_wildcard():
    """A laptop that shares each by itself passes whoever counts on that."""
    central = root(CENTRAL)
    for name in ("one", "two"):
        central.glue.create_database(DatabaseInput={"Name": name})

    def shared() -> list[str]:
        found = central.ram.get_resource_share_associations(associationType="RESOURCE")["resourceShareAssociations"]
        return sorted(each["associatedEntity"].rpartition(":")[2] for each in found)

    grant(central, CONSUMER, {"Database": {"Name": "one"}}, ["DESCRIBE"])
    assert shared() == ["database/one"]
    central.lf.put_data_lake_settings(DataLakeSettings={"Parameters": {"CROSS_ACCOUNT_VERSION": "5"}})
    for name in ("one", "two"):
        grant(central, CONSUMER, {"Database": {"Name": name}}, ["DESCRIBE"])
    assert shared() == ["database/*", "database/one"]
    code, message = error_of(
        central.lf.put_data_lake_settings, DataLakeSettings={"Parameters": {"CROSS_ACCOUNT_VERSION": "4"}}
    )
    assert (code, "downgraded" in message) == ("InvalidInputException", True)


def test_shared_tags_are_seen_and_listed():
    assert root(PRODUCER).lf.list_lf_tags(ResourceShareType="ALL")["LFTags"] == []
    grant(root(CENTRAL), PRODUCER, TAG, ["DESCRIBE", "ASSOCIATE"], option=True)
    found = root(PRODUCER).lf.list_lf_tags(ResourceShareType="ALL")["LFTags"]
    assert found == [{"CatalogId": CENTRAL, "TagKey": "product", "TagValues": ["credit-card"]}]
    entries = root(PRODUCER).lf.list_permissions(CatalogId=CENTRAL)["PrincipalResourcePermissions"]
    assert [entry["Principal"]["DataLakePrincipalIdentifier"] for entry in entries] == [PRODUCER]


def test_a_producer_writes_the_table_through_its_link():
    share(PRODUCER, ("SELECT", "DESCRIBE", "ALTER", "INSERT"), ("DESCRIBE", "CREATE_TABLE"))
    link(PRODUCER)
    crawl, producer = role(PRODUCER, "crawl", "glue:*"), root(PRODUCER)
    grant(producer, crawl.arn, LINK, ["DESCRIBE"])
    grant(producer, crawl.arn, shared_policy(DATABASES), ["DESCRIBE", "CREATE_TABLE"])
    grant(producer, crawl.arn, shared_policy(TABLES), ["SELECT", "DESCRIBE", "ALTER", "INSERT"])
    crawl.glue.create_table(DatabaseName="rl_credit-card", TableInput=table("payments", "amount", keys=("dt",)))
    created = root(CENTRAL).glue.get_table(DatabaseName="credit-card", Name="payments")["Table"]
    assert created["CatalogId"] == CENTRAL
    partitions = [{"Values": ["2026-11-21"], "StorageDescriptor": {"Location": "s3://bucket/x/dt=2026-11-21/"}}]
    for known in ([], ["AlreadyExistsException"]):
        answer = crawl.glue.batch_create_partition(
            DatabaseName="rl_credit-card", TableName="payments", PartitionInputList=partitions
        )
        assert [error["ErrorDetail"]["ErrorCode"] for error in answer["Errors"]] == known
    stored = root(CENTRAL).glue.get_partitions(DatabaseName="credit-card", TableName="payments")["Partitions"]
    assert [partition["Values"] for partition in stored] == [["2026-11-21"]]
    code, message = error_of(crawl.glue.delete_table, DatabaseName="rl_credit-card", Name="payments")
    assert (code, "Required Drop on payments" in message) == ("AccessDeniedException", True)


def test_deleting_the_link_leaves_the_target():
    share(CONSUMER)
    link(CONSUMER)
    root(CONSUMER).glue.get_database(Name="rl_credit-card")
    grant(root(CONSUMER), CONSUMER, LINK, ["DROP"])
    root(CONSUMER).glue.delete_database(Name="rl_credit-card")
    assert root(CENTRAL).glue.get_database(Name="credit-card")["Database"]["Name"] == "credit-card"


def test_update_database_through_the_link_reaches_the_target():
    share(PRODUCER, databases=("DESCRIBE", "ALTER"))
    link(PRODUCER)
    root(PRODUCER).glue.update_database(
        Name="rl_credit-card", DatabaseInput={"Name": "rl_credit-card", "Description": "credits"}
    )
    assert root(CENTRAL).glue.get_database(Name="credit-card")["Database"]["Description"] == "credits"
    assert "TargetDatabase" in root(PRODUCER).glue.get_database(Name="rl_credit-card")["Database"]


def test_nothing_is_shared_while_everybody_is_allowed():
    central = root(CENTRAL)
    grant(central, "IAM_ALLOWED_PRINCIPALS", {"Database": {"Name": "credit-card"}}, ["ALL"])
    code, message = error_of(lambda: grant(central, CONSUMER, {"Database": {"Name": "credit-card"}}, ["DESCRIBE"]))
    assert (code, "IAMAllowedPrincipals" in message) == ("InvalidInputException", True)


def test_without_an_organization_invitations_come_first():
    shares.configure(organization_sharing=False)
    share(CONSUMER)
    consumer = root(CONSUMER)
    direct = {"CatalogId": CENTRAL, "DatabaseName": "credit-card", "Name": "credit_card"}
    assert error_of(consumer.glue.get_table, **direct)[0] == "AccessDeniedException"
    invitations = consumer.ram.get_resource_share_invitations()["resourceShareInvitations"]
    assert [(i["status"], i["senderAccountId"]) for i in invitations] == [("PENDING", CENTRAL)] * 2
    for invitation in invitations:
        arn = invitation["resourceShareInvitationArn"]
        consumer.ram.accept_resource_share_invitation(resourceShareInvitationArn=arn)
    assert consumer.glue.get_table(**direct)["Table"]["Name"] == "credit_card"
    code, _ = error_of(consumer.ram.accept_resource_share_invitation, resourceShareInvitationArn=arn)
    assert code == "ResourceShareInvitationAlreadyAcceptedException"


def test_a_rejected_share_is_made_anew_by_the_next_grant():
    shares.configure(organization_sharing=False)
    grant(root(CENTRAL), CONSUMER, TABLES, ["DESCRIBE"])
    consumer = root(CONSUMER)
    (first,) = consumer.ram.get_resource_share_invitations()["resourceShareInvitations"]
    consumer.ram.reject_resource_share_invitation(resourceShareInvitationArn=first["resourceShareInvitationArn"])
    associations = root(CENTRAL).ram.get_resource_share_associations(associationType="PRINCIPAL")
    assert [a["status"] for a in associations["resourceShareAssociations"]] == ["FAILED"]
    grant(root(CENTRAL), CONSUMER, TABLES, ["DESCRIBE"])
    statuses = [i["status"] for i in consumer.ram.get_resource_share_invitations()["resourceShareInvitations"]]
    assert sorted(statuses) == ["PENDING", "REJECTED"]


def test_ram_shows_shares_resources_principals_and_deletes_them():
    share(CONSUMER)
    central, consumer = root(CENTRAL), root(CONSUMER)
    shares = central.ram.get_resource_shares(resourceOwner="SELF")["resourceShares"]
    assert [s["name"].startswith("LakeFormation") for s in shares] == [True, True]
    received = consumer.ram.list_resources(resourceOwner="OTHER-ACCOUNTS")["resources"]
    assert {resource["arn"] for resource in received} == {f"arn:aws:glue:{REGION}:{CENTRAL}:catalog"}
    assert {p["id"] for p in central.ram.list_principals(resourceOwner="SELF")["principals"]} == {CONSUMER}
    for principal, expected in ((CONSUMER, received), (PRODUCER, [])):
        listed = central.ram.list_resources(resourceOwner="SELF", principal=principal)["resources"]
        assert [resource["arn"] for resource in listed] == [resource["arn"] for resource in expected]
    assert consumer.ram.list_resources(resourceOwner="OTHER-ACCOUNTS", principal=PRODUCER)["resources"] == []
    resources = central.ram.get_resource_share_associations(associationType="RESOURCE")["resourceShareAssociations"]
    assert {a["status"] for a in resources} == {"ASSOCIATED"}
    for each in shares:
        central.ram.delete_resource_share(resourceShareArn=each["resourceShareArn"])
    direct = {"CatalogId": CENTRAL, "DatabaseName": "credit-card", "Name": "credit_card"}
    assert error_of(consumer.glue.get_table, **direct)[0] == "AccessDeniedException"


def test_revoking_the_last_grant_deletes_the_share():
    grant(root(CENTRAL), CONSUMER, TABLES, ["DESCRIBE"])
    root(CENTRAL).lf.revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": CONSUMER}, Resource=TABLES, Permissions=["DESCRIBE"]
    )
    shares = root(CENTRAL).ram.get_resource_shares(resourceOwner="SELF")["resourceShares"]
    assert [s["status"] for s in shares] == ["DELETED"]


def test_sharing_takes_the_callers_own_rights_in_ram():
    grants = ["lakeformation:GrantPermissions"]
    without = role(CENTRAL, "without", *grants)
    attach = "ram:AssociateResourceSharePermission"
    granter = role(CENTRAL, "granter", *grants, "ram:CreateResourceShare", attach)
    settings(CENTRAL, without.arn, granter.arn)
    code, message = error_of(lambda: grant(without, CONSUMER, TABLES, ["DESCRIBE"]))
    assert (code, "ram:CreateResourceShare" in message) == ("AccessDeniedException", True)
    assert root(CENTRAL).ram.get_resource_shares(resourceOwner="SELF")["resourceShares"] == []
    grant(granter, CONSUMER, TABLES, ["DESCRIBE"])
    named = {"Table": {"DatabaseName": "credit-card", "Name": "credit_card"}}
    assert "ram:AssociateResourceShare" in error_of(lambda: grant(granter, CONSUMER, named, ["DESCRIBE"]))[1]


@pytest.mark.parametrize("covered", ["permission", "share"])
def test_what_a_share_permits_takes_a_right_on_permission_and_share(covered: str):
    every = ["lakeformation:GrantPermissions", "ram:CreateResourceShare", "ram:AssociateResourceShare"]
    attach = "ram:AssociateResourceSharePermission"
    granter = role(CENTRAL, "granter", *every)
    settings(CENTRAL, granter.arn)
    arns = {
        "permission": "arn:aws:ram::aws:permission/AWSRAMLFEnabled*",
        "share": f"arn:aws:ram:us-east-1:{CENTRAL}:resource-share/*",
    }
    allowed = [
        {"Effect": "Allow", "Action": every, "Resource": "*"},
        {"Effect": "Allow", "Action": attach, "Resource": arns[covered]},
    ]
    iam = root(CENTRAL).client("iam")
    both = [*allowed, {"Effect": "Allow", "Action": attach, "Resource": list(arns.values())}]
    for statements, refused in ((allowed, True), (both, False)):
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName="granter", PolicyName="may", PolicyDocument=policy)
        if refused:
            assert attach in error_of(lambda: grant(granter, CONSUMER, TABLES, ["DESCRIBE"]))[1]
        else:
            grant(granter, CONSUMER, TABLES, ["DESCRIBE"])


def test_a_link_shows_its_targets_properties_to_those_who_may_describe_it():
    root(CENTRAL).glue.update_database(
        Name="credit-card", DatabaseInput={"Name": "credit-card", "Description": "credits"}
    )
    link(CONSUMER)
    found = root(CONSUMER).glue.get_database(Name="rl_credit-card")["Database"]
    assert (found["Name"], found.get("Description")) == ("rl_credit-card", None)
    share(CONSUMER)
    found = root(CONSUMER).glue.get_database(Name="rl_credit-card")["Database"]
    assert (found["Name"], found["Description"]) == ("rl_credit-card", "credits")
    assert found["TargetDatabase"]["DatabaseName"] == "credit-card"


def test_no_table_link_is_created_or_followed_behind_a_database_link():
    share(PRODUCER, ("SELECT", "DESCRIBE", "ALTER"), ("DESCRIBE", "CREATE_TABLE"))
    link(PRODUCER)
    target = {"CatalogId": CENTRAL, "DatabaseName": "credit-card", "Name": "credit_card"}
    table_link = {"Name": "again", "TargetTable": target}
    producer, central = root(PRODUCER).glue, root(CENTRAL)
    code, message = error_of(producer.create_table, DatabaseName="rl_credit-card", TableInput=table_link)
    assert (code, "through a database link" in message) == ("InvalidInputException", True)
    central.glue.create_table(DatabaseName="credit-card", TableInput=table_link)
    central.lf.add_lf_tags_to_resource(
        Resource={"Table": {"DatabaseName": "credit-card", "Name": "again"}},
        LFTags=[{"TagKey": "product", "TagValues": ["credit-card"]}],
    )
    assert producer.get_table(DatabaseName="rl_credit-card", Name="again")["Table"]["TargetTable"] == target
    for call in (producer.get_partitions, producer.get_partition):
        values = {"PartitionValues": ["1"]} if call == producer.get_partition else {}
        code, message = error_of(call, DatabaseName="rl_credit-card", TableName="again", **values)
        assert (code, "behind a database link" in message) == ("InvalidInputException", True)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("get_table_versions", {"DatabaseName": "credit-card", "TableName": "credit_card"}),
        ("search_tables", {"SearchText": "credit"}),
        (
            "get_column_statistics_for_table",
            {"DatabaseName": "rl_credit-card", "TableName": "credit_card", "ColumnNames": ["name"]},
        ),
        ("get_partition_indexes", {"DatabaseName": "credit-card", "TableName": "credit_card"}),
    ],
)
def test_a_call_that_lake_formation_is_not_asked_about_is_refused(operation, arguments):
    code, message = error_of(getattr(root(CENTRAL).glue, operation), **arguments)
    assert (code, "does not serve" in message) == ("InvalidInputException", True)


def test_what_is_shared_comes_when_ram_has_associated_it():
    shares.configure(organization_sharing=True, association_seconds=0.3)
    share(CONSUMER)
    direct = {"CatalogId": CENTRAL, "DatabaseName": "credit-card", "Name": "credit_card"}
    assert error_of(root(CONSUMER).glue.get_table, **direct)[0] == "AccessDeniedException"
    found = root(CENTRAL).ram.get_resource_share_associations(associationType="PRINCIPAL")
    assert {each["status"] for each in found["resourceShareAssociations"]} == {"ASSOCIATING"}
    time.sleep(0.3)
    assert root(CONSUMER).glue.get_table(**direct)["Table"]["CatalogId"] == CENTRAL


def test_a_share_of_tables_that_is_not_associated_yet_takes_nothing_from_that_of_databases():
    grant(root(CENTRAL), CONSUMER, DATABASES, ["DESCRIBE"], option=True)
    assert root(CONSUMER).glue.get_database(CatalogId=CENTRAL, Name="credit-card")
    shares.configure(organization_sharing=True, association_seconds=60)
    shares.mesh.shares = {arn: replace(one, created=0.0) for arn, one in shares.mesh.shares.items()}
    grant(root(CENTRAL), CONSUMER, TABLES, ["SELECT", "DESCRIBE"], option=True)
    assert root(CONSUMER).glue.get_database(CatalogId=CENTRAL, Name="credit-card")
    direct = {"CatalogId": CENTRAL, "DatabaseName": "credit-card", "Name": "credit_card"}
    assert error_of(root(CONSUMER).glue.get_table, **direct)[0] == "AccessDeniedException"
