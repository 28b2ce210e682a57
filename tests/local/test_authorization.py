"""IAM on the laptop judges as AWS's Service Authorization Reference has it; each test is one that MiniStack's fails."""

import contextlib
import logging
import time
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError
from ministack.core import iam_evaluator

from local import authorization
from local.authorization import reference
from local.authorization.resources import BUILT, NOT_ASKED, unbuilt
from local.glue import access
from local.lakeformation.identity import Identity
from tests.local.running import RunningServer, allow
from tools.sam_transform import transformed
from tools.template_policies import listed, rights
from tools.templates import ROOT, TEMPLATES


class Asked(NamedTuple):
    """A call that names a resource of a type of the service that the prefix is of."""

    prefix: str
    kind: str
    service: str
    call: str
    arguments: dict[str, Any]


ACCOUNT, REGION = "111111111111", "us-east-1"
HERE = f"{REGION}:{ACCOUNT}"
NUMBER = "0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f"
EXECUTION = f"arn:aws:states:{HERE}:execution:machine:run"
SHARE, INVITATION = (f"arn:aws:ram:{HERE}:resource-share{kind}/{NUMBER}" for kind in ("", "-invitation"))
CALLS = [Asked(*each) for each in (
    ("athena", "workgroup", "athena", "get_work_group", {"WorkGroup": "primary"}),
    ("athena", "datacatalog", "athena", "list_databases", {"CatalogName": "AwsDataCatalog"}),
    ("cloudformation", "stack", "cloudformation", "describe_stacks", {"StackName": "none"}),
    ("databrew", "Dataset", "databrew", "delete_dataset", {"Name": "none"}),
    ("databrew", "Job", "databrew", "list_job_runs", {"Name": "none"}),
    ("databrew", "Recipe", "databrew", "describe_recipe", {"Name": "none"}),
    ("dynamodb", "table", "dynamodb", "get_item", {"TableName": "none", "Key": {"pk": {"S": "1"}}}),
    ("events", "event-bus", "events", "put_events", {"Entries": [{"Source": "a", "DetailType": "b", "Detail": "{}"}]}),
    ("events", "event-bus", "events", "describe_event_bus", {"Name": "none"}),
    ("events", "rule-on-custom-event-bus", "events", "put_targets",
     {"Rule": "none", "EventBusName": "mesh", "Targets": [{"Id": "1", "Arn": f"arn:aws:sqs:{HERE}:queue"}]}),
    ("events", "rule-on-default-event-bus", "events", "describe_rule", {"Name": "none"}),
    ("glue", "rootcatalog", "glue", "get_table", {"DatabaseName": "none", "Name": "none"}),
    ("glue", "crawler", "glue", "get_crawler", {"Name": "none"}),
    ("iam", "role", "iam", "get_role", {"RoleName": "none"}),
    ("iam", "user", "iam", "get_user", {"UserName": "none"}),
    ("kms", "key", "kms", "describe_key", {"KeyId": NUMBER}),
    ("lambda", "function", "lambda", "invoke", {"FunctionName": "none"}),
    ("ram", "resource-share", "ram", "delete_resource_share", {"resourceShareArn": SHARE}),
    ("ram", "resource-share-invitation", "ram", "accept_resource_share_invitation",
     {"resourceShareInvitationArn": INVITATION}),
    ("s3", "bucket", "s3", "list_objects_v2", {"Bucket": "none"}),
    ("s3", "object", "s3", "get_object", {"Bucket": "none", "Key": "a/b"}),
    ("scheduler", "schedule", "scheduler", "delete_schedule", {"Name": "none"}),
    ("secretsmanager", "Secret", "secretsmanager", "get_secret_value", {"SecretId": "none"}),
    ("sns", "topic", "sns", "publish", {"TopicArn": f"arn:aws:sns:{HERE}:none", "Message": "m"}),
    ("sqs", "queue", "sqs", "receive_message", {"QueueUrl": f"http://sqs/{ACCOUNT}/none"}),
    ("states", "statemachine", "stepfunctions", "list_executions",
     {"stateMachineArn": f"arn:aws:states:{HERE}:stateMachine:none"}),
    ("states", "execution", "stepfunctions", "describe_execution", {"executionArn": EXECUTION}),
    ("sts", "role", "sts", "assume_role",
     {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/none", "RoleSessionName": "session"}),
)]  # fmt: skip
BY_THE_SERVICE = {("glue", "database"), ("glue", "table"), ("glue", "userdefinedfunction"), ("ram", "permission")}
"""Asked about by the operation itself, after the dispatcher has asked about the catalog or the share."""


def decided(action: str, resource: str, *statements: dict[str, Any], keys: dict[str, str] | None = None) -> str:
    """The evaluator's decision for a role of ACCOUNT that has the statements."""
    authorization.install()
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/role/session",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        service_context=keys or {},
    )
    policy = iam_evaluator.parse_policy_document({"Version": "2012-10-17", "Statement": list(statements)})
    return str(iam_evaluator.evaluate(context, [policy]).decision)


def named_by_templates() -> set[str]:
    found = {
        action
        for file in TEMPLATES
        for statements in rights(transformed(ROOT / file)).values()
        for statement in statements
        for action in listed(statement, "Action")
    }
    return {action for action in found if "*" not in action}


def test_an_action_without_resource_types_is_allowed_on_everything_alone():
    crawler = f"arn:aws:glue:{HERE}:crawler/mine"

    assert decided("glue:CreateCrawler", crawler, allow("glue:CreateCrawler", resource=crawler)) == "ImplicitDeny"
    assert decided("glue:CreateCrawler", crawler, allow("glue:CreateCrawler")) == "Allow"
    assert decided("glue:GetCrawler", crawler, allow("glue:GetCrawler", resource=crawler)) == "Allow"


def test_a_crawler_is_not_created_by_a_right_on_crawlers(server: RunningServer):
    here = f"arn:aws:glue:us-east-1:{ACCOUNT}:crawler/*"
    server.make_role(ACCOUNT, "on-crawlers", ACCOUNT, allow("glue:CreateCrawler", "iam:PassRole", resource=here))
    glue = server.client("glue", ACCOUNT, "on-crawlers")

    with pytest.raises(ClientError, match=r"AccessDenied.*glue:CreateCrawler"):
        glue.create_crawler(Name="mine", Role="none", Targets={"S3Targets": [{"Path": "s3://bucket/"}]})


def test_a_resource_of_another_type_is_allowed_on_everything_alone_and_an_action_that_aws_does_not_have_never(
    caplog: Any,
):
    caplog.set_level(logging.ERROR)

    topic = f"arn:aws:sns:{HERE}:topic"
    assert decided("sqs:SendMessage", topic, allow("sqs:*", resource=topic)) == "ImplicitDeny"
    assert decided("sqs:SendMessage", topic, allow("sqs:*")) == "Allow"
    assert decided("sqs:SendLetter", f"arn:aws:sqs:{HERE}:queue", allow("sqs:*")) == "ImplicitDeny"
    assert ["not a resource of type queue" in caplog.text, "no such action" in caplog.text] == [True, True]


@pytest.mark.parametrize(
    ("operator", "decision"), [("StringEquals", "ImplicitDeny"), ("StringEqualsIfExists", "Allow")]
)
def test_a_key_that_the_action_does_not_know_is_missing(operator: str, decision: str):
    """MiniStack tells the account of any resource as `s3:ResourceAccount`."""
    queue = f"arn:aws:sqs:{HERE}:queue"
    condition = {"Condition": {operator: {"s3:ResourceAccount": ACCOUNT}}}

    assert decided("sqs:SendMessage", queue, allow("sqs:SendMessage", resource=queue) | condition) == decision


def test_a_key_that_the_action_knows_counts():
    place = "arn:aws:s3:::bucket"
    condition = {"Condition": {"StringEquals": {"s3:prefix": "a/"}}}
    statement = allow("s3:ListBucket", resource=place) | condition

    assert decided("s3:ListBucket", place, statement, keys={"s3:prefix": "a/"}) == "Allow"
    assert decided("s3:ListBucket", place, statement, keys={"s3:prefix": "b/"}) == "ImplicitDeny"


def test_what_the_templates_allow_is_on_resources_that_are_built_or_is_not_asked_for():
    unknown = set()
    for name in named_by_templates():
        action = reference.action(name)
        assert action, name
        prefix = action.name.partition(":")[0]
        kinds = action.required or ((action.optional,) if action.optional else ())
        if any(unbuilt(prefix, each) for each in kinds):
            unknown.add(action.name)

    assert unknown == set(NOT_ASKED)


def test_every_type_that_is_built_is_shown_by_a_call():
    shown = {(asked.prefix, asked.kind) for asked in CALLS} | BY_THE_SERVICE

    assert shown == {(prefix, kind) for prefix, kinds in BUILT.items() for kind in kinds}


@pytest.mark.parametrize("asked", CALLS, ids=[f"{asked.prefix} {asked.kind}" for asked in CALLS])
def test_iam_is_asked_about_a_resource_of_the_type(server: RunningServer, asked: Asked):
    since = time.time()
    with contextlib.suppress(ClientError):  # there is no such resource: the right was asked for before that is known
        getattr(server.client(asked.service, ACCOUNT), asked.call)(**asked.arguments)
    calls = server.control("GET", f"/_mesh/record?since={since}&account={ACCOUNT}")["calls"]

    assert [each for each in calls if not reference.is_of_type(each["resource"], asked.prefix, asked.kind)] == []
    assert calls


def test_a_transaction_needs_the_rights_of_its_parts_and_the_record_names_them(server: RunningServer):
    key, since = {"TableName": "none", "Key": {"pk": {"S": "1"}}}, time.time()
    parts = [{"Put": {"TableName": "none", "Item": {"pk": {"S": "2"}}}}, {"Delete": key}]
    with contextlib.suppress(ClientError):  # there is no such table: the rights were asked for before that is known
        server.client("dynamodb", ACCOUNT).transact_write_items(TransactItems=parts)
    (call,) = server.control("GET", f"/_mesh/record?since={since}&account={ACCOUNT}")["calls"]

    assert (call["action"], call["asked"]) == ("TransactWriteItems", ["dynamodb:DeleteItem", "dynamodb:PutItem"])
    assert set(call["asked"]) <= set(server.control("GET", "/_mesh/record/used")["used"][call["principal"]])


@pytest.mark.parametrize("name", sorted(each for each in named_by_templates() if each.startswith("glue:")))
def test_calls_of_the_catalog_ask_about_every_type_that_they_require(name: str):
    action = reference.action(name)
    assert action
    required = frozenset().union(*action.required)
    if "crawler" in required or not required:
        return
    caller = Identity(f"arn:aws:iam::{ACCOUNT}:role/role", ACCOUNT, REGION, "")
    database = "db" if "database" in required else ""
    asked = access.arns(caller, name.removeprefix("glue:"), ACCOUNT, database, "t" if "table" in required else "")

    assert [kind for kind in required if not any(reference.is_of_type(arn, "glue", kind) for arn in asked)] == []
