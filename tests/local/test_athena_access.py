"""Who may read what through Athena: links, IAM, Lake Formation column by column, the location's role."""

import json

import pytest

from tests.local.athena_helpers import (
    LAKE,
    LOCATION_ROLE,
    RESULTS,
    add_partition,
    analyst,
    ask,
    athena_of,
    ended,
    fresh_mesh,
    let_in,
    let_read,
    make_table,
    put,
    refusal,
    rows,
    share,
    start,
    tag_column,
)
from tests.local.lf_helpers import CENTRAL, CONSUMER, error_of, grant, put_policy, role, root

TABLE = '"rl_cards"."card"'


@pytest.fixture(autouse=True)
def _mesh() -> None:
    fresh_mesh()
    make_table("cards", "card", {"id": "int", "name": "string", "amount": "double"})
    put("cards/card/a.csv", "id,name,amount\n1,Anna,10.5\n2,Bert,\n")
    tag_column("cards", "card", "name", pii="personal")
    share("cards")


def test_a_star_gives_the_permitted_columns():
    who = analyst()
    let_read(who, "cards")
    assert ask(who, f"SELECT * FROM {TABLE} ORDER BY id") == [["id", "amount"], ["1", "10.5"], ["2", None]]


def test_the_location_role_may_ask_for_its_own_account_only_where_nobody_else_queries():
    """A laptop that reads no conditions of a trust passes both."""
    consumer = analyst()
    let_read(consumer, "cards")
    own = role(CENTRAL, "admin", "athena:*", "glue:Get*", "s3:*", "lakeformation:GetDataAccess")
    grant(root(CENTRAL), own.arn, {"Table": {"DatabaseName": "cards", "Name": "card"}}, ["SELECT", "DESCRIBE"])
    root(CENTRAL).s3.create_bucket(Bucket="central-results")
    where = {"WorkGroup": "primary", "ResultConfiguration": {"OutputLocation": "s3://central-results/"}}
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lakeformation.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": CENTRAL},
            "ArnEquals": {"aws:SourceArn": f"arn:aws:lakeformation:us-east-1:{CENTRAL}:*"},  # the one form that is sent
        },
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    root(CENTRAL).client("iam").update_assume_role_policy(RoleName="location", PolicyDocument=document)

    assert ask(own, "SELECT id FROM cards.card ORDER BY id", **where) == [["id"], ["1"], ["2"]]
    assert "cannot assume the location's role" in refusal(consumer, f"SELECT id FROM {TABLE}")


def test_athena_asks_for_describe_on_default():
    """A laptop without this passes every query of a reader whom nobody let see `default`."""
    consumer, default = root(CONSUMER), {"Database": {"Name": "default"}}
    who = analyst()
    let_read(who, "cards")
    everybody = {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}
    consumer.lf.revoke_permissions(Principal=everybody, Resource=default, Permissions=["DESCRIBE"])
    assert "Required Describe on default" in refusal(who, f"SELECT id FROM {TABLE}")
    grant(consumer, who.arn, default, ["DESCRIBE"])
    assert ask(who, f"SELECT id FROM {TABLE} ORDER BY id") == [["id"], ["1"], ["2"]]
    grant(consumer, consumer.arn, default, ["DROP"])
    consumer.glue.delete_database(Name="default")
    assert "Required Describe on default" in refusal(who, f"SELECT id FROM {TABLE}")


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("SELECT name FROM {t}", "line 1:8: Column 'name'"),
        ("SELECT id FROM {t} WHERE name = 'Anna'", "line 1:40: Column 'name'"),
        ("SELECT c.name FROM {t} c", "line 1:8: Column 'c.name'"),
        ("SELECT count(name) FROM {t}", "line 1:14: Column 'name'"),
        ("WITH x AS (SELECT * FROM {t}) SELECT name FROM x", "line 1:52: Column 'name'"),
        ("SELECT id FROM {t} ORDER BY max(name) OVER ()", "Column 'name'"),
    ],
)
def test_naming_a_hidden_column_reads_as_if_there_were_none(sql, place):
    who = analyst()
    let_read(who, "cards")
    reason = refusal(who, sql.format(t=TABLE))
    assert place in reason
    assert reason.startswith("COLUMN_NOT_FOUND: ")
    assert reason.endswith("cannot be resolved or requester is not authorized to access requested resources")
    absent = refusal(who, sql.replace("name", "nope").format(t=TABLE))
    assert absent == reason.replace("name", "nope")


