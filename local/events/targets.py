"""One delivery of one event to one target, with the permissions AWS asks for."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from ministack.core.arn import parse_arn
from ministack.core.responses import new_uuid, request_scope
from ministack.services import eventbridge, lambda_svc, sns, sqs

from local import policies, roles
from local.clients import Clients
from local.events import bus
from local.options import ServerOptions

SERVICE: Final = "events.amazonaws.com"


class DeliveryError(Exception):
    """`code` is EventBridge's own, as in a dead letter's `ERROR_CODE`; only `retryable` ones are tried again."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


@dataclass(frozen=True)
class Delivery:
    """`account` and `region` are the rule's; `event` is MiniStack's record of the event."""

    rule: dict[str, Any]
    target: dict[str, Any]
    event: dict[str, Any]
    payload: str
    account: str
    region: str
    path: tuple[str, ...] = field(default=())

    @property
    def rule_arn(self) -> str:
        return str(self.rule["Arn"])

    @property
    def target_arn(self) -> str:
        return str(self.target["Arn"])


class Targets:
    """Delivers to functions, queues, topics, state machines and other buses."""

    def __init__(self, options: ServerOptions) -> None:
        self._clients = Clients(options.endpoint)

    def deliver(self, delivery: Delivery) -> None:
        """Raises `DeliveryError`."""
        service = delivery.target_arn.split(":")[2]
        with request_scope(delivery.target_arn.split(":")[4], delivery.region):
            match service:
                case "lambda":
                    _to_function(delivery)
                case "sqs":
                    _to_queue(delivery)
                case "sns":
                    self._to_topic(delivery)
                case "events":
                    _to_bus(delivery)
                case "states":
                    self._to_state_machine(delivery)
                case _:
                    raise DeliveryError("UNSUPPORTED_TARGET", f"{service} is not a target of the local mesh")

    def _to_state_machine(self, delivery: Delivery) -> None:
        if not delivery.target.get("RoleArn"):
            raise DeliveryError("NO_PERMISSIONS", f"rule {delivery.rule_arn} has no RoleArn for {delivery.target_arn}")
        name = f"{delivery.event.get('EventId', new_uuid())}_{new_uuid()}"[:80]
        arguments = {"stateMachineArn": delivery.target_arn, "name": name, "input": delivery.payload}
        self._as_the_targets_role(delivery, "stepfunctions", "start_execution", arguments)

    def _to_topic(self, delivery: Delivery) -> None:
        """As the target's role, where it has one, or as the service, which the topic and its key must admit then.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
        """
        if not delivery.target.get("RoleArn"):
            _publish(delivery)
            return
        arguments = {"TopicArn": delivery.target_arn, "Message": delivery.payload}
        self._as_the_targets_role(delivery, "sns", "publish", arguments)

    def _as_the_targets_role(self, delivery: Delivery, service: str, operation: str, arguments: dict[str, str]) -> None:
        """Through the API: the call is checked and recorded like any other."""
        try:
            keys = roles.credentials(delivery.target["RoleArn"], SERVICE, "EventBridge", delivery.rule_arn)
        except roles.CannotAssumeRoleError as error:
            raise DeliveryError("NO_PERMISSIONS", str(error)) from error
        client = self._clients.get(service, delivery.region, keys)
        try:
            getattr(client, operation)(**arguments)
        except ClientError as error:
            raise _of_client_error(error) from error
        except BotoCoreError as error:
            raise DeliveryError("SDK_CLIENT_ERROR", str(error), retryable=True) from error


def _of_client_error(error: ClientError) -> DeliveryError:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if "AccessDenied" in code or code == "AuthorizationError":
        return DeliveryError("NO_PERMISSIONS", message)
    if code in {"StateMachineDoesNotExist", "NotFound"}:
        return DeliveryError("NO_RESOURCE", message)
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return DeliveryError(
        "THROTTLING" if "hrottl" in code else "SDK_CLIENT_ERROR", message, retryable=status >= 500 or "hrottl" in code
    )


