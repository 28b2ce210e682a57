"""`mesh governance`: whether the files of `governance/` are in order, and what they would do to the mesh."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from mesh.adapters.dynamodb.governance_record import DynamoGovernanceRecord
from mesh.adapters.lakeformation.lake import LakeFormationAdapter
from mesh.domain.governance.documents import FILES
from mesh.domain.governance.governance import Governance, parse_governance
from mesh.domain.governance.governance_change import Impact
from mesh.usecases.access_decision import current_decision
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.check_governance import affected_accesses, check_governance, in_force

from cli import output
from cli.access.explain import reader
from cli.access.request_preview import SystemClock
from cli.event_client import ledger
from cli.governance.governance import FOLDER, document
from cli.mesh_context import As, AsJson, MeshContext, Port, mesh_context

governance = typer.Typer(
    name="governance", help="Check a change of governance before it is deployed.", no_args_is_help=True,
    add_completion=False,
)  # fmt: skip

Folder = Annotated[
    Path, typer.Argument(metavar="[FOLDER]", help="Has the four files; without it, governance/ of this clone.")
]


@governance.command(name="check")
def check_command(
    folder: Folder = FOLDER,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Check the files alone, without a mesh.")] = False,
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Check the governance, and what it would do to the mesh.

    The files by themselves and against each other; then against the products, members, LF-Tags and accesses of the
    mesh. A deployment does the same before any function uses them. Exit code 1 where it would be refused.
    """
    found = parse_governance(partial(document, folder=folder))
    impacts = [] if offline else list(effects(found, mesh_context(port, acting="central", role=role)))
    refused = [impact for impact in impacts if impact.refused]
    if as_json:
        output.emit({"valid": True, "refused": bool(refused), "impacts": [each.model_dump() for each in impacts]})
    else:
        _render(found, impacts, offline=offline)
    if refused:
        raise typer.Exit(1)


@governance.command(name="diff")
def diff_command(folder: Folder = FOLDER, *, role: As = None, port: Port = None, as_json: AsJson = False) -> None:
    """Compare the governance with the one in force.

    Lists what is added, removed and changed, file by file. What that does to the mesh: `mesh governance check`.
    """
    before = record(mesh_context(port, acting="central", role=role)).kept()
    changes = [
        {"file": file, "entry": entry, "before": old, "after": new}
        for file in FILES
        for entry, old, new in differences(before.get(file, {}), document(file, folder))
    ]
    if as_json:
        output.emit({"changes": changes})
    elif changes:
        for file in FILES:
            _render_changes(file, [each for each in changes if each["file"] == file])
    else:
        output.say("as it is in force", style="bold green")


def record(where: MeshContext) -> DynamoGovernanceRecord:
    """Central's record of the governance in force."""
    return DynamoGovernanceRecord(where.table("central"))


def effects(found: Governance, where: MeshContext) -> Iterator[Impact]:
    """What it would do to the mesh."""
    central, registry, accesses = where.account_id("central"), where.registry(), ledger(where)
    lake = LakeFormationAdapter(where.client("central", "lakeformation"), central)
    yield from check_governance(found, in_force(record(where)), registry=registry, lake=lake)
    context = CentralContext(central, registry, accesses, where.trace("central"), SystemClock())
    catalog = reader(where, "central")
    today = partial(current_decision, context=context, catalog=catalog, policies=found.policies)
    yield from affected_accesses(found, accesses.newest(), today, catalog.tagged())


def differences(before: Any, after: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401 - YAML
    """Entries of two documents that differ, with both values; None for one that is not there. What has a name in a list
    is found by it."""
    old, new = _named(before), _named(after)
    if old is None or new is None:
        if before != after:
            yield place, before, after
        return
    for name in [*old, *(each for each in new if each not in old)]:
        below = f"{place}.{name}" if place else name
        yield from differences(old.get(name), new.get(name), below)
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield f"{place}: order", ", ".join(old), ", ".join(new)


def _named(value: Any) -> Mapping[str, Any] | None:  # noqa: ANN401 - YAML
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and value and all(isinstance(each, Mapping) and "name" in each for each in value):
        return {str(each["name"]): {key: what for key, what in each.items() if key != "name"} for each in value}
    return None


def _render(found: Governance, impacts: Sequence[Impact], *, offline: bool) -> None:
    keys, rules = (
        output.amount(len(found.ontology.keys), "LF-Tag key"),
        output.amount(len(found.policies.rules), "rule"),
    )
    output.say(f"the files are in order: {keys}, {rules}, {output.amount(len(found.personas.personas), 'persona')}")
    if offline:
        return
    for title, some in (
        ("a deployment would be refused", [each for each in impacts if each.refused]),
        ("accesses that would end", [each for each in impacts if each.kind == "access"]),
        ("becomes laxer", [each for each in impacts if not each.refused and each.kind != "access"]),
    ):
        if some:
            output.say("")
            output.say(f"{title}: {len(some)}", style="bold")
        for each in some:
            output.say(f"  {each.subject}: {each.what}")
            if each.remedy:
                output.say(f"    {each.remedy}")
    if not impacts:
        output.say("nothing in the mesh is affected", style="bold green")


def _render_changes(file: str, changes: Sequence[Mapping[str, Any]]) -> None:
    if changes:
        output.say(file, style="bold")
    for each in changes:
        before, after = each["before"], each["after"]
        if before is None:
            output.say(f"  + {each['entry']}: {_short(after)}")
        elif after is None:
            output.say(f"  - {each['entry']}: {_short(before)}")
        else:
            output.say(f"  ~ {each['entry']}: {_short(before)} \u2192 {_short(after)}")


def _short(value: Any) -> str:  # noqa: ANN401 - YAML
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_short(each)}" for key, each in value.items())
    return ", ".join(map(_short, value)) if isinstance(value, list) else str(value)
