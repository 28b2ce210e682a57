"""Lake Formation through boto3: settings, tags, grants, listing, limits and refusals."""

import pytest
from mesh.adapters.lakeformation.lake import LakeFormationAdapter

from local.lakeformation import evaluation
from tests.local.lf_helpers import CENTRAL, PRODUCER, error_of, grant, reset, role, root, settings, table_input


@pytest.fixture(autouse=True)
def _empty() -> None:
    reset()


@pytest.fixture
def central():
    settings(CENTRAL)
    caller = root(CENTRAL)
    caller.glue.create_database(DatabaseInput={"Name": "credit-card"})
    caller.glue.create_table(
        DatabaseName="credit-card", TableInput=table_input("credit_card", "laufkont", "alter", "name")
    )
    for key, values in (("product", ["credit-card", "other"]), ("pii", ["Yes", "no"])):
        caller.lf.create_lf_tag(TagKey=key, TagValues=values)
    return caller


DATABASE = {"Database": {"Name": "credit-card"}}
TABLE = {"Table": {"DatabaseName": "credit-card", "Name": "credit_card"}}


def columns(*names):
    return {"TableWithColumns": {"DatabaseName": "credit-card", "Name": "credit_card", "ColumnNames": list(names)}}


def policy(kind, **expression):
    tags = [{"TagKey": k, "TagValues": v if isinstance(v, list) else [v]} for k, v in expression.items()]
    return {"LFTagPolicy": {"ResourceType": kind, "Expression": tags}}


def tag(caller, resource, **tags):
    pairs = [{"TagKey": k, "TagValues": [v]} for k, v in tags.items()]
    return caller.lf.add_lf_tags_to_resource(Resource=resource, LFTags=pairs)["Failures"]


def seen(caller):
    table = caller.glue.get_table(CatalogId=CENTRAL, DatabaseName="credit-card", Name="credit_card")["Table"]
    return [column["Name"] for column in table["StorageDescriptor"]["Columns"]]


def test_put_settings_replaces_everything():
    steward = role(CENTRAL, "steward", "lakeformation:*")
    settings(CENTRAL, steward.arn)
    settings(CENTRAL)
    kept = root(CENTRAL).lf.get_data_lake_settings()["DataLakeSettings"]
    assert kept["DataLakeAdmins"] == []
    assert kept["Parameters"] == {"CROSS_ACCOUNT_VERSION": "4"}


def test_settings_refuse_an_administrator_that_does_not_exist():
    code, message = error_of(lambda: settings(CENTRAL, f"arn:aws:iam::{CENTRAL}:role/nobody"))
    assert code == "InvalidInputException"
    assert "Invalid principal" in message


def test_iam_is_checked_first():
    nobody = role(CENTRAL, "nobody")
    code, message = error_of(nobody.lf.get_data_lake_settings)
    assert code == "AccessDeniedException"
    assert "lakeformation:GetDataLakeSettings" in message


def test_tags_are_lower_case_and_limited(central):
    assert central.lf.get_lf_tag(TagKey="PII")["TagValues"] == ["yes", "no"]
    assert error_of(central.lf.create_lf_tag, TagKey="k" * 51, TagValues=["v"])[0] == "InvalidInputException"
    assert error_of(central.lf.create_lf_tag, TagKey="k", TagValues=["v" * 51])[0] == "InvalidInputException"
    many = [f"v{i}" for i in range(51)]
    assert error_of(central.lf.create_lf_tag, TagKey="k", TagValues=many)[0] == "InvalidInputException"
    assert "already exists" in error_of(central.lf.create_lf_tag, TagKey="PII", TagValues=["x"])[1]


def test_a_key_has_at_most_1000_values(central):
    central.lf.create_lf_tag(TagKey="big", TagValues=["v"])
    for start in range(0, 950, 50):
        central.lf.update_lf_tag(TagKey="big", TagValuesToAdd=[f"v{i}" for i in range(start, start + 50)])
    central.lf.update_lf_tag(TagKey="big", TagValuesToAdd=[f"v{i}" for i in range(950, 999)])
    assert len(central.lf.get_lf_tag(TagKey="big")["TagValues"]) == 1000
    code, _ = error_of(central.lf.update_lf_tag, TagKey="big", TagValuesToAdd=["one-more"])
    assert code == "ResourceNumberLimitExceededException"


