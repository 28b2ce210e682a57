"""What is granted reaches what it should, and what goes in the end takes nothing that another access holds."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.access.grants import (
    databases_by_tags,
    filter_entries,
    named_entries,
    policy_entries,
    unneeded,
    unneeded_databases,
)
from mesh.domain.events import GrantEntry
from mesh.domain.governance.catalog_snapshot import DatabaseGrant, PolicyGrant
from mesh.domain.governance.expressions import Expression, parse_expression

CENTRAL = "111111111111"
INTERNAL = parse_expression("confidentiality=internal pii=none")


def test_a_database_is_reached_by_its_own_tags_whatever_its_columns_have():
    databases = {
        "same": {"product": "same", "confidentiality": "internal", "pii": "none"},
        "stricter": {"product": "stricter", "confidentiality": "confidential", "pii": "none"},
        "untagged": {},
    }
    assert databases_by_tags([INTERNAL], databases) == [
        PolicyGrant("DATABASE", INTERNAL),
        PolicyGrant("DATABASE", parse_expression("product=stricter")),
        DatabaseGrant("untagged"),
    ]


def test_sixty_databases_of_other_classes_are_named_within_the_limits():
    tags = {f"product-{number:02}": {"product": f"product-{number:02}"} for number in range(60)}
    found = [each.expression for each in databases_by_tags([], tags) if isinstance(each, PolicyGrant)]
    assert len(found) == 2
    assert all(sum(each.matches(own) for each in found) == 1 for own in tags.values())


def test_policies_are_pairs_with_select_only_where_requested():
    databases = [PolicyGrant("DATABASE", parse_expression("product=x"))]
    for permission, held in (("SELECT", ("SELECT", "DESCRIBE")), ("DESCRIBE", ("DESCRIBE",))):
        link, tables = policy_entries([INTERNAL], databases, CENTRAL, permission)
        assert (link.resource["LFTagPolicy"]["ResourceType"], link.permissions) == ("DATABASE", ("DESCRIBE",))
        assert (tables.resource["LFTagPolicy"]["ResourceType"], tables.permissions) == ("TABLE", held)
        assert tables.resource["LFTagPolicy"]["CatalogId"] == CENTRAL


def resources(entries):
    return [(next(iter(entry.resource)), *entry.permissions) for entry in entries]


def test_columns_and_filters_come_with_describe_of_table_and_database():
    place = ("loans", "loan")
    columns = named_entries({place: ["b", "a"]}, CENTRAL)
    filters = filter_entries([place], CENTRAL, "mesh-ac-1")
    around = [("Database", "DESCRIBE"), ("Table", "DESCRIBE")]
    assert resources(columns) == [*around, ("TableWithColumns", "SELECT")]
    assert columns[-1].resource["TableWithColumns"]["ColumnNames"] == ["a", "b"]
    assert resources(filters) == [*around, ("DataCellsFilter", "SELECT")]
    assert filters[-1].resource["DataCellsFilter"] == {
        "TableCatalogId": CENTRAL,
        "DatabaseName": "loans",
        "TableName": "loan",
        "Name": "mesh-ac-1",
    }


def entry(resource, *permissions):
    return GrantEntry(resource=resource, permissions=permissions)


def policy(values, *permissions, key="confidentiality"):
    body = {"CatalogId": CENTRAL, "ResourceType": "TABLE", "Expression": [{"TagKey": key, "TagValues": values}]}
    return entry({"LFTagPolicy": body}, *permissions)


def columns(names, *permissions, table="loan"):
    body = {"CatalogId": CENTRAL, "DatabaseName": "loans", "Name": table, "ColumnNames": names}
    return entry({"TableWithColumns": body}, *permissions)


def test_what_another_access_holds_stays_permission_by_permission():
    ending = policy(["internal", "public"], "SELECT", "DESCRIBE")
    same_but_written_otherwise = policy(["Public", "INTERNAL"], "DESCRIBE", key="Confidentiality")
    assert unneeded([ending], [[same_but_written_otherwise]]) == [policy(["internal", "public"], "SELECT")]
    assert unneeded([ending], [[ending]]) == []
    assert unneeded([ending], [[policy(["internal"], "SELECT")]]) == [ending]


def test_columns_are_held_one_by_one():
    (left,) = unneeded([columns(["a", "B", "c"], "SELECT")], [[columns(["b"], "SELECT")], [columns(["x"], "SELECT")]])
    assert left == columns(["a", "c"], "SELECT")
    assert unneeded([columns(["a"], "SELECT")], [[columns(["A", "b"], "SELECT")]]) == []
    assert unneeded([columns(["a"], "SELECT")], [[columns(["a"], "SELECT", table="other")]]) != []


def test_links_that_another_access_leads_through_stay():
    assert unneeded_databases(["loans", "cards", "loans"], [["cards"], []]) == ["loans"]


names = st.lists(st.sampled_from(["a", "b", "c", "A"]), min_size=1)
some = st.lists(st.sampled_from(["SELECT", "DESCRIBE"]), min_size=1, unique=True).map(tuple)
database = {"Database": {"CatalogId": CENTRAL, "Name": "loans"}}
entries = st.one_of(
    st.builds(lambda values, held: policy(values, *held), names, some),
    st.builds(lambda values: columns(values, "SELECT"), names),
    st.builds(lambda held: entry(database, *held), some),
    st.builds(lambda number: filter_entries([("loans", "loan")], CENTRAL, f"mesh-ac-{number}")[-1], st.integers(0, 2)),
)
accesses = st.lists(st.lists(entries, max_size=4), min_size=1, max_size=4)


def kept_by_lake_formation(given):
    """What Lake Formation keeps of a grant, spelt out apart from the product: columns and permissions one by one."""
    ((kind, body),) = given.resource.items()
    if kind == "LFTagPolicy":
        what = str(Expression.of_tags(body["Expression"]))
        return {(kind, body["ResourceType"], what, permission) for permission in given.permissions}
    if kind == "TableWithColumns":
        what = (body["DatabaseName"], body["Name"])
        return {(kind, what, name.lower(), each) for name in body["ColumnNames"] for each in given.permissions}
    what = tuple(sorted(body.items()))
    return {(kind, what, permission) for permission in given.permissions}


def all_kept(given):
    return set().union(*(kept_by_lake_formation(each) for each in given))


@given(accesses, st.randoms(use_true_random=False))
def test_ending_one_after_the_other_takes_nothing_of_those_left_and_leaves_nothing(live, order):
    live = list(live)
    store = all_kept(itertools.chain(*live))
    while live:
        ending = live.pop(order.randrange(len(live)))
        going = all_kept(unneeded(ending, live))
        assert going <= store
        store -= going
        assert store == all_kept(itertools.chain(*live))
    assert store == set()


@pytest.mark.parametrize("repeated", [1, 2])
def test_an_entry_twice_is_revoked_once(repeated):
    assert unneeded([columns(["a"], "SELECT")] * repeated, []) == [columns(["a"], "SELECT")]
