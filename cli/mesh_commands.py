"""`mesh up`, `mesh down`, `mesh env`, `mesh skip`: the mesh on this machine."""

import contextlib
import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from cli import interrupts
from cli.durations import parse_duration
from cli.membership.members import MemberRole, admit
from cli.mesh_context import AsJson, MeshContext, Port, role_named
from cli.session import Account, Accounts, account_named
from local import mesh, runtime
from local.accounts import ACCOUNTS, DOMAINS, FIRST, MOST, Kind, account_name, contact_of, kind_of
from local.deploy import Deployment, Report, deployed_accounts, timed

DEFAULT_PORT = 4566
_LOST: Final = (
    "ended without being stopped: all that was in its accounts is lost, products, versions, accesses and runs "
    "included; what was uploaded has to be uploaded again"
)


def number_of(kind: Kind) -> Any:  # noqa: ANN401 - as typer.Option
    """The option for the number of accounts of a kind."""
    names = f"{kind}, {account_name(kind, 2)} and so on"
    return typer.Option(help=f"Number of {kind} accounts: {names}.", min=1, max=MOST)


def up(
    *,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = DEFAULT_PORT,
    producers: Annotated[int, number_of("producer")] = 1,
    consumers: Annotated[int, number_of("consumer")] = 1,
    wait_scale: Annotated[float, typer.Option(help="Factor on waits and retry intervals; 1 is as on AWS.")] = 0.2,
    organization: Annotated[
        bool | None,
        typer.Option(help="Accounts of one AWS organization, which share without RAM invitations; the default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start a local mesh: three accounts or more, stacks deployed.

    Its accounts are in memory: they end with the server, however it ends. A mesh that is up is updated, and gets the
    accounts that it lacks; stacks without changes are left as they are.
    """
    local = mesh.Mesh(port, mesh.home())
    report = timed(silent if as_json else show)
    started, lost = local.pid() is None, local.crashed()
    if not started and organization not in (None, local.has_organization()):
        here = "in" if local.has_organization() else "not in"
        raise mesh.MeshError(
            f"the mesh on port {port} is up, and its accounts are {here} an organization; "
            f"stop it first: mesh down --port {port}"
        )
    with stopped_by_interrupt(local, started=started):
        if started:
            if lost is not None:
                report("mesh", f"the server before (process {lost}) {_LOST}")
            starting(report)
            local.start(wait_scale, organization=organization is not False)
        deployed = deploy(local, report, named(producers, consumers))
    _answer(as_json, local, started=started, deployed=deployed, lost=lost is not None)


@contextlib.contextmanager
def stopped_by_interrupt(local: mesh.Mesh, *, started: bool) -> Iterator[None]:
    """Ctrl-C stops a mesh that this command started, half deployed as it is; one that was up stays up."""
    try:
        yield
    except KeyboardInterrupt:
        if started:
            local.stop()
            interrupts.leaves(f"the local mesh on port {local.port} was stopped")
        else:
            interrupts.leaves(
                f"the local mesh on port {local.port} stays up; continue with: mesh up --port {local.port}"
            )
        raise


def starting(report: Report) -> None:
    """Say what comes first: it takes some seconds, and longer where Lambda's runtime is not installed yet."""
    if not runtime.is_made(mesh.ROOT):
        report("mesh", "installing what Lambda's Python runtime brings along")
    report("mesh", "starting the server of the accounts")


def named(producers: int, consumers: int) -> tuple[Account, ...]:
    """Central, and so many of the others."""
    numbers: tuple[tuple[Kind, int], ...] = (("producer", producers), ("consumer", consumers))
    return ("central", *(account_name(kind, each) for kind, most in numbers for each in range(1, most + 1)))


def deploy(local: mesh.Mesh, report: Report, accounts: tuple[Account, ...] = FIRST, root: Path = mesh.ROOT) -> bool:
    """Deploy these accounts, and update those that were deployed before, members admitted before they ask; False when
    all was deployed already. `root` holds the templates."""
    together = {*accounts, *deployed_accounts(local)}
    chosen = tuple(name for name in ACCOUNTS if name in together)

    def admit_members(members: list[Account]) -> None:
        where = MeshContext(Accounts(port=local.port))
        known = {member.account for member in where.registry().members() if member.status != "pending"}
        for name in members:
            if ACCOUNTS[name] in known:
                continue  # as people admitted it, or expelled it
            admit(where, ACCOUNTS[name], cast("MemberRole", kind_of(name)), (DOMAINS[name],), contact_of(name))
            report("central", f"admitted {ACCOUNTS[name]} ({name}, {DOMAINS[name]})")

    return Deployment(local, root, chosen, report, after_central=admit_members).run()


def down(
    port: Port = None,
    every: Annotated[bool, typer.Option("--all", help="Stop every local mesh.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop the local mesh and discard its accounts."""
    chosen = _chosen(port, every=every)
    lost = [local.port for local in chosen if local.crashed() is not None]
    stopped = [local.port for local in chosen if local.stop()]
    if as_json:
        print(json.dumps({"stopped": stopped, "lost": lost}))
        return
    for each in lost:
        print(f"port {each}: the server {_LOST}")
    if stopped or not lost:
        print(f"stopped: port {', '.join(map(str, stopped))}" if stopped else "no local mesh was running")


def skip(
    duration: Annotated[str, typer.Argument(metavar="DURATION", help="30d, 12h, 30m, 90s or 2w.")],
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Let time pass in a local mesh: its clock goes ahead.

    What ends by then ends, accesses and roles' sessions too; what is due by then is done, and what is kept no longer is
    deleted. Other commands have this machine's clock: give them dates, not durations, afterwards.
    """
    passed, local = parse_duration(duration), mesh.on_port(port)
    now = datetime.fromtimestamp(local.skip(passed.total_seconds()), UTC)
    if as_json:
        print(json.dumps({"port": local.port, "skipped": passed.total_seconds(), "now": now.isoformat()}))
    else:
        print(f"it is {now:%Y-%m-%d %H:%M:%S} UTC in the mesh on port {local.port}")


def env(
    account: Annotated[
        Account, typer.Argument(parser=account_named, metavar="ACCOUNT", help="producer, producer-2 and so on")
    ],
    role: Annotated[
        str | None,
        typer.Option("--as", metavar="ROLE", help="IAM role or persona, if not the account's administrator."),
    ] = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Print shell exports with an account's credentials.

    Use it as eval "$(mesh env producer)". An account that the laptop does not have yet, such as consumer-2, is opened:
    with an administrator, without a stack.
    """
    accounts = Accounts(port=port)
    if accounts.open(account):
        typer.echo(f"mesh: opened {account}, {ACCOUNTS[account]}: it has no stack yet", err=True)
    found = accounts.environment(account, role_named(role))
    if as_json:
        print(json.dumps(found))
        return
    # A profile in the shell would win over these keys.
    print("unset AWS_PROFILE AWS_DEFAULT_PROFILE")
    for name, value in found.items():
        print(f"export {name}={shlex.quote(value)}")


def _chosen(port: int | None, *, every: bool) -> list[mesh.Mesh]:
    """The mesh of that port, or the one started last: another's mesh is not stopped by chance."""
    if every:
        return list(mesh.running())
    try:
        return [mesh.on_port(port)]
    except mesh.MeshError:
        return []


def _answer(as_json: bool, local: mesh.Mesh, **what: Any) -> None:  # noqa: ANN401
    if as_json:
        accounts = {name: ACCOUNTS[name] for name in local.accounts()}
        print(json.dumps({"endpoint": local.endpoint, "port": local.port, "accounts": accounts, **what}))
    elif not any(what.values()):
        print(f"the mesh is up and unchanged: {local.endpoint}")
    else:
        print(f'the mesh is up: {local.endpoint}   next: eval "$(mesh env producer)"')


def show(account: str, what: str) -> None:
    # One write: members build and deploy at once, each in a thread of its own.
    print(f"{account:>10}  {what}\n", end="", flush=True)


def silent(account: str, what: str) -> None:
    """With --json, standard output holds the answer alone."""
