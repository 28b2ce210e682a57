"""`mesh admit` and `mesh expel`: who is a member of the mesh."""

from typing import Annotated, Any, Final, Literal

import typer

from cli import output
from cli.function_calls import invoke
from cli.mesh_context import As, AsJson, InAccount, MeshContext, Port, mesh_context
from cli.session import Account

MemberRole = Literal["producer", "consumer", "both"]
_FUNCTION: Final = "SetMembershipFunctionName"


def admit_command(
    *,
    account_id: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account id, 12 digits.")],
    member_role: Annotated[MemberRole, typer.Option("--role", help="Its role in the mesh.")],
    domain: Annotated[list[str], typer.Option(help="Its line of business, an LF-Tag value; may be repeated.")],
    contact: Annotated[str, typer.Option(help="Mail address of the team.")] = "",
    account: InAccount = "central",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Admit an account, or change its role or domains.

    Lets it put events on central's bus, creates its notification topic, and records its role and domains. A contract
    that names no domain is of the first. The accesses of an account that is no consumer any more end; what its products
    need is not taken from it.
    """
    if not (account_id.isdigit() and len(account_id) == 12):
        raise typer.BadParameter(f"{account_id!r} is not an account id of 12 digits", param_hint="ACCOUNT")
    member = admit(
        mesh_context(port, acting=account, role=role), account_id, member_role, tuple(domain), contact, account=account
    )
    _show(member, as_json=as_json)


def expel_command(
    *,
    account_id: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account id, 12 digits.")],
    reason: Annotated[str, typer.Option(help="Why: for the account, and for the record.")],
    account: InAccount = "central",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Expel an account from the mesh.

    Its events are refused from now on, it is taken off central's bus, its accesses end, and its notification topic is
    deleted. `mesh admit` lets it in again, without them. What it has published stays published until it is retired.
    """
    where = mesh_context(port, acting=account, role=role)
    _show(expel(where, account_id, reason, account=account), as_json=as_json)


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    member, ending = answer["member"], answer["ending"]
    if as_json:
        output.emit({**member, "ending": ending, "products": answer["products"]})
        return
    fields = [
        ("account", member["account"]),
        ("role", member["role"]),
        ("domains", ", ".join(member["domains"])),
        ("contact", member["contact"]),
        ("status", member["status"]),
        ("topic", member["topic_arn"]),
        ("since", member["since"]),
        *([("ending", ", ".join(ending))] if ending else []),
    ]
    output.fields(fields)
    if member["status"] == "expelled" and answer["products"]:
        output.say(f"its products stay published: {', '.join(answer['products'])}")
        output.say_whole("  retire them: mesh retire PRODUCT --account central --reason …")


def admit(
    where: MeshContext,
    account_id: str,
    role: MemberRole,
    domains: tuple[str, ...],
    contact: str = "",
    *,
    account: Account = "central",
) -> dict[str, Any]:
    """Give an account a membership; returns the member, and the accesses that end. Idempotent. Raises `CommandFailed`
    with the refusal."""
    membership = {"role": role, "domains": domains, "contact": contact}
    return invoke(where, account, _FUNCTION, {"account": account_id, "membership": membership})


def expel(
    where: MeshContext,
    account_id: str,
    reason: str,
    *,
    account: Account = "central",
) -> dict[str, Any]:
    """Take an account's membership; as `admit`."""
    return invoke(where, account, _FUNCTION, {"account": account_id, "reason": reason})
