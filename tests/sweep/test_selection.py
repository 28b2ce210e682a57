"""Parts are disjoint and complete; schedules repeat; the report and its verdicts say what happened."""

from tests.recorded_calls import Call, passed_over
from tests.sweep.kinds import KINDS
from tests.sweep.report import FlowReport, failed, played, table
from tests.sweep.runner import Case, Outcome, Schedule
from tests.sweep.selection import chosen, schedules

COMMIT = Call("arn:aws:iam::1:role/meshwork-central-CommitVersionFunctionRole-1A2B", "glue", "UpdateTable")
RELAY = Call("arn:aws:iam::3:role/meshwork-consumer-RelayInboxFunctionRole-1A2B", "events", "PutEvents")
CASES = [
    Case("publish", call, occurrence, passed_over(occurrence, 5), kind)
    for call in (COMMIT, RELAY)
    for occurrence in ("first", "last")
    for kind in KINDS.values()
]


def test_parts_are_all_together_once() -> None:
    parts = [case for number in range(1, 6) for case in chosen(CASES, None, "*", f"{number}/5")]
    assert len(parts) == len(CASES)
    assert set(parts) == set(CASES)


def test_kinds_and_calls_are_chosen_by_name() -> None:
    found = chosen(CASES, ["slow"], "central/Commit* glue:*", "1/1")
    assert [(case.call, case.kind.name, case.after) for case in found] == [(COMMIT, "slow", 0), (COMMIT, "slow", 4)]
    assert str(found[1]) == "publish: slow at the last central/CommitVersionFunctionRole glue:UpdateTable"


def test_a_schedule_repeats_with_its_seed() -> None:
    first = schedules("publish", CASES, 20, 7)
    assert first == schedules("publish", CASES, 20, 7)
    assert first[1:] == schedules("publish", CASES, 19, 8)
    assert {len(each.cases) for each in first} == {2, 3, 4}
    assert schedules("grant", CASES, 20, 7) != first


def test_the_report_counts_and_a_failure_is_none_of_the_good_ends() -> None:
    verdicts = ("converged", "converged", "announced", "kept", "unmet", "failed")
    outcomes = [Outcome(case, "swp-a-1", verdict) for case, verdict in zip(CASES, verdicts, strict=False)]
    outcomes.append(Outcome(Schedule("publish", 7, tuple(CASES[:2])), "swp-a-2", "converged", waited=1))
    report = FlowReport("publish", "it", calls=2, possible=36, outcomes=outcomes)
    assert [str(outcome.play) for outcome in failed([report])] == [str(CASES[5])]
    rendered = report.rendered()
    counted = {name: rendered[name] for name in ("tried", "converged", "announced", "kept", "unmet", "failed")}
    assert counted == {"tried": 7, "converged": 3, "announced": 1, "kept": 1, "unmet": 1, "failed": 1}
    assert rendered["cases"][-1]["seed"] == 7
    assert table([report]).splitlines()[1].split() == "publish 2 36 7 3 1 1 1 1 1 0".split()


def test_what_ended_well_earlier_is_not_played_again() -> None:
    verdicts = ("converged", "announced", "unmet", "kept", "failed")
    outcomes = [Outcome(case, "swp-a-1", verdict) for case, verdict in zip(CASES, verdicts, strict=False)]
    earlier = played([FlowReport("publish", "it", outcomes=outcomes).rendered()])
    left = chosen(CASES, None, "*", "1/1", earlier)
    assert set(left) == set(CASES[3:])
