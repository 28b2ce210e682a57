"""Replaces MiniStack's parts with ours."""

import json
from collections.abc import Callable
from typing import Any

from ministack.services import eventbridge, lambda_svc, sns
from ministack.services.cloudformation import provisioners

from local.events import topics
from local.events.bus import Buses
from local.events.delivery import Deliveries
from local.options import ServerOptions


def install(options: ServerOptions) -> None:
    """Buses across accounts, checked deliveries; properties of buses and topics. Once per process."""
    eventbridge._put_events = Buses().put_events
    eventbridge._invoke_target = Deliveries(options).invoke_target
    eventbridge._put_permission = _put_permission(eventbridge._put_permission)
    lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS = 60 * options.wait_scale
    lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS = 120 * options.wait_scale
    topics.install()
    _also("AWS::Events::EventBus", lambda name, properties: _set_policy(name, properties.get("Policy")))
    _also("AWS::SNS::Topic", _complete_topic)


def _also(kind: str, complete: Callable[[str, dict[str, Any]], None]) -> None:
    """What MiniStack's provisioner of that kind passes over: `complete` gets the physical id and the properties."""

    def completed(provision: Any, position: int) -> Any:  # noqa: ANN401
        def provision_and_complete(*arguments: Any) -> Any:  # noqa: ANN401
            answer = provision(*arguments)
            complete(answer[0], arguments[position])
            return answer

        return provision_and_complete

    handler = provisioners._RESOURCE_HANDLERS[kind]
    handler["create"] = completed(handler["create"], 1)
    handler["update"] = completed(handler["update"], 2)


def _complete_topic(arn: str, properties: dict[str, Any]) -> None:
    """Its key; and its default policy is for its own account alone.

    https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
    """
    attributes = sns._topics[arn]["attributes"]
    attributes["KmsMasterKeyId"] = properties.get("KmsMasterKeyId", "")
    policy = json.loads(attributes["Policy"])
    if policy.get("Id") == "__default_policy_ID":
        for statement in policy["Statement"]:
            statement["Condition"] = {"StringEquals": {"AWS:SourceOwner": attributes["Owner"]}}
        attributes["Policy"] = json.dumps(policy)


def _set_policy(bus_name: str, policy: Any) -> None:  # noqa: ANN401
    if not policy:
        eventbridge._event_bus_policies.pop(bus_name, None)
        return
    eventbridge._event_bus_policies[bus_name] = json.loads(policy) if isinstance(policy, str) else policy


def _put_permission(put_statement: Any) -> Any:  # noqa: ANN401
    """PutPermission takes a whole `Policy` too."""

    def put_permission(data: dict[str, Any]) -> Any:  # noqa: ANN401
        if "Policy" not in data:
            return put_statement(data)
        _set_policy(data.get("EventBusName", "default"), data["Policy"])
        return eventbridge.json_response({})

    return put_permission
