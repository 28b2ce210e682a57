"""Many objects, one table: what agrees, what widens, what is refused and whom the refusal names."""

import pytest
from mesh.domain.formats.model import ObjectInspection, ObjectRef
from mesh.domain.hive_types import fits, hive_type, wider
from mesh.domain.merging import merge_inspections
from mesh.domain.rejections import (
    InconsistentPartitions,
    MisplacedColumns,
    MixedDialects,
    MixedFormats,
    UnmergeableTypes,
)
from mesh.domain.schema import Column, SchemaDiff, TypeChange, diff_schema

from tests.unit.domain.inspecting import inspect, schema


def parquet(columns, key="p1/data/t/x.parquet", partition=()):
    return ObjectInspection(
        ref=ObjectRef(bucket="b", key=key, size=9), table="t", format="parquet", partition=partition, rows=3,
        columns=tuple(Column(name=name, type=type_) for name, type_ in columns.items()),
        rows_exact=True, bytes=9, bytes_read=9,
    )  # fmt: skip


def merged_types(*inspections, existing=None, **options):
    return merge_inspections(existing, inspections, **options).table_schema.types()


def test_existing_columns_keep_their_order_and_new_ones_are_appended():
    existing = schema({"b": "bigint", "a": "string"})
    found = merged_types(parquet({"new": "int", "a": "string"}), existing=existing)
    assert list(found.items()) == [("b", "bigint"), ("a", "string"), ("new", "int")]


@pytest.mark.parametrize(
    ("left", "right", "both"),
    [
        ("bigint", "double", "double"), ("int", "bigint", "bigint"), ("tinyint", "smallint", "smallint"),
        ("float", "double", "double"), ("decimal(9,2)", "decimal(12,4)", "decimal(12,4)"),
        ("decimal(38,0)", "decimal(10,5)", None), ("decimal(9,2)", "double", None), ("bigint", "boolean", None),
        ("bigint", "string", None), ("date", "timestamp", None), ("array<int>", "array<bigint>", "array<bigint>"),
        ("array<int>", "array<string>", None), ("map<string,int>", "map<string,double>", "map<string,double>"),
        ("struct<a:int,b:array<int>>", "struct<a:double,c:map<string,int>>",
         "struct<a:double,b:array<int>,c:map<string,int>>"),
        ("struct<a:int>", "struct<a:string>", None), ("struct<a:int>", "int", None),
    ],
)  # fmt: skip
def test_the_type_that_holds_both_if_there_is_one(left, right, both):
    assert wider(left, right) == both
    assert wider(right, left) is None if both is None else wider(right, left) is not None


def test_two_files_that_disagree_are_both_named_with_column_and_types():
    good, bad = inspect("a,b\n1,2\n", "good.csv"), inspect("a,b\n1,true\n", "bad.csv")
    with pytest.raises(UnmergeableTypes) as refused:
        merge_inspections(None, [good, bad])
    assert refused.value.where == {
        "bucket": "b", "key": "p1/data/t/bad.csv", "other": "p1/data/t/good.csv", "column": "b",
        "expected": "bigint", "found": "boolean",
    }  # fmt: skip
    assert "string always does" in refused.value.remedy


def test_text_in_a_number_column_of_the_table_is_refused_and_a_number_in_a_text_column_is_text():
    words = inspect("a,b\nx,1\n")
    with pytest.raises(UnmergeableTypes) as refused:
        merge_inspections(schema({"a": "bigint", "b": "bigint"}), [words])
    assert refused.value.where["other"] == "the table in the catalog"
    assert merged_types(inspect("a,b\n1,2\n"), existing=schema({"a": "string", "b": "bigint"}))["a"] == "string"
    with pytest.raises(UnmergeableTypes):
        merged_types(parquet({"a": "int"}), existing=schema({"a": "string"}))


def test_a_column_without_values_agrees_with_all_and_is_a_string_in_the_end():
    empty, full = inspect("a,b,c\n,1,\n"), inspect("a,b,c\n1.5,2,\n", "y.csv")
    assert merged_types(empty, full) == {"a": "double", "b": "bigint", "c": "string"}
    assert merged_types(full, empty) == {"a": "double", "b": "bigint", "c": "string"}


def test_the_contracts_types_win_where_the_data_allow():
    found = inspect("id,amount,born\n007,1,2026-01-01\n", expected=(declared := DECLARED))
    assert merged_types(found, expected=declared) == {"id": "string", "amount": "decimal(10,2)", "born": "date"}
    bad = inspect("id,amount,born\n1,x,2026-01-01\n", expected=declared)
    with pytest.raises(UnmergeableTypes) as refused:
        merge_inspections(None, [bad], expected=declared)
    assert (refused.value.where["other"], refused.value.where["column"]) == ("the contract", "amount")


DECLARED = schema({"id": "string", "amount": "decimal(10,2)", "born": "date"})


def test_dates_that_the_serde_cannot_read_stay_text():
    found = inspect('id,amount,born\n"a",1,2026-01-01\n', expected=DECLARED)
    assert merged_types(found, expected=DECLARED)["born"] == "string"


def test_a_parquet_file_fixes_its_types_and_a_contract_may_only_widen_them():
    declared = schema({"a": "bigint", "b": "double", "c": "bigint"})
    found = merged_types(parquet({"a": "int", "b": "decimal(9,2)", "c": ""}), expected=declared)
    assert found == {"a": "bigint", "b": "decimal(9,2)", "c": "bigint"}
    with pytest.raises(UnmergeableTypes):
        merged_types(parquet({"a": "string"}), expected=declared)


