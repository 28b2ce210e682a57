"""Bad input, through inspection and checks with the real engine: each has a stated outcome, and none goes on."""

import gzip
import io
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mesh.adapters.measuring import fetching, measurements
from mesh.domain.quarantine import Ticket
from mesh.domain.rejections import ContractSchemaViolation
from mesh.usecases.histories import read_history, remember_batch
from mesh.usecases.quarantine_objects import HeldObjects, quarantine_objects

from tests.builders import BUCKET
from tests.fakes import FakeClock
from tests.unit.test_usecase_check_batch import BAD_NAME, GOOD, OTHER, Checked, codes
from tests.unit.test_usecase_inspection import FOLDER

TEXTS = [{"name": "a", "logicalType": "string"}, {"name": "b", "logicalType": "string"}]
HEAD = "a,b\n" + "".join(f"x{number},y{number}\n" for number in range(100_000))
"""More than the inspection's MiB: what follows only shows on full reading."""


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("1.csv", "a,b\n1,2\n")
        archive.writestr("2.csv", "a,b\n3,4\n")
    return file.getvalue()


def parquet(rows=1000):
    file = io.BytesIO()
    pq.write_table(pa.table({"a": ["x"] * rows, "b": ["y"] * rows}), file)
    return file.getvalue()


def lying(content, *, promised):
    """The same Parquet file with another number of rows in its footer (Thrift: zigzag varints)."""
    length = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - length : -8]
    said, instead = _varint(1000), _varint(promised)
    assert len(said) == len(instead)
    return content[: -8 - length] + footer.replace(said, instead, 1) + content[-8:]


def _varint(number):
    number, found = number << 1, b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


BAD = {
    "an unclosed quote": ("a.csv", 'a,b\nx,"never\ny,z\n', "UnclosedQuote"),
    "an unclosed quote far down": ("a.csv", HEAD + 'x,"never\ny,z\n', "UnclosedQuote"),
    "latin-1 far down": ("a.csv", HEAD.encode() + "x,Jürgen\n".encode("latin-1"), "UnsupportedEncoding"),
    "a NUL byte": ("a.csv", b"a,b\nx,y\0z\n", "BinaryContent"),
    "a NUL byte far down": ("a.csv", HEAD.encode() + b"x,\0\n", "BinaryContent"),
    "a line of 10 MB": ("a.csv", b"a,b\nx," + b"y" * 10_000_000 + b"\n", "LineTooLong"),
    "a line of 10 MB far down": ("a.csv", HEAD.encode() + b"x," + b"y" * 10_000_000 + b"\n", "LineTooLong"),
    "a row of 3 MB in short lines": ("a.csv", HEAD + 'x,"' + "y\n" * 1_500_000 + '"\n', "LineTooLong"),
    "lines that end in different ways": ("a.csv", HEAD + "x,y\r\nz,w\rq,r\n", "MalformedCsv"),
    "carriage returns twice": ("a.csv", "a,b\r\r\nx,y\r\r\n", "MalformedCsv"),
    "a zip of two files named .csv": ("a.csv", zipped(), "BinaryContent"),
    "a zip of two files": ("a.zip", zipped(), "ArchiveUnsupported"),
    "a zip of two files without an ending": ("a", zipped(), "ArchiveUnsupported"),
    "Parquet whose footer has a row more": ("a.parquet", lying(parquet(), promised=1001), "CorruptParquet"),
    "Parquet whose footer has a row less": ("a.parquet", lying(parquet(), promised=999), "CorruptParquet"),
    "Parquet without its last bytes": ("a.parquet", parquet()[:-20], "CorruptParquet"),
    "Parquet with other pages": ("a.parquet", parquet()[:4] + b"\x07" * 60 + parquet()[64:], "CorruptParquet"),
    "JSON that ends far down": ("a.json", '{"a": "xxxxxxxxxxxxxxx"}\n' * 80_000 + '{"a": \n', "MalformedJson"),
}


