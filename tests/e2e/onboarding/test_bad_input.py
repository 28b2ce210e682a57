"""Each kind of bad input: the owner's notice, what is left untouched, and that nobody else is notified."""

import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from tests.mesh_conditions import lease_held, registered_to
from tests.mesh_driver import STRANGER, MeshDriver, contract
from tests.staged_tables import proposer_role

PRODUCT = "bad-input"
GOOD = b"a,b\n1,2\n"
JUNK = random.Random(7).randbytes(4096)


@pytest.fixture(scope="module")
def product(deployed_mesh: MeshDriver) -> str:
    """A product whose contract leaves the columns open; each test has a table of its own in it."""
    deployed_mesh.prepare(PRODUCT)
    deployed_mesh.settled(PRODUCT)
    return PRODUCT


@pytest.fixture(autouse=True)
def _no_dead_letters(mesh: MeshDriver) -> Iterator[None]:
    """Bad input is an outcome: queues for what could not be processed get nothing."""
    before = mesh.dead_letters()
    yield
    assert mesh.dead_letters_since(before) == {}


def parquet(values: list[Any]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": values}), out)
    return out.getvalue()


@dataclass(frozen=True)
class Bad:
    """A file that cannot be data, and the code of the reason."""

    file: str
    body: bytes
    code: str


BAD_FILES = {
    "empty": Bad("x.csv", b"", "EmptyFile"),
    "blank": Bad("x.csv", b" \n\n", "EmptyFile"),
    "header_only": Bad("x.csv", b"a,b\n", "HeaderWithoutRows"),
    "ragged": Bad("x.csv", b"a,b\n1,2\n3\n4,5,6\n", "RaggedRows"),
    "duplicate": Bad("x.csv", b"a,b,A\n1,2,3\n", "DuplicateColumns"),
    "nameless": Bad("x.csv", b"a,,c\n1,2,3\n", "EmptyColumnName"),
    "binary": Bad("x.csv", JUNK, "BinaryContent"),
    "corrupt": Bad("x.parquet", b"PAR1" + JUNK + b"PAR1", "CorruptParquet"),
    "cut_off": Bad("x.parquet", parquet([1, 2, 3])[:-20], "CorruptParquet"),
    "malformed": Bad("x.json", b'{"a": 1}\nnot json\n', "MalformedJson"),
    "nested": Bad("x.json", b'{"a": ' + b"[" * 1_000 + b"]" * 1_000 + b"}\n", "NestedTooDeep"),
    "wide": Bad(
        "x.csv", b",".join(b"c%d" % n for n in range(5_001)) + b"\n" + b"1," * 5_000 + b"1\n", "TooManyColumns"
    ),
    "not_gzip": Bad("x.csv.gz", GOOD, "InconsistentCompression"),
}


@pytest.mark.parametrize("table", BAD_FILES)
def test_a_bad_file_is_held_with_its_reason_and_nothing_is_published(
    mesh: MeshDriver, product: str, table: str
) -> None:
    bad = BAD_FILES[table]
    key = f"{product}/data/{table}/{bad.file}"
    proposed = mesh.runs("commit-version", product)
    run = mesh.upload(product, {key: bad.body})
    assert (run.status, run.outcome, run.output["held"]) == ("SUCCEEDED", "nothing", 1)
    assert "NotifyOwner" in run.states
    _assert_says(mesh.held(product)[key]["reason"], bad.code, mesh.bucket, key)
    assert mesh.read(key) == bad.body
    assert not _has_table(mesh, product, table)
    assert mesh.runs("commit-version", product) == proposed
    assert (mesh.lease(product), mesh.pending(product)) == ("", [])


def test_the_good_files_among_bad_ones_are_published(mesh: MeshDriver, product: str) -> None:
    files = {f"{product}/data/mixed/{name}.csv": body for name, body in [("bad", b"a,b\n"), ("good", GOOD)]}
    mesh.upload(product, files)
    rows = _published_rows(mesh, product, "mixed", 1)
    assert rows == 1
    held = mesh.held(product)
    assert f"{product}/data/mixed/bad.csv" in held
    assert f"{product}/data/mixed/good.csv" not in held


@pytest.mark.parametrize(
    ("table", "pair", "types"),
    [
        ("unlike_types", {"1.parquet": parquet([1, 2]), "2.parquet": parquet([{"b": 1}])}, {"a": "string"}),
        ("unlike_formats", {"1.csv": GOOD, "2.parquet": parquet([1])}, {"a": "bigint", "b": "bigint"}),
    ],
)
def test_files_of_other_types_and_formats_are_one_table(
    mesh: MeshDriver, product: str, table: str, pair: dict[str, bytes], types: dict[str, str]
) -> None:
    files = {f"{product}/data/{table}/{name}": body for name, body in pair.items()}
    rows = sum({"1.parquet": 2, "2.parquet": 1, "1.csv": 1}[name] for name in pair)
    mesh.upload(product, files)
    assert _published_rows(mesh, product, table, rows) == rows
    columns = mesh.table(product, table)["StorageDescriptor"]["Columns"]
    assert {column["Name"]: column["Type"] for column in columns} == types


@pytest.mark.parametrize(
    "key",
    [
        "{}/data/odd/a b  c.csv",
        "{}/data/odd/a+b.csv",
        "{}/data/odd/a%2Fb%20.csv",
        "{}/data/odd/käse-🧀.csv",
        "{}/data/odd/" + "x" * 1024,
    ],
    ids=["spaces", "plus", "percent", "emoji", "1024-bytes"],
)
def test_an_unusual_key_is_data_like_any_other(mesh: MeshDriver, product: str, key: str) -> None:
    key = key.format(product)
    key = key if len(key.encode()) <= 1024 else key[:1020] + ".csv"
    before = _published_rows(mesh, product, "odd")
    run = mesh.upload(product, {key: f"a,b\n{before},2\n".encode()})
    assert (run.status, run.outcome, run.output["accepted"]) == ("SUCCEEDED", "published", 1)
    assert _published_rows(mesh, product, "odd", before + 1) == before + 1


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("{}/data/unsafe/../../secret.csv", "UnsafeKey"),
        ("{}/data//x.csv", "UnsafeKey"),
        ("{}/data/unsafe/./x.csv", "UnsafeKey"),
        ("{}/elsewhere/x.csv", "UnknownPrefix"),
        ("{}/data/no_table.csv", "UnknownPrefix"),
        ("No-Product/data/t/x.csv", "UnknownPrefix"),
        ("stray.csv", "UnknownPrefix"),
        ("{}/data/unsafe/dt=/x.csv", "InvalidPartition"),
    ],
)
def test_a_key_that_belongs_nowhere_stays_untouched_with_a_report(
    mesh: MeshDriver, product: str, key: str, code: str
) -> None:
    key = key.format(product)
    runs = mesh.runs("onboard-upload", product)
    mesh.put_object(key, GOOD)
    places = (f"{key.partition('/')[0]}/reports/", "reports/")
    report = mesh.until(lambda: [r for place in places if (r := mesh.reports(place).get(key))], f"report on {key}")[0]
    _assert_says(report["reason"], code, None, key)
    assert report["bucket"] == mesh.bucket
    assert mesh.read(key) == GOOD
    assert mesh.runs("onboard-upload", product) == runs


