"""Policies of EventBridge's buses: statements, their size, writers at the same moment, who is not let in."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Final

from botocore.exceptions import ClientError

from tools.verify_aws.checks.registry import REGISTRY, Bench, Seen, code_of, same_if
from tools.verify_aws.progress import until

_MOST_BYTES: Final = 10_240
_ROUNDS: Final = 8
_SID_CHARACTERS: Final = 64


@REGISTRY.check(
    "PutPermission puts one statement of an account beside the others, or replaces that of its id; RemovePermission "
    "removes one; what is not there is `ResourceNotFoundException`",
    assumes="a statement of the same id is replaced",
)
def same_statement(bench: Bench, made: ExitStack) -> Seen:
    bus = _bus(bench, "replaced", made)
    for account in (bench.producer, bench.consumer):
        _admit(bench, bus, "member", account.number)
    principals = [str(statement["Principal"]) for statement in _statements(bench, bus)]
    replaced = len(principals) == 1 and bench.consumer.number in principals[0]
    return same_if(replaced, "replaced" if replaced else f"the statements are of {', '.join(principals)}")


@REGISTRY.check("A bus's policy has at most 10 KB", assumes="10,240 bytes of JSON without white space")
def size_of_policy(bench: Bench, made: ExitStack) -> Seen:
    """The largest that is taken, found by halves where it is another."""
    bus = _bus(bench, "long", made)
    if _takes(bench, bus, _MOST_BYTES) and not _takes(bench, bus, _MOST_BYTES + 1):
        return Seen("10,240 bytes are taken, and 10,241 are not", "same")
    taken, refused = 1_000, 4 * _MOST_BYTES
    while refused - taken > 1:
        middle = (taken + refused) // 2
        taken, refused = (middle, refused) if _takes(bench, bus, middle) else (taken, middle)
    return Seen(f"{taken:,} bytes without white space are taken, and {refused:,} are not", "differs")


@REGISTRY.check(
    "`AWS::Events::EventBusPolicy` is one statement, beside those that others put",
    assumes="of two that are put at the same moment, by PutPermission as CloudFormation does, none is lost",
)
def at_the_same_moment(bench: Bench, made: ExitStack) -> Seen:
    bus = _bus(bench, "busy", made)
    wanted = [f"{writer}-{number}" for number in range(_ROUNDS) for writer in ("a", "b")]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda sid: _admit(bench, bus, sid, bench.producer.number), wanted))
    lost = sorted(set(wanted) - {statement["Sid"] for statement in _statements(bench, bus)})
    return same_if(not lost, f"{len(lost)} of {len(wanted)} are lost")


@REGISTRY.check(
    "A bus of another account that has no statement for the caller refuses the event with `AccessDeniedException`",
    assumes="AccessDeniedException of the entry, or of the call: both are read",
)
def not_let_in(bench: Bench, made: ExitStack) -> Seen:
    arn = f"arn:aws:events:{bench.central.region}:{bench.central.number}:event-bus/{_bus(bench, 'closed', made)}"
    entry = {"Source": "meshwork", "DetailType": "Verification", "Detail": "{}", "EventBusName": arn}
    try:
        found = bench.producer.client("events").put_events(Entries=[entry])["Entries"][0]
    except ClientError as error:
        return same_if(code_of(error) == "AccessDeniedException", f"{code_of(error)} of the call")
    refused = str(found.get("ErrorCode", ""))
    return same_if(refused == "AccessDeniedException", f"{refused or 'nothing'} of the entry")


def _bus(bench: Bench, what: str, made: ExitStack) -> str:
    name, events = f"{bench.names.prefix}-{what}", bench.central.client("events")
    events.create_event_bus(Name=name)
    made.callback(events.delete_event_bus, Name=name)
    return name


def _admit(bench: Bench, bus: str, sid: str, account: str) -> None:
    """Told again where another writer was first."""
    events = bench.central.client("events")

    def put() -> bool:
        try:
            events.put_permission(EventBusName=bus, StatementId=sid, Action="events:PutEvents", Principal=account)
        except events.exceptions.ConcurrentModificationException:
            return False
        return True

    until(put, f"the statement {sid}", 60.0)


def _statements(bench: Bench, bus: str) -> list[dict[str, Any]]:
    policy = bench.central.client("events").describe_event_bus(Name=bus).get("Policy") or "{}"
    return list(json.loads(policy).get("Statement", ()))


def _takes(bench: Bench, bus: str, size: int) -> bool:
    events = bench.central.client("events")
    try:
        events.put_permission(EventBusName=bus, Policy=_policy(bench, bus, size))
    except ClientError as error:
        if code_of(error) == "PolicyLengthExceededException":
            return False
        raise
    return True


def _policy(bench: Bench, bus: str, size: int) -> str:
    """JSON of so many bytes, without white space: statements alike, the ids of two as long as is missing."""
    resource = f"arn:aws:events:{bench.central.region}:{bench.central.number}:event-bus/{bus}"

    def text(sids: list[str]) -> str:
        principal = {"AWS": f"arn:aws:iam::{bench.producer.number}:root"}
        rest = {"Effect": "Allow", "Principal": principal, "Action": "events:PutEvents", "Resource": resource}
        statements = [{"Sid": sid, **rest} for sid in sids]
        return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))

    sids: list[str] = []
    while len(text([*sids, f"{len(sids):04}"])) <= size:
        sids.append(f"{len(sids):04}")
    missing = size - len(text(sids))
    for number, sid in enumerate(sids):
        longer = min(missing, _SID_CHARACTERS - len(sid))
        sids[number], missing = sid + "x" * longer, missing - longer
    return text(sids)
