"""Batches that are answered with HTTP 200 though an entry failed: PutEvents, PublishBatch, BatchGetItem, DeleteObjects.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from local.calls import Request

Operation = Literal["PutEvents", "PublishBatch", "BatchGetItem", "DeleteObjects"]
_JSON: Final = "application/x-amz-json-1.1"
_USUAL: Final[dict[Operation, str]] = {
    "PutEvents": "InternalFailure",
    "PublishBatch": "InternalError",
    "BatchGetItem": "",
    "DeleteObjects": "InternalError",
}
_ENTRY: Final = re.compile(r"PublishBatchRequestEntries\.(?:member|entry)\.(\d+)\.(\w+)")
_NO_PUBLICATION: Final = (
    '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Successful/>'
    "<Failed/></PublishBatchResult><ResponseMetadata><RequestId>partial</RequestId></ResponseMetadata>"
    "</PublishBatchResponse>"
)
_S3: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_NOTHING_DELETED: Final = f'<DeleteResult xmlns="{_S3}"/>'


@dataclass(frozen=True)
class Cut:
    """A batch without its last entry: `rest` is the body of the call that is made, `last` the entry left out."""

    operation: Operation
    rest: bytes
    last: Any
    entries: int

    @property
    def usual_code(self) -> str:
        return _USUAL[self.operation]

    @property
    def content_type(self) -> str:
        return {"PublishBatch": "text/xml", "DeleteObjects": "application/xml"}.get(self.operation, _JSON)

    def answer_without_service(self, code: str, message: str) -> bytes | None:
        """The whole answer where no entry is left to be done; None where the service has to be asked."""
        if self.entries > 1:
            return None
        empty: dict[Operation, str] = {
            "PutEvents": '{"Entries": []}',
            "PublishBatch": _NO_PUBLICATION,
            "BatchGetItem": "{}",
            "DeleteObjects": _NOTHING_DELETED,
        }
        return self.answer(empty[self.operation].encode(), code, message)

    def answer(self, answer: bytes, code: str, message: str) -> bytes:
        """The service's answer to the rest, and the failed entry."""
        match self.operation:
            case "PutEvents":
                given = json.loads(answer)
                given["Entries"] = [*given.get("Entries", ()), {"ErrorCode": code, "ErrorMessage": message}]
                given["FailedEntryCount"] = given.get("FailedEntryCount", 0) + 1
                return json.dumps(given).encode()
            case "BatchGetItem":
                table, key, more = self.last
                given = json.loads(answer) or {"Responses": {}}
                left = given.setdefault("UnprocessedKeys", {})
                left.setdefault(table, {**more, "Keys": []})["Keys"].append(key)
                return json.dumps(given).encode()
            case "PublishBatch":
                fault = f"<Id>{escape(self.last)}</Id><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
                failed = f"<Failed><member>{fault}<SenderFault>false</SenderFault></member></Failed>"
                return re.sub(r"<Failed\s*/>|<Failed>\s*</Failed>", failed, answer.decode()).encode()
            case "DeleteObjects":
                result = ET.fromstring(answer)  # noqa: S314 - MiniStack's own
                error = ET.SubElement(result, f"{{{_S3}}}Error")
                for name, text in {**self.last, "Code": code, "Message": message}.items():
                    ET.SubElement(error, f"{{{_S3}}}{name}").text = text
                return ET.tostring(result)


def cut(request: Request) -> Cut | None:
    """None for what is no such batch, or has no entry."""
    match request.service, request.action:
        case "events", "PutEvents":
            return _of_events(json.loads(request.body))
        case "sns", "Publish":  # the action that IAM checks for PublishBatch as well
            return _of_messages(request.body.decode())
        case "dynamodb", "BatchGetItem":
            return _of_keys(json.loads(request.body))
        case "s3", _ if request.method == "POST" and "delete" in request.query:
            return _of_objects(request.body)
    return None


def _of_events(body: dict[str, Any]) -> Cut | None:
    entries = body.get("Entries") or []
    if not entries:
        return None
    rest = json.dumps({**body, "Entries": entries[:-1]}).encode()
    return Cut("PutEvents", rest, None, len(entries))


def _of_messages(body: str) -> Cut | None:
    fields = parse_qsl(body, keep_blank_values=True)
    if ("Action", "PublishBatch") not in fields:
        return None
    numbered = [(found, name, value) for name, value in fields for found in [_ENTRY.match(name)]]
    last = max((int(found[1]) for found, _, _ in numbered if found), default=0)
    if not last:
        return None
    rest = [(name, value) for found, name, value in numbered if not found or int(found[1]) != last]
    ids = [value for found, _, value in numbered if found and int(found[1]) == last and found[2] == "Id"]
    return Cut("PublishBatch", urlencode(rest).encode(), ids[0] if ids else "", last)


def _of_keys(body: dict[str, Any]) -> Cut | None:
    """Of one table, as the mesh reads them."""
    tables = body.get("RequestItems") or {}
    if len(tables) != 1:
        return None
    [(table, wanted)] = tables.items()
    keys, more = wanted["Keys"], {name: value for name, value in wanted.items() if name != "Keys"}
    rest = json.dumps({**body, "RequestItems": {table: {**more, "Keys": keys[:-1]}}}).encode()
    return Cut("BatchGetItem", rest, (table, keys[-1], more), len(keys)) if keys else None


def _of_objects(body: bytes) -> Cut | None:
    """The last object by its key, and by its version where one is named."""
    batch = ET.fromstring(body)  # noqa: S314 - of the process that is tested
    objects = batch.findall(f"{{{_S3}}}Object")
    if not objects:
        return None
    batch.remove(objects[-1])
    found = {each.tag.rpartition("}")[2]: each.text or "" for each in objects[-1]}
    last = {name: found[name] for name in ("Key", "VersionId") if name in found}
    return Cut("DeleteObjects", ET.tostring(batch), last, len(objects))
