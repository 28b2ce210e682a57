"""Items in and out of DynamoDB: plain Python values, conditional writes, whole paginated queries.

A write is data (`put`, `update`, `delete`) until a table executes it, on its own or in a transaction.

The answer to a write may be lost after its effect; the SDK then repeats the call, and a condition meets what the first
attempt wrote. So each write has a token, made once for all attempts: a transaction gives it to DynamoDB as its
ClientRequestToken, a single item that is put or updated on a condition keeps it as its `writer`, and a condition that
fails on the write's own token has held. See docs/decisions/0030.

An item whose `expires` has passed is gone, though DynamoDB deletes it days later: it is not read, and a new one takes
its place. See docs/decisions/0041.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, message_of, transient_errors
from mesh.domain.contracts.product import ConcurrentChange, Throttled
from mesh.domain.retention import Kind, Retention

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_AT_ONCE: Final = 100
"""Items of one BatchGetItem, or writes of one TransactWriteItems."""
_ATTEMPTS: Final = 5
_WRITER: Final = "writer"
_ABSENT: Final = "attribute_not_exists(pk)"
_ABSENT_OR_EXPIRED: Final = "(attribute_not_exists(pk) OR expires <= :present)"
_FAILED: Final = "ConditionalCheckFailedException"
_CONFLICT: Final = "TransactionConflict"
_THROTTLED: Final = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"})
_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def dump(item: Mapping[str, Any]) -> dict[str, Any]:
    """Python values → DynamoDB's typed attributes."""
    return {name: _serialize(value) for name, value in item.items()}