def test_a_value_in_use_cannot_be_deleted_but_the_key_can(central):
    tag(central, DATABASE, pii="yes")
    assert "not allowed" in error_of(central.lf.update_lf_tag, TagKey="pii", TagValuesToDelete=["yes"])[1]
    central.lf.delete_lf_tag(TagKey="pii")
    assert "LFTagOnDatabase" not in central.lf.get_resource_lf_tags(Resource=DATABASE)


def test_a_column_that_its_table_has_no_more_keeps_no_value_in_use(central):
    tag(central, columns("alter"), pii="yes")
    assert "not allowed" in error_of(central.lf.update_lf_tag, TagKey="pii", TagValuesToDelete=["yes"])[1]
    central.glue.update_table(DatabaseName="credit-card", TableInput=table_input("credit_card", "laufkont", "name"))

    central.lf.update_lf_tag(TagKey="pii", TagValuesToDelete=["yes"])

    assert central.lf.get_lf_tag(TagKey="pii")["TagValues"] == ["no"]


def test_list_lf_tags_pages(central):
    central.lf.create_lf_tag(TagKey="domain", TagValues=["risk"])
    first = central.lf.list_lf_tags(MaxResults=2)
    rest = central.lf.list_lf_tags(MaxResults=2, NextToken=first["NextToken"])
    assert [t["TagKey"] for t in first["LFTags"] + rest["LFTags"]] == ["domain", "pii", "product"]
    assert "NextToken" not in rest


def test_the_nearer_tag_wins(central):
    assert tag(central, DATABASE, pii="no", product="credit-card") == []
    assert tag(central, TABLE, product="other") == []
    assert tag(central, columns("name"), pii="yes") == []
    answer = central.lf.get_resource_lf_tags(Resource=TABLE)
    flat = lambda pairs: {pair["TagKey"]: pair["TagValues"][0] for pair in pairs}  # noqa: E731
    assert flat(answer["LFTagOnDatabase"]) == {"pii": "no", "product": "credit-card"}
    assert flat(answer["LFTagsOnTable"]) == {"pii": "no", "product": "other"}
    by_column = {column["Name"]: flat(column["LFTags"]) for column in answer["LFTagsOnColumns"]}
    assert by_column["name"] == {"pii": "yes", "product": "other"}
    assert by_column["alter"] == {"pii": "no", "product": "other"}
    assigned = central.lf.get_resource_lf_tags(Resource=TABLE, ShowAssignedLFTags=True)
    assert flat(assigned["LFTagsOnTable"]) == {"product": "other"}
    assert [column["Name"] for column in assigned["LFTagsOnColumns"]] == ["name"]


def test_tagging_fails_in_failures_with_200(central):
    failures = tag(central, TABLE, pii="maybe", product="other")
    assert [failure["Error"]["ErrorCode"] for failure in failures] == ["EntityNotFoundException"]
    answer = central.lf.get_resource_lf_tags(Resource=TABLE)
    assert [pair["TagKey"] for pair in answer["LFTagsOnTable"]] == ["product"]


@pytest.mark.parametrize("tagged", [["laufkont"], ["laufkont", "alter", "name"]])
def test_the_right_to_tag_is_looked_up_once_for_a_table(central, tagged, monkeypatch):
    looked = []
    found = evaluation.rights
    monkeypatch.setattr(evaluation, "rights", lambda *given: looked.append(given[2]) or found(*given))
    assert tag(central, columns(*tagged), product="other") == []
    assert len(looked) == 2  # DESCRIBE on the table, ASSOCIATE on the value


def test_a_resource_has_at_most_50_tags(central):
    for i in range(51):
        central.lf.create_lf_tag(TagKey=f"k{i}", TagValues=["v"])
    assert tag(central, TABLE, **{f"k{i}": "v" for i in range(50)}) == []
    failures = tag(central, TABLE, k50="v")
    assert [failure["Error"]["ErrorCode"] for failure in failures] == ["ResourceNumberLimitExceededException"]


def test_removing_a_tag_that_is_not_there_fails(central):
    answer = central.lf.remove_lf_tags_from_resource(Resource=TABLE, LFTags=[{"TagKey": "pii", "TagValues": ["yes"]}])
    assert [failure["Error"]["ErrorCode"] for failure in answer["Failures"]] == ["EntityNotFoundException"]


