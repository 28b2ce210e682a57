"""`mesh trace`: one upload's or access's trace, from the accounts' own records and their runs' histories."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from botocore.exceptions import ClientError
from mesh.domain import names
from rich.text import Text

from cli import output
from cli.event_client import find
from cli.mesh_context import As, AsJson, MeshContext, Port, account_option, is_denied, mesh_context
from cli.session import Account
from local.accounts import Kind, kind_of

MACHINES: Final[dict[str, tuple[Kind, str]]] = {
    "register-product": ("central", "RegisterProductArn"),
    "prepare-product": ("producer", "PrepareProductArn"),
    "onboard-upload": ("producer", "OnboardUploadArn"),
    "commit-version": ("central", "CommitVersionArn"),
    "roll-back": ("central", "RollBackArn"),
    "grant-access": ("central", "GrantAccessArn"),
    "revoke-access": ("central", "RevokeAccessArn"),
    "accept-share": ("consumer", "AcceptShareArn"),
    "release-share": ("consumer", "ReleaseShareArn"),
}
"""Machine → the kind of account whose template has it, and the output that names it."""
ABOUT_ACCESSES: Final = ("revoke-access", "accept-share", "release-share")
ACCESS: Final = "ac-"
_STYLES: Final[dict[Kind, str]] = {"central": "cyan", "producer": "green", "consumer": "magenta"}
ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})
_PREPARED_WITHIN = timedelta(minutes=30)
_NEWEST = 30
_SHOWN_ELSEWHERE: Final = frozenset({"execution", "product", "bucket"})


@dataclass(frozen=True, order=True)
class TraceStep:
    """Something that happened: when, in which account, in which machine's run ("" for none), what, with which facts.

    `order` separates what a run did within one millisecond.
    """

    at: datetime
    order: int
    account: str
    machine: str
    what: str
    detail: str = ""

    def to_dict(self) -> dict[str, str]:
        """For `--json`."""
        return {
            "time": self.at.isoformat(),
            "account": self.account,
            "machine": self.machine,
            "what": self.what,
            "detail": self.detail,
        }


def trace_command(
    correlation_id: Annotated[
        str, typer.Argument(metavar="ID", help="Correlation id (mesh notices, mesh show), or an access id: ac-….")
    ],
    *,
    account: Annotated[Account | None, account_option("Only this account's part of the trace.")] = None,
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Trace an upload or an access through all accounts.

    Events, state machine runs and their states, in the order of time.
    """
    where = mesh_context(port, acting=account, role=role)
    if correlation_id.startswith(ACCESS):
        correlation_id = find(where, correlation_id).correlation_id
    steps, unseen = TraceView(where, (account,) if account else where.names()).gather([correlation_id])
    if as_json:
        output.emit({"correlation_id": correlation_id, "steps": [step.to_dict() for step in steps], "unseen": unseen})
    elif steps:
        render(steps)
    for part in unseen:
        output.note(f"mesh: not visible: {part}")
    if not steps:
        raise output.CommandFailed(
            f"no trace of {correlation_id} found",
            code="UnknownTrace",
            remedy="ids are shown by mesh notices and mesh show PRODUCT; traces are kept for 90 days",
        )


class TraceView:
    """Collects the steps of one or more correlation ids. The history of an ended run is read once."""

    def __init__(self, where: MeshContext, accounts: Iterable[Account]) -> None:
        self._context = where
        self._accounts = tuple(accounts)
        self._ended: dict[str, list[TraceStep]] = {}
        self._accesses: dict[str, datetime] = {}

    def gather(self, correlation_ids: Iterable[str]) -> tuple[list[TraceStep], list[str]]:
        """All that is known by now, in order; and what could not be seen."""
        steps: set[TraceStep] = set()
        unseen: list[str] = []
        for correlation_id in correlation_ids:
            executions: dict[str, Account] = {}
            for account in self._accounts:
                try:
                    entries = list(self._context.trace(account).entries(correlation_id))
                except ClientError as error:
                    if not is_denied(error):
                        raise
                    unseen.append(f"the {account} account's part ({error.response['Error']['Message']})")
                    continue
                steps.update(step_of(account, entry) for entry in entries)
                executions |= dict.fromkeys(self._executions(account, correlation_id, entries), account)
            for arn, account in executions.items():
                steps.update(self.history(account, arn))
        return sorted(steps), unseen

    def _executions(self, account: Account, correlation_id: str, entries: list[dict[str, Any]]) -> Iterable[str]:
        """Runs that the entries name, and those whose names or inputs follow from the id."""
        yield from (entry["facts"]["execution"] for entry in entries if entry["facts"].get("execution"))
        if kind_of(account) != "producer":
            yield from self._runs_for_accesses(account, entries)
            return
        for entry in entries:
            if entry["what"] == "uploads received":
                machine = self._context.output(account, "OnboardUploadArn")
                name = names.execution_name(entry["facts"]["product"], correlation_id)
                yield f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        if any(entry["what"] in {"contract received", "resource link ready"} for entry in entries):
            yield from preparations(self._context, account, correlation_id, datetime.fromisoformat(entries[0]["time"]))

    def _runs_for_accesses(self, account: Account, entries: list[dict[str, Any]]) -> Iterable[str]:
        """Runs that accept, end or release the accesses of this trace; central's part, read first, names them."""
        for entry in entries:
            number = str(entry["facts"].get("access") or "")
            if account == "central" and number.startswith(ACCESS):
                self._accesses.setdefault(number, datetime.fromisoformat(entry["time"]))
        for number, since in self._accesses.items():
            for machine in ABOUT_ACCESSES:
                if MACHINES[machine][0] == kind_of(account):
                    yield from runs_about(self._context, account, machine, number, since)

    def history(self, account: Account, arn: str) -> list[TraceStep]:
        """The states that a run entered, and its end; none for a run that does not exist."""
        if arn in self._ended:
            return self._ended[arn]
        try:
            pages = self._context.client(account, "stepfunctions").get_paginator("get_execution_history")
            events = [event for page in pages.paginate(executionArn=arn) for event in page["events"]]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return []
        found = run_steps(account, arn, events)
        if events and events[-1]["type"].startswith("Execution") and events[-1]["type"] != "ExecutionStarted":
            self._ended[arn] = found
        return found