def _require(allowed: bool, delivery: Delivery, action: str) -> None:
    if not allowed:
        message = f"{SERVICE} is not authorized to perform {action} on {delivery.target_arn} for {delivery.rule_arn}"
        raise DeliveryError("NO_PERMISSIONS", message)


def _require_found(found: object, delivery: Delivery) -> None:
    if not found:
        raise DeliveryError("NO_RESOURCE", f"{delivery.target_arn} does not exist")


def _to_function(delivery: Delivery) -> None:
    record, config, _ = lambda_svc._get_func_record_for_ref(delivery.target_arn)
    _require_found(record and config, delivery)
    unqualified = ":".join(delivery.target_arn.split(":")[:7])
    policy, _ = lambda_svc.function_policy_for_arn(unqualified)
    allowed = policies.resource_allows_service(
        policy, "lambda:InvokeFunction", delivery.target_arn, SERVICE, delivery.rule_arn
    )
    _require(allowed, delivery, "lambda:InvokeFunction")
    # Asynchronous, as on AWS: Lambda retries and has its own failure destination.
    lambda_svc.invoke_async_with_retry(
        lambda_svc._execution_record_for_config(record, config), json.loads(delivery.payload)
    )


def _to_queue(delivery: Delivery) -> None:
    found = sqs.queue_policy_for_arn(delivery.target_arn)
    _require_found(found, delivery)
    allowed = policies.resource_allows_service(
        found[0], "sqs:SendMessage", delivery.target_arn, SERVICE, delivery.rule_arn
    )
    _require(allowed, delivery, "sqs:SendMessage")
    eventbridge._dispatch_to_sqs(
        parse_arn(delivery.target_arn), delivery.payload, delivery.target.get("SqsParameters") or {}
    )


def _publish(delivery: Delivery) -> None:
    found = sns.topic_policy_for_arn(delivery.target_arn)
    _require_found(found, delivery)
    allowed = policies.resource_allows_service(found[0], "sns:Publish", delivery.target_arn, SERVICE, delivery.rule_arn)
    _require(allowed, delivery, "sns:Publish")
    key = sns._topic_by_arn_any_scope(delivery.target_arn)["attributes"].get("KmsMasterKeyId")
    _require(
        not key or policies.topic_key_allows_service(key, SERVICE, delivery.rule_arn), delivery, "kms:GenerateDataKey*"
    )
    try:
        sns.publish_internal(delivery.target_arn, delivery.payload)
    except sns.SnsPublishError as error:
        raise DeliveryError("SDK_CLIENT_ERROR", str(error)) from error


def _to_bus(delivery: Delivery) -> None:
    """To another bus as the rule's role; what came from another account goes no further than one hop."""
    role_arn = delivery.target.get("RoleArn") or ""
    account, region, name = bus.parts(delivery.target_arn)
    allowed = role_arn and policies.role_allows(
        role_arn, SERVICE, "events:PutEvents", delivery.target_arn, delivery.rule_arn
    )
    _require(bool(allowed), delivery, "events:PutEvents")
    sender = delivery.event["Account"]
    if delivery.account not in (sender, account):
        raise DeliveryError("NOT_FORWARDED", "an event received from another account is not sent to a third one")
    if account == delivery.account:
        with request_scope(account, region):
            _require_found(name in eventbridge._event_buses, delivery)
    entry = {
        "EventBusName": delivery.target_arn,
        "Source": delivery.event["Source"],
        "DetailType": delivery.event["DetailType"],
    }
    caller = f"arn:aws:sts::{delivery.account}:assumed-role/{role_arn.rsplit('/', 1)[-1]}/delivery"
    _require(bus.may_put(entry, caller), delivery, "events:PutEvents")
    bus.dispatch({**delivery.event, "_DispatchPath": list(delivery.path)}, delivery.target_arn)
