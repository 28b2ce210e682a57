"""ARNs in a transformed template, as far as it tells them: what `Ref`, `Fn::GetAtt`, `Fn::Sub` and so on stand for.

A stack of account 111111111111 in us-east-1, whose resources have their logical ids for names where it gives none.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

_REGION, _ACCOUNT = "us-east-1", "111111111111"
CENTRAL: Final = "222222222222"
"""The account of the central stack, as members' stacks have it for a parameter."""
_PSEUDO: Final = {
    "AWS::Region": _REGION,
    "AWS::AccountId": _ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::StackName": "stack",
}
PARAMETERS: Final[Mapping[str, Any]] = {
    "CentralAccountId": CENTRAL,
    "CentralBusArn": f"arn:aws:events:{_REGION}:{CENTRAL}:event-bus/mesh",
    "LineageTokenArn": f"arn:aws:secretsmanager:{_REGION}:{_ACCOUNT}:secret:token-a1b2c3",
    "LineageTarget": "target",
    "LocationRoleArn": f"arn:aws:iam::{CENTRAL}:role/LFRegisterLocationServiceRole",
    "ReaderRoles": [f"arn:aws:iam::{_ACCOUNT}:role/Reader"],
}
"""Values of parameters that have no default, or an empty one."""
_HERE: Final = f"{_REGION}:{_ACCOUNT}"
_ARNS: Final = {
    "AWS::Athena::WorkGroup": f"arn:aws:athena:{_HERE}:workgroup/{{}}",
    "AWS::Events::EventBus": f"arn:aws:events:{_HERE}:event-bus/{{}}",
    "AWS::Events::Rule": f"arn:aws:events:{_HERE}:rule/{{}}",
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{_ACCOUNT}:policy/{{}}",
    "AWS::IAM::Role": f"arn:aws:iam::{_ACCOUNT}:role/{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{_HERE}:key/{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{_HERE}:function:{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{_HERE}:log-group:{{}}:*",
    "AWS::SNS::Topic": f"arn:aws:sns:{_HERE}:{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{_HERE}:{{}}",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{_HERE}:stateMachine:{{}}",
    "Custom::KeptBucket": "arn:aws:s3:::{}",
    "Custom::KeptTable": f"arn:aws:dynamodb:{_HERE}:table/{{}}",
}
_REF_IS_ARN: Final = {"AWS::IAM::ManagedPolicy", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"}
_SUBSTITUTION: Final = re.compile(r"\$\{([^!}][^}]*)\}")


def resolved(value: Any, template: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of a template
    """The value without intrinsic functions; of `Fn::If`, what holds where the condition does.

    Raises `KeyError` for a reference that cannot be told.
    """
    match value:
        case {"Ref": str(name)}:
            return _ref(name, template)
        case {"Fn::GetAtt": [str(name), "Arn"]}:
            return _arn(name, template)
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"{name}-{attribute}"
        case {"Fn::Sub": str(text)}:
            return _SUBSTITUTION.sub(lambda found: _substitute(found[1], template), text)
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(str(resolved(part, template)) for part in parts)
        case {"Fn::If": [_, then, _]}:
            return resolved(then, template)
        case dict():
            return {key: resolved(each, template) for key, each in value.items()}
        case list():
            return [resolved(each, template) for each in value]
    return value


def _ref(name: str, template: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a parameter may be a list
    if name in _PSEUDO:
        return _PSEUDO[name]
    if name in template["Resources"]:
        kind = template["Resources"][name]["Type"]
        return _arn(name, template) if kind in _REF_IS_ARN else _name(name, template)
    return PARAMETERS.get(name) or template["Parameters"][name].get("Default") or f"a-{name.lower()}"


def _substitute(reference: str, template: Mapping[str, Any]) -> str:
    name, _, attribute = reference.partition(".")
    value = resolved({"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": name}, template)
    return value if isinstance(value, str) else str(value)


def _arn(name: str, template: Mapping[str, Any]) -> str:
    return _ARNS[template["Resources"][name]["Type"]].format(_name(name, template))


def _name(logical_id: str, template: Mapping[str, Any]) -> str:
    properties = template["Resources"][logical_id].get("Properties", {})
    names = (properties.get(key) for key in ("RoleName", "FunctionName", "StateMachineName", "Name"))
    given = next((name for name in names if name), None)
    return str(resolved(given, template)) if given else logical_id
