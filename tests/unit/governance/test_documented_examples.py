"""The Lake Formation developer guide's own words on LF-Tags, as a table.

https://docs.aws.amazon.com/lake-formation/latest/dg/ (lf-tag-considerations, TBAC-creating-tag-expressions,
managing-tag-expressions, TBAC-overview).
"""

import pytest
from mesh.domain.access.exposure import changes, matched_by, readers
from mesh.domain.governance.catalog_snapshot import (
    CatalogSnapshot,
    ColumnsGrant,
    Database,
    DatabaseGrant,
    Grant,
    PolicyGrant,
    Principal,
    Table,
    TableGrant,
)
from mesh.domain.governance.expressions import Expression, InvalidExpression, Miss, parse_expression
from mesh.domain.governance.permissions import Evaluator, may_describe

CENTRAL, CONSUMER = "111111111111", "333333333333"
STEWARD = Principal(f"arn:aws:iam::{CENTRAL}:role/steward", CENTRAL)
ANALYST = Principal(f"arn:aws:iam::{CONSUMER}:role/analyst", CONSUMER)
SALES = "module=sales division=consumer,commercial"
DEPARTMENT = "department=Sales,Marketing location=US,Canada"
CONTENT = "ContentType=Video,Audio Region=Europe,Asia Department=Engineering,ProductManagement"


@pytest.mark.parametrize(
    ("expression", "tags", "matches"),
    [
        # A principal can access only resources that are assigned module=sales and either division=….
        (SALES, {"module": "sales", "division": "consumer"}, True),
        (SALES, {"module": "sales", "division": "commercial"}, True),
        (SALES, {"module": "sales", "division": "retail"}, False),
        (SALES, {"module": "sales"}, False),
        (SALES, {"module": "orders", "division": "consumer"}, False),
        # The simplest expression is one LF-Tag; what it does not name does not restrict.
        ("module=sales", {"module": "sales", "region": "west"}, True),
        ("module=Orders,Customers", {"module": "customers"}, True),
        # (Department: [Sales, Marketing]) AND (Location: [US, Canada]); keys and values are lower-case when stored.
        (DEPARTMENT, {"department": "sales", "location": "canada"}, True),
        (DEPARTMENT, {"department": "marketing", "location": "us"}, True),
        (DEPARTMENT, {"department": "marketing", "location": "mexico"}, False),
        (CONTENT, {"contenttype": "audio", "region": "asia", "department": "engineering"}, True),
        (CONTENT, {"contenttype": "text", "region": "asia", "department": "engineering"}, False),
        ("module=*", {"module": "anything"}, True),
        ("module=*", {"region": "west"}, False),
    ],
)
def test_and_across_keys_or_within_a_key(expression, tags, matches):
    found = parse_expression(expression)
    assert found.matches(tags) is matches
    assert (found.misses(tags) == ()) is matches


def grant(principal, resource, *permissions, option=(), by=CENTRAL):
    return Grant(getattr(principal, "arn", principal), resource, frozenset(permissions), frozenset(option), by)


def policy(text, kind="TABLE"):
    return PolicyGrant(kind, parse_expression(text))


def lake(*grants, tags=None, column_tags=None, share="accepted", admins=()):
    orders = Table("db", "orders", ("id", "amount", "email"), tags or {}, column_tags or {})
    databases = {"db": Database("db", {"module": "orders", "environment": "production"}, {"orders": orders})}
    return CatalogSnapshot(CENTRAL, databases, tuple(grants), frozenset(admins), shares={CONSUMER: share})


def reads(found, who=STEWARD):
    return set(Evaluator(found).rights(who, "db", "orders").readable)


def test_tables_and_columns_inherit_and_the_nearer_value_wins():
    production = grant(STEWARD, policy("environment=production"), "SELECT")
    assert reads(lake(production)) == {"id", "amount", "email"}
    assert reads(lake(production, tags={"environment": "test"})) == set()
    back = {"email": {"environment": "production"}}
    assert reads(lake(production, tags={"environment": "test"}, column_tags=back)) == {"email"}


def test_or_across_keys_takes_two_grants():
    column_tags = {"id": {"module": "sales"}, "email": {"division": "commercial"}}
    both = [grant(STEWARD, policy(text), "SELECT") for text in ("module=sales", "division=commercial")]
    assert reads(lake(*both, column_tags=column_tags)) == {"id", "email"}


def test_named_grants_and_tags_add_up_and_excluded_columns_stay_out():
    named = grant(STEWARD, ColumnsGrant("db", "orders", frozenset({"id"})), "SELECT")
    rest = grant(STEWARD, ColumnsGrant("db", "orders", None, frozenset({"email"})), "SELECT")
    by_tag = grant(STEWARD, policy("module=orders"), "SELECT")
    assert reads(lake(named)) == {"id"}
    assert reads(lake(rest)) == {"id", "amount"}
    assert reads(lake(rest, by_tag)) == {"id", "amount", "email"}


def test_describe_lets_one_see_and_not_read():
    found = Evaluator(lake(grant(STEWARD, policy("module=orders"), "DESCRIBE"))).rights(STEWARD, "db", "orders")
    assert (found.visible, found.readable) == ({"id", "amount", "email"}, set())


