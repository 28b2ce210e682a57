"""Buckets of another account: the caller's own policies and the bucket's must both allow.

MiniStack asks the caller's policies before it passes the call on; the bucket's it judges as if the caller's account
itself had called, so that a statement about one role matches nobody, and a condition on the principal does not hold.
ACLs are not supported: they are disabled on buckets, as by S3's default.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html
"""

import functools
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_region, request_scope
from ministack.core.router import extract_access_key_id
from ministack.services import s3


@dataclass(frozen=True)
class _Asked:
    """A call on a bucket, or on an object of it."""

    owner: str
    bucket: str
    key: str
    action: str

    @property
    def path(self) -> str:
        return f"{self.bucket}/{self.key}" if self.key else self.bucket


def install() -> None:
    """Put our judgement in the place of MiniStack's."""
    s3._foreign_bucket_allows = _with_the_callers_identity(s3._foreign_bucket_allows)


def _with_the_callers_identity(anonymous_allows: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    @functools.wraps(anonymous_allows)
    def allows(owner: str, bucket: str, key: str, method: str, *more: Any) -> bool:  # noqa: ANN401 - passed on
        query, caller, *rest = more
        headers: dict[str, str] = (rest[0] if rest else None) or {}
        if not caller:
            return bool(anonymous_allows(owner, bucket, key, method, *more))
        asked = _Asked(owner, bucket, key, _action(bucket, key, method, query))
        if not _policy_allows(asked, query, headers):
            return False
        if asked.action != "s3:GetObject" or key in s3._buckets.get_scoped(owner, None, bucket)["objects"]:
            return True
        # A caller that may not list the bucket does not learn that an object is missing. A condition on `s3:prefix`
        # does not hold then: nothing is listed. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        return _role_may_list(headers, query, bucket) and _policy_allows(
            _Asked(owner, bucket, "", "s3:ListBucket"), {}, headers
        )

    return allows


def _action(bucket: str, key: str, method: str, query: dict[str, Any]) -> str:
    path = f"/{bucket}/{key}" if key else f"/{bucket}"
    return f"s3:{iam_actions._s3_action(method, path, query) or 'PutObject'}"


def _policy_allows(asked: _Asked, query: dict[str, Any], headers: dict[str, str]) -> bool:
    """Whether the bucket's policy allows the caller of the request being served; a public one may be blocked."""
    policy = s3._bucket_policies.get_scoped(asked.owner, None, asked.bucket)
    if not policy:
        return False
    if s3._public_access_blocked(asked.owner, asked.bucket, "RestrictPublicBuckets") and s3._policy_is_public(policy):
        return False
    with request_scope(asked.owner, get_region()):
        keys = iam_actions.s3_service_context(asked.action, query, f"/{asked.path}", headers)
    session = iam_evaluator.caller_arn()
    context = iam_evaluator.EvalContext(
        principal_arn=session,
        principal_type="AssumedRole" if ":assumed-role/" in session else "Root",
        principal_account=session.split(":")[4],
        action=asked.action,
        resource_arn=f"arn:aws:s3:::{asked.path}",
        region=get_region(),
        service_context={name.lower(): value for name, value in keys.items()},
    )
    return bool(iam_evaluator.evaluate_resource_policy(policy, context).decision == "Allow")


def _role_may_list(headers: dict[str, str], query: dict[str, Any], bucket: str) -> bool:
    key, arn = extract_access_key_id(headers, query), f"arn:aws:s3:::{bucket}"
    return iam_evaluator.enforce(key, "s3:ListBucket", "s3", get_region(), arn) is None
