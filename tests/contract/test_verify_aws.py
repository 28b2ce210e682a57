"""What `make verify-aws` checks is what docs/aws.md calls not settled; it knows AWS's API alone."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from tests.contract.test_aws_facts import ROWS
from tests.contract.test_layering import modules_after
from tools.sam_transform import transformed
from tools.templates import ROOT, TEMPLATES
from tools.verify_aws.__main__ import Verification, main
from tools.verify_aws.accounts import Account
from tools.verify_aws.checks import CHECKS, UNOBSERVABLE
from tools.verify_aws.checks.registry import Bench, Check, Outcome, Seen, Verdict, run_checks
from tools.verify_aws.commands import Commands
from tools.verify_aws.costs import cost_lines, costs
from tools.verify_aws.inventory import more_than
from tools.verify_aws.names import Names
from tools.verify_aws.precheck import taken
from tools.verify_aws.progress import Progress, TookTooLong
from tools.verify_aws.state import Before

CENTRAL = Account("central", "profile", "111111111111", "us-east-1", "arn:aws:iam::111111111111:role/Admin")
BENCH = cast("Bench", None)


def test_each_line_that_is_not_settled_has_a_check_or_a_reason():
    unsettled = sorted(row[0] for row in ROWS if row[3])

    assert sorted([*(check.behaviour for check in CHECKS), *UNOBSERVABLE]) == unsettled


def test_it_knows_neither_the_laptop_nor_the_product():
    loaded = modules_after("import tools.verify_aws.__main__")

    assert [name for name in loaded if name.split(".")[0] in {"local", "cli", "mesh", "ministack"}] == []


def test_it_says_what_the_templates_cost_by_the_hour():
    kinds = [each["Type"] for file in TEMPLATES for each in transformed(ROOT / file)["Resources"].values()]
    counted = {cost.what: cost.count for cost in costs()}

    assert counted["KMS keys, 1 h"] == kinds.count("AWS::KMS::Key") > 0
    assert counted["alarms, 1 h"] == kinds.count("AWS::CloudWatch::Alarm") > 0
    assert 0 < sum(cost.total for cost in costs()) < 1


def test_a_price_that_was_not_read_on_a_page_of_awss_is_called_unconfirmed():
    told = {line.split("  ")[0]: line for line in cost_lines()}

    assert {cost.what for cost in costs() if cost.price.confirmed} >= {"KMS keys, 1 h", "functions, 10 GB-seconds each"}
    for cost in costs():
        assert cost.price.source in "\n".join(cost_lines())
        assert told[cost.what].endswith("unconfirmed") != cost.price.confirmed
    own = ("aws.amazon.com/", "docs.aws.amazon.com/")
    assert all(cost.price.source.startswith(own) for cost in costs() if cost.price.confirmed)


def before(**inventory: list[str]) -> Before:
    return Before(CENTRAL.number, {}, {kind.replace("_", " "): names for kind, names in inventory.items()})


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ({"buses": ["default", "mesh"]}, "has buses mesh"),
        ({"roles": ["DataMeshOwner"]}, "has roles DataMeshOwner"),
        ({"LF_Tags": ["pii"]}, "has LF"),
        ({"topics": ["arn:aws:sns:us-east-1:111111111111:mesh-to-222222222222"]}, "mesh-to-222222222222"),
        ({"databases": ["verify-me_made"]}, "has verify-me_made"),
    ],
)
def test_an_account_that_is_not_free_is_told(there: dict[str, list[str]], told: str):
    if "LF_Tags" in there:
        there = {"LF-Tags": there["LF_Tags"]}
    state = {"central": Before(CENTRAL.number, {}, there)}

    [line] = taken({"central": CENTRAL}, Names("verify-me"), state)  # type: ignore[arg-type]

    assert told in line
    assert taken({"central": CENTRAL}, Names("verify-me"), {"central": before(buses=["default"])}) == []  # type: ignore[arg-type]


def check(verdict: Verdict, look: Any = None) -> Check:
    return Check("a behaviour", "one", look or (lambda _bench, _made: Seen("another", verdict)))


@pytest.mark.parametrize(("verdict", "code"), [("same", 0), ("not observable", 0), ("differs", 1), ("failed", 1)])
def test_what_differs_or_fails_is_the_exit_code(verdict: Verdict, code: int, capsys: pytest.CaptureFixture[str]):
    verification = Verification(Commands({}, Names("verify-me")), "", Path("state"))
    run_checks([check(verdict)], BENCH, Progress(), verification.outcomes)

    assert verification.tell() == code
    assert f"{verdict}: a behaviour: another" in capsys.readouterr().out


def test_what_a_check_made_is_removed_also_when_it_fails():
    removed: list[str] = []

    def look(_bench: Bench, made: ExitStack) -> Seen:
        made.callback(removed.append, "bus")
        raise TookTooLong("nothing came")

    outcomes: list[Outcome] = []
    run_checks([check("same", look), check("same")], BENCH, Progress(), outcomes)

    [outcome, other] = outcomes
    assert (outcome.seen.verdict, removed, other.seen.verdict) == ("failed", ["bus"], "same")


def test_only_what_came_since_is_left():
    assert more_than({"roles": ["a"]}, {"roles": ["a", "b"], "buses": ["mesh"]}) == {"roles": ["b"], "buses": ["mesh"]}
    assert more_than({"roles": ["a", "b"]}, {"roles": ["a"]}) == {}


def test_only_must_be_the_text_of_a_check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    profiles = [f"--{name}=nobody" for name in ("central", "producer", "consumer")]
    monkeypatch.setattr("sys.argv", ["verify-aws", *profiles, "--only", "no such behaviour"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert "no check has this text" in capsys.readouterr().err
