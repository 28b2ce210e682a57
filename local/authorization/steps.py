"""What a service says of its reason when it calls another one: condition keys of resource policies and of trusts.

A key that no document promises is not sent here: a statement that asks for it never holds.
"""

from typing import Final, NamedTuple

ARN, ACCOUNT, OWNER = "aws:SourceArn", "aws:SourceAccount", "aws:SourceOwner"
_DOCS: Final = "https://docs.aws.amazon.com"
_EVENTS: Final = f"{_DOCS}/eventbridge/latest/userguide"
_ACCELERATOR: Final = "https://aws.github.io/modern-data-architecture-accelerator/typedocs/functions"
"""AWS's own project, which says of these conditions that they are supported; the guides show alarms' ARNs alone."""


class Step(NamedTuple):
    """The keys that the service sends, and where AWS says so."""

    keys: frozenset[str]
    source: str


STEPS: Final[dict[tuple[str, str], Step]] = {
    # "A SourceAccount setting prevents EventBridge from being able to invoke the function."
    ("events.amazonaws.com", "lambda"): Step(frozenset({ARN}), f"{_EVENTS}/eb-troubleshooting.html"),
    ("events.amazonaws.com", "sqs"): Step(frozenset({ARN}), f"{_EVENTS}/eb-use-resource-based.html#eb-sqs-permissions"),
    # "You can't use of Condition blocks in Amazon SNS topic policies for EventBridge."
    ("events.amazonaws.com", "sns"): Step(frozenset(), f"{_EVENTS}/eb-use-resource-based.html#eb-sns-permissions"),
    ("events.amazonaws.com", "kms"): Step(frozenset(), f"{_DOCS}/sns/latest/dg/sns-key-management.html"),
    ("events.amazonaws.com", "sts"): Step(
        frozenset({ARN, ACCOUNT}), f"{_EVENTS}/cross-service-confused-deputy-prevention.html"
    ),
    ("sns.amazonaws.com", "sqs"): Step(
        frozenset({ARN}), f"{_DOCS}/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html"
    ),
    ("s3.amazonaws.com", "sqs"): Step(
        frozenset({ARN, ACCOUNT}), f"{_DOCS}/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html"
    ),
    # The policy that SNS gives a topic asks for the owner: "AWS services access your topic only on behalf of AWS
    # resources you own" (sns-access-policy-use-cases).
    ("cloudwatch.amazonaws.com", "sns"): Step(
        frozenset({ARN, ACCOUNT, OWNER}),
        f"{_ACCELERATOR}/_aws-mdaa_cloudwatch-constructs.grantCloudWatchAlarmsTopicAccess.html",
    ),
    ("cloudwatch.amazonaws.com", "kms"): Step(
        frozenset({ARN, ACCOUNT}),
        f"{_ACCELERATOR}/_aws-mdaa_cloudwatch-constructs.grantCloudWatchAlarmsTopicAccess.html",
    ),
    ("states.amazonaws.com", "sts"): Step(
        frozenset({ARN, ACCOUNT}), f"{_DOCS}/step-functions/latest/dg/procedure-create-iam-role.html"
    ),
    # The ARN is the group's, never the schedule's.
    ("scheduler.amazonaws.com", "sts"): Step(
        frozenset({ARN, ACCOUNT}), f"{_DOCS}/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html"
    ),
    ("lakeformation.amazonaws.com", "sts"): Step(
        frozenset({ARN, ACCOUNT}), f"{_DOCS}/lake-formation/latest/dg/cross-service-confused-deputy-prevention.html"
    ),
    # No document promises a key. A role is passed within an account, so that no other one's resource can use it.
    ("glue.amazonaws.com", "sts"): Step(frozenset(), f"{_DOCS}/glue/latest/dg/create-an-iam-role.html"),
    ("databrew.amazonaws.com", "sts"): Step(
        frozenset(), f"{_DOCS}/databrew/latest/dg/security_iam_service-with-iam.html"
    ),
    ("lambda.amazonaws.com", "sts"): Step(frozenset(), f"{_DOCS}/lambda/latest/dg/lambda-intro-execution-role.html"),
}
"""(who calls, whose policy decides) → what it sends. `sts` is a role's trust."""


def context(service: str, target: str, source_arn: str = "", source_account: str = "") -> dict[str, str]:
    """The condition keys of one call, in lower case. The account is the source's unless given; what is empty is unsent.

    Raises `KeyError` for a step that is not in the table.
    """
    account = source_account or ":".join(source_arn.split(":")[4:5])
    values = {ARN: source_arn, ACCOUNT: account, OWNER: account}
    return {key.lower(): values[key] for key in STEPS[service, target].keys if values[key]}
