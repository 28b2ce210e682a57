"""The evaluation rules alone, on states made by hand; examples follow the developer guide's chapter on LF-Tags."""

import pytest

from local.lakeformation import evaluation
from local.lakeformation import resources as r
from local.lakeformation.evaluation import Lake, Principal, matches, may, may_grant, rights, table_rights
from local.lakeformation.resources import parse_expression, parse_resource
from local.lakeformation.store import Grant, State

OWNER, OTHER = "111111111111", "222222222222"
ANALYST = Principal(f"arn:aws:iam::{OWNER}:role/analyst", OWNER)
GUEST = Principal(f"arn:aws:iam::{OTHER}:role/guest", OTHER)


class Catalog(State):
    """A state whose tables all have the columns `id`, `name`."""

    def columns(self, database, table):
        return ["id", "name"]


@pytest.fixture
def state():
    made = Catalog(OWNER, "us-east-1")
    made.grants.clear()
    made.assigned["sales", "", ""] = {"module": "orders", "environment": "production"}
    return made


def give(state, principal, resource, *permissions, option=(), grantor=OWNER):
    state.grants[principal, resource] = Grant(principal, resource, set(permissions), set(option), grantor)


def policy(kind, **tags):
    pairs = [{"TagKey": key, "TagValues": value.split("|")} for key, value in tags.items()]
    return r.TagPolicy(OWNER, kind, parse_expression(pairs))


ORDERS = r.Table(OWNER, "sales", "orders")


@pytest.mark.parametrize(
    ("tags", "readable"),
    [
        ({"module": "orders"}, True),
        ({"module": "Orders|Sales"}, True),
        ({"module": "sales"}, False),
        ({"module": "orders", "environment": "production"}, True),
        ({"module": "orders", "environment": "test"}, False),
        ({"module": "*"}, True),
        ({"domain": "*"}, False),
    ],
)
def test_and_across_keys_or_within(state, tags, readable):
    give(state, ANALYST.arn, policy("TABLE", **tags), "SELECT")
    assert may(Lake(state), ANALYST, "SELECT", ORDERS) is readable


def test_grants_add_up(state):
    give(state, ANALYST.arn, policy("TABLE", module="sales"), "SELECT")
    assert table_rights(Lake(state), ANALYST, "sales", "orders").columns == set()
    give(state, ANALYST.arn, r.Columns(OWNER, "sales", "orders", "id"), "SELECT")
    assert table_rights(Lake(state), ANALYST, "sales", "orders").columns == {"id"}
    state.assigned["sales", "orders", "name"] = {"module": "sales"}
    assert table_rights(Lake(state), ANALYST, "sales", "orders").columns == {"id", "name"}


def test_the_nearer_value_replaces_the_inherited_one(state):
    give(state, ANALYST.arn, policy("TABLE", environment="production"), "SELECT", "INSERT")
    state.assigned["sales", "orders", "name"] = {"environment": "test"}
    found = table_rights(Lake(state), ANALYST, "sales", "orders")
    assert (found.columns, found.permissions) == ({"id"}, {"SELECT", "DESCRIBE"})
    state.assigned["sales", "orders", ""] = {"environment": "test"}
    assert table_rights(Lake(state), ANALYST, "sales", "orders").permissions == set()


def test_excluded_columns_are_not_read(state):
    give(state, ANALYST.arn, r.Columns(OWNER, "sales", "orders", excluded=("name",)), "SELECT")
    assert table_rights(Lake(state), ANALYST, "sales", "orders").columns == {"id"}
    assert not may(Lake(state), ANALYST, "SELECT", r.Columns(OWNER, "sales", "orders", "name"))


def test_all_tables_means_all_tables_of_that_database(state):
    give(state, ANALYST.arn, r.Table(OWNER, "sales", ""), "ALL")
    assert may(Lake(state), ANALYST, "ALTER", ORDERS)
    assert not may(Lake(state), ANALYST, "DESCRIBE", r.Table(OWNER, "hr", "people"))


def test_a_database_grant_does_not_include_its_tables(state):
    give(state, ANALYST.arn, r.Database(OWNER, "sales"), "ALL")
    assert may(Lake(state), ANALYST, "DROP", r.Database(OWNER, "sales"))
    assert not may(Lake(state), ANALYST, "DESCRIBE", ORDERS)


