"""Errors as people see them: what happened, where, and what to do next."""

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError
from mesh.domain.errors import MeshError as ProductError

from cli.output import CommandFailed
from cli.session import SessionError
from local import mesh
from local.mesh import MeshError
from local.runtime import RuntimeEnvironmentError


def failure_of(error: Exception) -> CommandFailed | None:
    """The failure to show; None for a fault of the program's own."""
    if lost := mesh.crashed_behind(str(error)):
        return CommandFailed(lost.down())
    match error:
        case CommandFailed():
            return error
        case MeshError() | SessionError() | RuntimeEnvironmentError():
            return CommandFailed(str(error))
        case ProductError():
            return CommandFailed.refusal(error.to_dict())
        case S3UploadFailedError(__context__=ClientError() as said):
            return aws_failure(said)
        case BotoCoreError() | ClientError():
            return aws_failure(error)
        case _:
            return None


def aws_failure(error: BotoCoreError | ClientError) -> CommandFailed:
    """AWS's own answer, with its code and the operation, and where to look next."""
    code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else type(error).__name__
    denied = code.startswith(("AccessDenied", "Unauthorized", "NotAuthorized", "ExpiredToken", "InvalidClientToken"))
    remedy = "use a role that is allowed to (--as ROLE), or check the credentials" if denied else "mesh doctor"
    return CommandFailed(str(error), code=code, remedy=remedy)