def test_a_folder_marker_is_ignored(mesh: MeshDriver, product: str) -> None:
    mesh.put_object(f"{product}/data/marked/", b"")
    run = mesh.upload(product, {f"{product}/data/marked/x.csv": GOOD})
    assert (run.outcome, run.output["accepted"], run.output["held"]) == ("published", 1, 0)
    assert f"{product}/data/marked/" not in {*mesh.held(product), *mesh.reports(f"{product}/reports/")}


def test_an_object_deleted_before_it_is_read_is_not_in_the_version(mesh: MeshDriver, product: str) -> None:
    key = f"{product}/data/gone/x.csv"
    with lease_held(mesh, product):
        mesh.put_object(key, GOOD)
        mesh.until(lambda: key in mesh.pending(product), "the upload recorded")
        mesh.client("producer", "s3").delete_object(Bucket=mesh.bucket, Key=key)
    run = mesh.upload(product, {f"{product}/data/still_there/x.csv": GOOD})
    assert (run.outcome, run.output["accepted"], run.output["held"]) == ("published", 1, 0)
    assert not _has_table(mesh, product, "gone")


VIOLATION = "ContractSchemaViolation"
ENDLESS = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
LOOKING_AHEAD = {"name": "a", "logicalType": "string", "logicalTypeOptions": {"pattern": "(?=x)x"}}


