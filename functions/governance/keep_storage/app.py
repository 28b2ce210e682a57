"""Custom resources: the buckets and the table of an account, made or taken up again; a deleted stack leaves them."""

from typing import Any

from mesh.domain.governance.kept_storage import KeptBucket
from mesh.entry import wiring
from mesh.entry.custom_resource import answer_cloudformation
from mesh.entry.settings import AccountSettings, load


class Settings(AccountSettings):
    """The function's environment."""


def lambda_handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's own types
    """CloudFormation's request for a `Custom::KeptBucket` or a `Custom::KeptTable` → its name, and its `Arn`."""
    keep = _keep_table if event["ResourceType"] == "Custom::KeptTable" else _keep_bucket
    answer_cloudformation(event, context, keep, name=event["ResourceProperties"]["Name"])


def _keep_table(properties: dict[str, Any], _old: dict[str, Any]) -> dict[str, Any]:
    return {"Arn": wiring.kept_tables().keep(properties["Name"])}


def _keep_bucket(properties: dict[str, Any], _old: dict[str, Any]) -> dict[str, Any]:
    bucket = KeptBucket.model_validate({key: value for key, value in properties.items() if key != "ServiceToken"})
    wiring.kept_buckets(load(Settings)).keep(bucket)
    return {"Arn": f"arn:aws:s3:::{bucket.name}"}