def test_partitions_are_listed_once_with_their_folder_and_counts():
    found = merge_inspections(
        None,
        [
            inspect("a,b\n1,2\n", "Dt=2/y=b/1.csv"),
            inspect("a,b\n1,2\n3,4\n", "Dt=1/y=a%2F/1.csv"),
            inspect("a,b\n1,2\n", "Dt=2/y=b/2.csv"),
        ],
    )
    assert [(p.path, p.folder, p.objects, p.rows) for p in found.partitions] == [
        ("dt=1/y=a%2F", "p1/data/t/Dt=1/y=a%2F/", 1, 2),
        ("dt=2/y=b", "p1/data/t/Dt=2/y=b/", 2, 2),
    ]
    assert found.table_schema.partition_keys == (Column(name="dt", type="string"), Column(name="y", type="string"))
    assert (found.objects, found.rows, found.rows_exact) == (3, 4, True)


@pytest.mark.parametrize(
    "files", [("dt=1/x.csv", "y.csv"), ("dt=1/x.csv", "day=1/x.csv"), ("a=1/b=1/x.csv", "b=1/a=1/x.csv")]
)
def test_partition_keys_have_to_agree(files):
    with pytest.raises(InconsistentPartitions) as refused:
        merge_inspections(None, [inspect("a1,b1\n1,2\n", file) for file in files])
    assert refused.value.where["other"] == f"p1/data/t/{files[0]}"
    with pytest.raises(InconsistentPartitions):
        merge_inspections(schema({"a1": "bigint"}, other="string"), [inspect("a1,b1\n1,2\n", files[0])])
    with pytest.raises(InconsistentPartitions):
        merge_inspections(None, [inspect("a1,b1\n1,2\n")], expected=schema({"a1": "bigint"}, dt="date"))


def test_two_spellings_of_one_partition_are_refused():
    with pytest.raises(InconsistentPartitions):
        merge_inspections(None, [inspect("a,b\n1,2\n", "DT=1/x.csv"), inspect("a,b\n1,2\n", "dt=1/y.csv")])


def test_formats_and_dialects_have_to_agree_with_each_other_and_with_the_table():
    one = inspect("a,b\n1,2\n")
    with pytest.raises(MixedFormats):
        merge_inspections(None, [one, inspect('{"a": 1}', "y.json")])
    with pytest.raises(MixedFormats):
        merge_inspections(schema({"a": "bigint"}), [inspect('{"a": 1}', "y.json")], storage=one.storage)
    with pytest.raises(MixedDialects):
        merge_inspections(None, [one, inspect("a;b\n1;2\n", "y.csv")])
    with pytest.raises(MixedDialects):
        merge_inspections(None, [one, inspect("1,2\n3,4\n", "y.csv")])


def test_one_quoted_file_makes_the_table_quoted_and_one_plain_file_makes_it_uncompressed():
    import gzip

    plain, quoted = inspect("a,b\nx,2\n"), inspect(gzip.compress(b'a,b\n"x",2\n'), "y.csv.gz")
    storage = merge_inspections(None, [plain, quoted]).storage
    assert (storage.serde, storage.compression) == ("open-csv", "none")
    assert merge_inspections(None, [quoted]).storage.compression == "gzip"
    assert merge_inspections(schema({"a": "string"}), [plain], storage=quoted.storage).storage.serde == "open-csv"


def test_csv_columns_have_to_stand_where_the_table_has_them():
    existing = schema({"a": "bigint", "b": "bigint"})
    assert list(merged_types(inspect("a,b,c\n1,2,3\n"), existing=existing)) == ["a", "b", "c"]
    for text in ("b,a\n1,2\n", "a,c,b\n1,2,3\n"):
        with pytest.raises(MisplacedColumns) as refused:
            merge_inspections(existing, [inspect(text)])
        assert refused.value.where["expected"] in {"a", "b"}


def test_a_diff_names_added_removed_and_changed_columns():
    before, after = schema({"a": "bigint", "b": "string"}), schema({"c": "int", "a": "double"})
    assert diff_schema(before, after) == SchemaDiff(
        added=(Column(name="c", type="int"),),
        removed=(Column(name="b", type="string"),),
        type_changed=(TypeChange(name="a", before="bigint", after="double"),),
    )
    assert diff_schema(after, after).empty
    assert len(diff_schema(None, after).added) == 2


@pytest.mark.parametrize(
    ("physical", "logical", "expected"),
    [
        ("", "integer", "bigint"), ("INT", "integer", "int"), ("VARCHAR(20)", "string", "string"), ("", "date", "date"),
        ("DECIMAL( 10 , 2 )", "number", "decimal(10,2)"), ("NUMERIC(5)", "number", "decimal(5,0)"),
        ("decimal(99,2)", "number", "double"), ("geometry", "", ""), ("", "object", ""),
        ("array< struct<a: int> >", "array", "array<struct<a:int>>"), ("", "time", "string"),
    ],
)  # fmt: skip
def test_a_contracts_words_become_hive_types(physical, logical, expected):
    assert hive_type(physical, logical) == expected


def test_which_text_can_be_read_as_a_declared_type():
    assert fits("bigint", "int")
    assert fits("bigint", "decimal(9,2)")
    assert fits("boolean", "string")
    assert not fits("double", "bigint")
    assert not fits("string", "date")
    assert not fits("bigint", "boolean")


def test_partition_keys_of_a_new_table_are_strings_as_a_crawlers_are():
    expected = schema({"a": "bigint", "b": "bigint"}, dt="date")
    merged = merge_inspections(None, [inspect("a,b\n1,2\n", "dt=2026-11-21/x.csv")], expected=expected)
    assert merged.table_schema.partition_keys == (Column(name="dt", type="string"),)
