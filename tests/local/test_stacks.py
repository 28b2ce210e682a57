"""CloudFormation as AWS has it: templates, names drawn anew, buckets that are not empty, taken names, drift."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.local.running import RunningServer, wait_until

ACCOUNT = "222222222222"
ENDED = ("CREATE_COMPLETE", "ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_COMPLETE", "DELETE_FAILED")


@pytest.fixture
def cloudformation(server: RunningServer) -> Any:
    return server.client("cloudformation", ACCOUNT)


def create(cloudformation: Any, name: str, **resources: Any) -> str:
    """The stack's status, once it has ended."""
    stack = cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": resources}), Capabilities=["CAPABILITY_NAMED_IAM"]
    )["StackId"]
    return ended(cloudformation, stack)


def delete(cloudformation: Any, name: str) -> str:
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=name)
    return ended(cloudformation, stack)


def ended(cloudformation: Any, stack: str) -> str:
    def look() -> str:
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return str(status) if status in ENDED else ""

    return wait_until(look)


def physical_id(cloudformation: Any, stack: str) -> str:
    [resource] = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    return str(resource["PhysicalResourceId"])


def test_a_generated_name_is_another_one_in_the_next_stack(cloudformation: Any) -> None:
    """A laptop that gives the same one finds granted what was granted to the role before."""
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": "sts:AssumeRole"}]}  # fmt: skip
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    assert create(cloudformation, "drawn", Role=role) == "CREATE_COMPLETE"
    first = physical_id(cloudformation, "drawn")
    assert delete(cloudformation, "drawn") == "DELETE_COMPLETE"

    assert create(cloudformation, "drawn", Role=role) == "CREATE_COMPLETE"

    second = physical_id(cloudformation, "drawn")
    assert first != second
    assert first.rpartition("-")[0] == second.rpartition("-")[0] == "drawn-Role"


def test_a_bucket_that_is_not_empty_is_not_deleted(server: RunningServer, cloudformation: Any) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}
    assert create(cloudformation, "full", Bucket=bucket) == "CREATE_COMPLETE"
    s3 = server.client("s3", ACCOUNT)
    s3.put_object(Bucket="full", Key="a", Body=b"1")

    assert delete(cloudformation, "full") == "DELETE_FAILED"

    assert s3.get_object(Bucket="full", Key="a")["Body"].read() == b"1"
    s3.delete_object(Bucket="full", Key="a")
    assert delete(cloudformation, "full") == "DELETE_COMPLETE"


def test_a_bucket_that_is_kept_refuses_its_name_to_the_next_stack(cloudformation: Any) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": "kept"}}
    assert create(cloudformation, "kept", Bucket=bucket) == "CREATE_COMPLETE"
    assert delete(cloudformation, "kept") == "DELETE_COMPLETE"

    assert create(cloudformation, "kept", Bucket=bucket) in ("ROLLBACK_COMPLETE", "CREATE_FAILED")


def test_a_state_machine_takes_its_executions_with_it(server: RunningServer, cloudformation: Any) -> None:
    """A laptop that keeps them lists, for the next machine of the name, runs that it never had."""
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"},
                            "Action": "sts:AssumeRole"}]}  # fmt: skip
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, "RoleName": "runs"}}
    definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "DependsOn": "Role",
        "Properties": {
            "StateMachineName": "runs",
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/runs",
            "DefinitionString": definition,
        },
    }
    states, arn = server.client("stepfunctions", ACCOUNT), f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:runs"
    assert create(cloudformation, "runs", Role=role, Machine=machine) == "CREATE_COMPLETE"
    states.start_execution(stateMachineArn=arn, name="first")
    assert delete(cloudformation, "runs") == "DELETE_COMPLETE"

    assert create(cloudformation, "runs", Role=role, Machine=machine) == "CREATE_COMPLETE"

    assert states.list_executions(stateMachineArn=arn)["executions"] == []


def test_a_template_with_yaml_aliases_is_refused(cloudformation: Any) -> None:
    """A laptop that takes one deploys what AWS refuses: sam writes out those of a template's source."""
    body = "Resources:\n  First: &queue {Type: AWS::SQS::Queue}\n  Second: *queue\n"

    with pytest.raises(ClientError, match="YAML aliases are not allowed in CloudFormation templates") as refused:
        cloudformation.create_stack(StackName="aliases", TemplateBody=body)

    assert refused.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize("by", ["principal", "condition"])
