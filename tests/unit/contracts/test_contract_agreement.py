"""Our verdict on contracts with seeded defects, and datacontract-cli's as it was recorded (docs/contract.md)."""

from pathlib import Path

import pytest
import yaml
from mesh.domain.governance.ontology import parse_ontology

from cli.contracts.contract_checks import Checked, check_file
from cli.governance.governance import FOLDER

FIXTURES = Path(__file__).parents[1] / "fixtures"
CONTRACTS = sorted((FIXTURES / "contracts").glob("*.yaml"))
VERDICTS = yaml.safe_load((FIXTURES / "contracts-verdicts.yaml").read_text("utf-8"))
ONTOLOGY = parse_ontology(yaml.safe_load((FOLDER / "ontology.yaml").read_text("utf-8")))


def verdict(checked: Checked) -> str:
    if checked.valid:
        return "accepted"
    error = checked.errors[0]
    violations = error["where"].get("violations")
    return f"{error['code']} {violations[0]['path']}" if violations else error["code"]


def test_each_contract_has_a_verdict():
    assert {path.stem for path in CONTRACTS} == VERDICTS.keys()


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_our_verdict(path):
    assert verdict(check_file(path, ONTOLOGY)) == VERDICTS[path.stem]["mesh"]


@pytest.mark.parametrize("name", VERDICTS)
def test_where_the_two_differ_it_is_said(name):
    found = VERDICTS[name]
    agreed = (found["datacontract"] == "passed") == (found["mesh"] == "accepted") and found["datacontract"] != "warning"
    assert agreed is not found.get("differs", False)


def test_the_shipped_contract_is_the_sound_one():
    from local.samples import credit

    assert yaml.safe_load((FIXTURES / "contracts" / "sound.yaml").read_text("utf-8")) == credit.contract()
