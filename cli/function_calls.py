"""Functions of the mesh that people may invoke themselves."""

import json
from collections.abc import Mapping
from typing import Any

from cli.mesh_context import MeshContext
from cli.output import CommandFailed
from cli.session import Account


def invoke(where: MeshContext, account: Account, output_name: str, order: Mapping[str, Any]) -> dict[str, Any]:
    """Invoke the function that this output of the account's stack names. Raises `CommandFailed` with its refusal."""
    function = where.output(account, output_name)
    answer = where.client(account, "lambda").invoke(FunctionName=function, Payload=json.dumps(order).encode())
    payload = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        raise refusal_of(payload, account)
    return dict(payload)


def refusal_of(payload: Any, account: Account = "central") -> CommandFailed:  # noqa: ANN401 - whatever it answered
    """A function's error as what it is: a refusal in the product's own form, or the failure's type and message."""
    message = payload.get("errorMessage", "") if isinstance(payload, dict) else str(payload)
    try:
        reason = json.loads(message)
    except ValueError:
        reason = None
    if isinstance(reason, dict) and {"code", "message"} <= set(reason):
        return CommandFailed.refusal(reason)
    code = payload.get("errorType", "") if isinstance(payload, dict) else ""
    return CommandFailed(message, code=code, remedy=f"see the function's log in the {account} account")
