"""JSON lines: Hive types of a Glue crawler, nested ones included, and refusals that name the line."""

import gzip
import json

import pytest
from mesh.domain.formats.model import MIB
from mesh.domain.merging import merge_inspections
from mesh.domain.rejections import DuplicateColumns, EmptyFile, LineTooLong, MalformedJson, UnsupportedEncoding

from tests.unit.domain.inspecting import inspect, types


def lines(*records, file="x.jsonl"):
    return inspect("\n".join(json.dumps(record) for record in records), file)


def test_types_of_scalars():
    found = lines({"i": 1, "l": 2**40, "d": 1.5, "b": True, "s": "x", "n": None, "h": 2**70})
    assert types(found) == {
        "i": "int", "l": "bigint", "d": "double", "b": "boolean", "s": "string", "n": "", "h": "string",
    }  # fmt: skip
    assert (found.rows, found.rows_exact, found.serde) == (1, True, "openx-json")


def test_nested_types():
    found = lines({"s": {"A": 1, "b": ["x"]}, "l": [{"c": 1.0}, {"d": None, "e": True}], "e": [], "o": {}})
    assert types(found) == {
        "s": "struct<a:int,b:array<string>>", "l": "array<struct<c:double,d:,e:boolean>>", "e": "array<>",
        "o": "struct<>",
    }  # fmt: skip


def test_what_no_value_told_is_learned_from_others_or_becomes_a_string():
    first, second = lines({"s": {"a": None, "b": []}, "o": {}}), lines({"s": {"a": 1, "b": []}, "o": {}}, file="y.json")
    merged = merge_inspections(None, [first, second]).table_schema.types()
    assert merged == {"s": "struct<a:int,b:array<string>>", "o": "string"}
    assert merge_inspections(None, [first]).table_schema.types()["s"] == "struct<a:string,b:array<string>>"


def test_rows_widen_each_other_and_keep_the_order_of_appearance():
    found = lines({"a": 1, "s": {"x": 1}}, {"b": "y", "a": 2**40, "s": {"x": 1.5, "y": 1}}, {"a": None})
    assert types(found) == {"a": "bigint", "s": "struct<x:double,y:int>", "b": "string"}
    assert list(types(found)) == ["a", "s", "b"]


def test_what_nothing_holds_together_is_a_string_within_one_file():
    assert types(lines({"a": 1}, {"a": "x"})) == {"a": "string"}
    assert types(lines({"a": {"odd name:": 1}})) == {"a": "string"}


def test_gzip_blank_lines_and_windows_line_ends():
    content = gzip.compress(b'{"a": 1}\r\n\r\n{"a": 2}\r\n')
    assert inspect(content, "x.json.gz").rows == 2


def test_samples_are_few_and_distinct():
    found = lines(*({"a": n % 50, "s": "v" * 500} for n in range(200)))
    assert len(found.samples["a"]) == 20
    assert found.samples["s"] == ("v" * 100,)


def test_a_large_file_is_estimated():
    found = inspect('{"a": 123456, "b": "xyz"}\n' * 100_000, "x.json")
    assert found.rows == pytest.approx(100_000, rel=0.01)
    assert (found.rows_exact, found.bytes_read) == (False, MIB)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('{"a": 1}\n{"a": }\n', 2), ('[{"a": 1}]', 1), ('{\n "a": 1\n}', 1), ('{"a": 1}\n3\n', 2), ('{"a": NaN}', 1),
        ('{"a": 1, "a": 2}', 1), ("{}\n{}", 1), ('{"a":' * 100_000, 1), ('{"a": ' + "9" * 5000 + "}", 1),
        ('{"a": ' + "[" * 60 + "]" * 60 + "}", 1),
    ],
)  # fmt: skip
def test_malformed_json_names_its_line(content, line):
    with pytest.raises(MalformedJson) as refused:
        inspect(content, "x.json")
    assert refused.value.where == {"line": line, "bucket": "b", "key": "p1/data/t/x.json"}


def test_other_refusals():
    for error, content in [
        (DuplicateColumns, b'{"a": 1, "A": 2}'),
        (UnsupportedEncoding, b'\xef\xbb\xbf{"a": 1}'),
        (EmptyFile, b"\n"),
        (LineTooLong, b'{"a": "' + b"x" * MIB + b'"}'),
    ]:
        with pytest.raises(error):
            inspect(content, "x.json")
