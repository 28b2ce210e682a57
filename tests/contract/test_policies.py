"""Who may do what: actions that exist, none by wildcard, `Resource: "*"` only where AWS knows no finer one."""

import fnmatch
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import pytest

from tools.sam_transform import transformed
from tools.templates import ROOT, TEMPLATES, resources

# IAM prefix → botocore's service, where they differ.
SERVICES = {"states": "stepfunctions"}
# IAM actions that are not API operations of the service: Service Authorization Reference.
NO_OPERATION = {
    "lakeformation:GetDataAccess",
    "iam:PassRole",
    "lambda:InvokeFunction",
    "s3:DeleteObjectVersion",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionTagging",
    "s3:PutObjectVersionTagging",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListBucketVersions",
    "s3:ListMultipartUploadParts",
    "s3:GetBucketLocation",
    "s3:PutBucketNotification",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
}
# Actions without resource-level permissions, and why a star is all that AWS knows.
STAR = {
    "lakeformation:*": "Lake Formation decides on resources by its own grants",
    "logs:*": "log delivery of Step Functions",
    "ram:CreateResourceShare": "a share has no ARN before it exists",
    "ram:Get*": "RAM's list calls",
    "ram:List*": "RAM's list calls",
    "events:PutPermission": "IAM knows no resources of it",
    "events:RemovePermission": "IAM knows no resources of it",
    "databrew:Create*": "a recipe, dataset or job has no ARN before it exists",
}
# Readers among people's roles may have verbs by wildcard; functions and machines never.
READS = ("Get*", "List*", "Search*")
PEOPLE = {"DataMeshOwner", "ProducerSteward", "ConsumerAdmin"}


# What SAM attaches: to functions' roles writing logs, reading the queue of an event source; to machines', their traces.
OF_SAM = {
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole",
}
DEPLOYED = {file: transformed(ROOT / file) for file in TEMPLATES}


def statements() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(template, who, statement) of all identity policies as deployed: conditional ones and SAM's own among them."""
    for file, template in DEPLOYED.items():
        for name, role in resources(template, "AWS::IAM::Role").items():
            for policy in role.get("Policies", ()):
                yield from ((file, name, _said(each)) for each in policy["PolicyDocument"]["Statement"])
        for name, policy in resources(template, "AWS::IAM::ManagedPolicy").items():
            yield from ((file, name, _said(each)) for each in policy["PolicyDocument"]["Statement"])


def _said(statement: dict[str, Any]) -> dict[str, Any]:
    """Of `Fn::If`, what holds where its condition does."""
    said: dict[str, Any] = statement["Fn::If"][1] if "Fn::If" in statement else statement
    return said


def actions(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else action


@cache
def operations(service: str) -> frozenset[str]:
    session = botocore.session.get_session()
    return frozenset(session.get_service_model(SERVICES.get(service, service)).operation_names)


EACH = pytest.mark.parametrize(
    ("who", "statement"),
    [
        pytest.param(who, statement, id=f"{file}-{who}-{index}")
        for index, (file, who, statement) in enumerate(statements())
    ],
)


@EACH
def test_only_what_is_allowed_is_said_and_by_what_exists(who, statement):
    assert statement["Effect"] == "Allow"
    assert not {"NotAction", "NotResource"} & set(statement)
    for action in actions(statement):
        service, _, name = action.partition(":")
        if action in NO_OPERATION:
            continue
        assert fnmatch.filter(operations(service), name), f"{action}: there is no such operation"


@EACH
def test_no_action_is_a_wildcard(who, statement):
    for action in actions(statement):
        name = action.partition(":")[2]
        assert "*" not in name or (name in READS and who in PEOPLE), action


@EACH
def test_a_star_is_a_resource_only_where_aws_knows_no_finer_one(who, statement):
    resource = statement["Resource"]
    if "*" not in (resource if isinstance(resource, list) else [resource]):
        return
    for action in actions(statement):
        assert any(fnmatch.fnmatchcase(action, known) for known in STAR), f"{who}: {action} on everything"


def test_central_reads_by_no_policy_but_the_bucket_s_own():
    """Its policies do not name members, whose buckets let it in. A bucket of its own would need no policy to do so."""
    found = {
        (who, action): statement
        for file, who, statement in statements()
        if file == "template.yaml" and not who.startswith("RecordLineage")
        for action in actions(statement)
        if action.startswith("s3:")
    }
    readers = {"LFRegisterLocationServiceRole", "ReadStagedPolicy", "WithdrawVersionsFunctionRole"}
    assert {who for who, _ in found} == readers
    assert {action for _, action in found} == {"s3:GetObject", "s3:ListBucket"}
    for who, statement in found.items():
        assert statement["Resource"]["Fn::Sub"].startswith("arn:aws:s3:::*-${AWS::Region}"), who
        condition = {"StringNotEquals": {"s3:ResourceAccount": {"Ref": "AWS::AccountId"}}}
        assert statement["Condition"] == condition, who


@EACH
def test_a_role_is_passed_to_one_service_only(who, statement):
    if "iam:PassRole" in actions(statement):
        assert statement["Resource"] != "*"
        condition = statement.get("Condition", {}).get("StringEquals", {})
        assert "iam:PassedToService" in condition, f"{who}: any service could be given the role"


@pytest.mark.parametrize("template", list(DEPLOYED.values()), ids=list(DEPLOYED))
def test_no_role_has_managed_policies_but_its_stacks_and_what_sam_attaches(template):
    shared = set(resources(template, "AWS::IAM::ManagedPolicy"))
    for name, role in resources(template, "AWS::IAM::Role").items():
        for attached in role.get("ManagedPolicyArns", ()):
            assert (attached["Ref"] in shared) if isinstance(attached, dict) else (attached in OF_SAM), name


def test_each_known_star_is_used():
    starred = {
        action for _, _, statement in statements() if statement["Resource"] == "*" for action in actions(statement)
    }

    assert [known for known in STAR if not fnmatch.filter(starred, known)] == []


def test_each_exception_is_used():
    used = {action for _, _, statement in statements() for action in actions(statement)}

    assert NO_OPERATION - used == set()