def test_a_failure_has_category_and_type_and_no_result():
    who = analyst()
    let_read(who, "cards")
    found = ended(who, start(who, f"SELECT name FROM {TABLE}"))
    error = found["Status"]["AthenaError"]
    assert (error["ErrorCategory"], error["ErrorType"], error["Retryable"]) == (2, 1006, False)
    code, message = error_of(athena_of(who).get_query_results, QueryExecutionId=found["QueryExecutionId"])
    assert (code, message) == (
        "InvalidRequestException",
        "Query did not finish successfully. Final query state: FAILED",
    )


def test_without_describe_on_the_link_the_table_cannot_be_reached():
    assert "Required Describe on rl_cards" in refusal(analyst(), f"SELECT id FROM {TABLE}")


def test_the_link_alone_shows_nothing():
    who = analyst()
    grant(root(CONSUMER), who.arn, {"Database": {"Name": "rl_cards"}}, ["DESCRIBE"])
    assert "Insufficient Lake Formation permission(s): Required Describe on card" in refusal(
        who, f"SELECT id FROM {TABLE}"
    )


def test_sight_of_a_table_without_select_gives_no_rows_not_even_their_number():
    who = analyst()
    let_read(who, "cards")
    admin = role(CENTRAL, "admin", "athena:*", "glue:Get*", "s3:*")
    grant(root(CENTRAL), admin.arn, {"Table": {"DatabaseName": "cards", "Name": "card"}}, ["DESCRIBE"])
    root(CENTRAL).s3.create_bucket(Bucket="central-results")
    where = {"WorkGroup": "primary", "ResultConfiguration": {"OutputLocation": "s3://central-results/"}}
    reason = refusal(admin, "SELECT count(*) FROM cards.card", **where)
    assert "Relation contains no accessible columns" in reason


def test_absent_databases_and_tables_are_said_with_their_place():
    who = analyst()
    let_read(who, "cards")
    assert refusal(who, "SELECT 1 FROM nope.card") == "SCHEMA_NOT_FOUND: line 1:15: Schema 'nope' does not exist"
    grant(root(CENTRAL), CONSUMER, {"Database": {"Name": "cards"}}, ["DESCRIBE"], option=True)
    grant(root(CONSUMER), who.arn, {"Database": {"CatalogId": CENTRAL, "Name": "cards"}}, ["DESCRIBE"])
    reason = refusal(who, "SELECT 1 FROM rl_cards.nope")
    assert reason == "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.rl_cards.nope' does not exist"


@pytest.mark.parametrize("missing", ["glue:Get*", "lakeformation:GetDataAccess", "s3:PutObject"])
def test_each_iam_permission_is_simulated(missing):
    who = analyst(without=missing)
    let_read(who, "cards")
    reason = refusal(who, f"SELECT id FROM {TABLE}")
    named = {
        "glue:Get*": "glue:GetDatabase",
        "s3:PutObject": f"Access denied when writing output to url: s3://{RESULTS}",
    }
    assert named.get(missing, missing) in reason


def test_iam_is_checked_on_the_target_as_well_as_the_link():
    who = analyst()
    let_read(who, "cards")
    own = f"arn:aws:glue:us-east-1:{CONSUMER}"
    put_policy(
        CONSUMER,
        "analyst",
        "athena:*",
        "s3:*",
        "glue:*",
        "lakeformation:*",
        resources=[f"{own}:*", "arn:aws:athena:*", "arn:aws:s3:::*"],
    )
    assert f"arn:aws:glue:us-east-1:{CENTRAL}" in refusal(who, f"SELECT id FROM {TABLE}")


def test_starting_takes_the_work_group_and_its_bucket():
    who = analyst(without="s3:GetBucketLocation")
    assert error_of(start, who=who, sql="SELECT 1") == (
        "InvalidRequestException",
        f"Unable to verify/create output bucket {RESULTS}",
    )
    stranger = role(CONSUMER, "stranger", "glue:Get*")
    assert error_of(start, who=stranger, sql="SELECT 1")[0] == "AccessDeniedException"