def test_an_administrator_sees_and_grants_but_neither_reads_nor_drops(state):
    state.settings["DataLakeAdmins"] = [{"DataLakePrincipalIdentifier": ANALYST.arn}]
    lake = Lake(state)
    assert rights(lake, ANALYST, ORDERS).permissions == {"DESCRIBE"}
    assert may_grant(lake, ANALYST, ["SELECT"], ORDERS)
    assert not may(lake, ANALYST, "DROP", r.Database(OWNER, "sales"))
    assert may(lake, ANALYST, "DATA_LOCATION_ACCESS", r.DataLocation(OWNER, "arn:aws:s3:::b/x"))


def test_a_location_covers_what_lies_below(state):
    give(state, ANALYST.arn, r.DataLocation(OWNER, "arn:aws:s3:::b/data"), "DATA_LOCATION_ACCESS")
    lake = Lake(state)
    assert may(lake, ANALYST, "DATA_LOCATION_ACCESS", r.DataLocation(OWNER, "arn:aws:s3:::b/data/t"))
    assert not may(lake, ANALYST, "DATA_LOCATION_ACCESS", r.DataLocation(OWNER, "arn:aws:s3:::b/database"))


def test_what_is_passed_on_is_cut_to_what_the_account_may_pass_on(state):
    give(state, OTHER, policy("TABLE", module="orders"), "SELECT", "DESCRIBE", option=("DESCRIBE",))
    give(state, GUEST.arn, policy("TABLE", module="orders"), "SELECT", "DESCRIBE", grantor=OTHER)
    assert rights(Lake(state), GUEST, ORDERS).permissions == {"DESCRIBE"}
    admin = Principal(f"arn:aws:iam::{OTHER}:role/admin", OTHER, admin_at_home=True)
    assert rights(Lake(state), admin, ORDERS).permissions == {"SELECT", "DESCRIBE"}


def test_a_share_that_is_not_accepted_gives_nothing(state):
    give(state, GUEST.arn, policy("TABLE", module="orders"), "SELECT")
    assert may(Lake(state), GUEST, "SELECT", ORDERS)
    assert not may(Lake(state, shared=lambda account, _kind: account != OTHER), GUEST, "SELECT", ORDERS)


def test_everybody_means_everybody_of_the_catalogs_account(state):
    give(state, "IAM_ALLOWED_PRINCIPALS", ORDERS, "ALL")
    assert may(Lake(state), ANALYST, "SELECT", ORDERS)
    assert not may(Lake(state), GUEST, "SELECT", ORDERS)


def test_a_policy_of_another_account_is_passed_on_by_who_sees_all_its_tags(state):
    admin = Principal(f"arn:aws:iam::{OTHER}:role/admin", OTHER, admin_at_home=True)
    wanted = policy("TABLE", module="orders", environment="production")
    give(state, OTHER, r.LFTag(OWNER, "module", "orders"), "DESCRIBE", option=("DESCRIBE",))
    assert not may_grant(Lake(state), admin, ["SELECT"], wanted)
    give(state, OTHER, r.LFTag(OWNER, "environment", "production"), "DESCRIBE", option=("DESCRIBE",))
    assert may_grant(Lake(state), admin, ["SELECT"], wanted)


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {"Database": {"Name": "a"}, "Table": {"DatabaseName": "a", "Name": "t"}},
        {"Table": {"DatabaseName": "a"}},
        {"Table": {"DatabaseName": "a", "Name": "t", "TableWildcard": {}}},
        {"TableWithColumns": {"DatabaseName": "a", "Name": "t"}},
        {"LFTagPolicy": {"ResourceType": "TABLE"}},
        {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": [{"TagKey": "k", "TagValues": ["v" * 899]}] * 2}},
        {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": [{"TagKey": "k", "TagValues": ["v" * 900]}]}},
    ],
)
def test_incomplete_or_double_resources_are_refused(resource):
    with pytest.raises(Exception, match="InvalidInputException"):
        parse_resource(resource, OWNER)


def test_of_columns_with_the_same_tags_one_is_looked_at(state, monkeypatch):
    """A call holds up all others: 1,000 columns and 100 grants were a minute, in which functions ran out of time."""
    names = [f"c{n}" for n in range(1_000)]
    monkeypatch.setattr(state, "columns", lambda *_: names)
    state.assigned["sales", "orders", "c7"] = {"module": "secret"}
    for number in range(100):
        give(state, ANALYST.arn, policy("TABLE", module=f"orders|other{number}"), "SELECT")
    looked = []
    monkeypatch.setattr(evaluation, "matches", lambda *given: looked.append(1) or matches(*given))
    assert table_rights(Lake(state), ANALYST, "sales", "orders").columns == frozenset(names) - {"c7"}
    assert len(looked) == 2 * 100
