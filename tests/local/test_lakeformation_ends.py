"""How grants and tags end: passed on, in batches, in part, and when what they name is gone."""

import pytest

from tests.local.lf_helpers import CENTRAL, CONSUMER, PRODUCER, error_of, grant, reset, role, root, settings
from tests.local.lf_helpers import table_input as table

BOTH = ["SELECT", "DESCRIBE"]
TABLE = {"Table": {"CatalogId": CENTRAL, "DatabaseName": "cards", "Name": "card"}}
COLUMNS = {
    "TableWithColumns": {
        "CatalogId": CENTRAL,
        "DatabaseName": "cards",
        "Name": "card",
        "ColumnNames": ["number", "owner"],
    }
}


def policy(*values):
    expression = [{"TagKey": "product", "TagValues": list(values)}]
    return {"LFTagPolicy": {"CatalogId": CENTRAL, "ResourceType": "TABLE", "Expression": expression}}


@pytest.fixture(autouse=True)
def _mesh() -> None:
    reset()
    for account in (CENTRAL, PRODUCER, CONSUMER):
        settings(account)
    central = root(CENTRAL)
    central.glue.create_database(DatabaseInput={"Name": "cards"})
    central.glue.create_table(DatabaseName="cards", TableInput=table("card", "number", "owner"))
    central.lf.create_lf_tag(TagKey="product", TagValues=["cards", "loans"])
    central.lf.create_lf_tag(TagKey="pii", TagValues=["none", "personal"])
    tag({"Database": {"Name": "cards"}}, product="cards", pii="none")


def tag(resource, **tags):
    pairs = [{"TagKey": key, "TagValues": [value]} for key, value in tags.items()]
    assert root(CENTRAL).lf.add_lf_tags_to_resource(Resource=resource, LFTags=pairs)["Failures"] == []


def untag(resource, **tags):
    pairs = [{"TagKey": key, "TagValues": [value]} for key, value in tags.items()]
    failures = root(CENTRAL).lf.remove_lf_tags_from_resource(Resource=resource, LFTags=pairs)["Failures"]
    return {failure["LFTag"]["TagKey"]: failure["Error"]["ErrorCode"] for failure in failures}


def revoke(caller, principal, resource, permissions, option=False):
    caller.lf.revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": principal},
        Resource=resource,
        Permissions=permissions,
        PermissionsWithGrantOption=permissions if option else [],
    )


def listed(caller, **query):
    found = caller.lf.list_permissions(CatalogId=CENTRAL, **query)["PrincipalResourcePermissions"]
    return {entry["Principal"]["DataLakePrincipalIdentifier"] for entry in found}


@pytest.mark.parametrize("resource", [TABLE, policy("cards"), COLUMNS])
def test_what_was_passed_on_stays_gives_nothing_and_can_be_revoked(resource):
    central, consumer, analyst = root(CENTRAL), root(CONSUMER), role(CONSUMER, "analyst", "glue:Get*")
    permissions = ["SELECT"] if resource is COLUMNS else BOTH
    grant(central, CONSUMER, resource, permissions, option=True)
    grant(central, CONSUMER, TABLE, ["DESCRIBE"], option=True)
    grant(consumer, analyst.arn, resource, permissions)
    where = {"CatalogId": CENTRAL, "DatabaseName": "cards", "Name": "card"}
    if resource is not COLUMNS:
        assert analyst.glue.get_table(**where)
    revoke(central, CONSUMER, resource, permissions, option=True)
    if resource is not TABLE:
        revoke(central, CONSUMER, TABLE, ["DESCRIBE"], option=True)
    assert error_of(analyst.glue.get_table, **where)[0] == "AccessDeniedException"
    assert analyst.arn in listed(central)
    assert listed(consumer) == {analyst.arn}
    assert error_of(lambda: grant(consumer, analyst.arn, resource, permissions))[0] == "AccessDeniedException"
    other = role(CONSUMER, "other", "lakeformation:*")
    assert error_of(lambda: revoke(other, analyst.arn, resource, permissions))[0] == "AccessDeniedException"
    assert error_of(lambda: revoke(root(PRODUCER), analyst.arn, resource, permissions))[0] == "AccessDeniedException"
    revoke(consumer, analyst.arn, resource, permissions)
    assert listed(consumer) == set()
    code, message = error_of(lambda: revoke(central, analyst.arn, resource, permissions))
    assert (code, "Grantee has no permissions" in message) == ("InvalidInputException", True)


