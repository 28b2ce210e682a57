"""Condition keys, an action and a resource of IAM that MiniStack resolves wrongly, or not at all.

`sns:PublishBatch` and SQS's batches are no actions: IAM is asked about `sns:Publish`, once for the batch, and so on.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html

`sns:Protocol`, `sns:Endpoint`: what a Subscribe asks for; a topic's policy may depend on them.

`events:source`, `events:detail-type`: what a PutEvents says; a role's own policy may depend on them. AWS judges each
entry; here entries that differ have a value of their own, which no policy names.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html

`s3:ResourceAccount`, `aws:ResourceAccount`: an S3 ARN has no account, and MiniStack takes the caller's. It is the
bucket's owner.

`aws:PrincipalArn`: for an assumed role it is the role's ARN, MiniStack takes the session's.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn

`aws:PrincipalOrgID`: the organization of the principal's account; accounts that are in none have no such key.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalorgid

`iam:SimulatePrincipalPolicy`: IAM is asked about the principal that the call names, MiniStack asks about `*`.

Buses and rules of EventBridge: MiniStack takes a bus that a call names for a rule, and a rule with targets for a bus.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
"""

import contextvars
import functools
import json
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import s3

from local import shares
from local.lakeformation.identity import principal_arn

_S3 = "arn:aws:s3:::"
_BATCHES = frozenset(
    {"sns:PublishBatch", "sqs:SendMessageBatch", "sqs:DeleteMessageBatch", "sqs:ChangeMessageVisibilityBatch"}
)
_asked: contextvars.ContextVar[dict[str, str]] = contextvars.ContextVar("asked", default={})  # noqa: B039
"""Keys of the request that is being served, in lower case. Never changed in place."""


def install() -> None:
    """Put our answers in place of MiniStack's. Idempotent."""
    if getattr(iam_actions.request_tag_context, "remembers_requests", False):
        return
    _name_actions()
    _remember_requests()
    _resolve_keys()
    _name_resources()


def _name_actions() -> None:
    extract = iam_actions.extract_iam_action

    @functools.wraps(extract)
    def named(*request: Any) -> str | None:  # noqa: ANN401 - MiniStack passes them by position
        action: str | None = extract(*request)
        return action.removesuffix("Batch") if action in _BATCHES else action

    iam_actions.extract_iam_action = named


def _remember_requests() -> None:
    given = iam_actions.request_tag_context

    @functools.wraps(given)
    def remembering(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> Any:  # noqa: ANN401
        _asked.set(_keys_of(iam_action, body, params))
        return given(service, iam_action, body, params)

    remembering.remembers_requests = True  # type: ignore[attr-defined]
    iam_actions.request_tag_context = remembering


def _keys_of(iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, str]:
    if iam_action == "sns:Subscribe":
        asked = {name: params.get(name, "") for name in ("Protocol", "Endpoint")}
        return {f"sns:{k.lower()}": v[0] if isinstance(v, list) else v for k, v in asked.items()}
    if iam_action == "events:PutEvents":
        entries = json.loads(body or b"{}").get("Entries", [])
        members = {"events:source": "Source", "events:detail-type": "DetailType"}
        said = {key: {str(entry.get(name, "")) for entry in entries} for key, name in members.items()}
        return {key: "\n".join(sorted(values)) for key, values in said.items()}
    return {}


def _resolve_keys() -> None:
    resolve = iam_evaluator._resolve_condition_key

    @functools.wraps(resolve)
    def resolved(key: str, ctx: iam_evaluator.EvalContext) -> Any:  # noqa: ANN401 - a key's value
        name = key.lower()
        if name in _asked.get() and name not in (ctx.service_context or {}):
            return _asked.get()[name]
        if name in {"aws:resourceaccount", "s3:resourceaccount"} and ctx.resource_arn.startswith(_S3):
            bucket = ctx.resource_arn.removeprefix(_S3).partition("/")[0]
            return s3._bucket_owner_account(bucket) or ctx.principal_account
        if name == "aws:principalorgid":
            return shares.ORGANIZATION if shares.mesh.organization_sharing else None
        if name == "aws:principalarn":
            return principal_arn(ctx.principal_arn)
        return resolve(key, ctx)

    iam_evaluator._resolve_condition_key = resolved


def _name_resources() -> None:
    extract = iam_actions.extract_resource_arn

    @functools.wraps(extract)
    def named(service: str, *request: Any) -> str:  # noqa: ANN401 - MiniStack passes them by position
        ours: dict[str, Callable[..., str]] = {"iam": _simulated_principal, "events": _bus_or_rule}
        found = ours[service](*request) if service in ours else ""
        return found or str(extract(service, *request))

    iam_actions.extract_resource_arn = named


def _simulated_principal(
    _method: str,
    _path: str,
    _headers: dict[str, str],
    _body: bytes,
    query: dict[str, Any],
    *_where: str,
) -> str:
    """Empty for other calls of IAM."""
    source = query.get("PolicySourceArn", "")
    return str(source[0] if isinstance(source, list) and source else source)


def _bus_or_rule(
    _method: str, _path: str, headers: dict[str, str], body: bytes, _query: dict[str, Any], region: str, account: str
) -> str:
    """Empty for other calls of EventBridge."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    given = json.loads(body or b"{}")
    here = f"arn:aws:events:{region}:{account}"
    if operation.endswith("EventBus"):
        name = str(given.get("Name") or "default")
        return name if name.startswith("arn:") else f"{here}:event-bus/{name}"
    rule = given.get("Rule") or (given.get("Name") if operation.endswith("Rule") else "")
    if not rule:
        return ""
    bus = str(given.get("EventBusName") or "default").rpartition("/")[2]
    return f"{here}:rule/{rule}" if bus == "default" else f"{here}:rule/{bus}/{rule}"
