"""Items in and out of DynamoDB: plain Python values, conditional writes, whole paginated queries."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.domain.product import Throttled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BATCH: Final = 100
"""Items of one BatchGetItem."""
_ATTEMPTS: Final = 5
_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def dump(item: Mapping[str, Any]) -> dict[str, Any]:
    """Python values → DynamoDB's typed attributes."""
    return {name: _serialize(value) for name, value in item.items()}


def load(item: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB's typed attributes → Python values."""
    return {name: _deserialize(value) for name, value in item.items()}


class Table:
    """One table with string keys `pk` and `sk`."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self.client = client
        self.name = name

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        """The item, read consistently."""
        with transient_errors():
            found = self.client.get_item(TableName=self.name, Key=dump({"pk": pk, "sk": sk}), ConsistentRead=True)
        return load(found["Item"]) if "Item" in found else None

    def get_all(self, keys: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """The items that are there, read consistently, in no order. Raises Throttled for what stays unread."""
        wanted = [dump({"pk": pk, "sk": sk}) for pk, sk in dict.fromkeys(keys)]
        for start in range(0, len(wanted), _BATCH):
            yield from self._get_batch(wanted[start : start + _BATCH])

    def _get_batch(self, keys: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """DynamoDB answers with what it got to in time: the rest is asked for again."""
        request: Any = {self.name: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(_ATTEMPTS):
            time.sleep(attempt and 0.05 * 2**attempt)
            with transient_errors():
                answer = self.client.batch_get_item(RequestItems=request)
            yield from map(load, answer["Responses"].get(self.name, ()))
            request = answer.get("UnprocessedKeys")
            if not request:
                return
        raise Throttled(f"items of {self.name} stayed unread")

    def put(self, item: Mapping[str, Any], *, unless_exists: bool = False) -> bool:
        """Write an item; with `unless_exists`, False when there is one already."""
        condition = {"ConditionExpression": "attribute_not_exists(pk)"} if unless_exists else {}
        return self._conditional("put_item", Item=dump(item), **condition)

    def put_if(
        self,
        item: Mapping[str, Any],
        condition: str,
        values: Mapping[str, Any],
        *,
        names: Mapping[str, str] | None = None,
    ) -> bool:
        """Write an item where the condition holds on what is there; False where it does not."""
        extra = {"ExpressionAttributeNames": dict(names)} if names else {}
        return self._conditional(
            "put_item", Item=dump(item), ConditionExpression=condition, ExpressionAttributeValues=dump(values), **extra
        )

    def update_if(
        self,
        pk: str,
        sk: str,
        update: str,
        values: Mapping[str, Any],
        condition: str | None = None,
        *,
        names: Mapping[str, str] | None = None,
    ) -> bool:
        """Update an item where the condition holds; False where it does not."""
        extra: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        if names:
            extra["ExpressionAttributeNames"] = dict(names)
        return self._conditional(
            "update_item",
            Key=dump({"pk": pk, "sk": sk}),
            UpdateExpression=update,
            ExpressionAttributeValues=dump(values),
            **extra,
        )

    def delete_if(
        self, pk: str, sk: str, condition: str | None = None, values: Mapping[str, Any] | None = None
    ) -> bool:
        """Delete an item where the condition holds; False where it does not."""
        extra = {"ConditionExpression": condition, "ExpressionAttributeValues": dump(values or {})} if condition else {}
        return self._conditional("delete_item", Key=dump({"pk": pk, "sk": sk}), **extra)

    def query(
        self, pk: str, *, prefix: str = "", limit: int | None = None, newest_first: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Items of a partition whose sort key begins with `prefix`, all pages, in order."""
        arguments: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :prefix)" if prefix else ""),
            "ExpressionAttributeValues": dump({":pk": pk, **({":prefix": prefix} if prefix else {})}),
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
        }
        if limit:
            arguments["Limit"] = limit
        seen = 0
        while True:
            with transient_errors():
                page = self.client.query(**arguments)
            for item in page["Items"]:
                yield load(item)
                seen += 1
                if limit and seen >= limit:
                    return
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def write_together(self, actions: list[dict[str, Any]]) -> bool:
        """All of these writes or none (TransactWriteItems); False when a condition failed."""
        try:
            with transient_errors():
                self.client.transact_write_items(TransactItems=actions)  # type: ignore[arg-type]
        except ClientError as error:
            if code_of(error) != "TransactionCanceledException":
                raise
            return False
        return True

    def _conditional(self, operation: str, **arguments: Any) -> bool:  # noqa: ANN401 - passed to boto3
        try:
            with transient_errors():
                getattr(self.client, operation)(TableName=self.name, **arguments)
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True
