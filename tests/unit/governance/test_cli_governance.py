"""`mesh governance`: what is said of files, by themselves and against a mesh."""

import json
import shutil

import pytest
from mesh.domain.access.personas import parse_personas
from mesh.domain.access.policy import parse_policies
from mesh.domain.events import PersonalDataFinding
from mesh.domain.governance.column_findings import known_from
from mesh.domain.governance.documents import GovernanceInvalid
from mesh.domain.governance.governance_change import Impact
from mesh.domain.governance.ontology import parse_ontology
from mesh.domain.governance.rename_changes import Uses, in_use
from mesh.usecases.governance.touched_by_renames import touched_by_renames
from typer.testing import CliRunner

from cli import output
from cli.app import app
from cli.governance import changes
from cli.governance.changes import differences
from cli.governance.governance import FOLDER
from tests.builders import a_member, a_product, an_access
from tests.fakes import NOON, FakeGovernanceRecord, FakeLakeFormation, FakeRegistry
from tests.unit.access import requests
from tests.unit.governance.renamed_world import renamed_documents
from tests.unit.governance.test_check_governance import SHIPPED

REFUSED = Impact(
    kind="lf-tag", subject="domain=energy", what="is removed, and is on grid.t1", remedy="Keep it.", refused=True
)
ENDS = Impact(kind="access", subject="ac-0123456789ab", what="loans for DataAnalyst: denied", remedy="It ends.")
LAXER = Impact(kind="lf-tag", subject="pii", what="its default becomes laxer")


@pytest.fixture
def impacts(monkeypatch):
    found = []
    monkeypatch.setattr(changes, "mesh_context", lambda *_, **__: None)
    monkeypatch.setattr(changes, "effects", lambda *_: iter(found))
    monkeypatch.setattr(changes, "record", lambda _: FakeGovernanceRecord(SHIPPED))
    return found


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FOLDER, tmp_path / "governance")


def run(*words):
    return CliRunner().invoke(app, ["governance", *map(str, words)])


def test_without_a_mesh_the_files_alone_are_checked(folder):
    said = run("check", folder, "--offline")
    assert (said.exit_code, said.stdout.split(":")[0]) == (0, "the files are in order")


def test_all_faults_of_the_files_are_told_with_their_file(folder):
    (folder / "ontology.yaml").write_text("keys: {a: {\n", "utf-8")
    (folder / "personas.yaml").write_text("personas: {}\npersonas: {}\n", "utf-8")
    with pytest.raises(GovernanceInvalid) as refusal:
        CliRunner().invoke(app, ["governance", "check", str(folder), "--offline"], catch_exceptions=False)
    assert [each.partition(":")[0] for each in refusal.value.where["violations"]] == ["ontology.yaml", "personas.yaml"]
    assert all(", line 2" in each for each in refusal.value.where["violations"])