def test_select_on_some_columns_drops_other_rights_to_describe():
    hidden = {"email": {"module": "customers"}}
    everything = grant(STEWARD, policy("module=orders"), "SELECT", "ALTER", "INSERT", option=("SELECT", "ALTER"))
    found = Evaluator(lake(everything, column_tags=hidden)).rights(STEWARD, "db", "orders")
    assert found.permissions == {"SELECT", "DESCRIBE"}
    assert (found.readable, found.grantable) == ({"id", "amount"}, {"SELECT"})


def test_database_rights_are_not_table_rights():
    given = [grant(STEWARD, DatabaseGrant("db"), "ALL"), grant(STEWARD, policy("module=orders", "DATABASE"), "ALL")]
    assert reads(lake(*given)) == set()


def test_across_accounts_it_takes_share_grant_option_and_a_local_grant():
    text = "module=orders"
    account = grant(CONSUMER, policy(text), "SELECT", "DESCRIBE", option=("SELECT", "DESCRIBE"))
    local = grant(ANALYST, policy(text), "SELECT", "DESCRIBE", by=CONSUMER)
    everything = {"id", "amount", "email"}
    assert reads(lake(account, local), ANALYST) == everything
    assert reads(lake(account, local, share="pending"), ANALYST) == set()
    assert reads(lake(account), ANALYST) == set()
    assert reads(lake(account), Principal(ANALYST.arn, CONSUMER, admin=True)) == everything
    assert reads(lake(local), ANALYST) == set()
    without_option = grant(CONSUMER, policy(text), "SELECT", "DESCRIBE")
    assert reads(lake(without_option, local), ANALYST) == set()
    direct = grant(ANALYST, policy(text), "SELECT", "DESCRIBE")
    assert reads(lake(direct), ANALYST) == everything


def test_iam_allowed_principals_are_those_of_the_catalogs_account():
    everybody = grant("IAM_ALLOWED_PRINCIPALS", TableGrant("db", "orders"), "ALL")
    assert reads(lake(everybody)) == {"id", "amount", "email"}
    assert reads(lake(everybody), ANALYST) == set()


def test_a_link_is_followed_by_a_role_that_may_describe_it():
    admin = Principal("arn:aws:iam::333333333333:role/admin", CONSUMER)
    home = CatalogSnapshot(CONSUMER, {}, (grant(ANALYST, DatabaseGrant("rl_db"), "DESCRIBE"),), frozenset({admin.arn}))
    assert may_describe(home, "rl_db", ANALYST)
    assert may_describe(home, "rl_other", admin)
    assert not may_describe(home, "rl_other", ANALYST)
    assert not may_describe(home, "rl_db", Principal("arn:aws:iam::333333333333:role/other", CONSUMER))


def test_a_miss_names_key_value_and_what_was_wanted():
    found = parse_expression("confidentiality=internal,public domain=risk").misses({"confidentiality": "restricted"})
    assert found == (Miss("confidentiality", ("internal", "public"), "restricted"), Miss("domain", ("risk",), None))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("confidentiality", "not KEY=VALUE"),
        ("=internal", "not KEY=VALUE"),
        ("confidentiality=", "not KEY=VALUE"),
        ("confidentiality=internal,,public", "not KEY=VALUE"),
        ("domain=risk Domain=sales", "given twice"),
        ("domain=" + ",".join(f"v{n}" for n in range(1001)), "at most 1000"),
        ("domain=" + ",".join(f"value-{n:03}" for n in range(100)), "at most 900"),
    ],
)
def test_what_lake_formation_would_not_take_is_refused(text, why):
    with pytest.raises(InvalidExpression, match=why):
        parse_expression(text)


def test_an_expression_is_normal_and_has_a_text_form_that_parses_to_it():
    found = parse_expression("Domain=Risk confidentiality=public,INTERNAL")
    assert str(found) == "confidentiality=internal,public domain=risk"
    assert parse_expression(str(found)) == found == Expression.of_tags(found.to_tags())


def test_an_expression_matches_columns_by_their_own_tags():
    hidden = {"email": {"module": "customers", "pii": "personal"}}
    [found] = matched_by(lake(column_tags=hidden), parse_expression("module=orders"))
    assert (found.database, found.table, found.hidden) == ("db", "orders", 1)
    assert [column.name for column in found.columns] == ["id", "amount"]
    assert found.columns[0].tags == {"module": "orders", "environment": "production"}
    assert list(matched_by(lake(), parse_expression("module=customers"))) == []


def test_a_changed_tag_shows_who_gains_and_who_loses_access():
    before = lake(
        grant(STEWARD, policy("module=customers"), "SELECT"),
        grant(CONSUMER, policy("module=orders"), "SELECT", "DESCRIBE"),
        grant("IAM_ALLOWED_PRINCIPALS", DatabaseGrant("db"), "ALL"),
    )
    after = before.with_tag("Module", "Customers", "db", "orders", "email")
    found = {change.principal.arn: change for change in changes(before, after, readers(before))}
    assert {arn: (change.gains, change.loses) for arn, change in found.items()} == {
        STEWARD.arn: (("email",), ()),
        CONSUMER: ((), ("email",)),
    }
