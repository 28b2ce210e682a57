"""Parquet footers, with pyarrow as the oracle: random schemas, large footers, corrupt ones."""

import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mesh.domain.formats.model import MAX_FOOTER_BYTES, BytesReader
from mesh.domain.formats.parquet import inspect_parquet
from mesh.domain.formats.parquet_types import SchemaElement, hive_columns
from mesh.domain.formats.thrift import BINARY, LIST, ThriftError, ThriftReader
from mesh.domain.rejections import CorruptParquet, DuplicateColumns, EmptyColumnName, FormatDeclined

from tests.unit.domain.inspecting import inspect, types


def write(table, **options):
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


PRIMITIVES = {
    pa.bool_(): "boolean", pa.int8(): "tinyint", pa.int16(): "smallint", pa.int32(): "int", pa.int64(): "bigint",
    pa.uint8(): "smallint", pa.uint16(): "int", pa.uint32(): "bigint", pa.uint64(): "decimal(20,0)",
    pa.float32(): "float", pa.float64(): "double", pa.string(): "string", pa.large_string(): "string",
    pa.binary(): "binary", pa.binary(7): "binary", pa.date32(): "date", pa.timestamp("ms"): "timestamp",
    pa.timestamp("us", "UTC"): "timestamp", pa.timestamp("ns"): "timestamp", pa.time32("ms"): "int",
    pa.time64("us"): "bigint", pa.decimal128(9, 2): "decimal(9,2)", pa.decimal128(38, 10): "decimal(38,10)",
    pa.decimal128(18, 0): "decimal(18,0)", pa.dictionary(pa.int32(), pa.string()): "string", pa.null(): "",
}  # fmt: skip


def hive(arrow):
    """The oracle's type in Hive's words, written apart from the code under test."""
    if arrow in PRIMITIVES:
        return PRIMITIVES[arrow]
    if pa.types.is_list(arrow) or pa.types.is_large_list(arrow):
        return f"array<{hive(arrow.value_type) or 'string'}>"
    if pa.types.is_map(arrow):
        return f"map<{hive(arrow.key_type)},{hive(arrow.item_type) or 'string'}>"
    return "struct<" + ",".join(f"{field.name}:{hive(field.type) or 'string'}" for field in arrow) + ">"


NAMES = st.text("abcdefghijkl_0123456789é", min_size=1, max_size=12)
LEAVES = st.sampled_from(list(PRIMITIVES))
KEYS = st.sampled_from([pa.string(), pa.int32(), pa.int64(), pa.date32()])
TYPES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(pa.list_),
        inner.map(pa.large_list),
        st.tuples(KEYS, inner).map(lambda pair: pa.map_(*pair)),
        st.lists(st.tuples(NAMES, inner), min_size=1, max_size=3, unique_by=lambda pair: pair[0]).map(
            lambda pairs: pa.struct([pa.field(name, type_) for name, type_ in pairs])
        ),
    ),
    max_leaves=5,
)
FIELDS = st.lists(st.tuples(NAMES, TYPES, st.booleans()), min_size=1, max_size=8, unique_by=lambda field: field[0])


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(FIELDS, st.integers(0, 3), st.sampled_from(["1.0", "2.4", "2.6"]), st.booleans())
def test_random_schemas_read_as_pyarrow_reads_them(fields, rows, version, legacy_lists):
    made = pa.schema(
        [pa.field(name, type_, nullable=nullable or rows > 0 or type_ == pa.null()) for name, type_, nullable in fields]
    )
    table = pa.table([pa.nulls(rows, field.type) for field in made], schema=made)
    content = write(table, version=version, use_compliant_nested_type=not legacy_lists)
    found = inspect_parquet(BytesReader(content), bucket="b", key="k")
    assert pq.read_schema(io.BytesIO(content)).names == made.names
    expected = {field.name: hive(field.type) for field in made}
    assert {column.name: column.type for column in found.columns} == expected
    assert [column.name for column in found.columns] == [name for name, _, _ in fields]
    assert found.rows == rows == pq.read_metadata(io.BytesIO(content)).num_rows


def test_rows_are_exact_and_few_bytes_are_read_of_many_row_groups():
    table = pa.table({f"c{n}": range(20_000) for n in range(30)})
    content = write(table, row_group_size=100)
    assert int.from_bytes(content[-8:-4], "little") > 4 * MAX_FOOTER_BYTES
    found = inspect(content, "dt=1/x.parquet")
    assert (found.rows, found.rows_exact, len(found.columns), found.serde) == (20_000, True, 30, "parquet-hive")
    assert found.bytes_read <= MAX_FOOTER_BYTES