def ruled(name: str, query: str) -> dict[str, Any]:
    """A contract with a rule in SQL."""
    rule = {"type": "sql", "query": query, "mustBe": 0}
    return contract(name, schema=[{"name": "t1", "properties": [{"name": "a"}], "quality": [rule]}])


CONTRACTS: dict[str, tuple[dict[str, Any] | str, str]] = {
    "not-yaml": ("a: [1, 2\nb: }", "ContractNotYaml"),
    "not-a-mapping": ("- just\n- a list\n", "ContractNotYaml"),
    "breaks-schema": (contract("breaks-schema", version=7, schema="none"), "ContractSchemaViolation"),
    "other-name": (contract("credit-of-others"), "ContractNameMismatch"),
    "other-bucket": (
        contract(
            "other-bucket",
            servers=[{"server": "s", "type": "s3", "location": "s3://not-ours-555555555555-us-east-1/x/data/"}],
        ),
        "ContractLocationMismatch",
    ),
    "unknown-tag": (
        contract("unknown-tag", customProperties=[{"property": "lfTags", "value": {"colour": "blue"}}]),
        "UnknownLFTag",
    ),
    "unknown-value": (
        contract("unknown-value", customProperties=[{"property": "lfTags", "value": {"confidentiality": "secret"}}]),
        "UnknownLFTag",
    ),
    "other-domain": (contract("other-domain", domain="payments"), "DomainMismatch"),
    "costly-rule": (ruled("costly-rule", query="SELECT max(length(repeat('x', 1000000000))) FROM {object}"), VIOLATION),
    "endless-rule": (ruled("endless-rule", query=ENDLESS), VIOLATION),
    "beyond-re2": (contract("beyond-re2", schema=[{"name": "t1", "properties": [LOOKING_AHEAD]}]), VIOLATION),
}


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_bad_contract_is_reported_beside_it_and_registers_nothing(mesh: MeshDriver, name: str) -> None:
    document, code = CONTRACTS[name]
    key = f"{name}/contract.yaml"
    mesh.put_contract(name, document)
    report = mesh.until(lambda: mesh.reports(f"{name}/reports/").get(key), f"report on {key}")
    _assert_says(report["reason"], code, mesh.bucket, key)
    assert mesh.exists(key)
    mesh.settled(name)
    for run in mesh.runs("register-product", name):
        assert (run.status, run.outcome) == ("SUCCEEDED", "rejected")
        assert run.output["reason"]["code"] == code
    assert mesh.runs("prepare-product", name) == []
    assert not _has_database(mesh, name)


def test_a_contract_for_another_producers_product(mesh: MeshDriver) -> None:
    """The first to declare a name owns it: here central's registry knows it as another account's."""
    name = "theirs"
    with registered_to(mesh, name, "333333333333"):
        mesh.put_contract(name)
        run = mesh.wait_for_run("register-product", name)
        assert (run.status, run.outcome) == ("SUCCEEDED", "rejected")
        assert run.output["reason"]["code"] == "NotTheOwner"
        key = f"{name}/contract.yaml"
        report = mesh.until(lambda: mesh.reports(f"{name}/reports/").get(key), f"report on {key}")
        assert report["reason"]["code"] == "NotTheOwner"
        assert not _has_database(mesh, name)


