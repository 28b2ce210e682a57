"""The `mesh` command."""

import sys

import typer

from cli import mesh_commands
from cli.session import SessionError
from local.mesh import MeshError
from local.runtime import RuntimeEnvironmentError

app = typer.Typer(
    name="mesh",
    help="An event-driven, serverless data mesh on AWS: upload a data product, every subscribed consumer is told.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
mesh_commands.register(app)


def main() -> None:
    """Entry point: errors that a user can act on are one message and exit code 1, never a traceback."""
    try:
        app()
    except (MeshError, SessionError, RuntimeEnvironmentError) as error:
        print(f"mesh: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
