"""Puts our parts in the place of MiniStack's."""

import contextvars
import json
from typing import Any

from ministack.services import eventbridge, lambda_svc, s3
from ministack.services.cloudformation import provisioners

from local.events.bus import Buses
from local.events.delivery import Deliveries
from local.options import ServerOptions


def install(options: ServerOptions) -> None:
    """Buses across accounts, checked deliveries, a bus's `Policy` property, S3's version ids. Once per process."""
    eventbridge._put_events = Buses().put_events
    eventbridge._invoke_target = Deliveries(options).invoke_target
    eventbridge._put_permission = _put_permission(eventbridge._put_permission)
    lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS = 60 * options.wait_scale
    lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS = 120 * options.wait_scale
    s3._fire_s3_event, eventbridge._dispatch_event = _with_version_id(s3._fire_s3_event, eventbridge._dispatch_event)
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


def _with_version_id(fire: Any, dispatch: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """(fire, dispatch): MiniStack's `Object Created` and `Object Deleted` events lack the object's `version-id`."""
    version: contextvars.ContextVar[str | None] = contextvars.ContextVar("version", default=None)

    def fire_with_version(*arguments: Any, **named: Any) -> None:  # noqa: ANN401
        token = version.set(named.get("version_id"))
        try:
            fire(*arguments, **named)
        finally:
            version.reset(token)

    def dispatch_with_version(event: dict[str, Any], view: Any = None) -> None:  # noqa: ANN401
        version_id = version.get()
        if version_id and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version_id
            event, view = {**event, "Detail": json.dumps(detail)}, None
        dispatch(event, view)

    return fire_with_version, dispatch_with_version
