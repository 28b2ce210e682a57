"""Files that nobody meant well with, other encodings, limits: each a finding that names its object, none raises."""

import gzip
import io
import zipfile

import pytest
from mesh.adapters.duckdb.measuring import fetching
from mesh.adapters.duckdb.reading import DuckReadings
from mesh.domain.onboarding.reading.model import TableSources

from tests.fakes import FakeObjects
from tests.unit.contracts.contracts import column, contract
from tests.unit.onboarding.reading.reading import FOLDER, NOW, codes, opened, rows, table

GOOD = "id,v\n1,x\n"


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("1.csv", GOOD)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", zipped(), "BinaryContent"), ("a.zip", zipped(), "ArchiveUnsupported"),
        ("a", zipped(), "ArchiveUnsupported"),
        ("a.csv.gz", GOOD.encode(), "InconsistentCompression"),
        ("a.csv", gzip.compress(GOOD.encode(), mtime=0), "InconsistentCompression"),
        ("a.csv.gz", gzip.compress(GOOD.encode(), mtime=0)[:-9], "InconsistentCompression"),
        ("a.avro", b"Obj\x01", "FormatDeclined"),
        ("a.csv", b"id,v\n\x01\x02,x\n", "BinaryContent"),
        ("a.csv", "id,v\n1,x\n".encode("utf-32"), "UnsupportedEncoding"),
        ("a.csv", b"\xff\xfea\x00,\x00b", "UnsupportedEncoding"),
        ("a.csv", "id,v\n1,größe\n".encode() + b"2,\xe9\n", "UnsupportedEncoding"),
        ("a.csv", b"id,v\n1,\x81\n", "UnsupportedEncoding"), ("a.csv", b"id,v\n1,\xf0\x9f\n", "UnsupportedEncoding"),
    ],
)  # fmt: skip
def test_one_bad_object_does_not_take_the_others_down(name, content, code):
    with opened({name: content, "good.csv": GOOD}) as reading:
        found = [(f.code, f.keys) for f in reading.findings if f.severity == "error"]
        assert found == [(code, (FOLDER + name,))]
        assert reading.findings[0].remedy
        assert "/tmp" not in reading.findings[0].message
        assert table(reading).to_pylist() == [{"id": 1, "v": "x"}]


def test_a_gzip_that_unfolds_a_thousandfold_is_held(monkeypatch):
    monkeypatch.setattr(fetching, "MAX_UNZIPPED", 2 * 1024 * 1024)
    with opened({"a.csv.gz": gzip.compress(b"a,b\n" + b"x,y\n" * 1_000_000, mtime=0)}) as reading:
        assert codes(reading) == [("ExpandsTooFar", "error")]


def test_what_is_not_read_at_all_may_be_of_any_size():
    with opened({"a.avro": b"Obj\x01" * 500, "b.csv": GOOD}, limits={"max_batch": 1000}) as reading:
        assert codes(reading) == [("FormatDeclined", "error")]


@pytest.mark.parametrize("limits", [{"max_object": 1000}, {"max_batch": 1000}, {"memory": "2MB", "spill": "1MB"}])
def test_what_cannot_be_read_whole_is_held_and_never_sampled(limits):
    with opened(
        {"a.csv": "id,v\n" + "".join(f"{n},some text {n}\n" for n in range(200_000))}, limits=limits
    ) as reading:
        assert codes(reading) == [("TooLargeToCheck", "error")]
        assert reading.sources == ()
        assert [f.code for f in reading.measure(None, now=NOW).findings] == ["TooLargeToCheck"]


def test_a_gzip_file_is_read():
    assert rows({"a.csv.gz": gzip.compress(GOOD.encode(), mtime=0) + gzip.compress(b"2,y\n")})[1][1] == {
        "id": 2,
        "v": "y",
    }


@pytest.mark.parametrize(
    ("content", "encoding", "assumed"),
    [
        ("id,v\n1,Jürgen €\n".encode("cp1252"), "windows-1252", True),
        ("id,v\n1,Jürgen €\n".encode("utf-16"), "utf-16", False),
        ("\ufeffid,v\n1,Jürgen €\n".encode("utf-16-be"), "utf-16", False),
        ("id,v\n1,Jürgen €\n".encode(), "utf-8", False),
        ("\ufeffid,v\n1,Jürgen €\n".encode(), "utf-8-sig", False),
        (b"id,v\n1," + "Jürgen €".encode("cp1252") + b"\n" + b"2,x\n" * 400_000, "windows-1252", True),
        (b"id,v\n1,J\xfcrgen \x80\n" + b"2,x\n" * 300_000 + b"3,\xe9\n", "windows-1252", True),
    ],
)  # fmt: skip
def test_the_encoding_is_found(content, encoding, assumed):
    with opened({"a.csv": content}) as reading:
        assert codes(reading) == ([("EncodingAssumed", "warning")] if assumed else [])
        assert reading.sources[0].encoding == encoding
        assert table(reading).to_pylist()[0] == {"id": 1, "v": "Jürgen €"}


