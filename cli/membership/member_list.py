"""`mesh members`: the accounts that central's registry knows."""

from typing import Final

from rich.text import Text

from cli import output
from cli.mesh_context import As, AsJson, InAccount, Port, mesh_context

_STYLES: Final = {"admitted": "green", "pending": "yellow", "expelled": "dim"}


def members_command(
    *, account: InAccount = "central", role: As = None, port: Port = None, as_json: AsJson = False
) -> None:
    """List the accounts of the mesh, and those that ask to join.

    Each with its role, its line of business, and the name that --account takes for it, where this command has
    credentials.
    """
    where = mesh_context(port, acting=account, role=role)
    members, names = list(where.registry().members()), where.names_by_id()
    if as_json:
        output.emit(
            {"members": [{**one.model_dump(mode="json"), "name": names.get(one.account, "")} for one in members]}
        )
    elif not members:
        output.say("no members yet: mesh admit ACCOUNT --role producer --domain NAME")
    else:
        rows = [
            (
                one.account,
                names.get(one.account, "-"),
                one.role,
                ", ".join(one.domains),
                Text(one.status, style=_STYLES[one.status]),
                f"{one.since:%Y-%m-%d}",
            )
            for one in members
        ]
        output.table(("account", "name", "role", "domains", "status", "since"), rows, wrap="domains", record="member")
        for one in members:
            if one.status == "pending":
                output.say_whole(
                    f"next: mesh admit {one.account} --role {one.role} --domain {' --domain '.join(one.domains)}"
                )
