"""Work groups, stored by MiniStack: whether queries may run in one, and where their results are written."""

from local.athena.statement import invalid_request
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json


def find(caller: Identity, name: str) -> Json:
    """The work group as MiniStack has it. Raises `AwsError` where there is none, or it is disabled."""
    from ministack.services import athena  # noqa: PLC0415

    group: Json | None = athena._workgroups.get_scoped(caller.account, caller.region, name)
    if group is None:
        raise invalid_request(f"WorkGroup {name} is not found.")
    if group.get("State") == "DISABLED":
        raise invalid_request(f"WorkGroup {name} is disabled.")
    return group


def output(acting: Identity, group: Json, params: Json) -> Json:
    """Where results go: to the work group's location where it enforces its configuration or the caller names none.

    Raises:
        AwsError: `InvalidRequestException`: there is no location, or the caller may not see its bucket.
    """
    configuration = group.get("Configuration") or {}
    own, given = configuration.get("ResultConfiguration") or {}, params.get("ResultConfiguration") or {}
    enforced = str(configuration.get("EnforceWorkGroupConfiguration", True)).lower() == "true"
    chosen = own if own.get("OutputLocation") and (enforced or not given.get("OutputLocation")) else given
    location = str(chosen.get("OutputLocation") or "")
    if not location.startswith("s3://"):
        raise invalid_request(
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input."
        )
    bucket = location.removeprefix("s3://").partition("/")[0]
    try:
        acting.require("s3:GetBucketLocation", f"arn:aws:s3:::{bucket}", service="s3")
    except AwsError as error:
        raise invalid_request(f"Unable to verify/create output bucket {bucket}") from error
    encryption = chosen.get("EncryptionConfiguration")
    return {"OutputLocation": f"{location.rstrip('/')}/"} | (
        {"EncryptionConfiguration": encryption} if encryption else {}
    )
