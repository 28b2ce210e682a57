"""`mesh contract check|draft|diff`: contracts on this machine, without AWS."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from mesh.domain.contracts.contract import Contract, NotEnforced
from mesh.domain.contracts.contract_diff import diff_contracts
from mesh.domain.contracts.evolution import ContractDiff
from mesh.domain.governance.ontology import Ontology, parse_ontology
from mesh.domain.semver import SemanticVersion, bump_between, raised

from cli import output
from cli.contracts.contract_checks import Checked, check_file, contract_file, read_local
from cli.contracts.contract_drafts import draft_from
from cli.governance.governance import document
from cli.mesh_context import AsJson

contracts = typer.Typer(
    name="contract", help="Check, draft and compare contracts, offline.", no_args_is_help=True, add_completion=False
)
Place = Annotated[Path, typer.Argument(metavar="FILE|DIR", help="A contract, or a product's folder.")]


@contracts.command(name="check")
def check_command(place: Place, *, as_json: AsJson = False) -> None:
    """Check a contract as the mesh would.

    Errors reject it (exit code 1); warnings point out what is probably a mistake, and what is not enforced.
    """
    checked = check_file(contract_file(place), _ontology())
    if as_json:
        output.emit(checked.to_dict())
    else:
        render_checked(checked)
    if not checked.valid:
        raise typer.Exit(1)


@contracts.command(name="draft")
def draft_command(
    place: Annotated[Path, typer.Argument(metavar="FILE|DIR", exists=True, help="CSV, JSON lines or Parquet files.")],
    *,
    name: Annotated[str, typer.Option(help="Name of the product, if not that of the file or folder.")] = "",
    domain: Annotated[str, typer.Option(help="The line of business.")] = "",
    as_json: AsJson = False,
) -> None:
    """Draft a contract from data files.

    Prints names and types as inferred; the owner completes the rest.
    """
    drafted = draft_from(place, name=name, domain=domain)
    if as_json:
        document = yaml.safe_load(drafted.text)
        output.emit({"contract": document, "files": drafted.read, "refused": drafted.refused})
        return
    print(output.printable(drafted.text), end="")
    for file, why in drafted.refused.items():
        output.note(f"not read: {file}: {why}")


@contracts.command(name="diff")
def diff_command(old: Place, new: Place, *, as_json: AsJson = False) -> None:
    """Compare two contracts.

    Shows what changes for readers, how compatible it is, and the version number that it requires.
    """
    before, after = read_local(contract_file(old)), read_local(contract_file(new))
    diff = diff_contracts(before, after)
    summary = summarised(before, after, diff)
    if as_json:
        changes = [{**change.model_dump(mode="json"), "text": change.text} for change in diff.changes]
        output.emit({**summary, "changes": changes})
    else:
        render_diff(summary, diff)


def summarised(before: Contract, after: Contract, diff: ContractDiff) -> dict[str, Any]:
    """The whole of a diff; `sufficient` is whether central would take the new contract after the old one."""
    old, new = SemanticVersion.parse(before.version), SemanticVersion.parse(after.version)
    summary = {
        "old_version": before.version,
        "new_version": after.version,
        "compatibility": diff.compatibility,
        "bump": diff.bump,
        "needed": before.version,
        "sufficient": True,
    }
    if before.draft or before.digest == after.digest or old is None or new is None:
        return summary
    enough = new.follows(old) and (not diff.breaking or bump_between(old, new) == "major")
    return {**summary, "needed": raised(old, diff.bump), "sufficient": enough}


def _ontology() -> Ontology:
    return parse_ontology(document("ontology.yaml"))


def render_checked(checked: Checked) -> None:
    """Errors first, each with its place and what to do."""
    verdict = "accepted" if checked.valid else "refused"
    name = f"{checked.product} {checked.version}: " if checked.product else ""
    output.say(f"{checked.file}: {name}{verdict}", style="bold green" if checked.valid else "bold red")
    for error in checked.errors:
        _render_error(error)
    if checked.warnings:
        output.table(["place", "warning"], [(item.where, item.what) for item in checked.warnings], wrap="warning")
    if checked.not_enforced:
        output.say("not enforced by the mesh:")
        for keyword, what, why in _grouped(checked.not_enforced):
            output.say(f"  {keyword} ({why}): {what}")


def _grouped(stated: list[NotEnforced]) -> list[tuple[str, str, str]]:
    """One row for each keyword: what it is stated of, the first few by what they say."""
    groups: dict[tuple[str, str], list[str]] = {}
    for item in stated:
        keyword = item.where.rpartition(".")[2].partition("[")[0]
        groups.setdefault((keyword, item.why), []).append(item.what.removesuffix(f": {keyword}"))
    return [
        (keyword, ", ".join(what[:5]) + (f" and {len(what) - 5} more" if len(what) > 5 else ""), why)
        for (keyword, why), what in groups.items()
    ]


def _render_error(error: dict[str, Any]) -> None:
    where = error["where"]
    place = f" (line {where['line']}, column {where['column']})" if "line" in where else ""
    output.say(f"  {error['code']}{place}: {error['message']}")
    for violation in where.get("violations", ()):
        output.say(f"    {violation['path']}: {violation['message']}")
    if error["remedy"]:
        output.say(f"    next: {error['remedy']}")


def render_diff(summary: dict[str, Any], diff: ContractDiff) -> None:
    """One line for each change, then what they come to."""
    if not diff.changes:
        output.say("no difference for readers")
    else:
        rows = [(change.text, change.compatibility, change.bump) for change in diff.changes]
        output.table(["change", "compatibility", "needs"], rows, wrap="change")
        output.say(f"together: {summary['compatibility']}; a {summary['bump']} version")
    if not summary["sufficient"]:
        reason = f"{summary['new_version']} is not enough after {summary['old_version']}"
        output.say(f"{reason}: set version {summary['needed']} or later", style="bold red")
