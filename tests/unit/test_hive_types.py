"""A contract's types as Hive's: what was found by fuzzing."""

import pytest
from mesh.adapters.duckdb.engine import duck_of
from mesh.domain.hive_types import hive_type

from tests.unit.fuzzing import in_time


@pytest.mark.parametrize(
    "written",
    ["array<" * 9_000 + "int" + ">" * 9_000, "struct<a:" * 6_000 + "int" + ">" * 6_000, "map<int>", "map<int,int,int>",
     "struct<a>", "struct<:int>", "array<int", "array<<int>>", "array<int>>",
     "decimal(2,5)", "decimal(0)", "decimal(39)"],
)  # fmt: skip
def test_a_type_that_is_none_gives_no_type(written: str) -> None:
    assert hive_type(written, "") == ""
    assert hive_type(written, "string") == "string"


@pytest.mark.parametrize(
    ("written", "hive", "duck"),
    [
        (" ARRAY < string > ", "array<string>", "VARCHAR[]"),
        ("map<string, array<int>>", "map<string,array<int>>", "MAP(VARCHAR, INTEGER[])"),
        ("struct<a: int, b: struct<c: decimal(9, 2)>>", "struct<a:int,b:struct<c:decimal(9,2)>>",
         'STRUCT("a" INTEGER, "b" STRUCT("c" DECIMAL(9,2)))'),
        ("array<" * 50 + "int" + ">" * 50, "array<" * 50 + "int" + ">" * 50, "INTEGER" + "[]" * 50),
        ("double   precision", "double", "DOUBLE"),
    ],
)  # fmt: skip
def test_a_nested_type_is_spelt_as_hive_does(written: str, hive: str, duck: str) -> None:
    assert hive_type(written, "") == hive
    assert duck_of(hive) == duck


def test_white_space_is_read_in_one_pass() -> None:
    with in_time(1.0):
        assert hive_type("a" + " " * 60_000 + "b", "") == ""