@pytest.mark.parametrize(("name", "body", "code"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_read_is_held_with_its_reason_and_nobody_can_release_it(name, body, code):
    world = Checked(TEXTS)
    world.upload(name, body)

    summary = world.check()

    assert (summary.accepted, summary.rejected) == (0, 1)
    [rejection] = world.after().rejected
    assert rejection.reason.code == code
    assert rejection.reason.where["key"] == FOLDER + name
    assert rejection.reason.message
    assert rejection.reason.remedy
    assert "/tmp" not in rejection.reason.message
    assert not rejection.releasable


def test_a_gzip_that_unfolds_a_thousandfold_is_held(monkeypatch):
    monkeypatch.setattr(fetching, "MAX_UNZIPPED", 2 * 1024 * 1024)
    world = Checked(TEXTS)
    world.upload("a.csv.gz", gzip.compress(b"a,b\n" + b"x,y\n" * 1_000_000))

    assert world.check().accepted == 0
    assert codes(world.after()) == [("a.csv.gz", "ExpandsTooFar")]


def test_no_ticket_lets_pass_what_cannot_be_read():
    world = Checked(TEXTS)
    ref = world.upload("a.csv", HEAD.encode() + b"x,\0\n")
    world.quarantine.put_ticket("credit-card", ref.key, Ticket(run="1", by="x", reason="y", version_id=ref.version_id))

    assert world.check().accepted == 0
    assert codes(world.after()) == [("a.csv", "BinaryContent")]


def test_a_ticket_of_some_objects_does_not_let_pass_the_others():
    world = Checked()
    for number in range(12):
        ref = world.upload(f"{number:02d}.csv", f"id,name\n{number},zoe\n")
        if number != 11:
            ticket = Ticket(run="1", by="x", reason="y", version_id=ref.version_id)
            world.quarantine.put_ticket("credit-card", ref.key, ticket)

    assert world.check().accepted == 11
    assert codes(world.after()) == [("11.csv", "ValueNotInEnum")]


@pytest.mark.parametrize("name", ["mesh:object", "mesh object", "mesh_rows", "rowid", "c0", "h"])
def test_a_column_may_have_any_name(name):
    world = Checked(TEXTS)
    world.upload("a.csv", f"a,b,{name}\nx,y,1\n")

    assert world.check().accepted == 1
    assert world.reports().table("credit_card").profile.column(name).high == "1"


@pytest.mark.parametrize("table", ["mesh_rows", "mesh_staging", "select", "information_schema"])
def test_a_table_may_have_any_name(table):
    world = Checked(TEXTS)
    world.upload("a.csv", "a,b\nx,1\n", folder=f"credit-card/data/{table}/")

    assert world.check().accepted == 1


def test_formulas_are_data_and_told_as_a_warning():
    world = Checked(TEXTS)
    cells = ['"=HYPERLINK(""http://e.vil"",""SECRET"")"', "@SUM(A1)", "+SUM(1)", "-2+cmd|' /C calc'!A0", "-3", "+49 30",
             "=", "====", "a=b", "ana@example.org"]  # fmt: skip
    world.upload("a.csv", "a,b\n" + "".join(f"{cell},y\n" for cell in cells))

    assert world.check().accepted == 1
    [finding] = [one for one in world.reports().table("credit_card").findings if one.code == "FormulaCells"]
    assert (finding.severity, finding.column, finding.observed) == ("warning", "a", 4)
    assert finding.keys == (FOLDER + "a.csv",)
    assert "SECRET" not in finding.message


def test_an_object_that_vanished_is_reported_and_nothing_is_published_of_it():
    world = Checked()
    world.upload("a.csv", GOOD)
    gone = world.upload("b.csv", OTHER)
    world.inspect()
    world.objects.delete(BUCKET, gone.key)

    summary = world.check()

    assert (summary.accepted, summary.rejected) == (1, 1)
    assert codes(world.after()) == [("b.csv", "ObjectGone")]
    [table] = world.after().tables
    assert ([count.key for count in table.counts], table.objects, table.merged.rows) == ([FOLDER + "a.csv"], 1, 2)
    assert world.reports().table("credit_card").profile.objects == 1


def test_nothing_is_published_of_objects_that_all_vanished():
    world = Checked()
    gone = world.upload("a.csv", GOOD)
    world.inspect()
    world.objects.delete(BUCKET, gone.key)

    assert world.check().accepted == 0
    assert world.after().tables == ()
    assert world.reports().passed.tables == ()
    assert not hold(world).releasable


def test_what_vanished_does_not_keep_its_owner_from_releasing_the_rest():
    world = Checked()
    world.upload("a.csv", BAD_NAME)
    gone = world.upload("b.csv", OTHER)
    world.inspect()
    world.objects.delete(BUCKET, gone.key)
    world.check()

    batch = hold(world)

    assert batch.releasable
    body = world.objects.read(BUCKET, "credit-card/quarantine/00000001/objects.json", limit=10**6)
    listed = {item.key.removeprefix(FOLDER): item.moved_to for item in HeldObjects.validate_json(body)}
    assert listed == {"a.csv": f"credit-card/quarantine/00000001/{FOLDER.partition('/')[2]}a.csv", "b.csv": None}


def hold(world):
    quarantine_objects(
        world.round(), objects=world.objects, work=world.work, quarantine=world.quarantine, clock=FakeClock()
    )
    return world.quarantine.batch("credit-card", "00000001")


def test_a_batch_beyond_the_engines_memory_is_held(monkeypatch):
    world = Checked(TEXTS)
    world.upload("a.csv", HEAD)
    monkeypatch.setattr(measurements, "MEMORY", "1MB")
    monkeypatch.setattr(measurements, "MAX_SPILL", "1MB")

    assert world.check().accepted == 0
    [rejection] = world.after().rejected
    assert (rejection.reason.code, rejection.releasable) == ("TooLargeToCheck", True)


def test_a_batch_that_is_released_unchecked_is_no_example(monkeypatch):
    world = Checked(TEXTS)
    world.publish(1, "a,b\nx,y\n")
    world.refs.clear()
    ref = world.upload("a.csv", HEAD)
    world.quarantine.put_ticket("credit-card", ref.key, Ticket(run="1", by="x", reason="y", version_id=ref.version_id))
    monkeypatch.setattr(measurements, "MEMORY", "1MB")
    monkeypatch.setattr(measurements, "MAX_SPILL", "1MB")

    assert world.check(2).accepted == 1
    remember_batch(world.work, "credit-card", 2, world.round(2).work)

    assert [finding.code for finding in world.reports(2).table("credit_card").findings] == ["TooLargeToCheck"]
    assert [batch.generation for batch in read_history(world.work, "credit-card", "credit_card").batches] == [1]


def test_a_small_parquet_file_of_very_many_rows_is_sampled():
    file = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array(["x" * 50]).take(pa.array([0] * 300_000)), "b": ["y"] * 300_000}), file)
    assert len(file.getvalue()) < 10_000
    world = Checked(TEXTS)
    world.measured_bytes = 1_000_000
    world.upload("a.parquet", file.getvalue())

    assert world.check().accepted == 1
    report = world.reports().table("credit_card")
    assert "OnlySampled" in {finding.code for finding in report.findings}
    assert 0 < report.profile.rows <= 62_500


