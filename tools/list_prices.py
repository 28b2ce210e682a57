"""AWS's list prices in us-east-1, in US dollars, without free tiers: where each was read, and of which date that is.

A price is `confirmed` that was read on a page of AWS's own, in a copy that bears no date, in November 2026. The others
were read where others repeat them, or nowhere: https://aws.amazon.com/SERVICE/pricing/ has them all.
"""

from typing import Final, NamedTuple

_ATHENA_GUIDE: Final = "athena.guide/articles/athena-basics-pricing-model, 2020-10"
_DYNAMODB: Final = "airbyte.com/data-engineering-resources/dynamodb-pricing, 2025-07"
_EVENTBRIDGE: Final = "factualminds.com/blog/amazon-eventbridge-pricing-events-pipes-schema-archive, 2026-06"
_WHITEPAPER: Final = "docs.aws.amazon.com/whitepapers/latest/how-aws-pricing-works/lambda.html, copy read 2026-11"
_NOT_READ: Final = "not read anywhere"


class Price(NamedTuple):
    """Of one unit, or of a million calls; `source` is a page and its date, where it has one."""

    dollars: float
    source: str
    confirmed: bool = False


MILLION: Final = {
    "states": Price(25.0, "aws.amazon.com/step-functions/pricing ($0.0250 for 1,000), copy read 2026-11", True),
    "lambda:InvokeFunction": Price(0.2, _WHITEPAPER, True),
    "events:PutEvents": Price(1.0, _EVENTBRIDGE),
    "sns:Publish": Price(0.5, "factualminds.com/blog/amazon-sns-pricing-publishes-fanout-protocols, undated"),
    "sqs": Price(0.4, "cloudburn.io/blog/amazon-sqs-pricing, 2026-03"),
    "s3:GetObject": Price(0.4, _ATHENA_GUIDE),
    "s3:HeadObject": Price(0.4, _ATHENA_GUIDE),
    "s3": Price(5.0, _ATHENA_GUIDE),
    "glue": Price(1.0, _ATHENA_GUIDE),
    "dynamodb:GetItem": Price(0.125, _DYNAMODB),
    "dynamodb:Query": Price(0.125, _DYNAMODB),
    "dynamodb": Price(0.625, _DYNAMODB),
    "lakeformation": Price(0.0, _NOT_READ),
}
"""For a million: of a state transition, of a call (or of all calls of a service)."""
KMS_KEY_MONTH: Final = Price(1.0, "aws.amazon.com/kms/pricing, copy read 2026-11", True)
ALARM_MONTH: Final = Price(0.1, "c3x.dev/resources/aws/aws_cloudwatch_metric_alarm, undated")
DASHBOARD_MONTH: Final = Price(3.0, _NOT_READ)
"""Keys, alarms and dashboards are charged by the hour."""
HOURS_A_MONTH: Final = 730
LAMBDA_GB_SECOND: Final = Price(0.00001667, _WHITEPAPER, True)
ATHENA_TERABYTE: Final = Price(5.0, _ATHENA_GUIDE)
ATHENA_LEAST_TERABYTES: Final = 10e6 / 1e12
"""10 MB: what a query is charged for at least, by the same page."""


def price(call: str) -> float:
    """US dollars for a million such calls."""
    found = MILLION.get(call) or MILLION.get(call.partition(":")[0])
    return found.dollars if found else 0.0
