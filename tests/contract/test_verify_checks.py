"""Each check of `make verify-aws` says that AWS differs, where it answers otherwise than is assumed."""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

import tools.verify_aws.__main__ as program
from tools.verify_aws import progress
from tools.verify_aws.accounts import Account
from tools.verify_aws.checks import CHECKS, buses, deliveries, lake, roles, shares, tables
from tools.verify_aws.checks.registry import Bench, Check, Outcome, Seen, run_checks
from tools.verify_aws.commands import Commands
from tools.verify_aws.names import ACCOUNT_NAMES, Names
from tools.verify_aws.progress import Progress
from tools.verify_aws.state import Before

NUMBERS = {"central": "111111111111", "producer": "222222222222", "consumer": "333333333333"}
NAMES = Names("verify-me")
NOW = datetime(2026, 11, 28, tzinfo=UTC)

type Answers = dict[str, Any]
"""`service.operation`, or that `in a role` → what it answers, or raises, or a function of its arguments. What is not
named answers `{}`."""


class Clock:
    """Time that passes where it is slept, or waited for a message."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return int(self.now * 1e9)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Service:
    """A client that answers as it is told to."""

    def __init__(self, name: str, role: str, answers: Answers) -> None:
        self._name, self._role, self._answers = name, role, answers

    @property
    def exceptions(self) -> Any:
        return boto3.client(self._name, "us-east-1", aws_access_key_id="a", aws_secret_access_key="b").exceptions

    def can_paginate(self, _operation: str) -> bool:
        return False

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            usual = self._answers.get(f"{self._name}.{operation}", {})
            answer = self._answers.get(f"{self._name}.{operation} in a role", usual) if self._role else usual
            if isinstance(answer, ClientError):
                raise answer
            return answer(**arguments) if callable(answer) else answer

        return call


@dataclass
class FakeAccount(Account):
    """All three know the same answers."""

    answers: Answers = field(default_factory=dict)

    def client(self, service: str, role: str = "") -> Any:
        return Service(service, role, self.answers)

    def forget(self, role: str) -> None:
        """Keeps no client."""


def refused(code: str, operation: str = "Any") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


def bench_of(answers: Answers, mesh: Callable[..., Any] | None = None) -> Bench:
    accounts = {
        name: FakeAccount(
            name, name, NUMBERS[name], "us-east-1", f"arn:aws:iam::{NUMBERS[name]}:role/Admin", answers=answers
        )
        for name in ACCOUNT_NAMES
    }
    commands = SimpleNamespace(accounts=accounts, names=NAMES, mesh=mesh)
    flow = SimpleNamespace(sql=lambda columns: f"SELECT {columns} FROM t")
    state = {name: Before(NUMBERS[name], {}, {}) for name in ACCOUNT_NAMES}
    return cast("Bench", Bench(cast("Commands", commands), cast("Any", flow), cast("Any", state)))


def of_policy(*principals: str) -> dict[str, str]:
    statements = [{"Sid": f"s{number}", "Principal": each} for number, each in enumerate(principals)]
    return {"Policy": json.dumps({"Statement": statements})}


def takes_up_to(size: int) -> Callable[..., Any]:
    def put(**asked: Any) -> dict[str, Any]:
        if len(asked["Policy"]) > size:
            raise refused("PolicyLengthExceededException")
        return {}

    return put


def after_the_first(code: str) -> Callable[..., Any]:
    """Refuses all calls but the first."""
    calls = Counter[str]()

    def call(**_: Any) -> dict[str, Any]:
        calls["all"] += 1
        if calls["all"] > 1:
            raise refused(code)
        return {}

    return call


def once(code: str) -> Callable[..., Any]:
    """Refuses the first call."""
    refusals = iter([refused(code)])

    def call(**_: Any) -> dict[str, Any]:
        if error := next(refusals, None):
            raise error
        return {}

    return call


QUEUES: Answers = {
    "sqs.create_queue": lambda **asked: {"QueueUrl": asked["QueueName"]},
    "sns.create_topic": lambda **asked: {"TopicArn": f"arn:aws:sns:us-east-1:111111111111:{asked['Name']}"},
    "sns.subscribe": {"SubscriptionArn": "arn"},
    "iam.create_role": {"Role": {"Arn": "arn"}},
    "cloudformation.describe_stack_resource": {"StackResourceDetail": {"PhysicalResourceId": "key"}},
}


def arriving(*boxes: str) -> Answers:
    """Queues, of which these get what is sent."""

    def receive(**asked: Any) -> dict[str, Any]:
        deliveries.time.sleep(asked["WaitTimeSeconds"])
        return {"Messages": [{}]} if any(f"-{box}-" in asked["QueueUrl"] for box in boxes) else {}

    return {**QUEUES, "sqs.receive_message": receive}


def associated(seconds: float, status: str = "ASSOCIATED") -> Answers:
    found = {
        "resourceShareArn": "arn", "status": status, "creationTime": NOW,
        "lastUpdatedTime": NOW + timedelta(seconds=seconds),
    }  # fmt: skip
    return {"ram.get_resource_share_associations": {"resourceShareAssociations": [found]}}


def invited(count: int) -> Answers:
    each = {"senderAccountId": NUMBERS["central"], "resourceShareArn": "arn"}
    gone = {**each, "resourceShareArn": "an-earlier-run-s"}
    return {
        **associated(0),
        "ram.get_resource_share_invitations": {"resourceShareInvitations": [each] * count + [gone]},
    }


NO_ACCESS = "AccessDeniedException"
SETTINGS = {"lakeformation.get_data_lake_settings": {"DataLakeSettings": {"DataLakeAdmins": []}}}
BOTH = (NUMBERS["producer"], NUMBERS["consumer"])
DIFFERENT: dict[Any, list[tuple[Answers, str]]] = {
    lake.refused_administrator: [
        (SETTINGS, "taken"),
        ({**SETTINGS, "lakeformation.put_data_lake_settings": once("EntityNotFoundException")}, "EntityNotFound"),
    ],
    lake.passed_on: [({"lakeformation.list_permissions": {"PrincipalResourcePermissions": []}}, "not listed")],
    lake.name_of_link: [
        ({"glue.get_database": {"Database": {"Name": NAMES.product}}}, f"answers with {NAMES.product}")
    ],
    roles.keeps_grants: [({"glue.get_database": after_the_first(NO_ACCESS)}, "none of its grants")],
    roles.stays_creator: [({"glue.delete_database in a role": refused(NO_ACCESS)}, "may not delete")],
    shares.association: [(associated(301), "301.0 s"), (associated(0, "ASSOCIATING"), "none of 1")],
    shares.invitations: [(invited(3), "3 to the producer")],
    buses.same_statement: [({"events.describe_event_bus": of_policy(*BOTH)}, "the statements are of")],
    buses.size_of_policy: [
        ({"events.put_permission": takes_up_to(size)}, f"{size:,} bytes") for size in (9_000, 20_000)
    ],
    buses.at_the_same_moment: [({"events.describe_event_bus": of_policy("one")}, "16 of 16 are lost")],
    buses.not_let_in: [
        ({"events.put_events": {"Entries": [{"EventId": "e"}]}}, "nothing of the entry"),
        ({"events.put_events": refused("ResourceNotFoundException")}, "of the call"),
    ],
    deliveries.rule_to_topic: [(arriving("plain", "asking"), "it names the rule")],
    deliveries.rule_in_a_role: [(arriving(), "nothing arrives")],
    deliveries.topic_to_queue: [(arriving("plain", "asking"), "it names its account")],
    deliveries.alarm_to_topic: [(arriving("plain"), "it does not name the account")],
}
ICEBERG = tables.column_of_the_catalog_alone
MEASURES = {"named_account": "which account is named: the design holds whatever it is"}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for module in (progress, deliveries, lake):
        monkeypatch.setattr(module, "time", found)
    return found


def outcome(look: Any, bench: Bench) -> Seen:
    [check] = [each for each in CHECKS if each.look is look]
    found: list[Outcome] = []
    run_checks([check], bench, Progress(), found)
    return found[0].seen


def test_each_check_is_seen_to_differ_below_or_measures_only():
    shown = {look.__name__ for look in (*DIFFERENT, ICEBERG)}

    assert shown | set(MEASURES) == {check.look.__name__ for check in CHECKS}
    assert not shown & set(MEASURES)


@pytest.mark.parametrize(
    ("look", "answers", "observed"),
    [(look, *each) for look, cases in DIFFERENT.items() for each in cases],
    ids=[f"{look.__name__}-{number}" for look, cases in DIFFERENT.items() for number in range(len(cases))],
)
def test_a_check_says_that_aws_differs(look: Any, answers: Answers, observed: str):
    seen = outcome(look, bench_of(answers))

    assert (seen.verdict, observed in seen.observed) == ("differs", True), seen


def iceberg(*, column_is_seen: bool = True) -> Answers:
    """The catalog's table, and LF-Tags of the column that the new one is tagged like."""
    columns = [{"Name": name, "Type": "bigint"} for name in ("amount", "unborn")[: 1 + column_is_seen]]
    tags = [{"TagKey": "publication", "TagValues": ["published"]}]
    return {
        "glue.get_table": {"Table": {"Name": "loans", "StorageDescriptor": {"Columns": columns}}},
        "lakeformation.get_resource_lf_tags": {"LFTagsOnColumns": [{"Name": "amount", "LFTags": tags}]},
    }