def test_a_parquet_file_too_large_for_the_disk_is_held_unread(monkeypatch):
    monkeypatch.setattr(measurements, "MAX_FILE", 100)
    world = Checked(TEXTS)
    world.upload("a.parquet", parquet())

    assert world.check().accepted == 0
    [rejection] = world.after().rejected
    assert (rejection.reason.code, rejection.releasable) == ("TooLargeToCheck", True)


PERSONAL = ["ana@example.org", "bob@example.org", "cleo@example.org"]


def test_no_value_that_looks_personal_is_shown_where_the_column_was_to_be_a_number():
    world = Checked([{"name": "contact", "logicalType": "integer"}, {"name": "n", "logicalType": "integer"}])
    late = "".join(f"{address},1\n" for address in PERSONAL)
    world.upload("a.csv", "contact,n\n" + "1,1\n" * 300_000 + late)

    assert world.check().accepted == 0
    [rejection] = world.after().rejected
    assert rejection.reason.code == "ValueNotOfType"
    assert "example.org" not in world.reports().model_dump_json(exclude={"held": {"tables": {"__all__": {"profile"}}}})
    assert "example.org" not in rejection.model_dump_json()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM {object} WHERE strptime(name, '%Y-%m-%d') > DATE '2020-01-01'",
        "SELECT error(max(name)) FROM {object}",
        "SELECT sum(CAST(name AS INTEGER)) FROM {object}",
        "SELECT count(*) FROM {object} WHERE regexp_matches('x', '[' || name)",
    ],
)
def test_no_value_is_shown_by_a_rule_that_stumbles_over_it(query):
    rule = {"type": "sql", "query": query, "mustBe": 0, "severity": "warning"}
    columns = [{"name": "id", "logicalType": "integer"}, {"name": "name", "logicalType": "string"}]
    world = Checked(columns, quality=[rule])
    world.upload("a.csv", "id,name\n1,SECRET-VALUE\n")

    assert world.check().accepted == 1
    report = world.reports().table("credit_card")
    assert "QualityRuleBroken" in {finding.code for finding in report.findings}
    assert "SECRET" not in report.model_dump_json(exclude={"profile"})


