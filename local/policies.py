"""IAM checks that services make on their own, outside a request."""

from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import request_scope

from local import roles


def resource_allows_service(policy: Any, action: str, resource: str, service: str, source_arn: str) -> bool:  # noqa: ANN401
    """Whether a resource's policy admits an AWS service that acts for `source_arn`."""
    account = source_arn.split(":")[4]
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=source_arn.split(":")[3],
        secure_transport=True,  # AWS's services deliver over TLS
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": account, "aws:sourceowner": account},
    )
    decision = iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision
    return bool(decision == "Allow")


def resource_allows_caller(
    policy: Any,  # noqa: ANN401
    action: str,
    resource: str,
    caller: str,
    context_keys: dict[str, str],
) -> bool:
    """Whether a resource's policy lets a principal in: across accounts it must say so, within one it must not deny."""
    account, region = caller.split(":")[4], resource.split(":")[3]
    context = iam_evaluator.EvalContext(
        principal_arn=caller,
        principal_type="AssumedRole" if ":assumed-role/" in caller else "Root",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
        secure_transport=True,
        service_context={key.lower(): value for key, value in context_keys.items()},
    )
    same_account = account == resource.split(":")[4]
    return bool(iam_evaluator.resource_policy_allows(policy, context, same_account))


def role_allows(role_arn: str, service: str, action: str, resource: str) -> bool:
    """Whether `service` may assume the role, and the role's own policies allow the action."""
    try:
        key = roles.credentials(role_arn, service, "delivery")["aws_access_key_id"]
    except roles.CannotAssumeRoleError:
        return False
    account, region = role_arn.split(":")[4], resource.split(":")[3]
    with request_scope(account, region):
        return iam_evaluator.enforce(key, action, action.partition(":")[0], region, resource_arn=resource) is None
