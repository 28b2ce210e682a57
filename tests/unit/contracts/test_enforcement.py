"""What a contract states and nobody holds anybody to is named, with its place."""

from mesh.domain.contracts.enforcement import MAX_LISTED, everything_not_enforced, not_enforced

from tests.unit.contracts.contracts import column, contract


def places(found):
    return [item.where for item in not_enforced(found)]


def test_each_promise_is_named_by_its_place():
    found = contract(
        column("a", encryptedName="a_enc", relationships=[{"type": "foreignKey", "to": "u.a"}]),
        column("b", "object", properties=[column("c")]),
        table={"quality": [{"type": "text", "description": "no gaps"}]},
        slaProperties=[{"property": "retention", "value": 3, "unit": "y"}],
        roles=[{"role": "analyst", "access": "read"}],
        servers=[{"server": "w", "type": "snowflake", "account": "a", "database": "d", "schema": "s"}],
    )
    assert [(item.where, item.what) for item in not_enforced(found)] == [
        ("$.schema[0].quality[0]", "text no gaps"),
        ("$.schema[0].properties[0].encryptedName", "a: a_enc"),
        ("$.schema[0].properties[0].relationships[0]", "foreignKey u.a"),
        ("$.schema[0].properties[1].logicalType", "b: object"),
        ("$.schema[0].properties[1].properties", "b: 1 declared"),
        ("$.slaProperties[0]", "retention = 3 y"),
        ("$.roles[0]", "role analyst read"),
        ("$.servers[0]", "server w of type snowflake"),
    ]
    assert all(item.why for item in not_enforced(found))


def test_types_tags_and_partitions_are_enforced_and_not_named():
    assert places(contract(column("a", classification="pii"), column("dt", "date", partitioned=True))) == []


def test_a_long_list_shows_how_much_it_leaves_out():
    found = contract(*(column(f"c{number}", encryptedName="e") for number in range(MAX_LISTED + 20)))
    assert len(everything_not_enforced(found)) == MAX_LISTED + 20
    assert (len(not_enforced(found)), not_enforced(found)[-1].what) == (MAX_LISTED, "21 more")


def test_what_is_held_against_the_data_is_not_named():
    options = {"minimum": 1, "maximum": 9, "multipleOf": 2, "format": "i32"}
    texts = {"minLength": 1, "maxLength": 3, "pattern": "^[a-z]+$", "format": "email"}
    rules = [
        {"metric": "nullValues", "mustBe": 0},
        {"type": "sql", "query": "select count(*) from {object}", "mustBe": 1},
    ]
    found = contract(
        column("a", required=True, primaryKey=True, logicalTypeOptions=options, enum=[{"value": 1}], quality=rules),
        column("b", "string", unique=True, logicalTypeOptions=texts),
        slaProperties=[{"property": "latency", "value": 4, "unit": "d"}, {"property": "frequency", "value": "daily"}],
    )
    assert places(found) == []


def test_rules_that_no_engine_here_runs_are_named_with_their_reason():
    rules = [
        {"type": "custom", "engine": "soda", "implementation": "checks"},
    ]
    found = contract(column("a", "string", quality=rules, logicalTypeOptions={"format": "byte"}))
    assert [(item.where, item.why) for item in not_enforced(found)] == [
        ("$.schema[0].properties[0].logicalTypeOptions.format", "this format is not checked; a pattern is"),
        ("$.schema[0].properties[0].quality[0]", "it is a rule for soda, which is not run"),
    ]


def test_a_metric_of_another_tool_in_an_old_contract_is_named():
    found = contract(column("a", quality=[{"rule": "freshness", "mustBe": 1}]), apiVersion="v3.0.2")
    assert places(found) == ["$.schema[0].properties[0].quality[0]"]