_prepared: dict[str, str] = {}
_inputs: dict[str, str] = {}


def runs_about(where: MeshContext, account: Account, machine: str, access: str, since: datetime) -> Iterable[str]:
    """The newest runs whose input names the access, begun since. Rules start them under names of their own."""
    client, arn = where.client(account, "stepfunctions"), where.output(account, MACHINES[machine][1])
    listed = client.list_executions(stateMachineArn=arn, maxResults=_NEWEST)
    for run in listed["executions"]:
        arn = run["executionArn"]
        if run["startDate"].astimezone(UTC) < since - timedelta(minutes=1):
            continue
        if arn not in _inputs:
            _inputs[arn] = client.describe_execution(executionArn=arn).get("input") or ""
        if access in _inputs[arn]:
            yield arn


def preparations(where: MeshContext, account: Account, correlation_id: str, since: datetime) -> Iterable[str]:
    """Runs of prepare-product, which a rule starts under names of its own: found by their input, asked for once."""
    client = where.client(account, "stepfunctions")
    machine = where.output(account, "PrepareProductArn")
    for run in client.list_executions(stateMachineArn=machine, maxResults=_NEWEST)["executions"]:
        if not since - timedelta(minutes=1) <= run["startDate"].astimezone(UTC) <= since + _PREPARED_WITHIN:
            continue
        arn = run["executionArn"]
        if arn not in _prepared:
            document = json.loads(client.describe_execution(executionArn=arn).get("input") or "{}")
            _prepared[arn] = document.get("detail", {}).get("metadata", {}).get("correlation_id", "")
        if _prepared[arn] == correlation_id:
            yield arn


def step_of(account: str, entry: Mapping[str, Any]) -> TraceStep:
    """A trace entry as a step, without facts that the run's own states show or that never differ."""
    facts = {
        name: value
        for name, value in entry["facts"].items()
        if name not in _SHOWN_ELSEWHERE and value not in (None, "", [], {})
    }
    what = entry["what"]
    if "event" in facts:
        what = f"{what} {facts.pop('event')}"
    at = datetime.fromisoformat(entry["time"]).astimezone(UTC)
    return TraceStep(at, 0, account, "", what, facts_text(facts))


def facts_text(facts: Mapping[str, Any]) -> str:
    """`objects 3, generation 1`; a refusal's reason is its message."""
    reason = facts.get("reason")
    if isinstance(reason, Mapping):
        return f"{reason.get('code', '')}: {reason.get('message', '')}"
    parts = (f"{name} {value_text(value)}" for name, value in facts.items())
    return ", ".join(parts)


def value_text(value: object) -> str:
    """Lists without brackets, booleans as yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def run_steps(account: str, arn: str, events: Iterable[Mapping[str, Any]]) -> list[TraceStep]:
    """Steps from a run's history events: states entered, and how it ended if it failed."""
    machine, found = arn.split(":")[6], []
    for event in events:
        at = event["timestamp"].astimezone(UTC)
        if event["type"].endswith("StateEntered"):
            found.append(TraceStep(at, event["id"], account, machine, event["stateEnteredEventDetails"]["name"]))
        elif event["type"] in {"ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"}:
            details = event.get(f"{event['type'][0].lower()}{event['type'][1:]}EventDetails", {})
            error = error_text(details.get("error", ""), details.get("cause", ""))
            found.append(
                TraceStep(at, event["id"], account, machine, event["type"].removeprefix("Execution").lower(), error)
            )
    return found


def error_text(error: str, cause: str) -> str:
    """A run's error in one line: a function's answer without its stack, a refusal of the product's by its message."""
    for field in ("errorMessage", "message"):
        try:
            document = json.loads(cause)
        except ValueError:
            break
        cause = str(document.get(field, cause)) if isinstance(document, dict) else cause
    return f"{error}: {cause}".strip(": ")


def render(steps: list[TraceStep]) -> None:
    """A timeline, times relative to its beginning."""
    started = steps[0].at
    output.say(f"began {output.day_text(started)} UTC")
    rows = [row_of(step, started) for step in steps]
    output.table((">seconds", "account", "state machine", "what"), rows, wrap="what")


def row_of(step: TraceStep, started: datetime) -> tuple[str, Text, str, Text]:
    """One line of a timeline."""
    seconds = (step.at - started).total_seconds()
    what = Text(step.what, style="" if step.machine else "bold")
    if step.detail:
        what.append(f"  {step.detail}", style="dim")
    return f"{seconds:+.2f}", Text(step.account, style=_STYLES[kind_of(step.account)]), step.machine, what