@pytest.mark.parametrize("width", [80, 120])
def test_effects_are_shown_by_what_they_mean_and_a_refused_one_fails(impacts, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    impacts += [REFUSED, ENDS, LAXER]
    said = run("check")
    assert said.exit_code == 1
    assert max(map(len, said.stdout.splitlines())) <= width
    titles = [line for line in said.stdout.splitlines() if line.endswith(": 1") and not line.startswith(" ")]
    assert titles == ["a deployment would be refused: 1", "accesses that would end: 1", "becomes laxer: 1"]
    document = json.loads(run("check", "--json").stdout)
    assert (document["refused"], [each["subject"] for each in document["impacts"]]) == (
        True, ["domain=energy", "ac-0123456789ab", "pii"],
    )  # fmt: skip


def test_effects_that_are_not_refused_do_not_fail(impacts):
    impacts += [ENDS, LAXER]
    assert run("check").exit_code == 0


def test_what_differs_from_the_governance_in_force_is_listed_by_file(impacts, folder):
    path = folder / "policies.yaml"
    text = path.read_text("utf-8").replace("  research: ", "  science: ").replace("longest: 730d", "longest: 365d")
    path.write_text(text, "utf-8")
    said = run("diff", folder)
    assert [line.partition(":")[0] for line in said.stdout.splitlines()] == [
        "policies.yaml",
        "  - purposes.research",
        "  + purposes.science",
        "  ~ rules.public.longest",
    ]
    assert run("diff").stdout.strip() == "as it is in force"


def test_a_rule_that_moves_is_a_difference():
    """The first rule that matches decides."""
    first, second = {"name": "a", "effect": "deny"}, {"name": "b", "effect": "allow"}
    assert list(differences({"rules": [first, second]}, {"rules": [second, first]})) == [
        ("rules: order", "a, b", "b, a")
    ]


LONG = "renamed_from: {{{}: 2099-12-31}}\n{}meaning: "
RENAMED = {
    "ontology.yaml": {"      internal: ": "      company:\n        " + LONG.format("internal", " " * 8)},
    "policies.yaml": {
        "confidentiality: [internal]": "confidentiality: [company]",
        "  audit: ": "  auditing:\n    " + LONG.format("audit", " " * 4),
        "[audit]": "[auditing]",
        ", audit]": ", auditing]",
    },
}


@pytest.fixture
def renamed(folder):
    for file, texts in RENAMED.items():
        text = (folder / file).read_text("utf-8")
        for before, after in texts.items():
            assert before in text
            text = text.replace(before, after)
        (folder / file).write_text(text, "utf-8")
    return folder


def test_a_rename_is_shown_as_one_with_what_it_touches(impacts, renamed, monkeypatch):
    uses = in_use("confidentiality=company", "internal", Uses(places=12, contracts=["loans"], accesses=2))
    monkeypatch.setattr(changes, "touched_now", lambda *_: iter([uses]))

    said = run("diff", renamed).stdout
    assert "  > keys.confidentiality.values.internal is called company\n" in said
    assert "  > purposes.audit is called auditing\n" in said
    assert [line for line in said.splitlines() if line.startswith(("  -", "  +"))] == []
    assert "12 tables and columns, 1 contract, 2 accesses" in " ".join(said.split())
    found = json.loads(run("diff", renamed, "--json").stdout)
    renames = {(each["before"], each["after"]) for each in found["renames"]}
    assert renames == {("internal", "company"), ("audit", "auditing")}
    assert {each["entry"].partition(".")[0] for each in found["changes"]} == {"rules"}


def test_what_has_the_old_name_and_that_nothing_has_it_any_more():
    lake, registry = FakeLakeFormation(), FakeRegistry(a_member(domains=("retail",)))
    ontology, policies = renamed_documents(
        ("domain", "retail", "shops"), ("pii", "personal", "about-persons"), ("domain", "energy", "power")
    )
    found = parse_policies(policies, parse_ontology(ontology), parse_personas(requests.document("personas")))
    registry.products["orders"] = a_product(name="orders")
    finding = PersonalDataFinding(column="note", value="personal", reason="names", confidence=1)
    registry.add_findings("orders", "t1", known_from([finding], "batch", NOON))
    lake.on = {("orders", "t1", "note"): {"domain": "retail"}, ("others", "t1"): {"domain": "energy"}}
    access = an_access(expression="domain=retail", product="", status="live")

    said = {each.subject: each for each in touched_by_renames(found, [access], registry=registry, lake=lake)}

    assert said["domain=shops"].what == "is the new name of retail: 1 table or column, 1 contract, 1 member, 1 access"
    assert "mesh admit" in said["domain=shops"].remedy
    assert said["pii=about-persons"].remedy.endswith("findings say personal for good: keep renamed_from.")
    assert said["domain=power"].what == "is the new name of energy, which nothing has any more: renamed_from can go"
    assert not any(each.refused for each in said.values())
