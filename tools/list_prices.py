"""AWS's list prices in us-east-1, in US dollars, as of 2026-11; without free tiers.

https://aws.amazon.com/SERVICE/pricing/ of athena, cloudwatch, dynamodb, eventbridge, glue, kms, lambda, s3, sns, sqs
and step-functions. Keys, alarms and dashboards are charged by the hour.
"""

from typing import Final

MILLION: Final = {
    "states": 25.0, "lambda:InvokeFunction": 0.2, "events:PutEvents": 1.0, "sns:Publish": 0.5, "sqs": 0.4,
    "s3:GetObject": 0.4, "s3:HeadObject": 0.4, "s3": 5.0, "glue": 1.0, "dynamodb:GetItem": 0.125,
    "dynamodb:Query": 0.125, "dynamodb": 0.625, "lakeformation": 0.0,
}  # fmt: skip
"""For a million: of a state transition, of a call (or of all calls of a service)."""
KMS_KEY_MONTH: Final = 1.0
ALARM_MONTH: Final = 0.1
DASHBOARD_MONTH: Final = 3.0
HOURS_A_MONTH: Final = 730
LAMBDA_GB_SECOND: Final = 0.0000166667
ATHENA_TERABYTE: Final = 5.0
ATHENA_LEAST_TERABYTES: Final = 10e6 / 1e12
"""10 MB: what a query is charged for at least."""


def price(call: str) -> float:
    """US dollars for a million such calls."""
    return MILLION.get(call, MILLION.get(call.partition(":")[0], 0.0))
