"""Data lake settings and registered locations."""

import time

from local.lakeformation.context import own_state
from local.lakeformation.identity import Identity, principal_exists
from local.lakeformation.protocol import AwsError, Json, invalid_input, not_found, page
from local.lakeformation.store import default_settings


def get_data_lake_settings(caller: Identity, params: Json) -> Json:
    return {"DataLakeSettings": own_state(caller, params.get("CatalogId")).settings}


def put_data_lake_settings(caller: Identity, params: Json) -> Json:
    """Replace every setting: what is left out is emptied, administrators included.

    IAM alone decides who may: that is how the first administrator gets in.
    """
    kept = own_state(caller, params.get("CatalogId"))
    given = params["DataLakeSettings"]
    for kind in ("DataLakeAdmins", "ReadOnlyAdmins"):
        for entry in given.get(kind) or ():
            if not principal_exists(arn := entry["DataLakePrincipalIdentifier"]):
                raise invalid_input(f"Invalid principal {arn}")
    version = (given.get("Parameters") or {}).get("CROSS_ACCOUNT_VERSION")
    if version is None:
        given = given | {"Parameters": kept.settings["Parameters"] | (given.get("Parameters") or {})}
    elif version not in ("1", "2", "3", "4", "5"):
        raise invalid_input(f"Invalid CROSS_ACCOUNT_VERSION {version}")
    elif kept.settings["Parameters"].get("CROSS_ACCOUNT_VERSION") == "5" and version != "5":
        raise invalid_input("CROSS_ACCOUNT_VERSION 5 cannot be downgraded")
    lists = [name for name, value in default_settings().items() if isinstance(value, list)]
    kept.settings = {name: [] for name in lists} | {"AllowExternalDataFiltering": False} | given
    return {}


def get_data_lake_principal(caller: Identity, params: Json) -> Json:
    return {"Identity": caller.arn}


def register_resource(caller: Identity, params: Json) -> Json:
    kept, arn = own_state(caller, None), _location(params["ResourceArn"])
    if arn in kept.registered:
        raise AwsError("AlreadyExistsException", "Resource is already registered")
    role = params.get("RoleArn")
    if bool(role) == bool(params.get("UseServiceLinkedRole")):
        raise invalid_input("Must specify either a role or UseServiceLinkedRole")
    linked = "aws-service-role/lakeformation.amazonaws.com/AWSServiceRoleForLakeFormationDataAccess"
    if role:
        if not principal_exists(role):
            raise invalid_input(f"Invalid role {role}")
        caller.pass_role(role, "lakeformation.amazonaws.com")
    kept.registered[arn] = {
        "ResourceArn": arn,
        "RoleArn": role or f"arn:aws:iam::{caller.account}:role/{linked}",
        "LastModified": time.time(),
        "WithFederation": bool(params.get("WithFederation")),
        "HybridAccessEnabled": bool(params.get("HybridAccessEnabled")),
    }
    return {}


def update_resource(caller: Identity, params: Json) -> Json:
    info = _registered(caller, params)
    caller.pass_role(params["RoleArn"], "lakeformation.amazonaws.com")
    info |= {"RoleArn": params["RoleArn"], "LastModified": time.time()}
    return {}


def deregister_resource(caller: Identity, params: Json) -> Json:
    info = _registered(caller, params)
    del own_state(caller, None).registered[info["ResourceArn"]]
    return {}


def describe_resource(caller: Identity, params: Json) -> Json:
    return {"ResourceInfo": _registered(caller, params)}


def list_resources(caller: Identity, params: Json) -> Json:
    """Registered locations; filters compare `RESOURCE_ARN` and `ROLE_ARN` with EQ, CONTAINS or BEGINS_WITH."""
    found = [info for _, info in sorted(own_state(caller, None).registered.items())]
    for condition in params.get("FilterConditionList") or ():
        found = [info for info in found if _passes(info, condition)]
    items, rest = page(found, params)
    return {"ResourceInfoList": items} | rest


def _passes(info: Json, condition: Json) -> bool:
    members = {"RESOURCE_ARN": "ResourceArn", "ROLE_ARN": "RoleArn"}
    if (member := members.get(condition["Field"])) is None:
        raise invalid_input(f"Filtering by {condition['Field']} is not supported")
    value, wanted = info[member], condition["StringValueList"]
    match condition["ComparisonOperator"]:
        case "EQ":
            return value in wanted
        case "CONTAINS":
            return any(each in value for each in wanted)
        case "BEGINS_WITH":
            return any(value.startswith(each) for each in wanted)
        case operator:
            raise invalid_input(f"{operator} is not supported")


def _location(arn: str) -> str:
    if not arn.startswith("arn:aws:s3:::"):
        raise invalid_input(f"{arn} is not an S3 path")
    return arn.rstrip("/")


def _registered(caller: Identity, params: Json) -> Json:
    info: Json | None = own_state(caller, None).registered.get(_location(params["ResourceArn"]))
    if info is None:
        raise not_found("Entity not found")
    return info
