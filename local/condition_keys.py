"""Condition keys and a resource of IAM that MiniStack resolves wrongly, or not at all.

`sns:Protocol`, `sns:Endpoint`: not given to a topic's policy. MiniStack asks that policy twice for a Subscribe: once
before the call, as for every service, and once within SNS. The first asks with our keys; the second repeats it without
them, so it is answered by what the first found.

`s3:ResourceAccount`, `aws:ResourceAccount`: an S3 ARN has no account, and MiniStack takes the caller's. It is the
bucket's owner.

`iam:SimulatePrincipalPolicy`: IAM is asked about the principal that the call names, MiniStack asks about `*`.
"""

import functools
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import s3, sns

_S3 = "arn:aws:s3:::"


def install() -> None:
    """Put our answers in place of MiniStack's. Idempotent."""
    if getattr(iam_actions.request_tag_context, "gives_sns_keys", False):
        return
    _give_sns_keys()
    _resolve_resource_account()
    _name_simulated_principals()


def _give_sns_keys() -> None:
    given, enforce = iam_actions.request_tag_context, sns._enforce_topic_policy

    @functools.wraps(given)
    def with_sns_keys(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = dict(given(service, iam_action, body, params))
        if iam_action == "sns:Subscribe":
            for name in ("Protocol", "Endpoint"):
                value = params.get(name)
                context[f"sns:{name}"] = value[0] if isinstance(value, list) else value or ""
        return context

    @functools.wraps(enforce)
    def once(topic: dict[str, Any], iam_action: str) -> Any:  # noqa: ANN401 - MiniStack's response tuple
        return None if iam_action == "sns:Subscribe" else enforce(topic, iam_action)

    with_sns_keys.gives_sns_keys = True  # type: ignore[attr-defined]
    iam_actions.request_tag_context = with_sns_keys
    sns._enforce_topic_policy = once


def _resolve_resource_account() -> None:
    resolve = iam_evaluator._resolve_condition_key

    @functools.wraps(resolve)
    def with_bucket_owner(key: str, ctx: iam_evaluator.EvalContext) -> Any:  # noqa: ANN401 - a key's value
        if key.lower() in {"aws:resourceaccount", "s3:resourceaccount"} and ctx.resource_arn.startswith(
            "arn:aws:s3:::"
        ):
            owner = s3._bucket_owner_account(ctx.resource_arn.removeprefix("arn:aws:s3:::").partition("/")[0])
            return owner or ctx.principal_account
        return resolve(key, ctx)

    iam_evaluator._resolve_condition_key = with_bucket_owner


def _name_simulated_principals() -> None:
    extract = iam_actions.extract_resource_arn

    @functools.wraps(extract)
    def with_simulated(service: str, *request: Any) -> str:  # noqa: ANN401 - MiniStack passes them by position
        query = request[4] if len(request) > 4 else {}
        named = query.get("PolicySourceArn") if service == "iam" else None
        found = named[0] if isinstance(named, list) and named else named
        return str(found or extract(service, *request))

    iam_actions.extract_resource_arn = with_simulated
