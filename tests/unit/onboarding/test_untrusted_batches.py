"""Bad input, through the checks with the real engine: each has a stated outcome, and none goes on."""

import gzip
import io
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mesh.adapters.duckdb.measuring import fetching
from mesh.domain.contracts.contract import ContractSchemaViolation
from mesh.domain.onboarding.batches import HeldBack
from mesh.domain.onboarding.quality.model import TableReport
from mesh.domain.onboarding.quarantine import Ticket

from tests.builders import BUCKET, PRODUCT
from tests.unit.onboarding.rounds import FOLDER, World
from tests.unit.onboarding.test_check_objects import BAD_NAME, ENUM, GOOD, OTHER, listed

TEXTS = [{"name": "a", "logicalType": "string"}, {"name": "b", "logicalType": "string"}]
HEAD = "a,b\n" + "".join(f"x{number},y{number}\n" for number in range(100_000))
"""More than a MiB: what follows only shows on full reading."""


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
    "a NUL byte": ("a.csv", b"a,b\nx,y\0z\n", "BinaryContent"),
    "a NUL byte far down": ("a.csv", HEAD.encode() + b"x,\0\n", "BinaryContent"),
    "a line of 10 MB": ("a.csv", b"a,b\nx," + b"y" * 10_000_000 + b"\n", "LineTooLong"),
    "a line of 10 MB far down": ("a.csv", HEAD.encode() + b"x," + b"y" * 10_000_000 + b"\n", "LineTooLong"),
    "a row of 3 MB in short lines": ("a.csv", HEAD + 'x,"' + "y\n" * 1_500_000 + '"\n', "LineTooLong"),
    "a zip of two files named .csv": ("a.csv", zipped(), "BinaryContent"),
    "a zip of two files": ("a.zip", zipped(), "ArchiveUnsupported"),
    "a zip of two files without an ending": ("a", zipped(), "ArchiveUnsupported"),
    "Parquet whose footer has a row more": ("a.parquet", lying(parquet(), promised=1001), "CorruptParquet"),
    "Parquet whose footer has a row less": ("a.parquet", lying(parquet(), promised=999), "CorruptParquet"),
    "Parquet without its last bytes": ("a.parquet", parquet()[:-20], "CorruptParquet"),
    "Parquet with other pages": ("a.parquet", parquet()[:4] + b"\x07" * 60 + parquet()[64:], "CorruptParquet"),
    "JSON that ends far down": ("a.json", '{"a": "xxxxxxxxxxxxxxx"}\n' * 80_000 + '{"a": \n', "MalformedJson"),
}


def held(world: World) -> list[HeldBack]:
    """What the checks of all that waits hold back."""
    return list(world.checked(world.check()).held)


def passed(world: World) -> TableReport:
    """The report of a table of which nothing is held back."""
    round_ = world.check()
    assert world.checked(round_).held == ()
    [report] = world.reports(round_.generation).passed.tables
    return report


@pytest.mark.parametrize(("name", "body", "code"), BAD.values(), ids=BAD.keys())
def test_unreadable_objects_are_held_with_their_reason_and_cannot_be_released(name, body, code):
    world = World(TEXTS)
    world.upload(name, body)

    [found] = held(world)

    assert found.reason.code == code
    assert found.reason.where["key"] == FOLDER + name
    assert found.reason.message
    assert found.reason.remedy
    assert "/tmp" not in found.reason.message
    assert not found.releasable


def test_a_gzip_that_unfolds_a_thousandfold_is_held(monkeypatch):
    monkeypatch.setattr(fetching, "MAX_UNZIPPED", 2 * 1024 * 1024)
    world = World(TEXTS)
    world.upload("a.csv.gz", gzip.compress(b"a,b\n" + b"x,y\n" * 1_000_000))

    assert [found.reason.code for found in held(world)] == ["ExpandsTooFar"]


def test_no_ticket_lets_pass_what_cannot_be_read():
    world = World(TEXTS)
    ref = world.upload("a.csv", HEAD.encode() + b"x,\0\n")
    world.quarantine.put_ticket(PRODUCT, ref.key, Ticket(run="1", by="x", reason="y", version_id=ref.version_id))

    assert [found.reason.code for found in held(world)] == ["BinaryContent"]


def test_a_ticket_is_for_one_version_of_the_object():
    world = World(ENUM)
    first = world.upload("a.csv", OTHER)
    world.upload("a.csv", BAD_NAME)
    world.quarantine.put_ticket(PRODUCT, first.key, Ticket(run="1", by="x", reason="y", version_id=first.version_id))

    assert [found.reason.code for found in held(world)] == ["ValueNotInEnum"]


