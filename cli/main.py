"""The `mesh` command."""

import os
import sys
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from mesh.domain.errors import MeshError as ProductError

from cli import demo, mesh_commands, tracing
from cli.access import approvals, explain, grants, query, request, revoke
from cli.contracts import contract, products
from cli.governance import doctor, reconcile
from cli.lineage import lineage
from cli.membership import members
from cli.onboarding import quarantine, recipe, uploads
from cli.output import CommandFailed, fail
from cli.publishing import history, notices, pin, rollback, subscriptions, withdraw
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
for part in (
    *(
        mesh_commands,
        members,
        products,
        history,
        lineage,
        rollback,
        pin,
        withdraw,
        uploads,
        quarantine,
        subscriptions,
        notices,
    ),
    *(request, grants, approvals, revoke, reconcile, explain, query, tracing, doctor, demo, contract, recipe),
):
    part.register(app)

Profile = Annotated[str, typer.Option(help="AWS profile of that account; or the variable MESH_PROFILE_<ACCOUNT>.")]
Stack = Annotated[str, typer.Option(help="Its stack, when not meshwork-<account>; or MESH_STACK_<ACCOUNT>.")]


@app.callback()
def choose(
    *,
    profile_central: Profile = "",
    profile_producer: Profile = "",
    profile_consumer: Profile = "",
    stack_central: Stack = "",
    stack_producer: Stack = "",
    stack_consumer: Stack = "",
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


def main() -> None:
    """Entry point: errors that a user can act on are one message and exit code 1, never a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except (MeshError, SessionError, RuntimeEnvironmentError, CommandFailed) as error:
        failed = error if isinstance(error, CommandFailed) else CommandFailed(str(error))
        fail(failed, as_json="--json" in sys.argv)
        sys.exit(1)
    except ProductError as error:
        fail(CommandFailed.refusal(error.to_dict()), as_json="--json" in sys.argv)
        sys.exit(1)
    except (BotoCoreError, ClientError) as error:
        fail(aws_failure(error), as_json="--json" in sys.argv)
        sys.exit(1)


def aws_failure(error: BotoCoreError | ClientError) -> CommandFailed:
    """AWS's own answer, with its code and the operation, and where to look next."""
    code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else type(error).__name__
    denied = code.startswith(("AccessDenied", "Unauthorized", "NotAuthorized", "ExpiredToken", "InvalidClientToken"))
    remedy = "act as a role that may: --role NAME, or check the credentials" if denied else "mesh doctor"
    return CommandFailed(str(error), code=code, remedy=remedy)


if __name__ == "__main__":
    main()
