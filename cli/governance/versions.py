"""`mesh version`: the release of this clone, and of each account's stack."""

import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from cli import output
from cli.failures import failure_of
from cli.mesh_context import AsJson, MeshContext, Port, mesh_context, stack_name
from cli.output import CommandFailed
from cli.session import Account, SessionError
from local.accounts import kind_of
from local.mesh import ROOT

OUTPUT: Final = "Version"
"""Of each stack."""
_UNSTATED: Final = "not stated"
"""By stacks that were deployed before the output was there."""


@dataclass(frozen=True)
class Deployed:
    """What an account runs; `problem` says why that is not known. `version` is empty where the stack states none."""

    account: Account
    stack: str
    version: str = ""
    status: str = ""
    updated: str = ""
    problem: str = ""
    remedy: str = ""


def version_command(*, port: Port = None, as_json: AsJson = False) -> None:
    """Show the release of this clone and of each account's stack.

    Accounts may run different releases while they are upgraded one after the other (docs/guides/platform-engineer.md).
    """
    where = mesh_context(port)
    clone, commit = version("meshwork"), commit_of_clone()
    found = [deployed(where, account) for account in where.names()]
    behind = differing(clone, found)
    if as_json:
        stacks = [asdict(each) for each in found]
        output.emit({"clone": {"version": clone, "commit": commit}, "accounts": stacks, "differing": behind})
        return
    output.fields((("this clone", clone), ("commit", commit)))
    output.say()
    shown = [each for each in found if not each.problem]
    if shown:
        output.table(("account", "stack", "version", "status", "updated"), map(_row, shown), record="account")
    for each in found:
        if each.problem:
            output.say(f"{each.account}: {each.problem}")
            if each.remedy:
                output.say(f"  next: {each.remedy}")
    _conclude(clone, found, behind)


def deployed(where: MeshContext, account: Account) -> Deployed:
    """From the account's stack; what keeps it from being read is part of the answer."""
    name = stack_name(account)
    try:
        stack = where.stack(account)
    except (CommandFailed, SessionError, ClientError, BotoCoreError) as error:
        failure = failure_of(error)
        assert failure is not None
        return Deployed(account, name, problem=failure.message, remedy=failure.remedy)
    outputs = {each["OutputKey"]: str(each["OutputValue"]) for each in stack.get("Outputs", ())}
    return Deployed(
        account,
        name,
        version=outputs.get(OUTPUT, ""),
        status=str(stack["StackStatus"]),
        updated=output.day_text(stack.get("LastUpdatedTime") or stack["CreationTime"]),
    )


def differing(clone: str, found: list[Deployed]) -> list[Account]:
    """Accounts whose stack is not of the clone's release."""
    return [each.account for each in found if not each.problem and each.version != clone]


def commit_of_clone() -> str:
    """The clone's commit, `-dirty` where it was edited; empty where there is no history or no git."""
    command = ("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - git, on our own folder
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _row(each: Deployed) -> tuple[str | Text, ...]:
    return each.account, each.stack, each.version or Text(_UNSTATED, style="dim"), each.status, each.updated


def _conclude(clone: str, found: list[Deployed], behind: list[Account]) -> None:
    known = [each for each in found if not each.problem]
    versions = {each.version for each in known}
    if len(versions) > 1:
        output.say(f"The accounts run different releases: {_listed(known)}.", style="yellow")
    elif behind:
        output.say(f"All accounts run {_named(versions.pop())}, this clone is {clone}.", style="yellow")
    elif known:
        output.say(f"All accounts that were read run this clone's release, {clone}.")
    for account in behind:
        output.say(f"next: sam deploy --config-env {kind_of(account)} in {account}, from a checkout of {clone}")


def _listed(known: list[Deployed]) -> str:
    return ", ".join(f"{each.account} {_named(each.version)}" for each in known)


def _named(found: str) -> str:
    return found or "a release that states no version"
