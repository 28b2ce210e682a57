"""Generated tables: what Python's csv and pyarrow write is read back with the same values."""

import csv
import datetime as dt
import io
import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.onboarding.reading.reading import opened, parquet, table

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs", "Cc")) | st.sampled_from(
    ['"', ",", ";", "\n", "\r", "\\", "'", "|", "\t"]), max_size=12)  # fmt: skip
CELL = st.one_of(st.none(), TEXT.filter(bool), st.integers(-(10**14), 10**14).map(str), st.just("0107"))
COLUMNS = st.integers(2, 5)


@st.composite
def tables(draw):
    """Rows of texts; the first column is a number in each, so that no row is blank and the header is one."""
    width = draw(COLUMNS)
    body = draw(st.lists(st.tuples(*[CELL] * (width - 1)), min_size=1, max_size=20))
    return [[str(number), *row] for number, row in enumerate(body)]


@given(tables(), st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_csv_is_read_as_python_reads_it(body, delimiter, end, quoted):
    names = [f"col_{index}" for index in range(len(body[0]))]
    file = io.StringIO(newline="")
    writer = csv.writer(
        file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    )
    writer.writerows([names, *body])
    expected = dict.fromkeys(names, "string")
    with opened({"a.csv": file.getvalue().encode()}, expected=expected) as reading:
        assert [f for f in reading.findings if f.severity == "error"] == []
        assert [list(row.values()) for row in table(reading).to_pylist()] == body
    with opened({"a.csv": file.getvalue().encode()}, delimiter=delimiter) as reading:
        assert [f for f in reading.findings if f.severity == "error"] == []
        found = table(reading)
        assert found.num_rows == len(body)
        for index, name in enumerate(names):
            assert sum(row[index] is None for row in body) == found.column(name).null_count


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(st.characters(codec="ascii", categories=("L",
    "N")), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "Cc"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_json_of_any_kind_is_published_with_all_rows(values):
    lines = "".join(json.dumps({"id": number, "v": value}) + "\n" for number, value in enumerate(values))
    with opened({"a.json": lines}) as reading:
        assert reading.findings == ()
        found = table(reading)
        assert found.column("id").to_pylist() == list(range(len(values)))
        assert found.column("v").null_count == sum(value is None for value in values)


ARRAYS = st.sampled_from([
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)), (pa.float64(), st.floats(allow_nan=False)), (pa.string(), TEXT),
    (pa.date32(), st.dates()), (pa.timestamp("us"), st.datetimes(dt.datetime(1900, 1, 1))), (pa.bool_(), st.booleans()),
    (pa.list_(pa.string()), st.lists(TEXT, max_size=3)), (pa.binary(), st.binary(max_size=5)),
    (pa.struct([("x", pa.int32()), ("y", pa.list_(pa.int64()))]),
     st.fixed_dictionaries({"x": st.integers(0, 9), "y": st.lists(st.integers(0, 9), max_size=2)})),
])  # fmt: skip


@given(st.data())
def test_parquet_is_published_as_pyarrow_has_it(data):
    columns = {}
    rows = data.draw(st.integers(1, 10))
    for index in range(data.draw(st.integers(1, 4))):
        type_, values = data.draw(ARRAYS)
        columns[f"c{index}"] = pa.array(data.draw(st.lists(values | st.none(), min_size=rows, max_size=rows)), type_)
    with opened({"a.parquet": parquet(columns)}) as reading:
        assert reading.findings == ()
        assert table(reading).to_pylist() == pa.table(columns).to_pylist()