def test_a_schema_longer_than_the_promise_is_read_to_its_end():
    table = pa.table({f"column_with_a_long_name_{n}": [n] for n in range(4000)})
    content = write(table)
    found = inspect(content, "x.parquet")
    assert len(found.columns) == 4000
    assert found.bytes_read < len(content)


def test_int96_and_small_files():
    table = pa.table({"t": pa.array([0], pa.timestamp("ns"))})
    assert types(inspect(write(table, use_deprecated_int96_timestamps=True), "x.parquet")) == {"t": "timestamp"}
    assert inspect(write(pa.table({"a": pa.array([], pa.int8())})), "x").rows == 0


def test_names_are_lower_case_and_have_to_differ_then():
    assert types(inspect(write(pa.table({"Alter": [1]})), "x.parquet")) == {"alter": "bigint"}
    for error, names in [(DuplicateColumns, ["a", "A"]), (EmptyColumnName, ["a", " "])]:
        with pytest.raises(error):
            inspect(write(pa.table([[1], [2]], names=names)), "x.parquet")


def test_an_encrypted_footer_is_declined():
    with pytest.raises(FormatDeclined):
        inspect(b"PARE" + b"x" * 50 + b"PARE", "x.parquet")


GOOD = write(
    pa.table({
        "a": [1, 2], "b": ["x", None], "s": [{"x": [1.5]}, None],
        "m": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32())),
        "d": pa.array([None, None], pa.decimal128(9, 2)),
    })
)  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        b"PAR1", b"x" * 100, GOOD[:-1], GOOD[:-20], GOOD[:-8] + b"\xff\xff\xff\xffPAR1", GOOD[:-8] + b"\0\0\0\0PAR1",
        b"PAR1" + b"\x00" * 20 + b"\x08\x00\x00\x00PAR1", b"PAR1" + b"\x19" * 5000 + b"\x88\x13\x00\x00PAR1",
        b"PAR1" + b"\x1b" * 90_000 + (90_000).to_bytes(4, "little") + b"PAR1",
    ],
)  # fmt: skip
def test_corrupt_files_say_so(content):
    with pytest.raises(CorruptParquet) as refused:
        inspect(content, "x.parquet")
    assert refused.value.where == {"bucket": "b", "key": "p1/data/t/x.parquet"}


@pytest.mark.timeout(60)
def test_thousands_of_corrupt_footers_end_in_a_table_or_in_corrupt_parquet():
    dice = random.Random(7)
    length = int.from_bytes(GOOD[-8:-4], "little")
    corrupt = 0
    for _ in range(6000):
        content = bytearray(GOOD)
        for _ in range(dice.randint(1, 4)):
            position = len(content) - 8 - dice.randint(1, min(length, 400 if dice.random() < 0.8 else length))
            start = len(content) - 8 - length
            position = start + dice.randrange(250) if dice.random() < 0.7 else position
            if dice.random() < 0.8:
                content[position] = dice.randrange(256)
            else:
                del content[position : position + dice.randint(1, 8)]
        try:
            inspect(bytes(content), "x.parquet")
        except CorruptParquet:
            corrupt += 1
        except (DuplicateColumns, EmptyColumnName):
            pass
    assert corrupt > 1000


def test_a_length_beyond_the_end_is_refused_before_it_is_used():
    with pytest.raises(ThriftError, match="beyond"):
        ThriftReader(b"\x7fab").text(BINARY)
    with pytest.raises(ThriftError, match="beyond"):
        ThriftReader(b"\xfc\xff\xff\xff\xff\x0f").list_of_structs(LIST)


def test_a_footer_longer_than_the_file_is_never_asked_for():
    class Reader(BytesReader):
        def read(self, start, length):
            assert start >= 0
            return super().read(start, length)

    with pytest.raises(CorruptParquet, match="4294967295 bytes"):
        inspect_parquet(Reader(GOOD[:-8] + b"\xff\xff\xff\xffPAR1"), bucket="b", key="k")


def test_a_list_of_two_levels_by_an_older_writer():
    def element(name, **fields):
        values = {"physical": None, "repeated": False, "children": 0, "annotation": "", "precision": 0, "scale": 0}
        return SchemaElement(**{"name": name, **values, **fields})

    two_levels = [
        element("root", children=3),
        element("l", children=1, annotation="list"), element("element", physical=1, repeated=True),
        element("p", children=1, annotation="list"), element("array", children=1, repeated=True),
        element("x", physical=2),
        element("r", physical=6, repeated=True, annotation="string"),
    ]  # fmt: skip
    assert {column.name: column.type for column in hive_columns(two_levels)} == {
        "l": "array<int>", "p": "array<struct<x:bigint>>", "r": "array<string>",
    }  # fmt: skip
