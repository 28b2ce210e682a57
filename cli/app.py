"""The `mesh` application: its options, and what it shows where no command is given."""

import os
from typing import Annotated, Any, Final

import typer

from cli.lazy_group import LazyGroup

TAGLINE: Final = "An event-driven, serverless data mesh on AWS."
START: Final = """\
Upload a data product in one account; its subscribers in other accounts are
notified, and query it where it is.

Start here:
  mesh demo             publish a product on this machine, and see it arrive
  mesh up               start a local mesh and keep it running
  mesh put DIR --wait   publish a product from its folder
  mesh products         list the data products of the mesh

mesh --help lists all commands, mesh COMMAND --help explains one.\
"""


class MeshGroup(LazyGroup):
    """Without arguments, shows where to begin."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - the base class's types are private
        """As the base class."""
        if not args and not ctx.resilient_parsing:
            typer.secho(f"{TAGLINE}\n", bold=True)
            typer.echo(START)
            ctx.exit()
        return super().parse_args(ctx, args)


app = typer.Typer(name="mesh", cls=MeshGroup, pretty_exceptions_enable=False, add_completion=False)

_ON_AWS: Final = "Accounts on AWS"


def by_account(what: str) -> Any:  # noqa: ANN401 - as typer.Option
    """The option that names something of an account on AWS; it may be repeated."""
    return typer.Option(
        f"--{what}",
        metavar="ACCOUNT=NAME",
        help=f"{what.capitalize()} of an account, or MESH_{what.upper()}_PRODUCER_2 and so on; may be repeated.",
        rich_help_panel=_ON_AWS,
        show_default=False,
    )


def keep(prefix: str, given: list[str]) -> None:
    """What is given before the command wins over the environment, where everything below reads it."""
    from cli.session import account_named, variable_of  # noqa: PLC0415 - few commands are given any

    for each in given:
        account, _, name = each.partition("=")
        if not name:
            raise typer.BadParameter(f"{each!r} is not ACCOUNT=NAME, such as producer-2=my-profile")
        os.environ[variable_of(prefix, account_named(account))] = name


def show_version(wanted: bool) -> None:
    """Print the version and exit."""
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - the start of every other command does without

        typer.echo(f"mesh {version('meshwork')}")
        raise typer.Exit


@app.callback(help=f"{TAGLINE} Upload a data product; every subscriber is notified.")
def options(
    *,
    profile: Annotated[list[str] | None, by_account("profile")] = None,
    stack: Annotated[list[str] | None, by_account("stack")] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """The options that come before the command."""
    for prefix, given in (("MESH_PROFILE_", profile), ("MESH_STACK_", stack)):
        if given:
            keep(prefix, given)