def load(item: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB's typed attributes → Python values."""
    return {name: _deserialize(value) for name, value in item.items()}


class Write(NamedTuple):
    """One write that is still to be made; `kind` and `arguments` are TransactWriteItems'."""

    kind: str
    arguments: dict[str, Any]


def put(
    item: Mapping[str, Any],
    condition: str | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    names: Mapping[str, str] | None = None,
) -> Write:
    """Write an item where the condition holds on what is there."""
    return Write("Put", {"Item": dump(item), **_conditions(condition, values, names)})


def put_new(item: Mapping[str, Any]) -> Write:
    """Write an item unless there is one already."""
    return put(item, _ABSENT)


def update(
    pk: str,
    sk: str,
    expression: str,
    values: Mapping[str, Any],
    condition: str | None = None,
    *,
    names: Mapping[str, str] | None = None,
) -> Write:
    """Update an item where the condition holds; `expression` is a SET clause."""
    key = {"Key": dump({"pk": pk, "sk": sk}), "UpdateExpression": expression}
    return Write("Update", {**key, **_conditions(condition, values, names)})


def delete(
    pk: str,
    sk: str,
    condition: str | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    names: Mapping[str, str] | None = None,
) -> Write:
    """Delete an item where the condition holds. By itself, what is gone already counts as deleted."""
    return Write("Delete", {"Key": dump({"pk": pk, "sk": sk}), **_conditions(condition, values, names)})


def _conditions(
    condition: str | None, values: Mapping[str, Any] | None, names: Mapping[str, str] | None
) -> dict[str, Any]:
    found: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
    if values:
        found["ExpressionAttributeValues"] = dump(values)
    if names:
        found["ExpressionAttributeNames"] = dict(names)
    return found


class Table:
    """One table with string keys `pk` and `sk`, and `expires` for its time to live. `now` is in seconds since 1970."""

    def __init__(
        self,
        client: "DynamoDBClient",
        name: str,
        retention: Retention | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.client = client
        self.name = name
        self.now = now
        self._retention = retention or Retention()

    def expiry(self, kind: Kind, since: datetime | None = None) -> dict[str, int]:
        """The attribute of an item of this kind that is over since then, or now."""
        return {"expires": kind.expires(self._retention, since or self.present())}

    def present(self) -> datetime:
        """Now, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)

    def _is_there(self, item: Mapping[str, Any]) -> bool:
        return "expires" not in item or item["expires"] > self.now()

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        """The item, read consistently."""
        with transient_errors():
            found = self.client.get_item(TableName=self.name, Key=dump({"pk": pk, "sk": sk}), ConsistentRead=True)
        item = load(found.get("Item", {}))
        return item if item and self._is_there(item) else None

    def get_all(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
        """The items that are there, read consistently, by (pk, sk). Raises Throttled for what stays unread."""
        wanted = [dump({"pk": pk, "sk": sk}) for pk, sk in dict.fromkeys(keys)]
        batches = (wanted[start : start + MOST_AT_ONCE] for start in range(0, len(wanted), MOST_AT_ONCE))
        return {(item["pk"], item["sk"]): item for batch in batches for item in self._get_batch(batch)}

    def _get_batch(self, keys: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """DynamoDB may leave keys unprocessed: those are read again."""
        request: Any = {self.name: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(_ATTEMPTS):
            _pause(attempt)
            with transient_errors():
                answer = self.client.batch_get_item(RequestItems=request)
            yield from filter(self._is_there, map(load, answer["Responses"].get(self.name, ())))
            request = answer.get("UnprocessedKeys")
            if not request:
                return
        raise Throttled(f"items of {self.name} stayed unread")

    def write(self, *writes: Write) -> bool:
        """All of these writes, at most 100, or none; `False` where a condition does not hold. Raises ConcurrentChange,
        Throttled."""
        return not self._refused(writes)

    def write_what_holds(self, *writes: Write) -> list[Write]:
        """As many together as DynamoDB takes, in their order, but for those whose condition does not hold: these are
        left out, and given back. Raises ConcurrentChange, Throttled."""
        left_out: list[Write] = []
        for start in range(0, len(writes), MOST_AT_ONCE):
            chosen = writes[start : start + MOST_AT_ONCE]
            while chosen and (refused := self._refused(chosen)):
                left_out += [chosen[position] for position in refused]
                chosen = tuple(write for position, write in enumerate(chosen) if position not in refused)
        return left_out

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        between: tuple[str, str] | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Items of a partition whose sort key begins with `prefix`, or lies `between` two, all pages, in order."""
        condition, values = "pk = :pk", {":pk": pk}
        if prefix:
            condition, values = f"{condition} AND begins_with(sk, :prefix)", {**values, ":prefix": prefix}
        if between:
            condition = f"{condition} AND sk BETWEEN :first AND :last"
            values |= {":first": between[0], ":last": between[1]}
        arguments: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": dump(values),
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
        }
        if limit:
            arguments["Limit"] = limit
        seen = 0
        while True:
            with transient_errors():
                page = self.client.query(**arguments)
            for item in filter(self._is_there, map(load, page["Items"])):
                yield item
                seen += 1
                if limit and seen >= limit:
                    return
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _refused(self, writes: Sequence[Write]) -> frozenset[int]:
        """Make them, or say which conditions do not hold, by their positions. Others' transactions are waited for."""
        token, now = uuid4().hex, self.now()
        writes = [_over_what_expired(write, now) for write in writes]  # of all attempts alike, as the token demands
        for attempt in range(_ATTEMPTS):
            _pause(attempt)
            try:
                with transient_errors():
                    self._make(writes, token)
                return frozenset()
            except ClientError as error:
                reasons = _reasons(error)
                if refused := frozenset(n for n, reason in enumerate(reasons) if reason == "ConditionalCheckFailed"):
                    return refused
                if _THROTTLED.intersection(reasons):
                    raise Throttled(message_of(error)) from error
                if _CONFLICT not in reasons:
                    raise
        raise ConcurrentChange(f"items of {self.name} are being written by another process")

    def _make(self, writes: Sequence[Write], token: str) -> None:
        """One by itself costs half of what it costs in a transaction.

        DynamoDB takes a ClientRequestToken that it has seen for success, without writing again, for ten minutes:
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
        """
        actions: list[Any] = [{write.kind: {"TableName": self.name, **write.arguments}} for write in writes]
        match writes:
            case [Write(_, {"ConditionExpression": _}) as write]:
                self._make_alone(write, token)
            case [write]:
                self._call(write)
            case _:
                self.client.transact_write_items(TransactItems=actions, ClientRequestToken=token)

    def _make_alone(self, write: Write, token: str) -> None:
        """The item that failed the condition comes with the error, so that it need not be read again:
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.ConditionalUpdate
        """
        try:
            self._call(_signed(write, token), ReturnValuesOnConditionCheckFailure="ALL_OLD")
        except ClientError as error:
            found: Any = error.response.get("Item")
            if code_of(error) != _FAILED or not _is_made(write, token, found or {}):
                raise

    def _call(self, write: Write, **more: str) -> None:
        calls: dict[str, Any] = {
            "Put": self.client.put_item,
            "Update": self.client.update_item,
            "Delete": self.client.delete_item,
        }
        calls[write.kind](TableName=self.name, **write.arguments, **more)


def _over_what_expired(write: Write, now: float) -> Write:
    """The write, whose condition takes an expired item for none."""
    given = write.arguments
    condition = given.get("ConditionExpression", "")
    if not condition.startswith(_ABSENT):
        return write
    values = {**given.get("ExpressionAttributeValues", {}), ":present": _serialize(int(now))}
    condition = _ABSENT_OR_EXPIRED + condition.removeprefix(_ABSENT)
    return write._replace(arguments={**given, "ConditionExpression": condition, "ExpressionAttributeValues": values})


def _signed(write: Write, token: str) -> Write:
    """The write with its token; what is deleted keeps none."""
    given, value = write.arguments, _serialize(token)
    match write.kind:
        case "Put":
            return write._replace(arguments={**given, "Item": {**given["Item"], _WRITER: value}})
        case "Update":
            expression = f"{given['UpdateExpression']}, {_WRITER} = :{_WRITER}"
            values = {**given["ExpressionAttributeValues"], f":{_WRITER}": value}
            return write._replace(
                arguments={**given, "UpdateExpression": expression, "ExpressionAttributeValues": values}
            )
    return write


def _is_made(write: Write, token: str, found: Mapping[str, Any]) -> bool:
    """Whether the item that failed the write's condition is as an earlier attempt of the same write left it."""
    if write.kind == "Delete":
        return not found
    return bool(found.get(_WRITER) == _serialize(token))


def _reasons(error: ClientError) -> list[str]:
    """Why a write was refused, for each of them: `None` (as text) where it was not."""
    if code_of(error) == _FAILED:
        return ["ConditionalCheckFailed"]
    return [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", ())]


def _pause(attempt: int) -> None:
    time.sleep(attempt and 0.05 * 2**attempt)
