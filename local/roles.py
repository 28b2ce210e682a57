"""Credentials of a role for a service that acts as it (Step Functions' states, EventBridge's targets)."""

import hashlib
import json
from collections.abc import ItemsView
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam, sts

from local.authorization import steps


class _Sessions(dict[str, dict[str, Any]]):
    """MiniStack looks through all sessions for those that have ended whenever one begins, while other threads begin
    theirs: each look has a copy."""

    def items(self) -> ItemsView[str, dict[str, Any]]:  # type: ignore[override]  # the type that dict's has is private
        return self.copy().items()


sts._sessions = _Sessions(sts._sessions)


class CannotAssumeRoleError(Exception):
    """The role does not exist, or its trust policy does not name the service."""


def check_trust(role_arn: str, service: str, source_arn: str = "", caller_account: str = "") -> None:
    """Raises `CannotAssumeRoleError` unless `service` (such as `states.amazonaws.com`) may assume the role.

    The service sends what `steps.STEPS` has of it: the resource, where `source_arn` names one, and the account. For a
    caller of the role's own account (the default) that is this one; what it sends when it acts for another account no
    document tells, so that a condition on a source does not hold then.
    https://docs.aws.amazon.com/lake-formation/latest/dg/cross-service-confused-deputy-prevention.html
    """
    account, name = _parts(role_arn)
    role: dict[str, Any] | None = iam._roles.get_scoped(account, None, name)
    if role is None:
        raise CannotAssumeRoleError(f"{role_arn} does not exist")
    said = steps.context(service, "sts", source_arn, account) if caller_account in ("", account) else {}
    context = iam_evaluator.EvalContext(
        principal_arn="",
        principal_type="Service",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region="",
        service_context=said,
    )
    decision = iam_evaluator.evaluate_resource_policy(
        _with_resource(role["AssumeRolePolicyDocument"], role_arn), context, service=service
    )
    if decision.decision != "Allow":
        raise CannotAssumeRoleError(f"{service} is not authorized to assume {role_arn}")


def credentials(role_arn: str, service: str, session_name: str, source_arn: str = "") -> dict[str, str]:
    """Keyword arguments of a boto3 client that acts as the role; the same ones for the same arguments.

    Raises `CannotAssumeRoleError`.
    """
    check_trust(role_arn, service, source_arn)
    account, name = _parts(role_arn)
    digest = hashlib.sha256(f"{role_arn}:{service}:{session_name}".encode()).hexdigest()
    access_key = f"ASIA{digest[:16].upper()}"
    secret = hashlib.sha256(f"secret:{digest}".encode()).hexdigest()
    token = hashlib.sha256(f"token:{digest}".encode()).hexdigest()
    session = {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}",
        "UserId": f"{name}:{session_name}",
        "SecretAccessKey": secret,
        "SessionToken": token,
    }
    sts.register_session(access_key, session)
    return {"aws_access_key_id": access_key, "aws_secret_access_key": secret, "aws_session_token": token}


def _parts(role_arn: str) -> tuple[str, str]:
    return role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]


def _with_resource(document: str | dict[str, Any], role_arn: str) -> dict[str, Any]:
    """A trust policy has no Resource, as it is the role's own; the evaluator wants one."""
    parsed = json.loads(document) if isinstance(document, str) else document
    statements = parsed.get("Statement", [])
    statements = [statements] if isinstance(statements, dict) else statements
    return {**parsed, "Statement": [{"Resource": role_arn, **statement} for statement in statements]}
