"""What a contract states and nobody holds anybody to is named, with its place."""

from mesh.domain.enforcement import MAX_LISTED, everything_not_enforced, not_enforced

from tests.unit.domain.contracts import column, contract


def places(found):
    return [item.where for item in not_enforced(found)]


def test_each_promise_is_named_by_its_place():
    rule = {"type": "library", "metric": "nullValues", "mustBe": 0}
    found = contract(
        column("a", primaryKey=True, quality=[rule], logicalTypeOptions={"minimum": 1}, enum=[{"value": 1}]),
        column("b", "object", properties=[column("c")]),
        table={"quality": [{"type": "text", "description": "no gaps"}]},
        roles=[{"role": "analyst", "access": "read"}],
        servers=[{"server": "w", "type": "snowflake", "account": "a", "database": "d", "schema": "s"}],
    )
    assert [(item.where, item.what) for item in not_enforced(found)] == [
        ("$.schema[0].quality[0]", "text no gaps"),
        ("$.schema[0].properties[0].primaryKey", "a: primaryKey"),
        ("$.schema[0].properties[0].enum", "a: one of 1 values"),
        ("$.schema[0].properties[0].logicalTypeOptions", "a: minimum 1"),
        ("$.schema[0].properties[0].quality[0]", "library nullValues mustBe 0"),
        ("$.schema[0].properties[1].logicalType", "b: object"),
        ("$.schema[0].properties[1].properties", "b: 1 declared"),
        ("$.roles[0]", "role analyst read"),
        ("$.servers[0]", "server w of type snowflake"),
    ]
    assert all(item.why for item in not_enforced(found))


def test_types_tags_and_partitions_are_enforced_and_not_named():
    assert places(contract(column("a", classification="pii"), column("dt", "date", partitioned=True))) == []


def test_a_long_list_says_how_much_it_leaves_out():
    found = contract(*(column(f"c{number}", required=True) for number in range(MAX_LISTED + 20)))
    assert len(everything_not_enforced(found)) == MAX_LISTED + 20
    assert (len(not_enforced(found)), not_enforced(found)[-1].what) == (MAX_LISTED, "21 more")