def test_the_contract_names_the_encoding():
    with opened({"a.csv": b"id,v\n1,J\xfcrgen\n"}, encoding="ISO-8859-1") as reading:
        assert codes(reading) == []
        assert table(reading).to_pylist()[0]["v"] == "Jürgen"
    with opened({"a.csv": b"id,v\n1,J\xfcrgen\n"}, encoding="utf-8") as reading:
        assert codes(reading) == [("UnsupportedEncoding", "error")]


def promised(query):
    rule = {"type": "sql", "query": query, "mustBe": 0}
    return contract(column("id"), column("v", "string"), table={"quality": [rule]})


def test_a_rule_in_sql_is_measured_before_and_after_an_object_is_excluded():
    files = {"a.csv": "id,v\n1,x\n", "b.csv": "id,v\n-1,x\n"}
    with opened(files, expected={"id": "bigint", "v": "string"}) as reading:
        expectation = promised("SELECT count(*) FROM {object} WHERE id < 0")
        report = reading.measure(expectation, now=NOW)
        assert [finding.severity for finding in report.findings] == ["error"]
        reading.exclude([FOLDER + "b.csv"])
        report = reading.measure(expectation, now=NOW)
        assert (report.findings, report.profile.rows, report.profile.objects) == ((), 1, 1)
        assert table(reading).num_rows == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "COPY (SELECT 1) TO '/tmp/mesh-x'",
        "SELECT * FROM read_text('/etc/hostname')", "ATTACH '/tmp/mesh-x.db'", "SET enable_external_access = true",
        "SET allowed_directories = ['/']", "INSTALL httpfs", "LOAD httpfs",
    ],
)  # fmt: skip
def test_after_the_checks_the_engine_reads_and_writes_nothing_else(sql):
    import duckdb

    with opened({"a.csv": GOOD}) as reading:
        reading.measure(None, now=NOW)
        with pytest.raises(duckdb.Error):
            reading._db.execute(sql)
        assert table(reading).num_rows == 1


def test_nested_columns_are_measured_as_json():
    with opened({"a.json": '{"id":1,"counts":[1,2]}\n{"id":2,"counts":[3]}\n'}) as reading:
        profile = reading.measure(None, now=NOW).profile
    assert (profile.column("counts").type, profile.column("counts").high) == ("array<bigint>", "[3]")


def test_values_that_may_be_shown_are_examples_in_the_report_alone():
    expected = {"id": "bigint", "v": "string"}
    with opened({"a.csv": "id,v\n1,x\noops,y\n"}, expected=expected) as reading:
        assert "oops" not in reading.findings[0].message
        found = [f.message for f in reading.measure(None, now=NOW).findings]
        assert found == ['1 values of id are not of type bigint (for example "oops")']
    with opened({"a.csv": "id,v\n1,x\nana@example.org,y\n"}, expected=expected) as reading:
        assert "example.org" not in reading.measure(None, now=NOW).findings[0].message


@pytest.mark.parametrize(
    "name", ["mesh_rows", "mesh_typed", "mesh_staged_0", "select", "information_schema", "mesh_json", "mesh_marks"]
)
def test_a_table_may_have_any_name(name):
    objects = FakeObjects()
    refs = tuple(objects.put("b", f"product/data/{name}/{file}.csv", GOOD) for file in "ab")
    with DuckReadings(objects).open(TableSources(table=name, refs=refs)) as reading:
        assert reading.measure(None, now=NOW).profile.rows == 2
        reading.exclude([refs[0].key])
        assert reading.measure(None, now=NOW).profile.rows == 1


def test_a_rule_may_name_its_table_whatever_the_name():
    objects = FakeObjects()
    refs = (objects.put("b", "product/data/mesh_marks/a.csv", GOOD),)
    rule = {"type": "sql", "query": "SELECT count(v) FROM mesh_marks", "mustBe": 1}
    expectation = contract(column("v", "string"), table={"name": "mesh_marks", "quality": [rule]})
    with DuckReadings(objects).open(TableSources(table="mesh_marks", refs=refs)) as reading:
        assert [finding.code for finding in reading.measure(expectation, now=NOW).findings] == []


def test_an_object_that_its_owner_deleted_is_reported_and_holds_nothing_back():
    objects = FakeObjects()
    refs = tuple(objects.put("b", f"product/data/t/{file}.csv", GOOD) for file in "ab")
    objects.delete("b", refs[1].key)
    with DuckReadings(objects).open(TableSources(table="t", refs=refs)) as reading:
        assert [(f.code, f.severity, f.keys) for f in reading.findings] == [("ObjectGone", "warning", (refs[1].key,))]
        assert [source.key for source in reading.sources] == [refs[0].key]