def test_objects_are_read_as_the_location_s_role_and_by_nobody_else():
    who = analyst()
    let_read(who, "cards")
    direct = error_of(who.s3.get_object, Bucket=LAKE, Key="data/cards/card/a.csv")
    assert direct[0] in ("AccessDenied", "NoSuchBucket")
    let_in(f"arn:aws:iam::{CENTRAL}:root", who.arn)
    put_policy(CENTRAL, "location", "s3:ListBucket")
    assert "PERMISSION_DENIED" in refusal(who, f"SELECT id FROM {TABLE}")
    put_policy(CENTRAL, "location", "s3:ListBucket", "s3:GetObject")
    assert len(ask(who, f"SELECT id FROM {TABLE}")) == 3
    let_in(who.arn)
    assert "PERMISSION_DENIED" in refusal(who, f"SELECT id FROM {TABLE}")
    let_in(LOCATION_ROLE)
    assert len(ask(who, f"SELECT id FROM {TABLE}")) == 3


def test_a_revoke_ends_it_at_once():
    who = analyst()
    let_read(who, "cards")
    assert len(ask(who, f"SELECT id FROM {TABLE}")) == 3
    grants = root(CENTRAL).lf.list_permissions(Principal={"DataLakePrincipalIdentifier": CONSUMER})
    for each in grants["PrincipalResourcePermissions"]:
        root(CENTRAL).lf.revoke_permissions(
            Principal=each["Principal"],
            Resource=each["Resource"],
            Permissions=each["Permissions"],
            PermissionsWithGrantOption=each["PermissionsWithGrantOption"],
        )
    assert "Insufficient Lake Formation permission(s)" in refusal(who, f"SELECT id FROM {TABLE}")


def test_results_take_the_reader_s_own_right_on_the_bucket():
    who = analyst()
    let_read(who, "cards")
    number = ended(who, start(who, f"SELECT id FROM {TABLE}"))["QueryExecutionId"]
    blind = analyst("blind", without="s3:GetObject")
    assert "s3:GetObject" in error_of(athena_of(blind).get_query_results, QueryExecutionId=number)[1]
    assert rows(athena_of(who).get_query_results(QueryExecutionId=number))[0] == ["id"]


def test_only_what_one_may_see_is_listed():
    who = analyst()
    let_read(who, "cards")
    assert ask(who, "SHOW DATABASES") == [["default"], ["rl_cards"]]
    assert ask(who, "SHOW TABLES IN rl_cards") == [["card"]]
    assert ask(who, "DESCRIBE rl_cards.card") == [["id", "int"], ["amount", "double"]]


def test_drivers_see_of_the_catalog_what_the_role_may_see():
    who, blind = analyst(), analyst("blind")
    let_read(who, "cards")
    where = {"CatalogName": "AwsDataCatalog", "DatabaseName": "rl_cards"}
    found = athena_of(who).get_table_metadata(**where, TableName="card")["TableMetadata"]
    assert [column["Name"] for column in found["Columns"]] == ["id", "amount"]
    listed = athena_of(who).list_table_metadata(**where, Expression="^car")["TableMetadataList"]
    assert [table["Name"] for table in listed] == ["card"]
    assert athena_of(who).list_table_metadata(**where, Expression="x")["TableMetadataList"] == []
    assert athena_of(who).get_database(**where)["Database"]["Name"] == "rl_cards"
    databases = [athena_of(each).list_databases(CatalogName="AwsDataCatalog")["DatabaseList"] for each in (who, blind)]
    assert [[database["Name"] for database in each] for each in databases] == [["default", "rl_cards"], ["default"]]
    code, message = error_of(athena_of(blind).get_table_metadata, **where, TableName="card")
    assert code == "MetadataException"
    assert "Required Describe on rl_cards" in message


def test_a_hidden_partition_key_is_not_a_column_and_selects_nothing():
    make_table("cards", "p", {"n": "int"}, keys={"person": "string", "dt": "string"})
    for person, dt in (("anna", "1"), ("bert", "2")):
        put(f"cards/p/person={person}/dt={dt}/a.csv", f"n\n{dt}\n")
        add_partition("cards", "p", f"person={person}/dt={dt}", person, dt)
    tag_column("cards", "p", "person", pii="personal")
    who = analyst()
    let_read(who, "cards")
    assert ask(who, "SELECT * FROM rl_cards.p ORDER BY n") == [["n", "dt"], ["1", "1"], ["2", "2"]]
    assert ask(who, "SELECT n FROM rl_cards.p WHERE dt = '2'") == [["n"], ["2"]]
    reasons = {refusal(who, f"SELECT n FROM rl_cards.p WHERE person = '{name}'") for name in ("anna", "nobody")}
    assert len(reasons) == 1
    assert "Column 'person' cannot be resolved" in reasons.pop()
