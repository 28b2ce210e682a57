"""The adapter behind `mesh explain` on the emulator: what it reads of grants, tags, shares, links and IAM."""

import pytest
from mesh.adapters.lakeformation.access_reader import AccessReader
from mesh.domain.governance.catalog_snapshot import ColumnsGrant, Principal, TableGrant
from mesh.domain.governance.permissions import Evaluator
from mesh.usecases.access.explain_access import explain_access

from local import shares
from tests.local.lf_helpers import CENTRAL, CONSUMER, REGION, grant, put_policy, reset, role, root, settings
from tests.local.lf_helpers import table_input as table

POLICY = [{"TagKey": "product", "TagValues": ["credit"]}]
READ = ["SELECT", "DESCRIBE"]
NEEDED = ("lakeformation:GetDataAccess", "glue:GetDatabase", "glue:GetTable", "glue:GetPartitions")


def policy(kind, **more):
    return {"LFTagPolicy": {"ResourceType": kind, "Expression": POLICY, **more}}


@pytest.fixture(autouse=True)
def analyst():
    """A table in central with a tag of its own on a column; in the consumer a role that IAM lets read."""
    reset()
    for account in (CENTRAL, CONSUMER):
        settings(account)
    central = root(CENTRAL)
    central.glue.create_database(DatabaseInput={"Name": "credit"})
    central.glue.create_table(DatabaseName="credit", TableInput=table("accounts", "id", "name", keys=("dt",)))
    for key, values in {"product": ["credit"], "pii": ["none", "personal"]}.items():
        central.lf.create_lf_tag(TagKey=key, TagValues=values)
    central.lf.add_lf_tags_to_resource(Resource={"Database": {"Name": "credit"}}, LFTags=POLICY)
    name = {"TableWithColumns": {"DatabaseName": "credit", "Name": "accounts", "ColumnNames": ["name"]}}
    central.lf.add_lf_tags_to_resource(Resource=name, LFTags=[{"TagKey": "pii", "TagValues": ["personal"]}])
    made = role(CONSUMER, "analyst")
    put_policy(CONSUMER, "analyst", *NEEDED)
    return made


def reader(account):
    caller = root(account)
    return AccessReader(caller.lf, caller.glue, caller.ram, caller.client("iam"), account)


def explain():
    central, consumer = reader(CENTRAL), reader(CONSUMER)
    return explain_access("credit.accounts.id", "analyst", CONSUMER, region=REGION, catalog=central, member=consumer)


def share():
    grant(root(CENTRAL), CONSUMER, policy("DATABASE"), ["DESCRIBE"], option=True)
    grant(root(CENTRAL), CONSUMER, policy("TABLE"), READ, option=True)


def link_and_pass_on(arn):
    target = {"CatalogId": CENTRAL, "DatabaseName": "credit", "Region": REGION}
    consumer = root(CONSUMER)
    consumer.glue.create_database(DatabaseInput={"Name": "rl_credit", "TargetDatabase": target})
    consumer.glue.create_database(DatabaseInput={"Name": "default"})
    for name in ("rl_credit", "default"):
        grant(consumer, arn, {"Database": {"Name": name}}, ["DESCRIBE"])
    grant(consumer, arn, policy("TABLE", CatalogId=CENTRAL), READ)


def test_tables_come_with_their_columns_keys_and_own_tags():
    found = reader(CENTRAL).lake()
    accounts = found.table("credit", "accounts")
    assert (accounts.columns, accounts.partitioned) == (("id", "name", "dt"), True)
    assert (accounts.tags, accounts.column_tags) == ({}, {"name": {"pii": "personal"}})
    assert found.tags("credit", "accounts", "name") == {"product": "credit", "pii": "personal"}
    assert reader(CENTRAL).lake(("other",)).databases == {}
    assert reader(CENTRAL).tag_values() == {"product": ("credit",), "pii": ("none", "personal")}


def test_a_share_that_waits_is_the_missing_piece_and_its_command_names_the_invitation(analyst):
    shares.configure(organization_sharing=False)
    share()
    invitations = root(CONSUMER).ram.get_resource_share_invitations()["resourceShareInvitations"]
    found = explain()
    steps = {step.name: step for step in found.steps}
    assert (found.can_read, steps["grant to the account"].ok) == (False, True)
    assert found.missing == "ShareNotAccepted"
    assert any(each["resourceShareInvitationArn"] in steps["RAM share"].commands[0] for each in invitations)
    for each in invitations:
        arn = each["resourceShareInvitationArn"]
        root(CONSUMER).ram.accept_resource_share_invitation(resourceShareInvitationArn=arn)
    assert explain().missing == "LinkMissing"
    link_and_pass_on(analyst.arn)
    assert explain().can_read