def test_what_central_gave_a_role_of_the_account_is_not_the_accounts_to_revoke():
    analyst = role(CONSUMER, "analyst")
    grant(root(CENTRAL), analyst.arn, TABLE, ["SELECT"])
    code, _ = error_of(lambda: revoke(root(CONSUMER), analyst.arn, TABLE, ["SELECT"]))
    assert code == "AccessDeniedException"


def test_a_batch_of_revokes_does_what_it_can():
    central, analyst = root(CENTRAL), role(CENTRAL, "analyst")
    grant(central, analyst.arn, TABLE, BOTH)
    entry = {"Principal": {"DataLakePrincipalIdentifier": analyst.arn}, "Resource": TABLE}
    entries = [
        entry | {"Id": "held", "Permissions": ["SELECT"]},
        entry | {"Id": "never", "Permissions": ["DROP"]},
        entry | {"Id": "elsewhere", "Permissions": ["SELECT"], "Resource": policy("cards")},
        entry | {"Id": "again", "Permissions": ["SELECT"]},
    ]
    failures = central.lf.batch_revoke_permissions(Entries=entries)["Failures"]
    assert [(f["RequestEntry"]["Id"], f["Error"]["ErrorCode"]) for f in failures] == [
        (name, "InvalidInputException") for name in ("never", "elsewhere", "again")
    ]
    assert failures[0]["Error"]["ErrorMessage"] == "No permissions revoked. Grantee does not have: [DROP]"
    (left,) = central.lf.list_permissions(Principal=entry["Principal"])["PrincipalResourcePermissions"]
    assert left["Permissions"] == ["DESCRIBE"]


def test_an_expression_can_be_revoked_when_its_value_is_gone():
    central = root(CENTRAL)
    loans = {"LFTag": {"CatalogId": CENTRAL, "TagKey": "product", "TagValues": ["loans"]}}
    for resource, permissions in ((policy("loans"), BOTH), (policy("cards", "loans"), BOTH), (loans, ["DESCRIBE"])):
        grant(central, CONSUMER, resource, permissions, option=True)
    in_use = error_of(central.lf.update_lf_tag, TagKey="product", TagValuesToDelete=["cards"])
    assert in_use[0] == "InvalidInputException"
    central.lf.update_lf_tag(TagKey="product", TagValuesToDelete=["loans"])
    code, _ = error_of(lambda: grant(central, CONSUMER, policy("loans"), BOTH))
    assert code == "EntityNotFoundException"
    for resource, permissions in ((policy("loans"), BOTH), (policy("cards", "loans"), BOTH), (loans, ["DESCRIBE"])):
        revoke(central, CONSUMER, resource, permissions, option=True)
    assert CONSUMER not in listed(central)


def test_untagging_fails_by_the_tag_and_leaves_what_is_inherited():
    column = {"TableWithColumns": {"DatabaseName": "cards", "Name": "card", "ColumnNames": ["owner"]}}
    tag(column, pii="personal")
    assert untag(column, product="cards", pii="none") == {
        "product": "EntityNotFoundException",
        "pii": "EntityNotFoundException",
    }
    assert untag(column, product="nothing", pii="personal") == {"product": "EntityNotFoundException"}
    found = root(CENTRAL).lf.get_resource_lf_tags(Resource=column)["LFTagsOnColumns"]
    assert [(tag["TagKey"], tag["TagValues"]) for tag in found[0]["LFTags"]] == [
        ("pii", ["none"]),
        ("product", ["cards"]),
    ]
    assert untag(column, pii="personal") == {"pii": "EntityNotFoundException"}
