"""Each kind of change: what it is called, whom it leaves working, which version it needs."""

import time

import pytest
from mesh.domain.contracts.contract_diff import diff_contracts, diff_schemas
from mesh.domain.contracts.evolution import together
from mesh.domain.schema import Column, TableSchema

from tests.unit.contracts.contracts import column, contract

A, B = column("a"), column("b", "string", description="The purpose of the loan")


def described(old, new):
    return [
        (change.kind, change.column, change.compatibility, change.bump) for change in diff_contracts(old, new).changes
    ]


def typed(physical):
    return contract({"name": "a", "physicalType": physical})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("int", "bigint", ("type_widened", "backward", "minor")),
        ("bigint", "int", ("type_narrowed", "forward", "major")),
        ("float", "double", ("type_widened", "backward", "minor")),
        ("decimal(10,2)", "decimal(12,2)", ("type_widened", "backward", "minor")),
        ("decimal(10,2)", "decimal(12,4)", ("type_widened", "backward", "major")),
        ("bigint", "double", ("type_changed", "breaking", "major")),
        ("bigint", "string", ("type_changed", "breaking", "major")),
        ("date", "timestamp", ("type_changed", "breaking", "major")),
        ("varchar(10)", "varchar(20)", ("length_widened", "backward", "major")),
        ("varchar(10)", "varchar(5)", ("length_narrowed", "forward", "minor")),
        ("map<string,int>", "map<string,bigint>", ("type_widened", "backward", "major")),
    ],
)
def test_types(before, after, expected):
    [found] = described(typed(before), typed(after))
    assert (found[0], *found[2:]) == expected


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ({}, {"required": True}, "nullability_narrowed"),
        ({}, {"unique": True}, "uniqueness_narrowed"),
        ({}, {"enum": [{"value": 1}]}, "values_narrowed"),
        ({"enum": [{"value": 1}, {"value": 2}]}, {"enum": [{"value": 2}]}, "values_narrowed"),
        ({"enum": [{"value": 1}]}, {"enum": [{"value": 2}]}, "values_changed"),
        ({}, {"logicalTypeOptions": {"minimum": 1}}, "range_narrowed"),
        ({"logicalTypeOptions": {"minimum": 1}}, {"logicalTypeOptions": {"exclusiveMinimum": 1}}, "range_narrowed"),
        ({"logicalTypeOptions": {"maximum": 9}}, {"logicalTypeOptions": {"maximum": 8}}, "range_narrowed"),
        ({"logicalTypeOptions": {"minimum": 1, "maximum": 9}}, {"logicalTypeOptions": {"minimum": 2, "maximum": 10}},
         "range_changed"),
        ({"logicalTypeOptions": {"multipleOf": 5}}, {"logicalTypeOptions": {"multipleOf": 10}}, "multipleOf_narrowed"),
        ({"logicalTypeOptions": {"multipleOf": 4}}, {"logicalTypeOptions": {"multipleOf": 6}}, "multipleOf_changed"),
    ],
)  # fmt: skip
def test_what_values_may_come_both_ways(before, after, kind):
    old, new = contract(column("a", **before)), contract(column("a", **after))
    meaning = {"narrowed": ("forward", "minor"), "widened": ("backward", "major"), "changed": ("breaking", "major")}
    back = kind.replace("narrowed", "widened")

    assert described(old, new) == [(kind, "a", *meaning[kind.rpartition("_")[2]])]
    assert described(new, old) == [(back, "a", *meaning[back.rpartition("_")[2]])]


def test_equivalent_integer_bounds_are_not_a_change():
    old = contract(column("a", logicalTypeOptions={"exclusiveMinimum": 0, "maximum": 9}))
    new = contract(column("a", logicalTypeOptions={"minimum": 1, "exclusiveMaximum": 10}))
    assert described(old, new) == []


def test_patterns_and_formats_cannot_be_ordered():
    def text(**options):
        return contract(column("a", "string", logicalTypeOptions=options))

    assert described(text(), text(pattern="^a")) == [("pattern_narrowed", "a", "forward", "minor")]
    assert described(text(pattern="^a"), text(pattern="^b")) == [("pattern_changed", "a", "breaking", "major")]


def test_valid_values_of_a_quality_rule_are_an_enumeration():
    def ruled(*values):
        rule = {"type": "library", "metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": list(values)}}
        return contract(column("a", quality=[rule]))

    kinds = [kind for kind, *_ in described(ruled(1, 2), ruled(1, 2, 3))]
    assert kinds == ["values_widened", "quality_changed"]


def test_columns_that_come_and_go():
    assert described(contract(A), contract(A, B)) == [("column_added", "b", "full", "minor")]
    assert described(contract(A), contract(A, B | {"required": True})) == [("column_added", "b", "forward", "minor")]
    assert described(contract(A, B), contract(A)) == [("column_removed", "b", "backward", "major")]