def test_a_named_grant_shows_its_columns_only(central):
    analyst = role(CENTRAL, "analyst", "glue:GetTable")
    code, message = error_of(lambda: seen(analyst))
    assert (code, "Required Describe on credit_card" in message) == ("AccessDeniedException", True)
    grant(central, analyst.arn, columns("alter"), ["SELECT"])
    assert seen(analyst) == ["alter"]


def test_an_expression_is_and_across_keys_or_within(central):
    analyst = role(CENTRAL, "analyst", "glue:GetTable")
    tag(central, DATABASE, product="credit-card", pii="no")
    tag(central, columns("name"), pii="yes")
    grant(central, analyst.arn, policy("TABLE", product=["credit-card", "other"], pii="no"), ["SELECT", "DESCRIBE"])
    assert seen(analyst) == ["laufkont", "alter"]
    tag(central, columns("name"), pii="no")
    assert seen(analyst) == ["laufkont", "alter", "name"]
    tag(central, TABLE, pii="yes")
    assert seen(analyst) == ["name"]


def test_a_partial_tag_grant_drops_alter_to_describe(central):
    writer = role(CENTRAL, "writer", "glue:*")
    tag(central, DATABASE, pii="no")
    grant(central, writer.arn, policy("TABLE", pii="no"), ["SELECT", "ALTER", "DESCRIBE"])
    changed = table_input("credit_card", "laufkont", "alter", "name")
    writer.glue.update_table(DatabaseName="credit-card", TableInput=changed)
    tag(central, columns("name"), pii="yes")
    code, message = error_of(writer.glue.update_table, DatabaseName="credit-card", TableInput=changed)
    assert (code, "Required Alter on credit_card" in message) == ("AccessDeniedException", True)
    assert seen(writer) == ["laufkont", "alter"]


def test_a_grant_repeats_and_a_revoke_does_not(central):
    analyst = role(CENTRAL, "analyst", "glue:GetTable")
    for _ in range(2):
        grant(central, analyst.arn, TABLE, ["DESCRIBE"])
    who = {"DataLakePrincipalIdentifier": analyst.arn}
    central.lf.revoke_permissions(Principal=who, Resource=TABLE, Permissions=["DESCRIBE"])
    code, message = error_of(central.lf.revoke_permissions, Principal=who, Resource=TABLE, Permissions=["DESCRIBE"])
    assert code == "InvalidInputException"
    assert "No permissions revoked. Grantee has no permissions and no grantable permissions" in message
    assert error_of(lambda: seen(analyst))[0] == "AccessDeniedException"


def test_select_on_a_table_comes_back_as_columns(central):
    analyst = role(CENTRAL, "analyst", "glue:GetTable")
    grant(central, analyst.arn, TABLE, ["SELECT", "DESCRIBE"], option=True)
    who = {"DataLakePrincipalIdentifier": analyst.arn}
    found = central.lf.list_permissions(Principal=who, Resource=TABLE)["PrincipalResourcePermissions"]
    by_kind = {next(iter(entry["Resource"])): entry["Permissions"] for entry in found}
    assert by_kind == {"Table": ["DESCRIBE"], "TableWithColumns": ["SELECT"]}
    assert found[0]["PermissionsWithGrantOption"] == found[0]["Permissions"]


def test_the_creator_holds_all_permissions_and_they_are_listed(central):
    maker = role(CENTRAL, "maker", "glue:*")
    maker.glue.create_database(DatabaseInput={"Name": "mine"})
    found = central.lf.list_permissions(
        Resource={"Database": {"Name": "mine"}}, Principal={"DataLakePrincipalIdentifier": maker.arn}
    )["PrincipalResourcePermissions"]
    assert "ALL" in found[0]["Permissions"]
    assert found[0]["Permissions"] == found[0]["PermissionsWithGrantOption"]


def test_only_who_may_grant_grants(central):
    middle, other = role(CENTRAL, "middle", "lakeformation:*"), role(CENTRAL, "other")
    grant(central, middle.arn, TABLE, ["DESCRIBE"])
    code, message = error_of(lambda: grant(middle, other.arn, TABLE, ["DESCRIBE"]))
    assert code == "AccessDeniedException"
    assert "Required Grant on credit_card" in message
    grant(central, middle.arn, TABLE, ["DESCRIBE"], option=True)
    grant(middle, other.arn, TABLE, ["DESCRIBE"])


