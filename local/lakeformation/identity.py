"""Who calls: the IAM principal, and what IAM lets it do, asked of MiniStack's own evaluator."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.core.router import extract_access_key_id

from local import roles
from local.lakeformation.protocol import AwsError

_SERVICE: Final = "lakeformation.amazonaws.com"
observers: "list[Callable[[Identity, str, str, bool], None]]" = []
"""Told of what a service does with a role of its own accord (role, action, resource, allowed): no request shows it."""


@dataclass(frozen=True)
class Identity:
    """A caller: `arn` is the IAM role, user or root (what Lake Formation grants to), `session` what STS calls it.

    `access_key` is empty for a service that acts with a role of its own accord (a crawler).
    """

    arn: str
    account: str
    region: str
    session: str
    access_key: str = ""

    def require(self, action: str, *resources: str, service: str, keys: dict[str, str] | None = None) -> None:
        """Refuse unless IAM allows `action` on every one of `resources`; `keys` are condition keys of the action.

        Raises:
            AwsError: `AccessDeniedException` in IAM's words, naming action and resource.
        """
        for resource in resources:
            explicit = self._denied(action, resource, service, keys or {})
            for observer in () if self.access_key else observers:
                observer(self, action, resource, explicit is None)
            if explicit is None:
                continue
            message = iam_actions.identity_denial_message(action, self.session, resource, explicit)
            raise AwsError("AccessDeniedException", message)

    def pass_role(self, role_arn: str, service: str) -> None:
        """Refuse unless the caller may hand the role to `service` (`glue.amazonaws.com`)."""
        self.require("iam:PassRole", role_arn, service="iam", keys={"iam:PassedToService": service})

    def _denied(self, action: str, resource: str, service: str, keys: dict[str, str]) -> bool | None:
        """None where IAM allows; else whether a statement denies explicitly."""
        from ministack import app  # noqa: PLC0415  (imports every service: only once the server is up)

        if not app.AUTH:
            return None
        with request_scope(self.account, self.region):
            if self.access_key:
                result = iam_evaluator.enforce(self.access_key, action, service, self.region, resource, keys)
            else:
                result = role_decision(self, action, resource, keys)
        if result is None:
            return None
        return getattr(result, "decision", "ImplicitDeny") == "Deny"


def role_decision(
    role: Identity, action: str, resource: str, keys: dict[str, str] | None = None
) -> iam_evaluator.EvalResult | None:
    """What the role's identity policies and boundary say of `action` on `resource`: None for allow.

    For a bucket of another account both its policy and the role's must allow, as IAM's evaluation logic has it; a key's
    policy always must.
    """
    context = iam_evaluator.EvalContext(
        principal_arn=role.session,
        principal_type="AssumedRole",
        principal_account=role.account,
        action=action,
        resource_arn=resource,
        region=role.region,
        secure_transport=True,  # services call each other over TLS
        service_context={name.lower(): value for name, value in (keys or {}).items()},
    )
    name = role.arn.rsplit("/", 1)[-1]
    from ministack.services import iam, kms  # noqa: PLC0415

    limits = iam_evaluator._permissions_boundary(iam._roles, name, role.account)
    result = iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, role.account), *limits)
    if resource.startswith("arn:aws:s3:::"):
        result = _with_bucket_policy(result, context, resource, limits)
    if resource.startswith("arn:aws:kms:"):
        policy, owner = kms.key_policy_for_arn(resource) or ("", role.account)
        result = iam_evaluator.combine_resource_policy(
            result, context, policy, owner, required=True, limits=tuple(limits)
        )
    return None if result.decision == "Allow" else result


def _with_bucket_policy(
    result: iam_evaluator.EvalResult, context: iam_evaluator.EvalContext, resource: str, limits: list[object]
) -> iam_evaluator.EvalResult:
    from ministack.services import s3  # noqa: PLC0415

    bucket = resource.removeprefix("arn:aws:s3:::").split("/", 1)[0]
    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        return result
    policy = s3._bucket_policies.get_scoped(owner, None, bucket) or ""
    return iam_evaluator.combine_resource_policy(result, context, policy, owner, limits=tuple(limits))


def request_identity(headers: dict[str, str], query: dict[str, list[str]]) -> Identity:
    """The caller of the request that MiniStack is serving, which has authenticated it already."""
    session = iam_evaluator.caller_arn()
    account = session.split(":")[4] or get_account_id()
    return Identity(principal_arn(session), account, get_region(), session, extract_access_key_id(headers, query))


def role_identity(role_arn: str, region: str, session: str = "") -> Identity:
    """A service acting as `role_arn` (`arn:aws:iam::<account>:role/<name>`)."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    session_arn = f"arn:aws:sts::{account}:assumed-role/{name}/{session or uuid.uuid4()}"
    return Identity(role_arn, account, region, session_arn)


def principal_arn(session: str) -> str:
    """The role behind an assumed-role ARN, with its path; users and root are principals themselves."""
    if ":assumed-role/" not in session:
        return session
    from ministack.services import iam  # noqa: PLC0415

    account, name = session.split(":")[4], session.split("/")[1]
    role = iam._roles.get_scoped(account, None, name) or {}
    return str(role.get("Arn") or f"arn:aws:iam::{account}:role/{name}")


def principal_exists(arn: str) -> bool:
    """Whether `arn` names a role or user that exists, or an account's root."""
    from ministack.services import iam  # noqa: PLC0415

    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "iam":
        return False
    kind, _, name = parts[5].rpartition("/")
    store = {"role": iam._roles, "user": iam._users}.get(kind.split("/")[0])
    return parts[5] == "root" or (store is not None and store.get_scoped(parts[4], None, name) is not None)


def trusts(role_arn: str, service: str, caller_account: str = "") -> bool:
    """Whether `service` (`glue.amazonaws.com`) may assume the role, for a caller of that account.

    "Currently, Lake Formation only supports aws:SourceArn in the following format": the account's, without a resource.
    https://docs.aws.amazon.com/lake-formation/latest/dg/cross-service-confused-deputy-prevention.html
    """
    source = f"arn:aws:lakeformation:{get_region()}:{role_arn.split(':')[4]}:*" if service == _SERVICE else ""
    try:
        roles.check_trust(role_arn, service, source, caller_account)
    except roles.CannotAssumeRoleError:
        return False
    return True
