"""The DataBrew API over the modules beside it: a REST-JSON service with names in its paths."""

import functools
import re
from urllib.parse import unquote

from local.databrew import jobs, recipes
from local.databrew.store import LOCK
from local.lakeformation.identity import Identity, request_identity
from local.lakeformation.protocol import (
    Answer,
    AwsError,
    Json,
    Operation,
    error_answer,
    json_answer,
    rest_input,
    service_model,
    validate,
)
from local.lakeformation.service_registry import Request

OPERATIONS: dict[str, Operation[Identity]] = recipes.OPERATIONS | jobs.OPERATIONS
_KINDS = {"recipes": "recipe", "datasets": "dataset", "jobs": "job", "recipeJobs": "job"}
_LABEL = re.compile(r"\{(\w+)\}")


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
) -> Answer:
    """Serve one call in MiniStack's handler protocol: `(status, headers, body)`."""
    try:
        name, named = _route(method, path)
        operation = service_model("databrew").operation_model(name)
        params: Json = rest_input(operation, body, query_params) | named
        validate(operation.input_shape, params, "ValidationException")
        if name not in OPERATIONS:
            raise AwsError("UnknownOperationException", f"{name} is not emulated", 501)
        with LOCK:
            answer = OPERATIONS[name](request_identity(headers, query_params), params)
        shown = operation.output_shape.members if operation.output_shape else {}
        return json_answer({member: value for member, value in answer.items() if member in shown})
    except AwsError as error:
        return error_answer(error)


def resource_arn(request: Request) -> str | None:
    """What IAM is asked about: the recipe, dataset or job in the path. What is being created has no ARN yet.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsgluedatabrew.html
    """
    parts = request.path.strip("/").split("/")
    if len(parts) < 2 or parts[0] not in _KINDS:
        return "*"
    return f"arn:aws:databrew:{request.region}:{request.account}:{_KINDS[parts[0]]}/{unquote(parts[1])}"


def _route(method: str, path: str) -> tuple[str, Json]:
    """The operation's name, and what the path names."""
    for verb, pattern, members, name in _routes():
        if verb == method and (match := pattern.fullmatch(path.rstrip("/"))):
            return name, dict(zip(members, map(unquote, match.groups()), strict=True))
    raise AwsError("UnknownOperationException", f"{method} {path} is not an operation of databrew", 404)


@functools.cache
def _routes() -> list[tuple[str, re.Pattern[str], list[str], str]]:
    model, routes = service_model("databrew"), []
    for name in model.operation_names:
        operation = model.operation_model(name)
        shape = operation.input_shape
        places = {member.serialization.get("name", key): key for key, member in shape.members.items()} if shape else {}
        uri = operation.http["requestUri"]
        members = [places[label] for label in _LABEL.findall(uri)]
        routes.append((operation.http["method"], re.compile(_LABEL.sub("([^/]+)", uri)), members, name))
    return routes
