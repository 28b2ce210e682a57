"""The policies of a transformed template, intrinsic functions resolved: identities', trusts and resources' own."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tools.template_arns import resolved
from tools.templates import resources

type Statement = Mapping[str, Any]
_MANAGED = "AWS::IAM::ManagedPolicy"


class Trust(NamedTuple):
    """A statement of a resource's own policy, or of a role's trust."""

    holder: str
    statement: Statement


def rights(template: Mapping[str, Any]) -> dict[str, list[Statement]]:
    """Role → the statements of its own policies and of the stack's managed policies that are attached to it."""
    template = dict(template)
    found: dict[str, list[Statement]] = {}
    managed = {name: _resolved(properties, template) for name, properties in resources(template, _MANAGED).items()}
    for name, properties in resources(template, "AWS::IAM::Role").items():
        own = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
        found[name] = [each for document in own for each in _statements(document, template)]
        attached = {each["Ref"] for each in properties.get("ManagedPolicyArns", ()) if isinstance(each, dict)}
        attached |= {policy for policy, each in managed.items() if {"Ref": name} in _roles(policy, template)}
        found[name] += [each for policy in sorted(attached) for each in _as_list(managed[policy]["Statement"])]
    return found


def trusts(template: Mapping[str, Any]) -> Iterator[Trust]:
    """Each statement of each trust policy, and of the policies of queues, topics, buckets, buses and keys."""
    template = dict(template)
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for member in ("AssumeRolePolicyDocument", "PolicyDocument", "KeyPolicy", "Policy"):
            if resource["Type"] != _MANAGED and isinstance(properties.get(member), dict):
                yield from (Trust(name, each) for each in _statements(properties[member], template))


def listed(statement: Statement, element: str) -> list[str]:
    """`Action` or `Resource` of a statement, which may be one or many."""
    return [str(each) for each in _as_list(statement.get(element, []))]


def condition_keys(statement: Statement) -> set[str]:
    return {key for keys in statement.get("Condition", {}).values() for key in keys}


def _roles(policy: str, template: dict[str, Any]) -> list[Any]:
    return list(resources(template, _MANAGED)[policy].get("Roles", ()))


def _resolved(properties: Mapping[str, Any], template: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a document
    return resolved(properties["PolicyDocument"], template)


def _statements(document: Mapping[str, Any], template: Mapping[str, Any]) -> list[Statement]:
    return [resolved(each, template) for each in _as_list(document["Statement"])]


def _as_list(value: Any) -> list[Any]:  # noqa: ANN401 - one or many
    return value if isinstance(value, list) else [value]
