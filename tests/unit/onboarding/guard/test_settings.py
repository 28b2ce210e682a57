"""The guard's settings in a contract: defaults, what may be said, and what is refused with its path."""

import pytest
from mesh.domain.contracts.contract import ContractSchemaViolation
from mesh.domain.onboarding.guard.settings import (
    CHECKS,
    SHARE_OF_FALSE_ALARMS,
    GuardSettings,
    check_settings,
    settings_of,
)

from tests.unit.contracts.contracts import column, contract


def violations(guard, *columns):
    custom = [{"property": "guard", "value": guard}]
    return contract(*(columns or (column("Amount"), column("Repaid"))), table={"customProperties": custom})


def test_without_settings_the_defaults_apply():
    found = settings_of(contract(column("a")).tables[0])
    assert found == GuardSettings(columns=("a",))
    assert found.threshold("DistributionShifted") == 0.25
    assert found.severity_of("UnknownSource") == "warning"
    assert found.severity_of("ColumnGone") == "error"
    assert sum(SHARE_OF_FALSE_ALARMS.values()) == pytest.approx(1)


def test_everything_that_may_be_said():
    found = settings_of(
        violations(
            {
                "label": "Repaid", "ignore": ["Amount"],
                "off": ["VolumeUnusual"], "severity": {"UnknownSource": "error"},
                "thresholds": {"DistributionShifted": 0.5}, "duplicatesAllowed": 0.1, "falseAlarms": 0.001,
                "minBatches": 8, "minRows": 1000,
            }
        ).tables[0]
    )  # fmt: skip
    assert (found.label, found.ignore, found.columns) == ("repaid", ("amount",), ("amount", "repaid"))
    assert not found.on("VolumeUnusual")
    assert found.on("ColumnGone")
    assert (found.threshold("DistributionShifted"), found.min_batches, found.min_rows) == (0.5, 8, 1000)
    assert found.chance("LabelRateShifted") == pytest.approx(0.001 * 0.1)


@pytest.mark.parametrize(
    ("guard", "place"),
    [
        ("yes", ""),
        ({"columns": ["a"]}, ""),
        ({"labels": "repaid"}, ".labels"),
        ({"label": "nobody"}, ".label"),
        ({"label": 3}, ".label"),
        ({"ignore": ["amount", "nobody"]}, ".ignore[1]"),
        ({"off": ["Everything"]}, ".off[0]"),
        ({"severity": {"ColumnGone": "fatal"}}, ".severity.ColumnGone"),
        ({"severity": {"Nothing": "error"}}, ".severity.Nothing"),
        ({"thresholds": {"DistributionShifted": -1}}, ".thresholds.DistributionShifted"),
        ({"thresholds": {"DistributionShifted": "much"}}, ".thresholds.DistributionShifted"),
        ({"thresholds": {"ColumnGone": 1}}, ".thresholds.ColumnGone"),
        ({"thresholds": {"VolumeUnusual": 0.5}}, ".thresholds.VolumeUnusual"),
        ({"duplicatesAllowed": 2}, ".duplicatesAllowed"),
        ({"falseAlarms": 0}, ".falseAlarms"),
        ({"minBatches": 1}, ".minBatches"),
    ],
)
def test_a_bad_setting_is_refused_with_its_path(guard, place):
    with pytest.raises(ContractSchemaViolation) as refused:
        check_settings(violations(guard))
    assert refused.value.where["violations"][0]["path"] == f"$.schema[0].customProperties.guard{place}"
    assert refused.value.remedy


def test_all_invalid_settings_are_reported_at_once():
    with pytest.raises(ContractSchemaViolation) as refused:
        check_settings(violations({"off": ["A"], "minRows": 3}))
    assert len(refused.value.where["violations"]) == 2


@pytest.mark.parametrize("check", CHECKS)
def test_a_near_miss_is_at_most_a_warning_or_the_contracts_severity(check):
    assert GuardSettings().severity_of(check, near=True) == "warning"
    assert GuardSettings(severity={check: "info"}).severity_of(check, near=True) == "info"
    assert GuardSettings(severity={check: "info"}).severity_of(check) == "info"
