"""A bus's policy: as a whole or statement by statement, by the API and by CloudFormation. It goes with its bus.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RemovePermission.html
"""

import json
import re
import threading
from typing import Any, Final

from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

MAX_BYTES: Final = 10_240
"""The permission policy on an event bus cannot exceed 10 KB in size."""
_lock = threading.RLock()

type Policy = dict[str, Any]


class TooLongError(Exception):
    """A policy of more than `MAX_BYTES`."""


def install() -> None:
    """Replace MiniStack's actions; add what CloudFormation makes of `AWS::Events::EventBusPolicy`. Once per process."""
    eventbridge._put_permission = put_permission
    eventbridge._remove_permission = remove_permission
    eventbridge._delete_event_bus = _with_policy(eventbridge._delete_event_bus)
    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }


def set_policy(bus: str, policy: Policy | str | None) -> None:
    """Replace the whole policy of a bus. Raises TooLongError."""
    found = json.loads(policy) if isinstance(policy, str) else policy
    with _lock:
        if not found or not found.get("Statement"):
            eventbridge._event_bus_policies.pop(bus, None)
            return
        if len(json.dumps(found, separators=(",", ":")).encode()) > MAX_BYTES:
            raise TooLongError(f"the policy of event bus {bus} would be longer than {MAX_BYTES} bytes")
        eventbridge._event_bus_policies[bus] = found


def put_permission(data: dict[str, Any]) -> Any:  # noqa: ANN401 - MiniStack's answer
    """A whole `Policy`; or one statement for an account, or an organization, which replaces that of the same id."""
    bus = data.get("EventBusName") or "default"
    if bus not in eventbridge._event_buses:
        return error_response_json("ResourceNotFoundException", f"Event bus {bus} does not exist.", 400)
    try:
        if "Policy" in data:
            set_policy(bus, data["Policy"])
        elif refusal := _refusal(data):
            return error_response_json("ValidationException", refusal, 400)
        else:
            _put_statement(bus, _statement(bus, data))
    except TooLongError as error:
        return error_response_json("PolicyLengthExceededException", str(error), 400)
    return json_response({})


def remove_permission(data: dict[str, Any]) -> Any:  # noqa: ANN401 - MiniStack's answer
    """One statement, or all of them; what is not there is an error."""
    bus = data.get("EventBusName") or "default"
    if bus not in eventbridge._event_buses:
        return error_response_json("ResourceNotFoundException", f"Event bus {bus} does not exist.", 400)
    if data.get("RemoveAllPermissions"):
        set_policy(bus, None)
    elif bus not in eventbridge._event_bus_policies:
        return error_response_json("ResourceNotFoundException", "EventBus does not have a policy.", 400)
    elif not _remove_statement(bus, str(data.get("StatementId", ""))):
        return error_response_json("ResourceNotFoundException", "Statement with the provided id does not exist.", 400)
    return json_response({})


def _refusal(data: dict[str, Any]) -> str:
    if data.get("Action") != "events:PutEvents":
        return "Provided value in parameter 'action' is not supported."
    if not re.fullmatch(r"\d{12}|\*", str(data.get("Principal", ""))):
        return "Provided value in parameter 'principal' is not supported."
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", str(data.get("StatementId", ""))):
        return "Provided value in parameter 'statementId' is not supported."
    condition = data.get("Condition")
    if condition and (condition.get("Type"), condition.get("Key")) != ("StringEquals", "aws:PrincipalOrgID"):
        return "Provided value in parameter 'condition' is not supported."
    return ""


def _statement(bus: str, data: dict[str, Any]) -> Policy:
    principal, condition = data["Principal"], data.get("Condition")
    found = {
        "Sid": data["StatementId"],
        "Effect": "Allow",
        "Principal": principal if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": data["Action"],
        "Resource": f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{bus}",
    }
    if condition:
        found["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return found


def _put_statement(bus: str, statement: Policy) -> None:
    with _lock:
        kept = [each for each in _statements(bus) if each.get("Sid") != statement["Sid"]]
        set_policy(bus, {"Version": "2012-10-17", "Statement": [*kept, statement]})


def _remove_statement(bus: str, sid: str) -> bool:
    with _lock:
        kept = [each for each in _statements(bus) if each.get("Sid") != sid]
        found = len(kept) < len(_statements(bus))
        set_policy(bus, {"Version": "2012-10-17", "Statement": kept})
    return found


def _statements(bus: str) -> list[Policy]:
    return list((eventbridge._event_bus_policies.get(bus) or {}).get("Statement", ()))


def _with_policy(delete: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    """A bus that is made again by the same name has no policy."""

    def delete_event_bus(data: dict[str, Any]) -> Any:  # noqa: ANN401
        answer = delete(data)
        if data.get("Name") not in eventbridge._event_buses:
            eventbridge._event_bus_policies.pop(data.get("Name"), None)
        return answer

    return delete_event_bus


def _create(_logical_id: str, properties: dict[str, Any], _stack_name: str) -> tuple[str, dict[str, Any]]:
    """One statement among others. Its id is the resource's, and no other resource of the account's may have it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-eventbuspolicy.html
    """
    bus, sid = properties.get("EventBusName") or "default", str(properties["StatementId"])
    if bus not in eventbridge._event_buses:
        raise ValueError(f"Event bus {bus} does not exist.")
    if any(each.get("Sid") == sid for each in _statements(bus)):
        raise ValueError(f"AWS::Events::EventBusPolicy already exists: {sid}")
    _put_resource(bus, sid, properties)
    return sid, {}


def _update(
    physical_id: str, _old: dict[str, Any], properties: dict[str, Any], stack_name: str
) -> tuple[str, dict[str, Any]]:
    bus, sid = properties.get("EventBusName") or "default", str(properties["StatementId"])
    if sid != physical_id:
        return _create("", properties, stack_name)
    _put_resource(bus, sid, properties)
    return sid, {}


def _put_resource(bus: str, sid: str, properties: dict[str, Any]) -> None:
    if "Statement" in properties:
        _put_statement(bus, {**properties["Statement"], "Sid": sid})
    elif refusal := _refusal(properties):
        raise ValueError(refusal)
    else:
        _put_statement(bus, _statement(bus, properties))


def _delete(physical_id: str, properties: dict[str, Any]) -> None:
    """What is gone already is success."""
    _remove_statement(properties.get("EventBusName") or "default", physical_id)
