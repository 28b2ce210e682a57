"""`mesh doctor`: checks of a deployed mesh, each with what to do. Run it with an operator's rights."""

import itertools
import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import typer
from mesh.adapters.lakeformation.shares import RamShares
from mesh.domain.access.fix_commands import accept_share
from mesh.domain.errors import Rejected
from mesh.domain.governance.ontology import parse_ontology
from mesh.domain.membership.members import Member
from rich.text import Text

from cli import output
from cli.governance.checks import Check, Checks, Look, Operator, guarded, resources
from cli.governance.drift_checks import crawler_checks, policy_checks, settings_checks
from cli.governance.governance import document
from cli.mesh_context import (
    AsJson,
    MeshContext,
    Port,
    mesh_context,
    stack_name,
)
from cli.session import Account
from local.accounts import Kind, kind_of

_LOOK_BACK: Final = timedelta(hours=1)
_RUNS: Final = 50
_MOST_REFUSALS: Final = 1000


def doctor_command(*, port: Port = None, as_json: AsJson = False) -> None:
    """Check accounts, stacks, members and queues.

    Each failed check says what to do. Exit code 1 when a check fails.
    """
    checks = list(examine(mesh_context(port)))
    healthy = not any(check.ok is False for check in checks)
    if as_json:
        output.emit({"healthy": healthy, "checks": [asdict(check) for check in checks]})
    else:
        render(checks)
    if not healthy:
        raise typer.Exit(1)


def examine(where: MeshContext) -> Checks:
    """All checks, account by account; without credentials or stack, an account's further checks are left out."""
    operator = Operator.of(where)
    for account in where.names():
        basics = list(guarded(account, "credentials and stack", lambda a=account: basic_checks(operator, a)))  # type: ignore[misc]
        yield from basics
        if any(check.ok is False for check in basics):
            continue
        for name, look in CHECKS[kind_of(account)]:
            yield from guarded(account, name, lambda a=account, f=look: f(operator, a))  # type: ignore[misc]


def basic_checks(where: MeshContext, account: Account) -> Checks:
    """Whose account it is, and whether its stack is complete."""
    identity = where.client(account, "sts").get_caller_identity()
    yield Check(account, "credentials", True, str(identity["Arn"]))
    status = str(where.stack(account)["StackStatus"])
    good = status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
    remedy = f"sam deploy --config-env {kind_of(account)}; the stack's events say what failed"
    yield Check(account, "stack", good, f"{stack_name(account)} is {status}", "" if good else remedy)


def share_checks(where: MeshContext, account: Account) -> Checks:
    """How central's shares arrive: within an organization that shares through RAM, or by invitations, which the account
    accepts when a product is prepared or an access granted."""
    central, ram = where.central_of(account), where.client(account, "ram")
    invitations = RamShares(ram).invitations(central)
    shares = ram.get_resource_shares(resourceOwner="OTHER-ACCOUNTS", resourceShareStatus="ACTIVE")["resourceShares"]
    received = [share for share in shares if share["owningAccountId"] == central]
    if pending := [invitation for invitation in invitations if invitation.status == "PENDING"]:
        found = f"{output.amount(len(pending), 'invitation')} pending since {output.day_text(pending[0].at)}"
        yield Check(account, "central's shares", False, found, accept_share(pending[0].arn))
        return
    if invitations and (last := invitations[-1]).status != "ACCEPTED":
        remedy = "upload the contract, or request the access, again: central then shares anew"
        yield Check(account, "central's shares", False, f"the latest invitation is {last.status}", remedy)
        return
    found = "by invitation, accepted" if invitations else "within an organization, without invitations"
    yield Check(account, "central's shares", True, found if invitations or received else "nothing is shared yet")


def ontology_checks(where: MeshContext, account: Account) -> Checks:
    """Every key and value of the ontology is an LF-Tag."""
    try:
        wanted = parse_ontology(document("ontology.yaml")).tag_values()
    except Rejected as error:
        yield Check(account, "LF-Tags", None, error.message, error.remedy)
        return
    client, arguments = where.client(account, "lakeformation"), dict[str, Any]()
    there: dict[str, set[str]] = {}
    while True:
        page = client.list_lf_tags(**arguments)
        there |= {tag["TagKey"]: set(tag["TagValues"]) for tag in page["LFTags"]}
        if not page.get("NextToken"):
            break
        arguments = {"NextToken": page["NextToken"]}
    missing = [
        f"{key}={value}" for key, values in wanted.items() for value in values if value not in there.get(key, ())
    ]
    found = f"missing: {', '.join(missing[:5])}" if missing else output.amount(sum(map(len, wanted.values())), "value")
    yield Check(account, "LF-Tags", not missing, found, "sam deploy --config-env central" if missing else "")


def member_checks(where: MeshContext, account: Account) -> Checks:
    """Every member is admitted, on central's bus, and subscribed to its topic; or was expelled."""
    members = list(where.registry().members())
    if not members:
        yield Check(account, "members", False, "none", "mesh admit ACCOUNT --role producer --domain NAME")
        return
    on_the_bus = bus_statements(where, account)
    for member in members:
        name, what = f"member {member.account}", f"{member.role}, {', '.join(member.domains)}"
        if member.status == "expelled":
            yield Check(account, name, True, f"expelled: {what}")
        elif member.status != "admitted":
            yield Check(account, name, False, f"{member.status}: {what}", _admission_of(member))
        elif not on_the_bus & {f"member-{member.account}", "mesh-OrganizationPutsEvents"}:
            yield Check(account, name, False, f"{what}, not on central's bus", _admission_of(member))
        else:
            live = _listens(where, account, member)
            found = f"{what}, {'listens' if live else 'not subscribed to its topic'}{_refused_to(where, member)}"
            remedy = "its stack's join-mesh function subscribes within 5 minutes; see that function's log"
            yield Check(account, name, live, found, "" if live else remedy)


