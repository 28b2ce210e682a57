"""Replaces MiniStack's parts with ours."""

import json
from typing import Any

from ministack.services import eventbridge, lambda_svc
from ministack.services.cloudformation import provisioners

from local.events.bus import Buses
from local.events.delivery import Deliveries
from local.options import ServerOptions


def install(options: ServerOptions) -> None:
    """Buses across accounts, checked deliveries, a bus's `Policy` property. Once per process."""
    eventbridge._put_events = Buses().put_events
    eventbridge._invoke_target = Deliveries(options).invoke_target
    eventbridge._put_permission = _put_permission(eventbridge._put_permission)
    lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS = 60 * options.wait_scale
    lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS = 120 * options.wait_scale
    handler = provisioners._RESOURCE_HANDLERS["AWS::Events::EventBus"]
    handler["create"] = _with_policy(handler["create"], lambda arguments: arguments[1])
    handler["update"] = _with_policy(handler["update"], lambda arguments: arguments[2])


def _with_policy(provision: Any, properties: Any) -> Any:  # noqa: ANN401
    """`AWS::Events::EventBus` has a `Policy`, which MiniStack's provisioner passes over."""

    def provision_with_policy(*arguments: Any) -> Any:  # noqa: ANN401
        answer = provision(*arguments)
        _set_policy(answer[0], properties(arguments).get("Policy"))
        return answer

    return provision_with_policy


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
