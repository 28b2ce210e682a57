"""`mesh reconcile`: compare what Lake Formation grants with what the registry says, and repair Meshwork's own
grants."""

import json
import time
from typing import Annotated, Any, Final

import typer

from cli import interrupts, output
from cli.mesh_context import As, AsJson, MeshContext, Port, mesh_context
from cli.output import CommandFailed

_DEADLINE_SECONDS: Final = 900.0
_POLL_SECONDS: Final = 0.5

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only report differences.")]


def reconcile_command(*, dry_run: DryRun = False, role: As = None, port: Port = None, as_json: AsJson = False) -> None:
    """Find and repair grants that drifted.

    Compares Lake Formation's grants with the registry: missing, left over, manual, expired. The central account
    does the same once a day. Exit code 1 when differences remain.
    """
    found = reconcile(mesh_context(port, acting="central", role=role), dry_run=dry_run)
    if as_json:
        output.emit(found)
    else:
        _render(found)
    if found["left"]:
        raise typer.Exit(1)


def reconcile(where: MeshContext, *, dry_run: bool) -> dict[str, Any]:
    """One run of central's `reconcile`: its output. Raises `CommandFailed` when the run failed."""
    machines = where.client("central", "stepfunctions")
    arn = where.output("central", "ReconcileArn")
    run = machines.start_execution(stateMachineArn=arn, input=json.dumps({"dry_run": dry_run}))["executionArn"]
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


def _render(found: dict[str, Any]) -> None:
    grants = output.amount(found["grants"], "grant")
    active = output.amount(found["accesses"], "active access", plural="active accesses")
    output.say(f"{active} compared with {grants} to other accounts")
    if found["outcome"] == "in order":
        output.say("no differences", style="bold green")
        return
    rows = [("repaired", drift["kind"], drift["principal"], _details(drift)) for drift in found["repaired"]]
    rows += [("left", drift["kind"], drift["principal"], _details(drift)) for drift in found["left"]]
    output.table(("outcome", "difference", "account", "what"), rows, wrap="what", record="grant")
    listed = len(found["repaired"]) + len(found["left"])
    if found["total"] > listed:
        output.say(f"and {found['total'] - listed} more: resolve these, then run it again")


def _details(drift: dict[str, Any]) -> str:
    return "\n".join(filter(None, (drift["access"], drift["what"], drift["remedy"])))