def test_a_rejected_share_does_not_count():
    shares.configure(organization_sharing=False)
    share()
    for each in root(CONSUMER).ram.get_resource_share_invitations()["resourceShareInvitations"]:
        arn = each["resourceShareInvitationArn"]
        root(CONSUMER).ram.reject_resource_share_invitation(resourceShareInvitationArn=arn)
    [step] = [step for step in explain().steps if step.name == "RAM share"]
    assert (step.missing, step.found.split(":")[0]) == ("ShareNotAccepted", "rejected")


def test_what_iam_denies_is_found_by_its_own_simulator(analyst):
    share()
    link_and_pass_on(analyst.arn)
    assert explain().can_read
    put_policy(CONSUMER, "analyst", *NEEDED[1:])
    assert explain().missing == "IamDenies"
    assert reader(CONSUMER).denied(analyst.arn, {"*": ["lakeformation:GetDataAccess"]}) == {
        "*": ("lakeformation:GetDataAccess",)
    }
    assert (reader(CONSUMER).role_arn("analyst"), reader(CONSUMER).role_arn("nobody")) == (analyst.arn, None)


def test_saved_expressions_columns_and_wildcards_read_as_what_they_mean(analyst):
    central = root(CENTRAL)
    central.lf.create_lf_tag_expression(Name="cards", Expression=POLICY)
    saved = {"LFTagPolicy": {"ResourceType": "TABLE", "ExpressionName": "cards"}}
    steward = role(CENTRAL, "steward")
    grant(central, steward.arn, saved, ["SELECT"])
    everything = {"Table": {"DatabaseName": "credit", "TableWildcard": {}}}
    but_name = {"ColumnWildcard": {"ExcludedColumnNames": ["name"]}}
    grant(central, analyst.arn, everything, ["DESCRIBE"])
    grant(
        central,
        analyst.arn,
        {"TableWithColumns": {"DatabaseName": "credit", "Name": "accounts", **but_name}},
        ["SELECT"],
    )
    lake = reader(CENTRAL).lake()
    held = {each.resource: each.permissions for each in lake.grants if each.principal == analyst.arn}
    assert held == {
        TableGrant("credit"): {"DESCRIBE"},
        ColumnsGrant("credit", "accounts", None, frozenset({"name"})): {"SELECT"},
    }
    rights = Evaluator(lake).rights(Principal(steward.arn, CENTRAL), "credit", "accounts")
    assert rights.readable == {"id", "name", "dt"}


def test_who_granted_decides_which_rights_are_passed_on(analyst):
    share()
    link_and_pass_on(analyst.arn)
    grantors = {each.principal: each.grantor for each in reader(CONSUMER).passed_on(CENTRAL)}
    assert grantors == {CONSUMER: CENTRAL, analyst.arn: CONSUMER}


def test_a_data_cells_filter_has_its_predicate_and_one_that_is_gone_stops_nothing(monkeypatch):
    """A grant may be listed that names it: it was read before, or is left."""
    central = root(CENTRAL)
    place = {"TableCatalogId": CENTRAL, "DatabaseName": "credit", "TableName": "accounts", "Name": "mesh-ac-1"}
    central.lf.create_data_cells_filter(
        TableData={**place, "ColumnNames": ["id"], "RowFilter": {"FilterExpression": "id > 'a'"}}
    )
    grant(central, CONSUMER, {"DataCellsFilter": place}, ["SELECT"])
    [found] = [each.resource for each in reader(CENTRAL).lake().grants if isinstance(each.resource, ColumnsGrant)]
    assert (found.row_filter, found.names, found.rows) == ("mesh-ac-1", frozenset({"id"}), "id > 'a'")
    listed = central.lf.list_permissions()["PrincipalResourcePermissions"]
    central.lf.delete_data_cells_filter(**place)
    late = reader(CENTRAL)
    monkeypatch.setattr(late, "_permissions", lambda **_: listed)
    assert [each for each in late.lake().grants if isinstance(each.resource, ColumnsGrant)] == []
