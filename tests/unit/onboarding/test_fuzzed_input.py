"""Whatever people send is read, or refused with a code, a message and a remedy: nothing else is raised.

Short in CI; `make test ARGS=tests/unit/onboarding/test_fuzzed_input.py HYPOTHESIS_PROFILE=long` tries more.
"""

import copy
import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh.adapters.duckdb.measuring.rule_trial import rows_of
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.errors import Rejected
from mesh.domain.onboarding.curation.objects import read_raw, write_rows
from mesh.domain.onboarding.curation.operations import OPERATIONS
from mesh.domain.onboarding.curation.plan import plan_recipe
from mesh.domain.onboarding.curation.recipe import parse_recipe
from mesh.domain.onboarding.curation.trial import try_recipe
from mesh.domain.onboarding.guard.settings import check_settings
from mesh.domain.onboarding.keys import parse_key
from mesh.domain.patterns import PatternRefused, compiled

from tests.unit.contracts.contracts import column, contract_document
from tests.unit.fuzzing import changed, in_time, json_values, long_texts, texts
from tests.unit.onboarding.reading.reading import NOW, opened

SECONDS = 5.0
"""More than anything takes that is read in one pass."""
conditions = st.lists(
    st.fixed_dictionaries(
        {
            "Condition": st.sampled_from(["IS", "IS_NOT", "IS_BETWEEN", "IS_MISSING", "LESS_THAN", "CONTAINS", "ODD"]),
            "Value": texts | long_texts.map(lambda text: text[:32_000]),
            "TargetColumn": st.sampled_from("abcd"),
        }
    ),
    max_size=2,
)


@st.composite
def steps(draw: st.DrawFn) -> dict[str, Any]:
    """A step of a known operation, its own parameters with any text."""
    name = draw(st.sampled_from(sorted(OPERATIONS)))
    operation = OPERATIONS[name]
    of_any = texts | long_texts.map(lambda text: text[:32_000])
    given_ = {each: draw(of_any) for each in sorted(operation.parameters) if draw(st.integers(0, 4))}
    for each in given_.keys() & {"sourceColumn", "sourceColumn1", "sourceColumn2", "targetColumn"}:
        given_[each] = draw(st.sampled_from("abcde"))
    step = {"Action": {"Operation": name, "Parameters": given_}}
    return step | ({"ConditionExpressions": draw(conditions)} if operation.conditional else {})


@given(st.lists(steps(), max_size=6), st.lists(st.lists(st.none() | texts, min_size=3, max_size=3), max_size=4))
def test_recipes(written: list[dict[str, Any]], rows: list[list[Any]]) -> None:
    body = json.dumps(written).encode()
    try:
        recipe = parse_recipe(body)
        try_recipe(recipe)
        plan = plan_recipe(recipe, ["a", "b", "c"])
        made, _ = write_rows("json", plan.columns, plan.apply(copy.deepcopy(rows)))
    except Rejected as refusal:
        assert refusal.message
    else:
        assert made.decode("utf-8", "surrogatepass").count("\n") <= len(rows)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_files_that_are_called_a_recipe(body: bytes) -> None:
    try:
        try_recipe(parse_recipe(body))
    except Rejected as refusal:
        assert refusal.remedy


@given(st.text(max_size=40) | st.text("()[]{}*+?|\\.^$ab1-,:=!<>P", max_size=40), st.text(max_size=40))
def test_patterns(pattern: str, text: str) -> None:
    try:
        found = compiled(pattern)
    except PatternRefused as refused:
        assert str(refused)
    else:
        found.replace(text, "x", 1_000_000, lambda: None)


DOCUMENT = contract_document(
    column(
        "a",
        "string",
        logicalTypeOptions={"pattern": "^a", "minLength": 1},
        quality=[
            {"metric": "invalidValues", "arguments": {"pattern": "a", "validValues": ["a"]}, "mustBe": 0},
            {"type": "sql", "query": "SELECT count(*) FROM {object}", "mustBeGreaterThan": 0},
        ],
    ),
    column(
        "b",
        "integer",
        physicalType="int",
        required=True,
        primaryKey=True,
        logicalTypeOptions={"minimum": 0, "multipleOf": 2},
    ),
)


