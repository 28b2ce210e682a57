"""Service integrations: a Task's resource and arguments become one AWS call of the execution's role."""

import contextvars
import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any, Final

import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError, UnknownServiceError
from ministack.services import stepfunctions
from ministack.services.stepfunctions import _ExecutionError as TaskError

from local import roles
from local.clients import Clients
from local.options import ServerOptions
from local.states.naming import BOTO_NAMES, from_api, to_api
from local.values import Client, Json

# Optimized integrations answer with the names of the first Java SDK: prefix, and the class for errors it knows not.
_OPTIMIZED: Final = {
    "dynamodb": ("DynamoDB", "AmazonDynamoDBException"),
    "events": ("EventBridge", "EventBridgeException"),
    "lambda": ("Lambda", "AWSLambdaException"),
    "sns": ("SNS", "AmazonSNSException"),
    "sqs": ("SQS", "AmazonSQSException"),
    "states": ("StepFunctions", "AWSStepFunctionsException"),
}
# Arguments that take any JSON and go out as text.
_JSON_ARGUMENTS: Final = {"sns": "Message", "sqs": "MessageBody", "states": "Input"}
_POLL_SECONDS: Final = 0.1

_calling: contextvars.ContextVar[str] = contextvars.ContextVar("calling_execution", default="")


@dataclass(frozen=True)
class Task:
    """One attempt of a Task state: `action` is camelCase as in the ARN, `pattern` is "", "sync", "sync:2"."""

    role_arn: str
    execution_arn: str
    region: str
    service: str
    action: str
    optimized: bool
    pattern: str = ""

    @property
    def machine_arn(self) -> str:
        return self.execution_arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]


class Integrations:
    """Calls as the execution's role; botocore checks arguments and signs."""

    def __init__(self, options: ServerOptions) -> None:
        self._clients = Clients(options.endpoint, before_sign=_add_trace_header)

    def call(self, task: Task, arguments: Json) -> Json:
        """The state's result. Raises MiniStack's `_ExecutionError` with the error's name as AWS gives it."""
        if task.optimized and task.service == "lambda":
            return self._invoke(task, arguments)
        if task.optimized and task.service == "events":
            return self._put_events(task, arguments)
        result = self._api(task, _as_text(task, arguments))
        if task.pattern:
            return self._wait_for_execution(task, result["ExecutionArn"])
        return result

    def invoke_function(self, task: Task, function_arn: str, payload: Json) -> Json:
        """A Task whose resource is the function itself: its result is the function's alone."""
        return self._invoke(task, {"FunctionName": function_arn, "Payload": payload})["Payload"]

    def _api(self, task: Task, arguments: Json) -> Json:
        client = self._client(task)
        operation = client.meta.service_model.operation_model(task.action[:1].upper() + task.action[1:])
        parameters = arguments if task.optimized and task.service != "states" else None
        if parameters is None:
            parameters = to_api(arguments, operation.input_shape)
        answer = self._send(task, client, operation.name, parameters)
        return from_api(answer, operation.output_shape, optimized=task.optimized)

    def _send(self, task: Task, client: Client, operation: str, parameters: dict[str, Any]) -> Json:
        _calling.set(task.execution_arn)
        try:
            return client._make_api_call(operation, parameters)
        except ParamValidationError as error:
            raise TaskError("States.Runtime", f"The arguments could not be used to start the task: {error}") from error
        except ClientError as error:
            raise TaskError(_error_name(task, client, error), _cause(error)) from error
        except BotoCoreError as error:
            raise TaskError(f"{_prefix(task)}.SdkClientException", str(error)) from error

    def _invoke(self, task: Task, arguments: dict[str, Any]) -> dict[str, Any]:
        client = self._client(task)
        parameters = {**arguments, "Payload": json.dumps(arguments.get("Payload", {})).encode()}
        answer = self._send(task, client, "Invoke", parameters)
        try:
            body = answer["Payload"].read()
        except BotoCoreError as error:  # the connection broke in the middle of it
            raise TaskError(f"{_prefix(task)}.SdkClientException", str(error)) from error
        payload = json.loads(body) if body else None
        if answer.get("FunctionError"):
            name = payload.get("errorType") if isinstance(payload, dict) else None
            raise TaskError(name or "Lambda.Unknown", json.dumps(payload))
        metadata = answer["ResponseMetadata"]
        return {
            "ExecutedVersion": answer.get("ExecutedVersion", "$LATEST"),
            "Payload": payload,
            "SdkHttpMetadata": {"HttpStatusCode": metadata["HTTPStatusCode"]},
            "SdkResponseMetadata": {"RequestId": metadata.get("RequestId", "")},
            "StatusCode": answer["StatusCode"],
        }

    def _put_events(self, task: Task, arguments: dict[str, Any]) -> Json:
        entries = [
            {**entry, "Detail": _text(entry["Detail"])} if "Detail" in entry else entry
            for entry in arguments.get("Entries", [])
        ]
        result = self._api(task, {**arguments, "Entries": entries})
        if result.get("FailedEntryCount"):
            raise TaskError("EventBridge.FailedEntry", json.dumps(result))
        return result

    def _wait_for_execution(self, task: Task, execution_arn: str) -> Json:
        """`.sync`: the state ends when the execution it started does. `.sync:2` gives its output as JSON."""
        client = self._client(task)
        while True:
            answer = self._send(task, client, "DescribeExecution", {"executionArn": execution_arn})
            if answer["status"] != "RUNNING":
                break
            time.sleep(_POLL_SECONDS)
        shape = client.meta.service_model.operation_model("DescribeExecution").output_shape
        result = from_api(answer, shape, optimized=True)
        if result["Status"] != "SUCCEEDED":
            raise TaskError("States.TaskFailed", json.dumps(result))
        if task.pattern == "sync:2":
            result["Output"] = json.loads(result["Output"])
        return result

    def _client(self, task: Task) -> Client:
        name = BOTO_NAMES.get(task.service, task.service)
        session_name = hashlib.sha256(task.role_arn.encode()).hexdigest()[:32]
        try:
            # Every time: a role whose trust was taken away stops working at once.
            keys = roles.credentials(task.role_arn, "states.amazonaws.com", session_name, task.machine_arn)
        except roles.CannotAssumeRoleError as error:
            raise TaskError("States.Runtime", str(error)) from error
        try:
            return self._clients.get(name, task.region, keys)
        except UnknownServiceError as error:
            raise TaskError("States.Runtime", f"no AWS service {task.service!r}") from error


