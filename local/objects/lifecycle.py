"""Objects that expire by their bucket's lifecycle rules, as the mesh's clock skips.

Current versions expire by `Days`: in a versioned bucket a delete marker hides them. Noncurrent versions, storage
classes, unfinished uploads and rules by `Date` are left alone.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

import time
from datetime import datetime
from typing import Any, Final

from ministack.core.responses import request_scope
from ministack.services import s3
from ministack.services.cloudformation import provisioners

from local.accounts import REGION
from local.objects import events
from local.values import Json

_DAY: Final = 86_400


def install() -> None:
    """A template's `LifecycleConfiguration`, which MiniStack's provisioner passes over, is the bucket's."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    handler["create"] = _with_rules(handler["create"])
    handler["update"] = _with_rules(handler["update"])


def expire() -> None:
    """Delete what has expired by now, in every account."""
    for (account, bucket), rules in list(s3._bucket_lifecycle._data.items()):
        if not isinstance(rules, list):
            continue  # a configuration that MiniStack did not understand and kept as text
        region = (s3._buckets.get_scoped(account, None, bucket) or {}).get("region", REGION)
        with request_scope(account, region), events.expiry():
            for key in _expired(bucket, rules):
                s3._delete_object(bucket, key)


def _with_rules(provision: Any) -> Any:  # noqa: ANN401 - MiniStack's functions
    def provision_with_rules(name: str, *properties: Any) -> Any:  # noqa: ANN401
        """`properties` are the resource's, on an update the old ones and the new; then the stack's name."""
        answer = provision(name, *properties)
        *before, given, _ = properties
        if rules := (given.get("LifecycleConfiguration") or {}).get("Rules"):
            s3._bucket_lifecycle[answer[0]] = [_of_template(rule) for rule in rules]
        elif any("LifecycleConfiguration" in old for old in before):
            s3._bucket_lifecycle.pop(answer[0], None)
        return answer

    return provision_with_rules


def _of_template(rule: Json) -> Json:
    """A rule as PutBucketLifecycleConfiguration has it, of CloudFormation's: flat, with a name for each kind.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3-bucket-rule.html
    """
    expiration = {"Days": "ExpirationInDays", "Date": "ExpirationDate"}
    named = {
        "Prefix": rule.get("Prefix"),
        "Tags": rule.get("TagFilters"),
        "ObjectSizeGreaterThan": _number(rule.get("ObjectSizeGreaterThan")),
        "ObjectSizeLessThan": _number(rule.get("ObjectSizeLessThan")),
    }
    found: Json = {
        "Status": rule["Status"],
        "Filter": {"And": {member: value for member, value in named.items() if value is not None}},
        "Expiration": {ours: rule[theirs] for ours, theirs in expiration.items() if theirs in rule},
    }
    if days := found["Expiration"].get("Days"):
        found["Expiration"]["Days"] = int(days)
    for member in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if member in rule:
            found[member] = rule[member]
    return found | ({"ID": rule["Id"]} if "Id" in rule else {})


def _number(value: Any) -> int | None:  # noqa: ANN401 - a number, or one as text
    return None if value is None else int(value)


def _expired(bucket: str, rules: list[Json]) -> list[str]:
    objects = (s3._buckets.get(bucket) or {"objects": {}})["objects"]
    return [key for key, found in list(objects.items()) if any(_expires(rule, bucket, key, found) for rule in rules)]


def _expires(rule: Json, bucket: str, key: str, found: Json) -> bool:
    days = rule.get("Expiration", {}).get("Days")
    if days is None or rule.get("Status") != "Enabled" or not _covers(rule, bucket, key, found):
        return False
    created = datetime.fromisoformat(found["last_modified"]).timestamp()
    return time.time() - created >= int(days) * _DAY


def _covers(rule: Json, bucket: str, key: str, found: Json) -> bool:
    """Whether the rule's filter takes the object: all that it names must hold."""
    given = rule.get("Filter") or {}
    given = given.get("And") or given
    tags = [*given.get("Tags", []), *([given["Tag"]] if given.get("Tag") else [])]
    held = s3._object_tags.get((bucket, key, found.get("version_id"))) or {}
    return bool(
        key.startswith(given.get("Prefix", ""))
        and all(held.get(tag["Key"]) == tag["Value"] for tag in tags)
        and found["size"] > given.get("ObjectSizeGreaterThan", -1)
        and found["size"] < given.get("ObjectSizeLessThan", float("inf"))
    )