def test_a_ticket_of_some_objects_does_not_let_pass_the_others():
    world = World(ENUM)
    for number in range(12):
        ref = world.upload(f"{number:02d}.csv", f"id,name\n{number},zoe\n")
        if number != 11:
            ticket = Ticket(run="1", by="x", reason="y", version_id=ref.version_id)
            world.quarantine.put_ticket(PRODUCT, ref.key, ticket)

    [found] = held(world)
    assert (found.ref.key, found.reason.code) == (FOLDER + "11.csv", "ValueNotInEnum")


@pytest.mark.parametrize("name", ["mesh:object", "mesh object", "mesh_rows", "rowid", "c0", "h"])
def test_a_column_may_have_any_name(name):
    world = World(TEXTS)
    world.upload("a.csv", f"a,b,{name}\nx,y,1\n")

    assert passed(world).profile.column(name).high == "1"


def test_formulas_are_published_with_a_warning():
    world = World(TEXTS)
    cells = ['"=HYPERLINK(""http://e.vil"",""SECRET"")"', "@SUM(A1)", "+SUM(1)", "-2+cmd|' /C calc'!A0", "-3", "+49 30",
             "=", "====", "a=b", "ana@example.org"]  # fmt: skip
    world.upload("a.csv", "a,b\n" + "".join(f"{cell},y\n" for cell in cells))

    [finding] = [one for one in passed(world).findings if one.code == "FormulaCells"]
    assert (finding.severity, finding.column, finding.observed) == ("warning", "a", 4)
    assert finding.keys == (FOLDER + "a.csv",)
    assert "SECRET" not in finding.message


def test_nothing_is_published_of_what_its_owner_deleted_meanwhile():
    world = World(ENUM)
    world.upload("a.csv", GOOD)
    gone = world.upload("b.csv", OTHER)
    world.objects.delete(BUCKET, gone.key)

    settled = world.run()

    assert (settled.accepted, settled.held, world.sources) == (1, 0, ["a.csv"])
    [report] = world.reports(1).passed.tables
    assert (report.profile.objects, report.profile.rows) == (1, 2)


def test_nothing_is_published_of_objects_that_all_vanished():
    world = World(ENUM)
    gone = world.upload("a.csv", GOOD)
    world.objects.delete(BUCKET, gone.key)

    settled = world.run()

    assert (settled.outcome, settled.held, world.versions) == ("nothing", 0, 0)


def test_what_vanished_does_not_keep_its_owner_from_releasing_the_rest():
    world = World(ENUM)
    world.upload("a.csv", BAD_NAME)
    gone = world.upload("b.csv", OTHER)
    world.objects.delete(BUCKET, gone.key)
    world.run()

    assert list(listed(world)) == ["a.csv"]
    [batch] = world.held
    assert batch.releasable


PERSONAL = ["ana@example.org", "bob@example.org", "cleo@example.org"]


def test_no_value_that_looks_personal_is_shown_where_the_column_was_to_be_a_number():
    world = World([{"name": "contact", "logicalType": "integer"}, {"name": "n", "logicalType": "integer"}])
    late = "".join(f"{address},1\n" for address in PERSONAL)
    world.upload("a.csv", "contact,n\n" + "1,1\n" * 300_000 + late)

    [found] = held(world)
    assert found.reason.code == "ValueNotOfType"
    reports = world.reports(1)
    assert "example.org" not in reports.model_dump_json(exclude={"held": {"tables": {"__all__": {"profile"}}}})
    assert "example.org" not in found.model_dump_json()


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
    world = World(columns, quality=[rule])
    world.upload("a.csv", "id,name\n1,SECRET-VALUE\n")

    report = passed(world)
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
        World(TEXTS, quality=[{"type": "sql", "query": query, "mustBe": 0}])

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
    world = World(TEXTS, quality=[{"type": "sql", "query": query, "mustBe": 0}])
    world.upload("a.csv", "a,b\nx,y\n")

    [found] = held(world)
    assert (found.reason.code, found.releasable) == (code, True)
    assert found.reason.where["rule"] == "$.schema[0].quality[0]"
    assert found.reason.remedy


@pytest.mark.timeout(600)  # 45 seconds of the processor, whatever else it does
def test_five_thousand_columns_are_checked():
    names = [f"c{number}" for number in range(4998)]
    world = World(TEXTS)
    world.upload("a.csv", ",".join(["a", "b", *names]) + "\n" + ",".join(["x", "y", *["1"] * 4998]) + "\n")

    assert len(passed(world).profile.columns) == 5000
