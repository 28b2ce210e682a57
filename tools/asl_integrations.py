"""Tasks against botocore's service models: does the action exist, are its arguments right, does that error exist?

`Arguments` may hold JSONata (`{% … %}`) anywhere: such a value is taken to fit; all that is static is checked. Names:
Step Functions Developer Guide, "Integrating with AWS SDKs" (PascalCase members; errors carry the names of the
AWS SDK for Java 2.x, which end in `Exception`).
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

PREFIX: Final = "arn:aws:states:::"
# Optimized integrations: service of the ARN → botocore's name, prefix of its errors.
_OPTIMIZED: Final = {
    "lambda": ("lambda", "Lambda"),
    "events": ("events", "EventBridge"),
    "sns": ("sns", "SNS"),
    "sqs": ("sqs", "SQS"),
    "states": ("stepfunctions", "StepFunctions"),
    "dynamodb": ("dynamodb", "DynamoDB"),
    "glue": ("glue", "Glue"),
}
# aws-sdk integrations: where the ARN's service is not botocore's name.
_SDK_NAMES: Final = {"sfn": "stepfunctions", "eventbridge": "events"}
_SDK_PREFIXES: Final = {
    "dynamodb": "DynamoDb",
    "sfn": "Sfn",
    "lakeformation": "LakeFormation",
    "eventbridge": "EventBridge",
}
# Members that are a JSON text in the API and take an object in an optimized integration.
_TAKE_OBJECTS: Final = frozenset({"payload", "input", "detail", "message", "messagebody"})
# Every AWS service may answer so, whatever its model lists; the SDK itself raises the second.
_COMMON_ERRORS: Final = frozenset({"ThrottlingException", "SdkClientException"})
_LAMBDA_ERRORS: Final = frozenset({"ClientExecutionTimeoutException", "AWSLambdaException", "Unknown"})
_STATES_ERRORS: Final = frozenset(
    """
    States.ALL States.BranchFailed States.DataLimitExceeded
    States.ExceedToleratedFailureThreshold States.HeartbeatTimeout States.Http.Socket States.ItemReaderFailed
    States.Permissions States.QueryEvaluationError States.ResultWriterFailed States.Runtime States.TaskFailed
    States.Timeout
    """.split()
)
_RUNTIME_ERRORS: Final = frozenset(
    {"MemoryError", "Runtime.ExitError", "Runtime.ImportModuleError", "Sandbox.Timedout"}
)


class Integration(NamedTuple):
    """A Task's `Resource`, taken apart. `pattern`: "", "sync" or "waitForTaskToken"."""

    service: str
    error_prefix: str
    action: str
    pattern: str


def parse_resource(resource: str) -> Integration | None:
    """The integration behind a Task's `Resource`; `None` for an ARN that Step Functions does not integrate."""
    if not resource.startswith(PREFIX):
        return None
    path, _, pattern = resource.removeprefix(PREFIX).partition(".")
    match path.split(":"):
        case ["aws-sdk", service, action]:
            prefix = _SDK_PREFIXES.get(service, service.capitalize())
            return Integration(_SDK_NAMES.get(service, service), prefix, action, pattern)
        case [service, action] if service in _OPTIMIZED:
            return Integration(*_OPTIMIZED[service], action, pattern)
    return None


def argument_faults(integration: Integration, arguments: Mapping[str, Any]) -> Iterator[str]:
    """What the service would refuse: an unknown action, unknown or missing members, wrong types and lengths."""
    operation = _operation(integration)
    if operation is None:
        yield f"{integration.service} has no action {integration.action}"
        return
    if integration.pattern == "waitForTaskToken" and "$states.context.Task.Token" not in str(arguments):
        yield "waits for a task token, but hands none on"
    for name in arguments:
        if not name[:1].isupper():
            yield f"{name}: members of Arguments are in PascalCase"
    shape = operation.input_shape
    if shape is not None:
        report = ParamValidator().validate(_filled(shape, arguments, ""), shape)
        if report.has_errors():
            yield from report.generate_report().splitlines()


def is_known_error(name: str) -> bool:
    """Whether Step Functions or an AWS service can raise an error of that name."""
    if name in _STATES_ERRORS or name in _RUNTIME_ERRORS:
        return True
    prefix, _, code = name.partition(".")
    service = _service_of_prefix(prefix)
    if service is None or not code:
        return False
    own = {"EventBridge": {"FailedEntry"}, "Lambda": _LAMBDA_ERRORS}.get(prefix, frozenset())
    return code in _COMMON_ERRORS or code in own or code in _error_names(service)


def is_dynamic(value: object) -> bool:
    """Whether a value is JSONata."""
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def _service_of_prefix(prefix: str) -> str | None:
    for service, known in _OPTIMIZED.values():
        if known == prefix:
            return service
    sdk = next((name for name, known in _SDK_PREFIXES.items() if known == prefix), prefix.lower())
    service = _SDK_NAMES.get(sdk, sdk)
    return service if service in _session().get_available_services() else None


@cache
def _error_names(service: str) -> frozenset[str]:
    names = [shape.name for shape in _model(service).error_shapes]
    return frozenset(name if name.endswith("Exception") else f"{name}Exception" for name in names)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def _model(service: str) -> ServiceModel:
    return _session().get_service_model(service)


def _operation(integration: Integration) -> OperationModel | None:
    name = integration.action[:1].upper() + integration.action[1:]
    model = _model(integration.service)
    return model.operation_model(name) if name in model.operation_names else None


def _filled(shape: Shape, value: Any, name: str) -> Any:  # noqa: ANN401 - a JSON value
    """The value with JSONata replaced by something that fits, and members named as botocore names them."""
    if is_dynamic(value):
        return _placeholder(shape)
    if isinstance(value, dict) and name.lower() in _TAKE_OBJECTS:
        return _placeholder(shape)
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {member.lower(): member for member in shape.members}
        named = {members.get(key.lower(), key): item for key, item in value.items()}
        return {
            key: _filled(shape.members[key], item, key) if key in shape.members else item for key, item in named.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_filled(shape.member, item, "") for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _filled(shape.value, item, "") for key, item in value.items()}
    return value


def _placeholder(shape: Shape) -> Any:  # noqa: ANN401 - a value of the shape's type
    if isinstance(shape, StructureShape):
        return {member: _placeholder(shape.members[member]) for member in shape.required_members}
    if isinstance(shape, ListShape):
        return [_placeholder(shape.member)] * shape.metadata.get("min", 0)
    if isinstance(shape, MapShape):
        return {}
    if isinstance(shape, StringShape):
        return "x" * max(shape.metadata.get("min", 1), 1)
    return {"boolean": True, "blob": b"", "timestamp": 0, "double": 0.0, "float": 0.0}.get(
        shape.type_name, shape.metadata.get("min", 0)
    )
