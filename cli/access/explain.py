"""`mesh preview` and `mesh explain`: what a grant or a tag would change, and why a role can or cannot read."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from mesh.adapters.lakeformation.access_reader import AccessReader
from mesh.domain.governance.catalog_snapshot import Principal
from mesh.usecases.access.explain_access import AccessExplained, UnknownRole, explain_access
from mesh.usecases.access.preview_access import (
    Preview,
    ReadingChange,
    TagPreview,
    preview_expression,
    preview_tag,
)
from rich.text import Text

from cli import output
from cli.access import request_preview
from cli.access.request_preview import preview_request
from cli.governance.governance import role_of
from cli.mesh_context import As, AsJson, MeshContext, Port, account_option, mesh_context
from cli.output import CommandFailed
from cli.session import Account, SessionError

if TYPE_CHECKING:  # few previews read contracts
    from cli.access.contract_preview import ContractPreview

_SERVICES = ("lakeformation", "glue", "ram", "iam")

ReaderAccount = Annotated[Account, account_option("The account of --role.")]


def preview_command(
    resource: Annotated[
        str | None,
        typer.Argument(metavar="[PRODUCT[.TABLE[.COLUMN]]]", help="With --tag: the resource it would be set on."),
    ] = None,
    *,
    expression: Annotated[
        str | None, typer.Option(help='LF-Tags of a grant: "confidentiality=internal,public domain=risk".')
    ] = None,
    tag: Annotated[str | None, typer.Option(metavar="KEY=VALUE", help="An LF-Tag to set on the resource.")] = None,
    contract: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="A contract, before it is uploaded: what its LF-Tags change."),
    ] = None,
    product: Annotated[str | None, typer.Option(help="A product to request, with --purpose.")] = None,
    purpose: Annotated[str, typer.Option(help="With --product: the purpose of the request.")] = "",
    account: Annotated[
        Account | None, account_option("The requesting account, or the one whose rights to compare with.")
    ] = None,
    role: Annotated[
        str | None, typer.Option(metavar="ROLE", help="Who would read: a persona, or an IAM role of the account.")
    ] = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Preview a grant, an LF-Tag, a contract or a request.

    --expression lists the columns that a grant would expose, --tag and --contract the principals that would gain or
    lose access, and --product with --purpose the decision that policy makes on a request. Nothing is changed or sent.
    """
    if sum(given is not None for given in (expression, tag, contract, product)) != 1:
        raise typer.BadParameter("give exactly one of them", param_hint="--expression / --tag / --contract / --product")
    if (product is None) != (not purpose):
        raise typer.BadParameter("--product and --purpose go together", param_hint="--purpose")
    if (tag is None) != (resource is None):
        raise typer.BadParameter(
            "--tag needs the resource to set it on: PRODUCT[.TABLE[.COLUMN]]", param_hint="PRODUCT"
        )
    where = mesh_context(port)
    if product is not None:
        asked, found = preview_request(
            where, reader(where, "central"), product, purpose=purpose, reader=role, account=account or "consumer"
        )
        _show(request_preview.document(asked, found), as_json, lambda: request_preview.render(asked, found))
    elif contract is not None:
        preview_contract(where, contract, as_json=as_json)
    elif expression is not None:
        exposed = previewed(where, expression, account, role_of(role))
        _show(exposed.model_dump(mode="json"), as_json, lambda: render_preview(exposed))
    else:
        changed, unseen = previewed_tag(where, tag or "", resource or "")
        document = {**changed.model_dump(mode="json"), "unseen": unseen}
        _show(document, as_json, lambda: render_tag(changed, unseen))


