"""Which resources the laptop builds from calls, for IAM to be asked about; and which rights nothing here asks for.

MiniStack builds one ARN from a call, `local.lakeformation.service_registry` those of the services that are ours, and
`local.glue.access` all that a call of the catalog touches. What is asked about a resource of another type is allowed on
everything alone (`evaluation.py`).
"""

from typing import Final

BUILT: Final[dict[str, frozenset[str]]] = {
    "athena": frozenset({"workgroup", "datacatalog"}),
    "cloudformation": frozenset({"stack"}),
    "databrew": frozenset({"Dataset", "Job", "Recipe"}),
    "dynamodb": frozenset({"table"}),
    "events": frozenset({"event-bus", "rule-on-custom-event-bus", "rule-on-default-event-bus"}),
    "glue": frozenset({"rootcatalog", "database", "table", "userdefinedfunction", "crawler"}),
    "iam": frozenset({"role", "user"}),
    "kms": frozenset({"key"}),
    "lambda": frozenset({"function"}),
    "ram": frozenset({"resource-share", "resource-share-invitation", "permission"}),
    "s3": frozenset({"bucket", "object"}),
    "scheduler": frozenset({"schedule"}),
    "secretsmanager": frozenset({"Secret"}),
    "sns": frozenset({"topic"}),
    "sqs": frozenset({"queue"}),
    "states": frozenset({"statemachine", "execution"}),
    "sts": frozenset({"role"}),
}
"""Service → resource types, as the Service Authorization Reference calls them."""

NOT_ASKED: Final[dict[str, str]] = {
    "logs:CreateLogGroup": "Glue's, for the logs of a crawler: the one on the laptop writes none",
    "logs:CreateLogStream": "Glue's, for the logs of a crawler: the one on the laptop writes none",
    "logs:PutLogEvents": "Glue's, for the logs of a crawler: the one on the laptop writes none",
    "organizations:DescribeAccount": "Lake Formation's, for a grant: no document says when it asks",
}
"""Actions of which no resource is built, and why nothing asks for them."""


def unbuilt(prefix: str, kinds: frozenset[str]) -> bool:
    """Whether a resource of none of the types is built."""
    return not kinds & BUILT.get(prefix, frozenset())
