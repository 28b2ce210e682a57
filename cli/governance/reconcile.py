"""`mesh reconcile`: compare AWS with what the registry says, and repair what is Meshwork's own."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from mesh.domain.governance.drift import REPAIRED, Drift

from cli import interrupts, output
from cli.governance.drift_checks import drift_of_members
from cli.mesh_context import As, AsJson, MeshContext, Port, mesh_context
from cli.output import CommandFailed
from cli.session import Account

_DEADLINE_SECONDS: Final = 1200.0
_POLL_SECONDS: Final = 0.5

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan: change nothing, and only look.")]
SameRole = Annotated[
    list[str] | None,
    typer.Option(
        "--same-role",
        metavar="ACCESS",
        help="Resume a suspended access: the role that has its reader's name by now is the same reader.",
    ),
]


def reconcile_command(
    *, dry_run: DryRun = False, same_role: SameRole = None, role: As = None, port: Port = None, as_json: AsJson = False
) -> None:
    """Find and repair what drifted.

    Compares grants, LF-Tags, locations, settings, tables, and whom the bus and the topics let in, with the registry,
    and has each reader's account look whether the reader reads. The central account does the same once a day. Where
    these credentials may look into members' accounts, it also reports settings, policies and crawlers that were
    changed there. Exit code 1 when differences remain.
    """
    where = mesh_context(port, acting="central", role=role)
    found = _with_members(reconcile(where, dry_run=dry_run, same_role=same_role or ()), *drift_of_members(where))
    if as_json:
        output.emit(found)
    else:
        _render(found, dry_run=dry_run)
    if found["left"]:
        raise typer.Exit(1)


def reconcile(where: MeshContext, *, dry_run: bool, same_role: Sequence[str] = ()) -> dict[str, Any]:
    """One run of central's `reconcile`: its output. Raises `CommandFailed` when the run failed."""
    machines = where.client("central", "stepfunctions")
    arn = where.output("central", "ReconcileArn")
    order = json.dumps({"dry_run": dry_run, "same_role": list(same_role)})
    run = machines.start_execution(stateMachineArn=arn, input=order)["executionArn"]
    interrupts.leaves(f"the run continues: aws stepfunctions describe-execution --execution-arn {run}")
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < deadline:
        seen = machines.describe_execution(executionArn=run)
        if seen["status"] == "SUCCEEDED":
            return dict(json.loads(seen["output"]))
        if seen["status"] != "RUNNING":
            cause = seen.get("cause") or seen["status"]
            raise CommandFailed(f"the run failed: {cause[:500]}", code=seen.get("error", ""), run=run)
        time.sleep(_POLL_SECONDS)
    raise CommandFailed("the run has not ended", run=run, remedy="aws stepfunctions describe-execution shows it")


def _with_members(found: dict[str, Any], drifts: Sequence[Drift], unseen: Sequence[Account]) -> dict[str, Any]:
    """Central's findings, and what its operator sees of members."""
    return {
        **found,
        "outcome": "drifted" if drifts else found["outcome"],
        "total": found["total"] + len(drifts),
        "left": [*found["left"], *(drift.model_dump(mode="json") for drift in drifts)],
        "unseen": list(unseen),
    }


def _render(found: Mapping[str, Any], *, dry_run: bool) -> None:
    """Grouped by what is done about it, then by kind."""
    active = output.amount(found["accesses"], "active access", plural="active accesses")
    output.say(f"{active}, {output.amount(found['grants'], 'grant')} to other accounts: compared with the registry")
    if found["unseen"]:
        output.say(f"not looked at: what is {' and '.join(found['unseen'])}'s own; mesh doctor says why", style="dim")
    if found["outcome"] == "in order":
        output.say("in order, and every reader reads", style="bold green")
        return
    own = [
        drift for drift in found["left"] if drift["ours"] and (drift["kind"] in REPAIRED or drift["kind"] == "reader")
    ]
    _group("repaired", found["repaired"])
    _group("would be repaired" if dry_run else "could not be repaired", own)
    _group("for people to decide", [drift for drift in found["left"] if drift not in own])
    listed = len(found["repaired"]) + len(found["left"])
    if found["total"] > listed:
        output.say(f"and {found['total'] - listed} more: resolve these, then run it again")


def _group(title: str, drifts: Iterable[Mapping[str, Any]]) -> None:
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for drift in drifts:
        by_kind.setdefault(drift["kind"], []).append(drift)
    if by_kind:
        output.say("")
        output.say(f"{title}: {sum(map(len, by_kind.values()))}", style="bold")
    for kind, some in by_kind.items():
        output.say(f"  {kind}")
        for drift in some:
            _one(drift)


def _one(drift: Mapping[str, Any]) -> None:
    subject = " ".join(filter(None, (drift["access"], drift["database"], drift["principal"])))
    output.say(f"    {subject}: {drift['what']}")
    if drift["reason"]:
        output.say(f"      failed: {drift['reason']}")
    if drift["remedy"]:
        output.say(f"      next: {drift['remedy']}")