@pytest.mark.parametrize(
    ("principal", "resource", "permissions", "code"),
    [
        (f"arn:aws:iam::{CENTRAL}:role/nobody", TABLE, ["SELECT"], "InvalidInputException"),
        (CENTRAL, DATABASE, ["SELECT"], "InvalidInputException"),
        (PRODUCER, DATABASE, ["DROP"], "InvalidInputException"),
        (PRODUCER, policy("DATABASE", pii="no"), ["ALL"], "InvalidInputException"),
        (PRODUCER, policy("TABLE", pii="perhaps"), ["SELECT"], "EntityNotFoundException"),
        (PRODUCER, {"Database": {"Name": "gone"}}, ["DESCRIBE"], "EntityNotFoundException"),
        (
            PRODUCER,
            {"DataLocation": {"ResourceArn": "arn:aws:s3:::b/x"}},
            ["DATA_LOCATION_ACCESS"],
            "InvalidInputException",
        ),
    ],
)
def test_grants_that_are_refused(central, principal, resource, permissions, code):
    assert error_of(lambda: grant(central, principal, resource, permissions))[0] == code


def test_a_batch_fails_entry_by_entry(central):
    analyst = role(CENTRAL, "analyst", "glue:GetTable")
    entries = [
        {"Id": str(i), "Principal": {"DataLakePrincipalIdentifier": arn}, "Resource": TABLE, "Permissions": ["SELECT"]}
        for i, arn in enumerate((analyst.arn, f"arn:aws:iam::{CENTRAL}:role/nobody"))
    ]
    failures = central.lf.batch_grant_permissions(Entries=entries)["Failures"]
    assert [(f["RequestEntry"]["Id"], f["Error"]["ErrorCode"]) for f in failures] == [("1", "InvalidInputException")]
    assert seen(analyst) == ["laufkont", "alter", "name"]
    many = [entries[0] | {"Id": str(i)} for i in range(21)]
    assert error_of(central.lf.batch_grant_permissions, Entries=many)[0] == "InvalidInputException"


def test_iam_allowed_principals_hold_all_in_a_fresh_account():
    fresh = root(CENTRAL)
    fresh.glue.create_database(DatabaseInput={"Name": "open"})
    reader = role(CENTRAL, "reader", "glue:GetDatabase")
    assert reader.glue.get_database(Name="open")["Database"]["Name"] == "open"
    everyone = {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}
    fresh.lf.revoke_permissions(Principal=everyone, Resource={"Database": {"Name": "open"}}, Permissions=["ALL"])
    assert error_of(reader.glue.get_database, Name="open")[0] == "AccessDeniedException"


def test_locations_are_registered_once(central):
    keeper = role(CENTRAL, "keeper", trust="lakeformation.amazonaws.com")
    arn = "arn:aws:s3:::bucket/credit-card/data"
    central.lf.register_resource(ResourceArn=arn, RoleArn=keeper.arn)
    code, _ = error_of(central.lf.register_resource, ResourceArn=f"{arn}/", RoleArn=keeper.arn)
    assert code == "AlreadyExistsException"
    assert central.lf.describe_resource(ResourceArn=arn)["ResourceInfo"]["RoleArn"] == keeper.arn
    assert [info["ResourceArn"] for info in central.lf.list_resources()["ResourceInfoList"]] == [arn]
    central.lf.deregister_resource(ResourceArn=arn)
    assert error_of(central.lf.describe_resource, ResourceArn=arn)[0] == "EntityNotFoundException"


def test_a_table_on_a_registered_location_needs_access_to_it(central):
    keeper = role(CENTRAL, "keeper", trust="lakeformation.amazonaws.com")
    maker = role(CENTRAL, "maker", "glue:*")
    central.lf.register_resource(ResourceArn="arn:aws:s3:::bucket/data", RoleArn=keeper.arn)
    grant(central, maker.arn, DATABASE, ["CREATE_TABLE"])
    wanted = {"DatabaseName": "credit-card", "TableInput": table_input("t", "a", location="s3://bucket/data/t/")}
    code, message = error_of(maker.glue.create_table, **wanted)
    assert (code, "Data Location Access on s3://bucket/data/t" in message) == ("AccessDeniedException", True)
    grant(central, maker.arn, {"DataLocation": {"ResourceArn": "arn:aws:s3:::bucket/data"}}, ["DATA_LOCATION_ACCESS"])
    maker.glue.create_table(**wanted)
    path = central.lf.get_effective_permissions_for_path(ResourceArn="arn:aws:s3:::bucket/data")["Permissions"]
    assert {next(iter(entry["Resource"])) for entry in path} == {"DataLocation", "Table", "TableWithColumns"}


