"""Names and values between Step Functions and the AWS APIs, driven by botocore's service models.

SDK integrations use the names of the Java SDK: `DbClusters` for `DBClusters`, `Ss` for `SS`.
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

import base64
import datetime
from typing import Final

from botocore.model import ListShape, MapShape, Shape, StructureShape
from ministack.services import stepfunctions

from local.values import Json

# Where the name in a resource ARN is not botocore's.
BOTO_NAMES: Final = {
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}


def to_api(value: Json, shape: Shape | None) -> Json:
    """A Task's arguments as botocore takes them. An unknown member is left for botocore to refuse."""
    if shape is None:
        return value
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        names = {alias: str(name) for name in shape.members for alias in (_key(name), _capital(name), name)}
        named = {names.get(str(key), str(key)): item for key, item in value.items()}
        return {name: to_api(item, shape.members.get(name)) for name, item in named.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [to_api(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: to_api(item, shape.value) for key, item in value.items()}
    return value


def from_api(value: Json, shape: Shape | None, *, optimized: bool = False) -> Json:
    """An answer as a state sees it: PascalCase members, times in ISO 8601, bytes as text."""
    if isinstance(value, dict) and isinstance(shape, StructureShape):
        members = shape.members
        name = _capital if optimized else _key
        return {
            name(key): from_api(item, members.get(key), optimized=optimized)
            for key, item in value.items()
            if key != "ResponseMetadata"
        }
    if isinstance(value, dict) and isinstance(shape, MapShape):
        return {key: from_api(item, shape.value, optimized=optimized) for key, item in value.items()}
    if isinstance(value, list) and isinstance(shape, ListShape):
        return [from_api(item, shape.member, optimized=optimized) for item in value]
    return _scalar(value)


def _scalar(value: Json) -> Json:
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes | bytearray):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    return value


def _key(name: str) -> str:
    return str(stepfunctions._api_name_to_sfn_key(name))


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
