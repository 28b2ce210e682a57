"""S3's `Object Created` and `Object Deleted`, as EventBridge delivers them.

Keys are not URL-encoded there: they are taken as they are.
"""

from collections.abc import Mapping
from typing import Any

from mesh.domain.onboarding.formats.model import ObjectRef


def object_of(event: Mapping[str, Any]) -> ObjectRef:
    """The object of an event. Raises KeyError or ValidationError when it is no such event."""
    item, deleted = event["detail"]["object"], event["detail-type"] == "Object Deleted"
    return ObjectRef(
        bucket=event["detail"]["bucket"]["name"],
        key=item["key"],
        size=0 if deleted else item["size"],
        etag=item.get("etag", ""),
        version_id=item.get("version-id"),
        sequencer=item.get("sequencer", ""),
        requester=event["detail"].get("requester", ""),
        deleted=deleted,
    )
