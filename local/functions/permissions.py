"""What Lambda asks of a function's role and MiniStack does not: when it is created, given a queue, or has failed."""

import logging
from collections.abc import Callable
from typing import Any, Final

from ministack.core.responses import error_response_json
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from local import policies, roles

SERVICE: Final = "lambda.amazonaws.com"
_DESTINATIONS: Final = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}
_QUEUE_ACTIONS: Final = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")

logger = logging.getLogger("mesh.functions")

type Check = Callable[[dict[str, Any]], str]
"""Why a request's properties are refused; empty when they are not."""


def install() -> None:
    """Refuse, through the API and through CloudFormation, what AWS refuses."""
    lambda_svc._create_function = _checked_action(lambda_svc._create_function, _role_refusal)
    lambda_svc._create_esm = _checked_action(lambda_svc._create_esm, _queue_refusal)
    lambda_svc._route_async_failure = _as_the_role(lambda_svc._route_async_failure)
    for resource_type, check in (
        ("AWS::Lambda::Function", _role_refusal),
        ("AWS::Lambda::EventSourceMapping", _queue_refusal),
    ):
        handler = provisioners._RESOURCE_HANDLERS[resource_type]
        handler["create"] = _checked_resource(handler["create"], check)


def _role_refusal(properties: dict[str, Any]) -> str:
    try:
        roles.check_trust(properties.get("Role", ""), SERVICE)
    except (roles.CannotAssumeRoleError, IndexError):
        return "The role defined for the function cannot be assumed by Lambda."
    return ""


def _queue_refusal(properties: dict[str, Any]) -> str:
    source = properties.get("EventSourceArn", "")
    if source.split(":")[2:3] != ["sqs"]:
        return ""
    function = lambda_svc._get_func_record_for_ref(properties.get("FunctionName", ""))[1]
    role = (function or {}).get("Role", "")
    for action in _QUEUE_ACTIONS:
        if role and not policies.role_allows(role, SERVICE, f"sqs:{action}", source):
            return f"The function execution role does not have permissions to call {action} on SQS"
    return ""


def _as_the_role(route: Callable[..., None]) -> Callable[..., None]:
    """What failed goes to its destination with the rights of the function's role, or nowhere.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """

    def routed(target_arn: str, function: str, *more: Any) -> None:  # noqa: ANN401
        role = (lambda_svc._get_func_record_for_ref(function)[1] or {}).get("Role", "")
        action = _DESTINATIONS.get(target_arn.split(":")[2], "")
        if role and action and policies.role_allows(role, SERVICE, action, target_arn):
            route(target_arn, function, *more)
        else:
            logger.error("%s of %s may not %s on %s: the event is lost", role, function, action, target_arn)

    return routed


def _checked_action(act: Callable[..., Any], check: Check) -> Callable[..., Any]:
    def checked(data: dict[str, Any], *arguments: Any) -> Any:  # noqa: ANN401
        refusal = check(data)
        if refusal:
            return error_response_json("InvalidParameterValueException", refusal, 400)
        return act(data, *arguments)

    return checked


def _checked_resource(create: Callable[..., Any], check: Check) -> Callable[..., Any]:
    def checked(logical_id: str, properties: dict[str, Any], *arguments: Any) -> Any:  # noqa: ANN401
        refusal = check(properties)
        if refusal:
            # CloudFormation shows the exception's text as the resource's failure.
            raise ValueError(f"{refusal} (Service: Lambda, Status Code: 400)")
        return create(logical_id, properties, *arguments)

    return checked