def test_a_declaration_of_another_accounts_bucket(mesh: MeshDriver) -> None:
    name = "their-bucket"
    data = {
        "product": name,
        "bucket": "credit-card-333333333333-us-east-1",
        "key": f"{name}/contract.yaml",
        "contract": json.dumps(contract(name)),
    }
    assert "EventId" in mesh.put_event("ProductDeclared", data, by="producer")
    run = mesh.wait_for_run("register-product", name)
    assert (run.status, run.outcome) == ("SUCCEEDED", "rejected")
    assert run.output["reason"]["code"] == "NotTheOwner"
    assert not _has_database(mesh, name)


def test_an_account_that_the_bus_does_not_know(mesh: MeshDriver) -> None:
    with_error = mesh.put_event("VersionProposed", _proposed(PRODUCT), by=STRANGER)
    assert with_error["ErrorCode"] == "AccessDeniedException"


def test_an_account_that_is_not_a_member(mesh: MeshDriver, product: str) -> None:
    """The bus lets the whole organisation in, the registry does not: here central's own account is not a member."""
    runs = mesh.runs("commit-version", product)
    mesh.put_event("VersionProposed", _proposed(product), by="central", role=proposer_role(mesh, "central"))
    run = mesh.wait_for_run("commit-version", product, after=runs)
    assert (run.status, run.outcome) == ("SUCCEEDED", "refused")
    assert run.output["reason"]["code"] == "NotAMember"
    assert run.states == ("VerifyProposal", "Refused")
    assert "NotAMember" in mesh.items("central", "REFUSAL#111111111111")[-1]["reason"]


def test_an_event_that_claims_another_account(mesh: MeshDriver, product: str) -> None:
    runs = mesh.runs("commit-version", product)
    role = proposer_role(mesh, "consumer")
    mesh.put_event("VersionProposed", _proposed(product), by="consumer", role=role, sender="222222222222")
    run = mesh.wait_for_run("commit-version", product, after=runs)
    assert (run.status, run.outcome) == ("SUCCEEDED", "refused")
    assert run.output["reason"]["code"] == "ForgedSender"
    assert run.states == ("VerifyProposal", "Refused")
    assert "ForgedSender" in mesh.items("central", "REFUSAL#333333333333")[-1]["reason"]


def _proposed(product: str) -> dict[str, Any]:
    table = {"name": "forged", "details": "details.json", "rows": 1, "bytes": 1, "files": 1}
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return {"product": product, "proposal": "00000000", "generation": 1, "expires": expires, "tables": [table]}


def _assert_says(reason: dict[str, Any], code: str, bucket: str | None, key: str) -> None:
    """A reason has a code, says where, and what to do."""
    assert reason["code"] == code
    assert reason["where"].get("key") == key
    if bucket is not None:
        assert reason["where"].get("bucket") == bucket
    assert reason["message"]
    assert reason["remedy"]


def _published_rows(mesh: MeshDriver, product: str, table: str, at_least: int = 0) -> int:
    """Rows of the table in all versions that the owner was notified of."""

    def count() -> int:
        notices = [detail["data"]["changes"] for detail in mesh.notices(product, "producer")]
        return sum(change["rows"] for changes in notices for change in changes if change["table"] == table)

    if at_least:
        mesh.until(lambda: count() >= at_least, f"{at_least} rows of {product}.{table} published")
    return count()


def _has_table(mesh: MeshDriver, product: str, table: str) -> bool:
    try:
        mesh.table(product, table)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "EntityNotFoundException"
        return False
    return True


def _has_database(mesh: MeshDriver, name: str) -> bool:
    try:
        mesh.client("central", "glue").get_database(Name=name)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "EntityNotFoundException"
        return False
    return True