def _add_trace_header(request: AWSRequest, **_: object) -> None:
    request.headers["X-Amzn-Trace-Id"] = trace_header(_calling.get())


def trace_header(execution_arn: str) -> str:
    """All calls of one execution, and of the functions it invokes, share a trace root in the record."""
    digest = hashlib.sha256(execution_arn.encode()).hexdigest()
    return f"Root=1-{digest[:8]}-{digest[8:32]}"


def _as_text(task: Task, arguments: dict[str, Any]) -> dict[str, Any]:
    name = _JSON_ARGUMENTS.get(task.service) if task.optimized else None
    return {**arguments, name: _text(arguments[name])} if name in arguments else arguments


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _prefix(task: Task) -> str:
    if task.optimized:
        return _OPTIMIZED[task.service][0]
    name = stepfunctions._AWS_SDK_ERROR_PREFIX.get(task.service)
    return str(name) if name else _service_id(task.service)


def _service_id(service: str) -> str:
    """The Java SDK's class prefix: `LakeFormation`, `Athena`, `Ram`."""
    model = botocore.session.get_session().get_service_model(BOTO_NAMES.get(service, service))
    words = model.service_id.replace("-", " ").split()
    return "".join(word.capitalize() if word.isupper() else word[:1].upper() + word[1:] for word in words)


def _error_name(task: Task, client: Client, error: ClientError) -> str:
    """`<Service>.<Class>` for an error the service's model has, else the service's base class. Classes of the Java SDK
    are named by the model's shape, not by the code on the wire, and end with `Exception`."""
    prefix = _prefix(task)
    code = error.response["Error"]["Code"].rsplit("#", 1)[-1].rsplit(".", 1)[-1]
    shapes = client.meta.service_model.error_shapes
    modelled = {shape.error_code: shape.name for shape in shapes} | {shape.name: shape.name for shape in shapes}
    if code in modelled:
        return f"{prefix}.{modelled[code].removesuffix('Exception')}Exception"
    return f"{prefix}.{_OPTIMIZED[task.service][1] if task.optimized else prefix + 'Exception'}"


def _cause(error: ClientError) -> str:
    """As the Java SDK words it."""
    metadata = error.response.get("ResponseMetadata", {})
    details = f"Status Code: {metadata.get('HTTPStatusCode')}, Request ID: {metadata.get('RequestId', '')}"
    code = error.response["Error"]["Code"]
    return f"{error.response['Error'].get('Message', '')} (Error Code: {code}, {details})"
