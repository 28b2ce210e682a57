"""IAM checks that services make on their own, outside a request."""

from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import request_scope
from ministack.services import kms

from local import roles
from local.authorization import steps


def resource_allows_service(policy: Any, action: str, resource: str, service: str, source_arn: str) -> bool:  # noqa: ANN401
    """Whether a resource's policy admits an AWS service that acts for `source_arn`, by the keys that it sends."""
    return _admits_service(
        policy, action, resource, service, steps.context(service, resource.split(":")[2], source_arn)
    )


def topic_key_allows_service(key_id: str, service: str, source_arn: str) -> bool:
    """Whether a service may publish to topics under this key, in the account of `request_scope`.

    The key that AWS manages for SNS admits no service.
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    """
    found = kms.key_policy_for_arn(key_id)
    if not found:
        return False
    arn = str(kms._resolve_key(key_id)["Arn"])
    return all(
        resource_allows_service(found[0], f"kms:{call}", arn, service, source_arn)
        for call in ("GenerateDataKey", "Decrypt")
    )


def _admits_service(policy: Any, action: str, resource: str, service: str, keys: dict[str, str]) -> bool:  # noqa: ANN401
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=resource.split(":")[3],
        secure_transport=True,  # AWS's services deliver over TLS
        service_context=keys,
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


def role_allows(role_arn: str, service: str, action: str, resource: str, source_arn: str = "") -> bool:
    """Whether `service`, for `source_arn`, may assume the role, and the role's own policies allow the action."""
    try:
        key = roles.credentials(role_arn, service, "delivery", source_arn)["aws_access_key_id"]
    except roles.CannotAssumeRoleError:
        return False
    account, region = role_arn.split(":")[4], resource.split(":")[3]
    with request_scope(account, region):
        return iam_evaluator.enforce(key, action, action.partition(":")[0], region, resource_arn=resource) is None