def test_a_renamed_column_is_one_change_with_a_score_and_is_still_compared():
    old = contract(A, B, column("zip", "string"))
    new = contract(A, column("verwendung", "string", description="The purpose of the loan", unique=True),
                   column("zip", "string"))  # fmt: skip
    rename, other = diff_contracts(old, new).changes
    assert (rename.kind, rename.before, rename.after, rename.bump) == ("column_renamed", "b", "verwendung", "major")
    assert 0.7 <= rename.score < 1
    assert (other.kind, other.column) == ("uniqueness_narrowed", "verwendung")


def test_unrelated_columns_are_not_a_rename():
    old, new = contract(column("amount"), A), contract(A, column("note", "string"))
    assert [kind for kind, *_ in described(old, new)] == ["column_removed", "column_added"]


def test_a_wide_table_renamed_as_a_whole_is_compared_in_a_moment():
    words = "the quick brown fox jumps over the lazy dog " * 5
    for count in (50, 400):
        old, new = (
            contract(*(column(f"{prefix}_{n}", "string", description=words) for n in range(count)))
            for prefix in ("before", "aft")
        )
        started = time.monotonic()
        kinds = [kind for kind, *_ in described(old, new)]
        assert time.monotonic() - started < 5
        assert kinds == (["column_renamed"] * 50 if count == 50 else ["column_removed"] * 400 + ["column_added"] * 400)


def test_fields_of_objects_are_compared_one_by_one_however_they_are_written():
    def nested(*names):
        fields = [column(name) for name in names]
        return contract({"name": "a", "logicalType": "object", "properties": fields})

    assert described(nested("x"), nested("x", "y")) == [("column_added", "a.y", "full", "minor")]
    assert described(typed("struct<x:int,y:int>"), typed("struct<x:int>")) == [
        ("column_removed", "a.y", "backward", "major")
    ]
    assert described(typed("array<struct<x:int>>"), typed("array<struct<x:bigint>>")) == [
        ("type_widened", "a.items.x", "backward", "minor")
    ]


def test_an_object_is_added_and_renamed_as_a_whole():
    address = {"name": "address", "logicalType": "object", "properties": [column("street", "string"), column("no")]}
    assert described(contract(A), contract(A, address)) == [("column_added", "address", "full", "minor")]
    renamed = described(contract(A, address), contract(A, address | {"name": "addresses"}))
    assert renamed == [("column_renamed", "addresses", "backward", "major")]


def test_keys_of_rows_and_of_partitions():
    keyed = contract(A | {"primaryKey": True, "primaryKeyPosition": 1}, B)
    wider = contract(
        A | {"primaryKey": True, "primaryKeyPosition": 1}, B | {"primaryKey": True, "primaryKeyPosition": 2}
    )
    assert ("primary_key_widened", "", "backward", "major") in described(keyed, wider)
    assert ("primary_key_narrowed", "", "forward", "minor") in described(wider, keyed)
    parted = contract(A, B | {"partitioned": True, "partitionKeyPosition": 1})
    assert described(contract(A, B), parted) == [("partition_keys_changed", "", "breaking", "major")]


def test_tables_meaning_classification_tags_and_promises():
    old = contract(A | {"description": "Age"})
    more = {
        "schema": [{"name": "t", "properties": [A | {"description": "Amount", "classification": "pii"}]}, {"name": "u"}]
    }
    new = contract(**more, slaProperties=[{"property": "latency", "value": 4, "unit": "d"}], domain="risk")
    assert described(old, new) == [
        ("table_added", "", "full", "minor"),
        ("meaning_changed", "a", "full", "patch"),
        ("classification_changed", "a", "full", "minor"),
        ("slaProperties_changed", "", "full", "minor"),
        ("details_changed", "", "full", "patch"),
    ]
    assert described(new, old)[0] == ("table_removed", "", "backward", "major")


def test_the_whole_is_what_holds_for_each():
    assert together([]) == "full"
    assert together(["full", "backward"]) == "backward"
    assert together(["backward", "forward"]) == "breaking"
    diff = diff_contracts(contract(A, B), contract(A | {"required": True}))
    assert (diff.compatibility, diff.bump, len(diff.breaking)) == ("breaking", "major", 1)


def test_crawled_schemas_are_compared_by_the_same_rules():
    old = TableSchema(columns=(Column(name="a", type="int"), Column(name="b", type="string")))
    new = TableSchema(columns=(Column(name="a", type="bigint"),), partition_keys=(Column(name="dt", type="string"),))
    kinds = {change.kind for change in diff_schemas(old, new, "t").changes}
    assert kinds == {"type_widened", "column_removed", "column_added", "partition_keys_changed"}
