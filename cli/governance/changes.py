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
from mesh.usecases.governance.touched_by_renames import touched_by_renames

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
    where = mesh_context(port, acting="central", role=role)
    before, renames, changes = record(where).kept(), list[dict[str, str]](), list[dict[str, Any]]()
    for file in FILES:
        now = document(file, folder)
        was, renamed = with_new_names(before.get(file, {}), now)
        renames += ({"file": file, "entry": entry, "before": old, "after": new} for entry, old, new in renamed)
        changes += (
            {"file": file, "entry": entry, "before": old, "after": new} for entry, old, new in differences(was, now)
        )
    touched = list(touched_now(parse_governance(partial(document, folder=folder)), where)) if renames else []
    if as_json:
        impacts = [each.model_dump() for each in touched]
        output.emit({"changes": changes, "renames": renames, "touched": impacts})
    elif changes or renames:
        for file in FILES:
            _render_changes(file, renames, [each for each in changes if each["file"] == file])
        _render_impacts("renames", touched)
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
    yield from touched_by_renames(found.policies, accesses.newest(), registry=registry, lake=lake)


def touched_now(found: Governance, where: MeshContext) -> Iterator[Impact]:
    """What its renames touch."""
    lake = LakeFormationAdapter(where.client("central", "lakeformation"), where.account_id("central"))
    yield from touched_by_renames(found.policies, ledger(where).newest(), registry=where.registry(), lake=lake)


def with_new_names(before: Any, after: Any, place: str = "") -> tuple[Any, list[tuple[str, str, str]]]:  # noqa: ANN401 - YAML
    """The document before, its entries by the names that `renamed_from` of the one after gives them; and the entries
    that are renamed: where they are, and both names."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return before, []
    new_names = {
        old: name
        for name, entry in after.items()
        if isinstance(entry, Mapping) and isinstance(entry.get("renamed_from"), Mapping)
        for old in entry["renamed_from"]
        if old in before and name not in before and old not in after
    }
    renamed = {new_names.get(name, name): entry for name, entry in before.items()}
    found = [(f"{place}.{old}" if place else old, old, new) for old, new in new_names.items()]
    for new in new_names.values():  # a short form, as its long one with what only the rename adds
        entry = renamed[new] if isinstance(renamed[new], Mapping) else {"meaning": renamed[new]}
        whole = {**entry, "renamed_from": after[new]["renamed_from"]}
        renamed[new] = {key: whole[key] for key in (*(each for each in after[new] if each in whole), *whole)}
    for name, entry in renamed.items():
        renamed[name], below = with_new_names(entry, after.get(name), f"{place}.{name}" if place else str(name))
        found += below
    return renamed, found


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
    shown = [each for each in impacts if not each.refused]
    _render_impacts("a deployment would be refused", [each for each in impacts if each.refused])
    _render_impacts("accesses that would end", [each for each in shown if each.kind == "access"])
    _render_impacts("becomes laxer", [each for each in shown if each.kind not in ("access", "rename")])
    _render_impacts("renames", [each for each in shown if each.kind == "rename"])
    if not impacts:
        output.say("nothing in the mesh is affected", style="bold green")


def _render_impacts(title: str, impacts: Sequence[Impact]) -> None:
    if impacts:
        output.say("")
        output.say(f"{title}: {len(impacts)}", style="bold")
    for each in impacts:
        output.say(f"  {each.subject}: {each.what}")
        if each.remedy:
            output.say(f"    {each.remedy}")


def _render_changes(file: str, renames: Sequence[Mapping[str, Any]], changes: Sequence[Mapping[str, Any]]) -> None:
    renamed = [each for each in renames if each["file"] == file]
    if changes or renamed:
        output.say(file, style="bold")
    for each in renamed:
        output.say(f"  > {each['entry']} is called {each['after']}")
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