def test_a_column_that_reads_as_null_differs():
    seen = outcome(ICEBERG, bench_of(iceberg(), lambda *_: {"rows": [[None], [None]]}))

    assert (seen.verdict, seen.observed) == ("differs", "it reads as NULL")


def test_a_column_that_the_reader_is_not_let_see_shows_nothing():
    seen = outcome(ICEBERG, bench_of(iceberg(column_is_seen=False), lambda *_: {"rows": []}))

    assert seen.verdict == "not observable"


def test_ctrl_c_during_a_check_removes_what_it_and_the_run_made(monkeypatch: pytest.MonkeyPatch, capsys: Any):
    """And tells what was seen before."""
    removed: list[str] = []

    def interrupted(_bench: Bench, made: ExitStack) -> Seen:
        made.callback(removed.append, "what the check made")
        raise KeyboardInterrupt

    def remove(*_: Any) -> list[str]:
        removed.append("what the run made")
        return []

    checks = [Check("first", "a", lambda _bench, _made: Seen("as assumed", "same")), Check("second", "b", interrupted)]
    for name, instead in {"deploy": lambda *_: None, "Flow": lambda *_: FakeFlow(), "CHECKS": checks,
                          "remove": remove, "left": lambda *_: {}}.items():  # fmt: skip
        monkeypatch.setattr(program, name, instead)
    monkeypatch.setattr(program.report, "what_is_left", lambda *_: "nothing is left")
    verification = program.Verification(Commands({}, NAMES), "", Path("state-that-is-not-there"))

    verification.run({})

    assert removed == ["what the check made", "what the run made"]
    assert verification.tell() == 1
    told = capsys.readouterr()
    assert "as assumed" in told.out
    assert told.out.rstrip().endswith("not verified")
    assert "verify-aws: interrupted" in told.err


class FakeFlow:
    """Everything goes well."""

    def publish(self) -> None: ...
    def give_access(self) -> None: ...
    def end_access(self) -> None: ...
