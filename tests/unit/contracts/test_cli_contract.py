"""`mesh contract`: check, draft and diff on this machine."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from mesh.domain.errors import Rejected
from mesh.domain.governance.ontology import parse_ontology
from typer.testing import CliRunner

from cli.contracts import contract
from cli.contracts.contract import contracts
from cli.governance.governance import FOLDER
from local.samples import credit

RUNNER = CliRunner()


def run(*arguments):
    return RUNNER.invoke(contracts, [str(argument) for argument in arguments])


@pytest.fixture
def product(tmp_path):
    return credit.write_product(tmp_path, rows=20)


def changed(product, file, /, **changes):
    path = product.parent / file
    path.write_text(yaml.safe_dump({**credit.contract(), **changes}), "utf-8")
    return path


def test_the_shipped_contract_is_accepted_by_its_folder_and_by_its_file(product):
    for place in (product, product / "contract.yaml"):
        done = run("check", place, "--json")
        found = json.loads(done.stdout)
        assert (done.exit_code, found["valid"], found["errors"], found["warnings"]) == (0, True, [], [])
        assert (found["product"], found["version"]) == ("credit-card", "1.0.0")
        assert found["not_enforced"] == []


def test_an_old_name_is_read_and_pointed_out_and_refused_when_its_time_is_over(product, monkeypatch):
    for until, code in (("2099-12-31", 0), ("2026-01-31", 1)):
        document = yaml.safe_load((FOLDER / "ontology.yaml").read_text("utf-8"))
        values = document["keys"]["confidentiality"]["values"]
        values["company"] = {"meaning": values.pop("internal"), "renamed_from": {"internal": until}}
        monkeypatch.setattr(contract, "_ontology", lambda found=document: parse_ontology(found))

        done = run("check", product, "--json")

        found = json.loads(done.stdout)
        assert (done.exit_code, found["valid"]) == (code, code == 0)
        [note] = [each["what"] for each in found["warnings"] if "lfTags" in each["where"]]
        assert note == (
            f"confidentiality internal is called company by now, and is read as that through {until}: write company"
        )
        assert [each["remedy"] for each in found["errors"]] == ["Write company in place of internal."] * code


def test_a_fault_of_yaml_names_line_and_column(tmp_path):
    (tmp_path / "c.yaml").write_text("name: x\nschema: [1, 2\nversion: }")
    done = run("check", tmp_path / "c.yaml")
    assert done.exit_code == 1
    assert "ContractNotYaml (line 3, column 8)" in done.stdout


def test_every_violation_is_listed_with_its_path(product):
    shape = [{"name": "t", "properties": [{"name": "a", "logicalType": "int"}, {"name": "b", "required": "yes"}]}]
    done = run("check", changed(product, "c.yaml", schema=shape), "--json")
    [error] = json.loads(done.stdout)["errors"]
    assert done.exit_code == 1
    assert [item["path"] for item in error["where"]["violations"]] == [
        "$.schema[0].properties[0].logicalType",
        "$.schema[0].properties[1].required",
    ]
    assert "bucket" not in error["where"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"domain": "gardening"}, "UnknownLFTag"),
        ({"customProperties": [{"property": "lfTags", "value": {"confidentiality": "secret"}}]}, "UnknownLFTag"),
        ({"name": "Credit Card"}, "UnknownPrefix"),
        ({"name": "reports"}, "UnknownPrefix"),
        ({"version": "1"}, "ContractSchemaViolation"),
        ({"servers": [{"server": "s", "type": "s3", "location": "s3://b/other/data/"}]}, "ContractLocationMismatch"),
    ],
)
def test_our_own_rules(product, changes, code):
    done = run("check", changed(product, "c.yaml", **changes), "--json")
    assert done.exit_code == 1
    assert [error["code"] for error in json.loads(done.stdout)["errors"]] == [code]


def test_a_bad_setting_of_the_guard_is_named_before_anything_is_uploaded(product):
    tables = credit.contract()["schema"]
    guard = {"property": "guard", "value": {"thresholds": {"DistributionShifted": -1}}}
    tables[0]["customProperties"] = [guard]
    done = run("check", changed(product, "c.yaml", schema=tables), "--json")
    assert done.exit_code == 1
    [error] = json.loads(done.stdout)["errors"]
    assert (
        error["where"]["violations"][0]["path"] == "$.schema[0].customProperties.guard.thresholds.DistributionShifted"
    )


def test_what_is_probably_not_meant_is_a_warning(product):
    shape = [{"name": "T-1", "properties": [{"name": "Alter", "physicalType": "NUMBER(3)"}]}]
    done = run("check", changed(product, "c.yaml", schema=shape, team={"name": ""}, domain=""), "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["valid"]) == (0, True)
    assert [item["where"] for item in found["warnings"]] == [
        "$.domain", "$.team", "$.schema[0]", "$.schema[0].properties[0]",
        "$.schema[0].properties[0].physicalType", "$.schema[0].properties[0]",
    ]  # fmt: skip


def test_people_are_shown_the_same(product):
    kept = [{"property": "retention", "value": years, "unit": "y"} for years in range(1, 22)]
    done = run("check", changed(product, "c.yaml", domain="gardening", slaProperties=kept))
    assert done.exit_code == 1
    assert "credit-card 1.0.0: refused" in done.stdout
    assert "UnknownLFTag: the LF-Tag 'domain' has no value 'gardening'" in done.stdout
    assert "16 more" in " ".join(done.stdout.split())


def test_a_draft_of_a_product_passes_the_check(product, tmp_path):
    drafted = run("draft", product, "--domain", "risk")
    (tmp_path / "draft.yaml").write_text(drafted.stdout, "utf-8")
    document = yaml.safe_load(drafted.stdout)
    assert (document["name"], document["status"], document["domain"]) == ("credit-card", "draft", "risk")
    assert [column["name"] for column in document["schema"][0]["properties"]] == list(credit.COLUMNS)
    assert run("check", tmp_path / "draft.yaml").exit_code == 0


def test_a_draft_of_csv_json_lines_and_parquet_with_partitions(tmp_path):
    data = tmp_path / "My Data"
    for table in ("orders/dt=2026-01-01", "Lines", "items"):
        (data / table).mkdir(parents=True)
    (data / "orders/dt=2026-01-01/a.csv.gz").write_bytes(gzip.compress(b"id,price\n1,2.5\n"))
    (data / "Lines/a.jsonl").write_text('{"id": 1, "note": "x"}\n')
    pq.write_table(pa.table({"day": pa.array([1], pa.date32())}), data / "items/a.parquet")
    (data / "items/_SUCCESS").write_text("")
    (data / "top.csv").write_text("a,b\n1,x\n")
    (data / "items/broken.parquet").write_bytes(b"PAR1no footer")

    found = json.loads(run("draft", data, "--json").stdout)

    assert found["contract"]["name"] == "my-data"
    tables = {t["name"]: [(c["name"], c["physicalType"]) for c in t["properties"]] for t in found["contract"]["schema"]}
    assert tables == {
        "items": [("day", "date")],
        "lines": [("id", "bigint"), ("note", "string")],
        "my_data": [("a", "bigint"), ("b", "string")],
        "orders": [("id", "bigint"), ("price", "double"), ("dt", "string")],
    }
    assert list(found["refused"]) == [str(data / "items/broken.parquet")]


def test_a_draft_of_one_file_takes_its_name(tmp_path):
    (tmp_path / "Big Sales.csv").write_text("a,b\n1,x\n")
    document = json.loads(run("draft", tmp_path / "Big Sales.csv", "--json").stdout)["contract"]
    assert (document["name"], document["schema"][0]["name"]) == ("big-sales", "big_sales")
    named = json.loads(run("draft", tmp_path / "Big Sales.csv", "--name", "sales", "--json").stdout)["contract"]
    assert named["name"] == "sales"


def test_nothing_to_draft_is_said(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    done = run("draft", tmp_path)
    assert done.exit_code == 1
    assert "nothing at" in str(done.exception)


def test_a_diff_shows_the_required_version_and_whether_it_is_sufficient(product):
    document = credit.contract()
    document["schema"][0]["properties"].pop()
    for version, enough in (("1.1.0", False), ("2.0.0", True)):
        new = changed(product, "new.yaml", version=version, schema=document["schema"])
        done = run("diff", product, new, "--json")
        found = json.loads(done.stdout)
        assert [change["kind"] for change in found["changes"]] == ["column_removed"]
        assert (found["compatibility"], found["bump"], found["needed"]) == ("backward", "major", "2.0.0")
        assert (done.exit_code, found["sufficient"]) == (0, enough)


def test_a_diff_for_people(product):
    new = changed(product, "new.yaml", tags=["other"])
    assert "no difference" in run("diff", product, product).stdout
    notices = run("diff", product, new).stdout
    assert "details changed (tags)" in notices
    assert "set version 1.0.1 or later" in notices


def test_a_contract_that_cannot_be_read_is_an_error_of_the_diff(product):
    (product.parent / "bad.yaml").write_text("a: [")
    done = run("diff", product, product.parent / "bad.yaml")
    assert isinstance(done.exception, Rejected)
    assert done.exception.where["file"].endswith("bad.yaml")


def test_the_command_is_part_of_mesh():
    from cli.app import app

    assert "check" in RUNNER.invoke(app, ["contract", "--help"]).stdout
