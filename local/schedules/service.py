"""The checks that AWS makes on a schedule and MiniStack, which stores it, does not.

https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role
"""

import json
import re
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, scheduler

from local import roles
from local.lakeformation.identity import request_identity
from local.lakeformation.protocol import Answer, AwsError, Json, error_answer, load_json, service_model, validate
from local.lakeformation.service_registry import Handler, Request

SERVICE = "scheduler.amazonaws.com"
_AT = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)")
_WRITES = {"POST": "CreateSchedule", "PUT": "UpdateSchedule"}
_tokens: dict[tuple[str, str, str], tuple[Json, Answer]] = {}
"""By account, region and client token: what was asked with it, and the answer."""


def handler(original: Handler) -> Handler:
    """Check what creates or changes a schedule, then pass on to MiniStack."""

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
    ) -> Answer:
        name = _schedule(path)
        if not name or method == "GET":
            return await original(method, path, headers, body, query_params)
        try:
            asked = load_json(body)
            if method in _WRITES:
                _check(_WRITES[method], asked | {"Name": name})
                request_identity(headers, query_params).pass_role(asked["Target"]["RoleArn"], SERVICE)
            if known := _answered(asked | {"Name": name}, method):
                return known
        except AwsError as error:
            return error_answer(error)
        answer: Answer = await original(method, path, headers, body, query_params)
        if answer[0] == 200:
            _forget_firing(_group(asked, query_params), name)
            _remember(asked | {"Name": name}, method, answer)
        return answer

    return handle_request


def resource_arn(request: Request) -> str | None:
    """What IAM is asked about: the schedule in its group, which MiniStack takes for the default one."""
    name = _schedule(request.path)
    if not name:
        return None
    try:
        group = _group(load_json(request.body), request.query)
    except AwsError:
        group = "default"
    return f"arn:aws:scheduler:{request.region}:{request.account}:schedule/{group}/{name}"


def group_arn(schedule_arn: str) -> str:
    """Of the schedule's group: for it the service assumes the role, whatever the schedule.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    return schedule_arn.replace(":schedule/", ":schedule-group/").rpartition("/")[0]


def _schedule(path: str) -> str:
    found = re.fullmatch(r"/schedules/([0-9a-zA-Z-_.]+)", path)
    return found[1] if found else ""


def _group(asked: Json, query: dict[str, Any]) -> str:
    named = query.get("groupName") or asked.get("GroupName") or "default"
    return str(named[0] if isinstance(named, list) else named)


def _check(operation: str, asked: Json) -> None:
    """Raises `AwsError`: `ValidationException` for what no schedule may be."""
    validate(service_model("scheduler").operation_model(operation).input_shape, asked, "ValidationException")
    expression = asked["ScheduleExpression"]
    recurring = eventbridge._parse_rate_seconds(expression) or eventbridge._parse_cron_fields(expression)
    if not recurring and not (_AT.fullmatch(expression) and scheduler._at_time_epoch(expression)):
        raise _invalid(f"Invalid Schedule Expression {expression}.")
    if asked.get("ScheduleExpressionTimezone", "UTC") != "UTC":
        raise _invalid("The local mesh knows ScheduleExpressionTimezone UTC only")
    role = asked["Target"]["RoleArn"]
    try:
        group = (
            f"arn:aws:scheduler:{get_region()}:{get_account_id()}:schedule-group/{asked.get('GroupName') or 'default'}"
        )
        roles.check_trust(role, SERVICE, group)
    except (roles.CannotAssumeRoleError, IndexError) as error:
        raise _invalid(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
        ) from error


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _key(asked: Json) -> tuple[str, str, str] | None:
    token = asked.get("ClientToken")
    return (get_account_id(), get_region(), str(token)) if token else None


def _answered(asked: Json, method: str) -> Answer | None:
    """The answer that a creation with this token had already.

    Raises:
        AwsError: `ConflictException`, where it created something else.
    """
    key = _key(asked)
    if method != "POST" or key is None or key not in _tokens:
        return None
    before, answer = _tokens[key]
    if before != asked:
        raise AwsError("ConflictException", f"ClientToken {key[2]} was used for another schedule", 409)
    return answer


def _remember(asked: Json, method: str, answer: Answer) -> None:
    key = _key(asked)
    if method == "POST" and key is not None:
        _tokens[key] = (json.loads(json.dumps(asked)), answer)


def _forget_firing(group: str, name: str) -> None:
    """MiniStack would never fire a schedule that has the name of one that has fired."""
    scheduler._schedule_last_fired.pop((get_account_id(), get_region(), f"{group}/{name}"), None)