@settings(max_examples=3 * settings().max_examples)
@given(changed(DOCUMENT), st.booleans())
def test_contracts_with_something_else_in_a_place(document: Any, as_json: bool) -> None:
    try:
        text = json.dumps(document) if as_json else yaml.safe_dump(document, allow_unicode=True)
    except (ValueError, yaml.YAMLError):  # an integer of more digits than Python writes
        return
    read(text)


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_files_that_are_called_a_contract(text: bytes | str) -> None:
    read(text)


TAGS = [
    "", "!", "!!bool", "!!int", "!!float", "!!null", "!!str", "!!map", "!!seq", "!!set", "!!omap", "!!pairs",
    "!!binary", "!!timestamp", "!!merge", "!!value", "!own", "!<tag:yaml.org,2002:int>",
]  # fmt: skip
scalars = (
    st.text("0123456789:._-+eExbaf~ ", max_size=12)
    | st.sampled_from(["", "maybe", "yes", "1:1.5", "2026-13-41", "0o7", ".inf", "<<", "=", "[]", "[[b, c]]", "{b: c}"])
    | st.builds(
        lambda piece, times, end: piece * times + end,
        st.sampled_from(["1:", "59:", "9", "_", "0", "0x", "1.", "e+9"]),
        st.sampled_from([2, 200, 50_000]),
        st.sampled_from(["", "1", "1.5", ".", ":"]),
    )
)


@settings(max_examples=3 * settings().max_examples)
@given(st.sampled_from(TAGS), scalars, st.booleans(), st.sampled_from(["", "name: ", "schema:\n- name: "]))
def test_contracts_with_a_tag_or_a_number_of_yaml(tag: str, scalar: str, quoted: bool, before: str) -> None:
    read(f"{before}{tag} {json.dumps(scalar) if quoted else scalar}\nversion: {tag} {scalar}")


def read(text: bytes | str) -> None:
    try:
        with in_time(SECONDS):
            contract = read_contract(text, bucket="b", key="product/contract.yaml")
            check_settings(contract)
            for table in contract.tables:
                assert rows_of(table).names
    except Rejected as refusal:
        assert refusal.message


@given(
    st.text(max_size=80)
    | long_texts.map(lambda text: "p1/data/" + text[:1_000])
    | st.lists(
        st.sampled_from(["p1", "data", "raw", "t", "dt=1", "..", "", "a.csv", "\0", "%2F", "é" * 90]), max_size=8
    ).map("/".join)
)
def test_keys(key: str) -> None:
    try:
        parse_key(key)
    except Rejected as refusal:
        assert refusal.remedy


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2], "v": ["x", None], "n": [[1], [2, 3]]}), file)
    return file.getvalue()


SAMPLES = {
    "a.csv": b'id,v\n1,x\n2,"y\nz"\n',
    "a.json": b'{"id":1,"v":["x",{"y":null}]}\n{"id":2.5}\n',
    "b.json": b'{"id":1e4,"v":-1.5E-300}\n{"id":0e9}\n',
    "a.parquet": parquet(),
    "a.csv.gz": gzip.compress(b"id,v\n1,x\n", mtime=0),
    "a.json.gz": gzip.compress(b'[{"id":1}]', mtime=0),
    "a": b"id;v\n1;2\n",
    "a.xlsx": b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0[Content_Types].xml",
    "a.txt": "id\tv\n1\t\u00e4\n".encode("utf-16"),
}


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file as it is known, with bytes replaced, left out or put in; under its own name or another."""
    content = bytearray(draw(st.sampled_from(sorted(SAMPLES.values()))))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        content[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return draw(st.sampled_from(sorted(SAMPLES))), bytes(content)


@settings(max_examples=settings().max_examples // 2)
@given(files())
def test_data_files(file: tuple[str, bytes]) -> None:
    name, content = file
    with opened({name: content}) as reading:
        report = reading.measure(None, now=NOW)
        assert reading.sources or any(finding.severity == "error" for finding in report.findings)


@given(files())
def test_raw_files(file: tuple[str, bytes]) -> None:
    name, content = file
    try:
        source = read_raw(content, bucket="b", key=f"p1/raw/t/{name}")
        write_rows(source.format, source.columns, source.rows)
    except Rejected as refusal:
        assert refusal.message


@pytest.mark.parametrize("pattern", ["(?i)\\b[a-z]+\\b", "", "a|b"])
def test_the_engine_and_the_check_agree_on_what_a_pattern_is(pattern: str) -> None:
    duckdb = pytest.importorskip("duckdb")
    compiled(pattern)
    assert duckdb.sql(f"SELECT regexp_matches('a', '{pattern}')").fetchall() == [(True,)]
