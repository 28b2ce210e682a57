"""What is kept for how long: the parameters, what must outlive what, and the documentation's table."""

import re
from datetime import timedelta

import pytest
from mesh.adapters.s3.storage import REPORT_TAG
from mesh.domain.retention import EVENT_RETRIES, LEAST_DAYS, LONGEST_REDELIVERY, QUEUED, Kind, Retention

from tests.contract.test_templates import EACH, EACH_DEPLOYED, LOADED, targets_of
from tools.templates import ROOT, resources

PARAMETER = {"history": "HistoryDays", "records": "RecordDays"}
ADAPTERS = ROOT / "layers/mesh/mesh/adapters"


@EACH
def test_both_periods_can_be_set_and_outlive_the_longest_redelivery(template):
    defaults = Retention()
    for name, kept in (("HistoryDays", defaults.history), ("RecordDays", defaults.records)):
        parameter = template["Parameters"][name]
        assert timedelta(days=parameter["Default"]) == kept
        assert parameter["MinValue"] == LEAST_DAYS
    assert timedelta(days=LEAST_DAYS) > LONGEST_REDELIVERY
    assert {Kind.kept(kind, defaults) for kind in Kind} >= {defaults.history, defaults.records}


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_is_over_no_earlier_than_its_events_can_come_again(kind):
    least = timedelta(days=LEAST_DAYS)

    assert kind.kept(Retention(history=least, records=least)) > LONGEST_REDELIVERY


@EACH_DEPLOYED
def test_no_queue_and_no_rule_keeps_an_event_for_longer_than_was_reckoned_with(template):
    kept = [queue.get("MessageRetentionPeriod", 345_600) for queue in resources(template, "AWS::SQS::Queue").values()]
    retries = [
        target.get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", 86_400) for _, target in targets_of(template)
    ]

    assert max(map(int, kept)) == QUEUED.total_seconds()
    assert max(map(int, retries)) <= EVENT_RETRIES.total_seconds()
    assert not resources(template, "AWS::Events::Archive"), "what is replayed from an archive comes later than that"


@EACH
def test_every_function_is_told_both_periods(template):
    variables = template["Globals"]["Function"]["Environment"]["Variables"]

    assert variables["HISTORY_DAYS"] == {"Ref": "HistoryDays"}
    assert variables["RECORD_DAYS"] == {"Ref": "RecordDays"}


def test_reports_expire_by_their_tag():
    rules = LOADED["template.producer.yaml"]["Resources"]["DataBucket"]["Properties"]["Expires"]
    [rule] = [each for each in rules if each.get("Tag") == REPORT_TAG.partition("=")[0]]

    assert rule["Days"] == {"Ref": PARAMETER[Kind.REPORT.period]}
    assert REPORT_TAG.endswith("=true"), "as KeptBucket's rules have it"


def test_work_files_end_and_the_history_of_what_was_accepted_does_not():
    [rule] = LOADED["template.producer.yaml"]["Resources"]["WorkBucket"]["Properties"]["Expires"]

    assert rule["Days"] == 30
    assert sorted(rule["Under"]) == ["jobs/", "runs/"], "what a table is compared with, and what was rolled back, stays"


def test_each_kind_is_kept_by_an_adapter():
    code = "\n".join(path.read_text("utf-8") for path in ADAPTERS.rglob("*.py"))
    used = set(re.findall(r"\bKind\.([A-Z_]+)\b", code))

    assert used == {kind.name for kind in Kind} - {"REPORT"}, "a report is S3's to delete"


def test_the_documentation_says_of_each_kind_how_long_and_since_when():
    text = (ROOT / "docs/retention.md").read_text("utf-8")
    _, rows = text.split("| what | where | for | since |\n|---|---|---|---|\n")
    cells = [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows.split("\n\n")[0].splitlines()]

    assert sorted((kept, since) for _, _, kept, since in cells) == sorted(
        (PARAMETER.get(kind.period, "a year"), kind.since) for kind in Kind
    )