def bus_statements(where: MeshContext, account: Account) -> set[str]:
    """Ids of the statements in the policy of central's bus."""
    policy = json.loads(where.client(account, "events").describe_event_bus(Name="mesh").get("Policy") or "{}")
    return {statement.get("Sid", "") for statement in policy.get("Statement", ())}


def _admission_of(member: Member) -> str:
    return f"mesh admit {member.account} --role {member.role} --domain {' --domain '.join(member.domains)}"


def _refused_to(where: MeshContext, member: Member) -> str:
    """How many of its events central has refused within a day, and why. It was told; no alarm rings in central."""
    found = where.registry().refusals(member.account, datetime.now(UTC) - timedelta(days=1))
    codes = Counter(code for _, code in itertools.islice(found, _MOST_REFUSALS))
    if not codes:
        return ""
    more = " or more" if codes.total() == _MOST_REFUSALS else ""
    why = ", ".join(f"{code} {count}" for code, count in codes.most_common(3))
    return f"; {output.amount(codes.total(), 'event')}{more} refused within a day: {why}"


def _listens(where: MeshContext, account: Account, member: Member) -> bool:
    found = where.client(account, "sns").list_subscriptions_by_topic(TopicArn=member.topic_arn)["Subscriptions"]
    return any(item["SubscriptionArn"].startswith("arn:") for item in found)


def queue_checks(where: MeshContext, account: Account) -> Checks:
    """No dead letters, no failed runs."""
    queues = [
        (name, url)
        for name, kind, url in resources(where, account)
        if kind == "AWS::SQS::Queue" and is_last_resort(name)
    ]
    waiting = []
    for name, url in queues:
        answer = where.client(account, "sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        count = int(answer["Attributes"]["ApproximateNumberOfMessages"])
        if count:
            waiting.append(f"{name} {count}")
    remedy = "mesh failures lists them, each with its cause and the command that helps" if waiting else ""
    found = ", ".join(waiting) or f"empty ({output.amount(len(queues), 'queue')})"
    yield Check(account, "dead letters", not waiting, found, remedy)


def machine_checks(where: MeshContext, account: Account) -> Checks:
    """No run that failed waits for its next attempt; what failed at each is a dead letter."""
    runs = where.client(account, "stepfunctions").list_executions(
        stateMachineArn=where.output(account, "RetryRunArn"), statusFilter="RUNNING", maxResults=_RUNS
    )["executions"]
    found = f"{output.amount(len(runs), 'run')} to be started again by itself" if runs else "none"
    yield Check(account, "failed runs", not runs, found, "mesh failures lists them with their causes" if runs else "")


def log_checks(where: MeshContext, account: Account) -> Checks:
    """No function failed within the last hour; a rejection is not a failure."""
    since = int((datetime.now(UTC) - _LOOK_BACK).timestamp() * 1000)
    last: list[tuple[int, str, str]] = []
    for _, kind, group in resources(where, account):
        if kind == "AWS::Logs::LogGroup":
            pages = where.client(account, "logs").get_paginator("filter_log_events").paginate(
                logGroupName=group, startTime=since, filterPattern="ERROR"
            )  # fmt: skip
            events = (event for page in pages for event in page.get("events", ()) if is_fault(event["message"]))
            last += [(event["timestamp"], writer_of(event["logStreamName"]), event["message"]) for event in events]
    if not last:
        yield Check(account, "function errors", True, "none within the hour")
        return
    _, name, message = max(last)
    yield Check(
        account,
        "function errors",
        False,
        f"{len(last)} within the hour, last in {name}: {message.strip()[:200]}",
        "see the function's log; a run that failed: mesh failures",
    )


def writer_of(stream: str) -> str:
    """The function that a log stream is of, or the machine: `2026/11/27/<function>[<version>][<environment>]`."""
    return stream.rpartition("/")[2].partition("[")[0] or stream


def is_fault(message: str) -> bool:
    """Whether a log line reports a fault: a refusal of the product's own names its remedy, and is an outcome."""
    return "ERROR" in message and not ("remedy" in message and "code" in message)


def is_last_resort(logical_id: str) -> bool:
    """Whether a queue holds what could not be processed."""
    return logical_id.endswith(("Dlq", "FailedRunsQueue"))


_EVERYWHERE: Final[tuple[tuple[str, Look], ...]] = (
    ("data lake settings", settings_checks),
    ("policies", policy_checks),
    ("state machines", machine_checks),
    ("dead letters", queue_checks),
    ("function errors", log_checks),
)
_SPOKE: Final[tuple[tuple[str, Look], ...]] = (("central's shares", share_checks), *_EVERYWHERE)
CHECKS: Final[dict[Kind, tuple[tuple[str, Look], ...]]] = {
    "central": (("LF-Tags", ontology_checks), ("members", member_checks), *_EVERYWHERE),
    "producer": (*_SPOKE, ("crawlers", crawler_checks)),
    "consumer": _SPOKE,
}


def render(checks: list[Check]) -> None:
    """A table for each account; remedies below what is wrong."""
    statuses = {
        True: Text("ok", style="green"),
        False: Text("failed", style="bold red"),
        None: Text("unknown", style="yellow"),
    }
    for account in dict.fromkeys(check.account for check in checks):
        rows = []
        for check in checks:
            if check.account != account:
                continue
            found = Text(check.found)
            if check.remedy:
                found.append(f"\nnext: {check.remedy}", style="dim")
            rows.append((check.name, statuses[check.ok], found))
        output.say(account, style="bold")
        output.table(("check", "status", "found"), rows, wrap="found", record="check")