def test_a_role_that_is_made_again_is_another_principal(server: RunningServer, by: str) -> None:
    """A laptop that compares names lets in whoever takes the name of a role that is gone."""
    iam, sts, s3 = (server.client(service, "111111111111") for service in ("iam", "sts", "s3"))
    owner, bucket, name = server.client("s3", ACCOUNT), f"named-by-{by}", f"reader-{by}"
    arn = f"arn:aws:iam::111111111111:role/{name}"
    reads: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    lets = reads | {"Principal": {"AWS": arn}}
    if by == "condition":
        lets = reads | {"Principal": {"AWS": "arn:aws:iam::111111111111:root"},
                        "Condition": {"ArnEquals": {"aws:PrincipalArn": arn}}}  # fmt: skip
    owner.create_bucket(Bucket=bucket)
    owner.put_object(Bucket=bucket, Key="a", Body=b"1")

    def make() -> None:
        root = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "sts:AssumeRole"}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [root]}))
        iam.put_role_policy(RoleName=name, PolicyName="reads", PolicyDocument=json.dumps({"Statement": [reads]}))

    def is_let_in() -> bool:
        keys = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        reader = boto3.client(
            "s3", endpoint_url=s3.meta.endpoint_url, region_name="us-east-1", aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"],
        )  # fmt: skip
        try:
            return bool(reader.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied"
            return False

    make()
    owner.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [lets]}))
    assert is_let_in()
    iam.delete_role_policy(RoleName=name, PolicyName="reads")
    iam.delete_role(RoleName=name)
    make()

    assert is_let_in() is (by == "condition")


def test_a_policy_that_was_changed_by_hand_has_drifted(server: RunningServer, cloudformation: Any) -> None:
    said = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"}, "Resource": "*"}

    def policy(action: str, *more: Any) -> dict[str, Any]:
        return {"Version": "2012-10-17", "Statement": [{**said, "Sid": "own", "Action": action}, *more]}

    resources = {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "drifting"}},
        "One": {"Type": "AWS::SQS::Queue"},
        "Two": {"Type": "AWS::SQS::Queue"},
        "Topic": {"Type": "AWS::SNS::Topic"},
        "OnBucket": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": policy("s3:GetObject")},
        },
        "OnQueues": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [{"Ref": "One"}, {"Ref": "Two"}], "PolicyDocument": policy("sqs:SendMessage")},
        },
        "OnTopic": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {"Topics": [{"Ref": "Topic"}], "PolicyDocument": policy("sns:Publish")},
        },
    }
    assert create(cloudformation, "drifting", **resources) == "CREATE_COMPLETE"
    listed = cloudformation.describe_stack_resources(StackName="drifting")["StackResources"]
    ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed}

    def drifted(name: str) -> tuple[str, list[str]]:
        found = cloudformation.detect_stack_resource_drift(StackName="drifting", LogicalResourceId=name)
        drift = found["StackResourceDrift"]
        return drift["StackResourceDriftStatus"], [
            each["PropertyPath"] for each in drift.get("PropertyDifferences", ())
        ]

    names = ("OnBucket", "OnQueues", "OnTopic")
    assert [drifted(name) for name in names] == [("IN_SYNC", [])] * 3

    by_hand = {**said, "Sid": "by-hand", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}}
    server.client("s3", ACCOUNT).put_bucket_policy(
        Bucket="drifting", Policy=json.dumps(policy("s3:GetObject", {**by_hand, "Action": "s3:GetObject"}))
    )
    server.client("sqs", ACCOUNT).set_queue_attributes(QueueUrl=ids["Two"], Attributes={"Policy": ""})
    server.client("sns", ACCOUNT).set_topic_attributes(
        TopicArn=ids["Topic"], AttributeName="Policy", AttributeValue=json.dumps(policy("sns:Subscribe"))
    )

    assert [drifted(name) for name in names] == [
        ("MODIFIED", ["/PolicyDocument/Statement/1"]),
        ("DELETED", []),
        ("MODIFIED", ["/PolicyDocument/Statement/0/Action"]),
    ]
