"""AWS's JSON protocols from botocore's own service models: parse, validate, answer.

A service emulated here is a table of operations; each takes the caller and the validated input and returns the
output structure or raises `AwsError`.
"""

import functools
import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

type Json = dict[str, Any]
type Answer = tuple[int, dict[str, str], bytes]


class AwsError(Exception):
    """An error as AWS's API names it: `code` is the exception shape's name, `status` the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def access_denied(message: str) -> AwsError:
    return AwsError("AccessDeniedException", message)


def invalid_input(message: str) -> AwsError:
    return AwsError("InvalidInputException", message)


def not_found(message: str) -> AwsError:
    return AwsError("EntityNotFoundException", message)


@functools.cache
def service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def validate(shape: Shape | None, params: Json, code: str = "InvalidInputException") -> None:
    """Check `params` against an input shape: members, types, lengths, enumerations.

    Raises:
        AwsError: `code`, naming every offending member as AWS does.
    """
    if shape is None:
        return
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        raise AwsError(code, f"1 validation error detected: {report.generate_report()}")
    found = list(_violations(shape, params, ""))
    if found:
        raise AwsError(code, f"{len(found)} validation error(s) detected: {'; '.join(found)}")


def _violations(shape: Shape, value: Any, at: str) -> list[str]:  # noqa: ANN401  (what JSON has there)
    """What botocore's client-side validator leaves to the service: maximum lengths and enumerations."""
    found: list[str] = []
    match shape:
        case StructureShape():
            for name, member in shape.members.items():
                if value.get(name) is not None:
                    found += _violations(member, value[name], f"{at}.{name}".lstrip("."))
        case ListShape():
            found += _too_long(shape, value, at)
            for item in value:
                found += _violations(shape.member, item, at)
        case MapShape():
            for item in value.values():
                found += _violations(shape.value, item, at)
        case StringShape():
            found += _too_long(shape, value, at)
            if shape.enum and value not in shape.enum:
                found.append(
                    f"Value '{value}' at '{at}' failed to satisfy constraint: "
                    f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
                )
    return found


def _too_long(shape: Shape, value: str | list[object], at: str) -> list[str]:
    limit = shape.metadata.get("max")
    if limit is None or len(value) <= limit:
        return []
    return [f"Value at '{at}' failed to satisfy constraint: Member must have length less than or equal to {limit}"]


def json_answer(output: Json, content_type: str = "application/json") -> Answer:
    """Encode an output structure; timestamps become epoch seconds, as both JSON protocols have them."""
    return 200, _headers(content_type), json.dumps(output, default=_encode).encode()


def error_answer(error: AwsError, content_type: str = "application/json") -> Answer:
    body = {"__type": error.code, "message": error.message, "Message": error.message}
    return error.status, {**_headers(content_type), "x-amzn-errortype": error.code}, json.dumps(body).encode()


def _headers(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "x-amzn-requestid": str(uuid.uuid4())}


def _encode(value: object) -> float | list[object]:
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def rest_operation(service: str, method: str, path: str) -> OperationModel:
    """The operation of a REST-JSON service that `method path` calls.

    Raises:
        AwsError: `UnknownOperationException`.
    """
    name = _rest_routes(service).get((method, path.rstrip("/")))
    if name is None:
        raise AwsError("UnknownOperationException", f"{method} {path} is not an operation of {service}", 404)
    return service_model(service).operation_model(name)


@functools.cache
def _rest_routes(service: str) -> Mapping[tuple[str, str], str]:
    model = service_model(service)
    operations = (model.operation_model(name) for name in model.operation_names)
    return {(op.http["method"], op.http["requestUri"].rstrip("/")): op.name for op in operations}


def rest_input(operation: OperationModel, body: bytes, query: Mapping[str, Any]) -> Json:
    """The input structure of a REST-JSON call: the body's members and those the model puts in the query string."""
    params = load_json(body)
    for name, shape in operation.input_shape.members.items() if operation.input_shape else ():
        key = shape.serialization.get("name", name)
        if shape.serialization.get("location") == "querystring" and key in query:
            raw = query[key]
            params[name] = raw[0] if isinstance(raw, list) else raw
    return params


def load_json(body: bytes) -> Json:
    try:
        params = json.loads(body) if body else {}
    except ValueError as error:
        raise AwsError("SerializationException", f"The request body is not JSON: {error}") from error
    if not isinstance(params, dict):
        raise AwsError("SerializationException", "The request body is not a JSON object")
    return params


def page[T](items: list[T], params: Json, size: int = 100) -> tuple[list[T], Json]:
    """One page of `items` and the output's `NextToken`, if there is more; tokens are offsets."""
    token = params.get("NextToken") or params.get("nextToken") or "0"
    if not re.fullmatch(r"\d+", token):
        raise invalid_input("Invalid NextToken")
    start, count = int(token), params.get("MaxResults") or params.get("maxResults") or size
    rest: Json = {"NextToken": str(start + count)} if start + count < len(items) else {}
    return items[start : start + count], rest


type Operation[C] = Callable[[C, Json], Json]
