"""CloudFormation where MiniStack is not as AWS is: templates with aliases, names of each stack's own, buckets that are
not empty, executions of state machines that are gone, drift of policies.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/delete-bucket.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-supported-resources.html
"""

import json
from collections.abc import Iterable
from typing import Any

import yaml
from ministack.services import cloudformation, s3, sns, sqs, stepfunctions
from ministack.services.cloudformation import drift, engine, provisioners


def install() -> None:
    """Once per process."""
    engine.CfnLoader = _TemplateLoader
    provisioners._physical_name = _drawn_anew(provisioners._physical_name)
    handler = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    handler["delete"] = _if_empty(handler["delete"])
    handler = provisioners._RESOURCE_HANDLERS["AWS::StepFunctions::StateMachine"]
    handler["delete"] = _with_executions(handler["delete"])
    drift._DRIFT_READERS |= {kind: (read, frozenset({"PolicyDocument"})) for kind, read in _POLICIES.items()}


class _TemplateLoader(yaml.CSafeLoader):
    """Reads templates with MiniStack's tags and libyaml, which saves a second for each change set; refuses aliases."""

    yaml_constructors = engine.CfnLoader.yaml_constructors

    def __init__(self, template: str) -> None:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(template, Loader=yaml.CSafeLoader)):
            raise ValueError("YAML aliases are not allowed in CloudFormation templates")
        super().__init__(template)


def _drawn_anew(make: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    """A name that CloudFormation generates is the resource's for as long as its stack lives: one that is deployed again
    has others, so what was granted to its roles by name is granted to nobody. MiniStack's are the same again."""

    def physical_name(stack_name: str, logical_id: str, **how: Any) -> Any:  # noqa: ANN401
        stack = cloudformation._stacks.get(stack_name) or {}
        seed = provisioners._NAME_SEED.get() if how.pop("seeded", True) else ""
        token = provisioners._NAME_SEED.set(f"{stack.get('StackId', '')}{seed}")
        try:
            return make(stack_name, logical_id, **how)
        finally:
            provisioners._NAME_SEED.reset(token)

    return physical_name


def _if_empty(delete: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    """S3 deletes no bucket that holds an object, or a version of one."""

    def delete_bucket(name: str, properties: Any) -> Any:  # noqa: ANN401
        if name in s3._buckets:
            status, _, body = s3._delete_bucket(name)
            if status >= 400:
                raise ValueError(body.decode() if isinstance(body, bytes) else str(body))
        return delete(name, properties)

    return delete_bucket


def _with_executions(delete: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    """A state machine takes its executions with it, as by the API: the next one of its name lists its own alone."""

    def delete_state_machine(arn: str, properties: Any) -> Any:  # noqa: ANN401
        answer = delete(arn, properties)
        for execution in [key for key, one in stepfunctions._executions.items() if one.get("stateMachineArn") == arn]:
            stepfunctions._executions.pop(execution, None)
        return answer

    return delete_state_machine


def _bucket_policy(_: str, properties: Any) -> dict[str, Any] | None:  # noqa: ANN401 - a template's
    return _found([s3._bucket_policies.get(properties["Bucket"])], properties)


def _queue_policy(_: str, properties: Any) -> dict[str, Any] | None:  # noqa: ANN401
    return _found((sqs._queues[url]["attributes"].get("Policy") for url in properties["Queues"]), properties)


def _topic_policy(_: str, properties: Any) -> dict[str, Any] | None:  # noqa: ANN401
    return _found((sns._topics[arn]["attributes"].get("Policy") for arn in properties["Topics"]), properties)


def _found(policies: Iterable[str | bytes | None], properties: Any) -> dict[str, Any] | None:  # noqa: ANN401
    """The first that is not what was deployed, if there is one; None where one is gone."""
    said = properties["PolicyDocument"]
    found = [json.loads(policy) if policy else None for policy in policies]
    differing = [policy for policy in found if policy is None or not drift._same(said, policy)]
    policy = (differing or found)[0]
    return None if policy is None else {"PolicyDocument": policy}


_POLICIES = {
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SQS::QueuePolicy": _queue_policy,
    "AWS::SNS::TopicPolicy": _topic_policy,
}