RULES_THAT_A_CONTRACT_IS_REFUSED_FOR = [
    "frobnicate the data",
    "SELECT count(*) / 0 FROM {object}",
    "SELECT count(*) FROM other_product.t",
    "SELECT count(*) FROM read_csv('/etc/passwd')",
    "SELECT count(*) FROM '/etc/passwd'",
    "SELECT count(*) FROM 's3://other/x.parquet'",
    "SELECT * FROM query('SELECT 1')",
    "SELECT count(*) FROM query_table('mesh_rows')",
    "ATTACH '/tmp/x.db'",
    "COPY (SELECT 1) TO '/tmp/x'",
    "PRAGMA database_list",
    "INSTALL httpfs",
    "SET threads = 1",
    "SELECT 1; DROP TABLE mesh_rows",
]


@pytest.mark.parametrize("query", RULES_THAT_A_CONTRACT_IS_REFUSED_FOR)
def test_a_rule_that_can_never_be_evaluated_refuses_its_contract(query):
    with pytest.raises(ContractSchemaViolation) as refusal:
        Checked(TEXTS, quality=[{"type": "sql", "query": query, "mustBe": 0}])

    [violation] = refusal.value.where["violations"]
    assert violation["path"] == "$.schema[0].quality[0]"
    assert "the query" in violation["message"]


RULES_THAT_ONLY_THE_ENGINE_REFUSES = {
    "SELECT count(*) frm {object} where": "QualityRuleBroken",
    "SELECT count(*) / (count(*) - count(*)) FROM {object}": "QualityRuleBroken",
    "SELECT length(getenv('PATH'))": "QualityRuleBroken",
    "SELECT (TABLE other_product)": "RuleReadsElsewhere",
    "SELECT count(*) FROM {object}, duckdb_settings()": "RuleReadsElsewhere",
    "SELECT count(*) FROM (DESCRIBE mesh_rows)": "RuleReadsElsewhere",
}


@pytest.mark.parametrize(("query", "code"), RULES_THAT_ONLY_THE_ENGINE_REFUSES.items())
def test_a_rule_that_only_the_engine_refuses_holds_the_batch(query, code):
    world = Checked(TEXTS, quality=[{"type": "sql", "query": query, "mustBe": 0}])
    world.upload("a.csv", "a,b\nx,y\n")

    assert world.check().accepted == 0
    [rejection] = world.after().rejected
    assert (rejection.reason.code, rejection.releasable) == (code, True)
    assert rejection.reason.where["rule"] == "$.schema[0].quality[0]"
    assert rejection.reason.remedy


def test_five_thousand_columns_are_checked():
    names = [f"c{number}" for number in range(5000)]
    world = Checked(TEXTS)
    world.upload("a.csv", ",".join(["a", "b", *names]) + "\n" + ",".join(["x", "y", *["1"] * 5000]) + "\n")

    assert world.check().accepted == 1
    assert len(world.reports().table("credit_card").profile.columns) == 5002