def explain_command(
    resource: Annotated[str, typer.Argument(metavar="PRODUCT.TABLE[.COLUMN]", help="The table or column.")],
    *,
    role: Annotated[
        str, typer.Option(metavar="ROLE", help="Who would read: a persona, or an IAM role of the account.")
    ],
    account: ReaderAccount = "consumer",
    act_as: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Explain why a role can or cannot read a table.

    Lists each permission that reading takes, and the commands that grant what is missing. Exit code 1 when the role
    cannot read it.
    """
    where = mesh_context(port, acting=account, role=act_as)
    found = explained(where, resource, role_of(role) or role, account)
    _show(found.model_dump(mode="json"), as_json, lambda: render_explanation(found))
    if not found.can_read:
        raise typer.Exit(1)


def _show(document: object, as_json: bool, say: Callable[[], None]) -> None:
    if as_json:
        output.emit(document)
    else:
        say()


def reader(where: MeshContext, account: Account) -> AccessReader:
    """What the account's persona sees of who can read."""
    lake, glue, ram, iam = (where.client(account, service) for service in _SERVICES)
    return AccessReader(lake, glue, ram, iam, where.account_id(account))


def explained(where: MeshContext, resource: str, role: str, account: Account) -> AccessExplained:
    """`mesh explain`, as data."""
    central = reader(where, "central")
    member = central if account == "central" else reader(where, account)
    return explain_access(
        resource, role, where.account_id(account), region=where.region("central"), catalog=central, member=member
    )


def previewed(where: MeshContext, expression: str, account: Account | None, role: str | None) -> Preview:
    """`mesh preview --expression`, as data; `account` or `role` says whose present rights to compare with."""
    central, registry = reader(where, "central"), where.registry()
    if account is None and role is None:
        return preview_expression(expression, catalog=central, registry=registry)
    name: Account = account or "consumer"
    member = central if name == "central" else reader(where, name)
    number = where.account_id(name)
    who = Principal(number, number)
    if role is not None:
        arn = member.role_arn(role)
        if arn is None:
            raise UnknownRole(
                f"account {number} has no role {role!r}", remedy="aws iam list-roles shows those there are"
            )
        who = Principal(arn, number, arn in member.admins())
    passed_on = member.passed_on(where.account_id("central"))
    return preview_expression(expression, catalog=central, registry=registry, who=who, passed_on=passed_on)


def previewed_tag(where: MeshContext, tag: str, resource: str) -> tuple[TagPreview, list[Account]]:
    """`mesh preview --tag`, as data; and the accounts whose own grants these credentials cannot see."""
    members, unseen = visible_members(where)
    return preview_tag(tag, resource, catalog=reader(where, "central"), members=members), unseen


def visible_members(where: MeshContext) -> tuple[dict[str, AccessReader], list[Account]]:
    """The accounts whose own grants these credentials can see, and those whose they cannot."""
    members, unseen = {}, list[Account]()
    for name in where.names():
        if name == "central":
            continue
        try:
            members[where.account_id(name)] = reader(where, name)
        except (SessionError, CommandFailed):
            unseen.append(name)
    return members, unseen


def render_preview(found: Preview) -> None:
    """Tables with their exposed columns; columns of one classification on one line."""
    total = sum(len(table.columns) for table in found.tables)
    if not found.tables:
        output.say(f"{found.expression} matches nothing today; data that is tagged this way later would be exposed")
        return
    tables = output.amount(len(found.tables), "table")
    output.say(f"{found.expression} exposes {output.amount(total, 'column')} of {tables}", style="bold")
    for table in found.tables:
        rows: list[tuple[str | Text, ...]] = []
        groups: dict[tuple[str, str], list[str]] = {}
        for column in table.columns:
            mark = "" if column.held is None or column.held else "+"
            groups.setdefault((column.confidentiality, column.pii), []).append(mark + column.name)
        rows += [(one or "-", pii or "-", ", ".join(columns)) for (one, pii), columns in groups.items()]
        if table.hidden:
            rows.append(("", "", Text(f"{output.amount(table.hidden, 'column')} not exposed", style="dim")))
        owner = ", ".join(filter(None, (table.owner, table.contact)))
        output.say(f"{table.database}.{table.table}" + (f", owned by {owner}" if owner else ""))
        output.table(("confidentiality", "pii", "columns"), rows, wrap="columns")
    if found.reader:
        output.say(f"+ marks columns that {found.reader} cannot read today")


def render_tag(found: TagPreview, unseen: list[Account]) -> None:
    """Gains and losses by principal."""
    before = f"now {found.before}" if found.before else "now untagged"
    output.say(f"{found.tag} on {found.resource} ({before})", style="bold")
    render_changes(found.changes, unseen)


def render_changes(changes: Sequence[ReadingChange], unseen: list[Account]) -> None:
    """A line for each principal and table."""
    if not changes:
        output.say("no principal gains or loses read access")
    rows = []
    for change in changes:
        role = "" if change.principal == change.account else f"{_short(change.principal)} of "
        place = f"{change.database}.{change.table}"
        for effect, columns, style in (("gains", change.gains, "green"), ("loses", change.loses, "red")):
            if columns:
                who = f"{role}account {change.account}"
                rows.append((who, Text(effect, style=style), f"{place}: {', '.join(columns)}"))
    if rows:
        output.table(("principal", "change", "columns"), rows, wrap="columns", record="change")
    for account in unseen:
        output.say(f"not visible: what the {account} account granted to its own roles", style="yellow")


def preview_contract(where: MeshContext, place: Path, *, as_json: bool) -> None:
    """What becomes laxer by a contract, and who gains and loses by its LF-Tags."""
    # Few previews read contracts.
    from cli.access.contract_preview import previewed_contract  # noqa: PLC0415

    members, unseen = visible_members(where)
    found = previewed_contract(where, place, catalog=reader(where, "central"), members=members)
    _show({**found.model_dump(mode="json"), "unseen": unseen}, as_json, lambda: render_contract(found, unseen))


def render_contract(found: "ContractPreview", unseen: list[Account]) -> None:
    """What becomes laxer, then gains and losses by principal."""
    output.say(f"{found.product}: contract {found.contract_version} in place of {found.registered}", style="bold")
    for line in found.loosened:
        output.say(f"laxer: {line}", style="yellow")
    render_changes(found.changes, unseen)


def render_explanation(found: AccessExplained) -> None:
    """The verdict, each step, and what would fix the first that is missing."""
    who = f"{_short(found.principal)} of account {found.account}"
    verdict = "can read" if found.can_read else "cannot read"
    output.say(f"{who} {verdict} {found.resource}", style="bold green" if found.can_read else "bold red")
    output.fields([("LF-Tags", output.tags_text(found.tags))])
    rows = [
        (step.name, Text("ok", style="green") if step.ok else Text("missing", style="red"), step.found)
        for step in found.steps
    ]
    output.table(("permission", "status", "found"), rows, wrap="found", record="permission")
    if found.can_read and found.hidden:
        output.fields([("readable", ", ".join(found.readable)), ("hidden", ", ".join(found.hidden))])
    for step in found.steps:
        if not step.ok:
            output.say(f"{step.missing}: {step.remedy} (in account {step.account})")
            for command in step.commands:
                output.say_whole(f"  {command}")


def _short(arn: str) -> str:
    """A role by its name."""
    return arn.rsplit("/", 1)[-1]
