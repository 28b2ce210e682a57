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


def profile_of(account: str) -> Any:  # noqa: ANN401 - as typer.Option
    """The option that names the AWS profile of an account."""
    return typer.Option(
        metavar="NAME",
        help=f"AWS profile, or MESH_PROFILE_{account.upper()}.",
        rich_help_panel=_ON_AWS,
        show_default=False,
    )


def stack_of(account: str) -> Any:  # noqa: ANN401 - as typer.Option
    """The option that names the stack of an account."""
    return typer.Option(
        metavar="NAME",
        help=f"Stack, or MESH_STACK_{account.upper()}.",
        rich_help_panel=_ON_AWS,
        show_default=False,
    )


def show_version(wanted: bool) -> None:
    """Print the version and exit."""
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - the start of every other command does without

        typer.echo(f"mesh {version('meshwork')}")
        raise typer.Exit


@app.callback(help=f"{TAGLINE} Upload a data product; every subscriber is notified.")
def options(
    *,
    profile_central: Annotated[str, profile_of("central")] = "",
    profile_producer: Annotated[str, profile_of("producer")] = "",
    profile_consumer: Annotated[str, profile_of("consumer")] = "",
    stack_central: Annotated[str, stack_of("central")] = "",
    stack_producer: Annotated[str, stack_of("producer")] = "",
    stack_consumer: Annotated[str, stack_of("consumer")] = "",
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """Options given before the command win over the environment, where everything below reads them."""
    given = {
        "MESH_PROFILE_CENTRAL": profile_central,
        "MESH_PROFILE_PRODUCER": profile_producer,
        "MESH_PROFILE_CONSUMER": profile_consumer,
        "MESH_STACK_CENTRAL": stack_central,
        "MESH_STACK_PRODUCER": stack_producer,
        "MESH_STACK_CONSUMER": stack_consumer,
    }
    os.environ.update({name: value for name, value in given.items() if value})