def test_tagging_needs_associate(central):
    tagger = role(CENTRAL, "tagger", "lakeformation:*")
    grant(central, tagger.arn, TABLE, ["DESCRIBE"])
    assert [f["Error"]["ErrorCode"] for f in tag(tagger, TABLE, pii="no")] == ["AccessDeniedException"]
    grant(central, tagger.arn, {"LFTag": {"TagKey": "pii", "TagValues": ["no"]}}, ["ASSOCIATE"])
    assert tag(tagger, TABLE, pii="no") == []
    assert [f["Error"]["ErrorCode"] for f in tag(tagger, TABLE, pii="yes")] == ["AccessDeniedException"]


def test_tag_values_and_columns_are_listed_together(central):
    who = role(CENTRAL, "who", "lakeformation:ListPermissions")
    grant(central, who.arn, {"LFTag": {"TagKey": "pii", "TagValues": ["yes", "no"]}}, ["DESCRIBE"])
    grant(central, who.arn, columns("alter", "name"), ["SELECT"])
    found = [entry["Resource"] for entry in who.lf.list_permissions()["PrincipalResourcePermissions"]]
    assert {"TagKey": "pii", "TagValues": ["no", "yes"], "CatalogId": CENTRAL} in [r.get("LFTag") for r in found]
    named = [r["TableWithColumns"]["ColumnNames"] for r in found if "TableWithColumns" in r]
    assert named == [["alter", "name"]]


def test_search_finds_by_inherited_tags(central):
    tag(central, DATABASE, product="credit-card")
    expression = [{"TagKey": "product", "TagValues": ["credit-card"]}]
    tables = central.lf.search_tables_by_lf_tags(Expression=expression)["TableList"]
    assert [entry["Table"]["Name"] for entry in tables] == ["credit_card"]
    databases = central.lf.search_databases_by_lf_tags(Expression=expression)["DatabaseList"]
    assert [entry["Database"]["Name"] for entry in databases] == ["credit-card"]
    assert (
        role(CENTRAL, "blind", "lakeformation:*").lf.search_tables_by_lf_tags(Expression=expression)["TableList"] == []
    )


def test_what_carries_a_value_is_found_by_the_products_adapter(central):
    """By table where all of it does, else by column; `mesh governance check` asks before a value goes."""
    adapter = LakeFormationAdapter(central.lf, CENTRAL)
    assert adapter.carriers("pii", "no") == ()
    tag(central, columns("alter"), pii="yes")
    tag(central, DATABASE, pii="no")
    assert adapter.carriers("pii", "yes") == ("credit-card.credit_card.alter",)
    assert adapter.carriers("pii", "no") == ("credit-card.credit_card",)


def test_saved_expressions_and_opt_ins(central):
    central.lf.create_lf_tag_expression(Name="safe", Expression=[{"TagKey": "pii", "TagValues": ["no"]}])
    assert [e["Name"] for e in central.lf.list_lf_tag_expressions()["LFTagExpressions"]] == ["safe"]
    analyst = role(CENTRAL, "analyst", "glue:GetTable")
    tag(central, DATABASE, pii="no")
    grant(central, analyst.arn, {"LFTagPolicy": {"ResourceType": "TABLE", "ExpressionName": "safe"}}, ["SELECT"])
    assert seen(analyst) == ["laufkont", "alter", "name"]
    central.lf.delete_lf_tag_expression(Name="safe")
    assert error_of(lambda: seen(analyst))[0] == "AccessDeniedException"
    who = {"DataLakePrincipalIdentifier": analyst.arn}
    central.lf.create_lake_formation_opt_in(Principal=who, Resource=TABLE)
    assert len(central.lf.list_lake_formation_opt_ins()["LakeFormationOptInsInfoList"]) == 1
    central.lf.delete_lake_formation_opt_in(Principal=who, Resource=TABLE)
    assert central.lf.list_lake_formation_opt_ins()["LakeFormationOptInsInfoList"] == []
