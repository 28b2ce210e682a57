"""What people do with a mesh: flows with an undisturbed start, one act, and the end that it should have."""

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

from mesh.domain.access.record import OVER, access_id

from tests.access_driver import AccessDriver
from tests.mesh_driver import MeshDriver
from tests.publishing_driver import csv, one_table_contract
from tests.sweep.state import CONSUMER, Observer, Seen

NAMES: Final = r"swp-[0-9a-z]+-[0-9]+|\bac-[0-9a-f]{12}"
"""Products of the sweep, and accesses: what calls are about."""
MOST: Final = 1000
"""The contract's maximum of `amount`."""
REUSED: Final = 12
"""How often a product is used at most: what it keeps makes it slower."""
_SECONDS: Final = 180.0


@dataclass
class Subject:
    """A product in a flow's hands. `access` is the id that its next request will have, `event` that request's id."""

    product: str
    access: str = ""
    event: str = ""
    number: int = 0
    """How many acts it has seen."""
    versions: int = 0
    """Before the act."""
    held: int = 0
    """Batches that were held back before the act."""

    @property
    def names(self) -> str:
        """As faults have it."""
        return f"{self.product} {self.access}".strip()


@dataclass(frozen=True)
class Flow:
    """`start` brings new products to where the act begins, `again` one that has been used (None: a product is used
    once); `act` is what people do; `ends` says what is missing yet, empty when it is over as it should be.

    `rejected` says how the flow may otherwise end, announced, because of the fault: a sentence, empty where it has not.
    """

    name: str
    what: str
    start: Callable[["Stage", Sequence[Subject]], None]
    act: Callable[["Stage", Subject], None]
    ends: Callable[["Stage", Subject, Seen], str]
    again: Callable[["Stage", Subject], None] | None = None
    rejected: Callable[["Stage", Subject, Seen], str] = field(default=lambda stage, subject, seen: "")


class Stage:
    """A mesh on which flows are played."""

    def __init__(self, mesh: MeshDriver, tag: str = "") -> None:
        self.mesh = mesh
        self.observer = Observer(mesh)
        self.accesses = AccessDriver(mesh)
        self.tag = tag or f"{int(time.time()) % 10**6:x}"
        self._numbers = count(1)

    def subjects(self, number: int) -> list[Subject]:
        """New products' names."""
        return [Subject(f"swp-{self.tag}-{next(self._numbers)}") for _ in range(number)]

    def until(self, look: Callable[[], bool], what: str) -> None:
        self.mesh.until(look, what, _SECONDS)

    def fact(self, product: str, name: str) -> str:
        """Of the product's record at its producer."""
        found = [item for item in self.mesh.items("producer", f"PRODUCT#{product}") if item["sk"] == "PRODUCT"]
        return found[0].get(name, "") if found else ""

    def rest(self, product: str) -> None:
        """Time passes until the product takes a batch at once again."""
        self.mesh.client("producer", "dynamodb").update_item(
            TableName=self.mesh.output("producer", "TableName"),
            Key={"pk": {"S": f"PRODUCT#{product}"}, "sk": {"S": "LEASE"}},
            UpdateExpression="SET paced = :long_ago",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":long_ago": {"S": "2000-01-01T00:00:00+00:00"}},
        )

    def put(self, subject: Subject, amount: int) -> None:
        """An object with one row that no other has."""
        number = subject.number
        key = f"{subject.product}/data/t1/{number:04d}.csv"
        self.mesh.put_object(key, csv((number, amount)))


# --- registering ------------------------------------------------------------------------------------------------------


def contract_of(product: str) -> dict[str, Any]:
    """One table of two columns; amounts have a maximum, so that an owner can release what exceeds it."""
    document = one_table_contract(product)
    document["schema"][0]["properties"][1] |= {
        "logicalType": "integer",
        "logicalTypeOptions": {"minimum": 0, "maximum": MOST},
    }
    return document


def declare(stage: Stage, subject: Subject) -> None:
    stage.mesh.put_contract(subject.product, contract_of(subject.product))


def registered(stage: Stage, subject: Subject, _: Seen) -> str:
    if stage.fact(subject.product, "status") != "registered":
        return "not prepared at its producer"
    prepared = [run.status for run in stage.mesh.runs("prepare-product", subject.product)]
    return "" if "SUCCEEDED" in prepared else f"prepare-product: {prepared}"


def _nothing(stage: Stage, subjects: Sequence[Subject]) -> None:
    """Where the flow begins nothing is there."""


def _registered_and_subscribed(stage: Stage, subjects: Sequence[Subject]) -> None:
    for subject in subjects:
        declare(stage, subject)
    for subject in subjects:
        run = stage.mesh.wait_for_run("prepare-product", subject.product, seconds=_SECONDS)
        assert run.status == "SUCCEEDED", run
        stage.mesh.put_event("SubscriptionRequested", {"product": subject.product}, by="consumer")
    stage.until(lambda: all(_is_subscribed(stage, each.product) for each in subjects), "subscriptions")


def _is_subscribed(stage: Stage, product: str) -> bool:
    key = {"pk": {"S": f"PRODUCT#{product}"}, "sk": {"S": f"SUBSCRIPTION#{CONSUMER}"}}
    return stage.mesh.item("central", key) is not None


# --- publishing -------------------------------------------------------------------------------------------------------


def upload(stage: Stage, subject: Subject) -> None:
    stage.put(subject, 10)


def published(stage: Stage, subject: Subject, seen: Seen) -> str:
    """One version more, both accounts notified of it, and the product free."""
    return _next_version(stage, subject, seen) or _free(seen)


def _next_version(stage: Stage, subject: Subject, seen: Seen) -> str:
    latest = max((version.version for version in seen.versions), default=0)
    if latest != subject.versions + 1:
        return f"version {latest} in place of {subject.versions + 1}"
    counts = stage.observer.notice_counts()
    missing = [account for account in seen.subscribers if not counts[account, subject.product, latest]]
    return f"version {latest} not announced to {missing}" if missing or not seen.subscribers else ""


def _free(seen: Seen) -> str:
    return f"lease of {seen.lease!r}, pending {seen.pending}" if seen.lease or seen.pending else ""


def _published_once(stage: Stage, subjects: Sequence[Subject]) -> None:
    _registered_and_subscribed(stage, subjects)
    _all_publish(stage, subjects)


def _all_publish(stage: Stage, subjects: Sequence[Subject]) -> None:
    """One version more of each."""
    for subject in subjects:
        subject.number += 1
        upload(stage, subject)
    waiting = list(subjects)

    def over() -> bool:
        found = stage.observer.products([each.product for each in waiting], time.time())
        waiting[:] = [each for each in waiting if published(stage, each, found[each.product])]
        return not waiting

    stage.until(over, "first versions")
    for subject in subjects:
        subject.versions += 1
        stage.rest(subject.product)


def _rested(stage: Stage, subject: Subject) -> None:
    stage.rest(subject.product)


# --- held back and released -------------------------------------------------------------------------------------------


def upload_too_much(stage: Stage, subject: Subject) -> None:
    stage.put(subject, MOST * 7)


def held_back(stage: Stage, subject: Subject, seen: Seen) -> str:
    if len(seen.held) != subject.held + 1:
        return f"{len(seen.held)} held batches in place of {subject.held + 1}"
    return _free(seen)


def _held_once(stage: Stage, subjects: Sequence[Subject]) -> None:
    _published_once(stage, subjects)
    for subject in subjects:
        _hold(stage, subject)
    stage.until(lambda: _all_held(stage, subjects), "held batches")


def _hold(stage: Stage, subject: Subject) -> None:
    subject.number += 1
    upload_too_much(stage, subject)


def _all_held(stage: Stage, subjects: Sequence[Subject]) -> bool:
    found = stage.observer.products([each.product for each in subjects], time.time())
    return all("held" in seen.held.values() and not _free(seen) for seen in found.values())


def release(stage: Stage, subject: Subject) -> None:
    """The owner lets the last held batch pass."""
    found = stage.observer.products([subject.product], time.time())[subject.product]
    [run] = [run for run, status in found.held.items() if status == "held"]
    data = {"product": subject.product, "run": run, "decision": "release", "reason": "true", "by": "the steward"}
    entry = {
        "EventBusName": stage.mesh.output("producer", "OwnBusName"),
        "Source": "meshwork",
        "DetailType": "QuarantineDecided",
        "Detail": json.dumps({"data": data}),
    }
    answer = stage.mesh.client("producer", "events", "ProducerSteward").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0, answer


def released(stage: Stage, subject: Subject, seen: Seen) -> str:
    left = [run for run, status in seen.held.items() if status != "released"]
    return f"batches {left} are not released" if left else published(stage, subject, seen)


def _held_again(stage: Stage, subject: Subject) -> None:
    _rested(stage, subject)
    _hold(stage, subject)
    stage.until(lambda: _all_held(stage, [subject]), "a held batch")
    stage.rest(subject.product)


# --- earlier versions -------------------------------------------------------------------------------------------------


def _published_twice(stage: Stage, subjects: Sequence[Subject]) -> None:
    _published_once(stage, subjects)
    _all_publish(stage, subjects)


def roll_back(stage: Stage, subject: Subject) -> None:
    """To the version before the last: the two take turns."""
    request = {"product": subject.product, "version": subject.versions - 1, "reason": "a mistake"}
    stage.accesses.send("RollbackRequested", request, by="producer")


def _pin_request(subject: Subject) -> dict[str, Any]:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    return {"product": subject.product, "version": subject.versions, "until": until, "reason": "scorecard 7"}


def pin(stage: Stage, subject: Subject) -> None:
    stage.accesses.send("PinRequested", _pin_request(subject), by="central")


def pinned(stage: Stage, subject: Subject, seen: Seen) -> str:
    return "" if seen.pins == {subject.versions: "ready"} else f"pins {dict(seen.pins)}"


def unpin(stage: Stage, subject: Subject) -> None:
    stage.accesses.send("UnpinRequested", {"product": subject.product, "version": subject.versions}, by="central")


def unpinned(stage: Stage, subject: Subject, seen: Seen) -> str:
    return f"pins {dict(seen.pins)}" if seen.pins else ""


def _unpinned(stage: Stage, subject: Subject) -> None:
    """Undisturbed, so that the product can be pinned again."""
    unpin(stage, subject)
    stage.until(lambda: not _seen(stage, subject).pins, "no pin")


def _pinned_once(stage: Stage, subjects: Sequence[Subject]) -> None:
    _published_once(stage, subjects)
    for subject in subjects:
        _pinned_again(stage, subject)


def _pinned_again(stage: Stage, subject: Subject) -> None:
    pin(stage, subject)
    stage.until(lambda: not pinned(stage, subject, _seen(stage, subject)), "a pin")


def _seen(stage: Stage, subject: Subject) -> Seen:
    return stage.observer.products([subject.product], time.time())[subject.product]


# --- accesses ---------------------------------------------------------------------------------------------------------


def request(stage: Stage, subject: Subject) -> None:
    """For a month, by the consumer; policy allows it."""
    stage.accesses.request(subject.product, event=subject.event)


def granted(stage: Stage, subject: Subject, seen: Seen) -> str:
    return _status(subject, seen, "live")


def _status(subject: Subject, seen: Seen, status: str) -> str:
    found = [access.status for access in seen.accesses if access.id == subject.access]
    return "" if found == [status] else f"{subject.access} is {found}"


def undone(stage: Stage, subject: Subject, seen: Seen) -> str:
    """The request failed, what was granted is gone, and its account was told why."""
    found = next((access for access in seen.accesses if access.id == subject.access), None)
    if found is None or found.status not in OVER:
        return ""
    kinds = ("AccessDenied", "AccessRevoked")
    told = any(stage.accesses.notices("consumer", kind, subject.access) for kind in kinds)
    return f"the access was undone, and announced: {found.cause or found.status}" if told else ""


def _asks(stage: Stage, subjects: Sequence[Subject]) -> None:
    _published_once(stage, subjects)
    for subject in subjects:
        _new_request(subject)


def _new_request(subject: Subject) -> None:
    subject.event = str(uuid.uuid4())
    subject.access = access_id(subject.event)


def _asks_again(stage: Stage, subject: Subject) -> None:
    """What is live ends first."""
    _end(stage, subject)
    _new_request(subject)


def _end(stage: Stage, subject: Subject) -> None:
    found = [access for access in _seen(stage, subject).accesses if access.status not in OVER]
    for access in found:
        stage.accesses.revoke(access.id)
    for access in found:
        stage.accesses.wait(access.id, *OVER)


def _live(stage: Stage, subjects: Sequence[Subject]) -> None:
    _asks(stage, subjects)
    for subject in subjects:
        request(stage, subject)
    for subject in subjects:
        stage.accesses.wait(subject.access, "live", seconds=_SECONDS)


def _live_again(stage: Stage, subject: Subject) -> None:
    _asks_again(stage, subject)
    request(stage, subject)
    stage.accesses.wait(subject.access, "live")


def revoke(stage: Stage, subject: Subject) -> None:
    stage.accesses.revoke(subject.access)


def ended(stage: Stage, subject: Subject, seen: Seen) -> str:
    return _status(subject, seen, "ended")


def expire(stage: Stage, subject: Subject) -> None:
    """Its schedule is due: what EventBridge Scheduler sends then, as the role that it has."""
    client, name = stage.mesh.client("central", "scheduler"), f"mesh-{subject.access}-end"
    found = client.get_schedule(Name=name)
    soon = (datetime.now(UTC) + timedelta(seconds=1)).strftime("at(%Y-%m-%dT%H:%M:%S)")
    kept = ("FlexibleTimeWindow", "Target", "ActionAfterCompletion")
    client.update_schedule(Name=name, ScheduleExpression=soon, **{each: found[each] for each in kept if each in found})


FLOWS: Final = {
    flow.name: flow
    for flow in (
        Flow("publish", "the next upload → version → notice", _published_once, upload, published, again=_rested),
        Flow("onboard", "the first upload → table, version, notice", _registered_and_subscribed, upload, published),
        Flow("register", "contract → database, tags, location, grants → prepared", _nothing, declare, registered),
        Flow(
            "grant", "request → decided, granted, accepted, proved, live", _asks, request, granted, _asks_again, undone
        ),
        Flow("revoke", "revocation → released, revoked, ended", _live, revoke, ended, _live_again),
        Flow(
            "hold", "an upload against its contract → held back", _published_once, upload_too_much, held_back, _rested
        ),
        Flow("rollback", "rollback → the earlier version, announced", _published_twice, roll_back, published, _rested),
        Flow("release", "the owner's decision → checked again, published", _held_once, release, released, _held_again),
        Flow("pin", "pin → a second table", _published_once, pin, pinned, _unpinned),
        Flow("unpin", "unpin → the second table is gone", _pinned_once, unpin, unpinned, _pinned_again),
        Flow("expire", "the end that was scheduled → released, revoked, ended", _live, expire, ended, _live_again),
    )
}
"""Most used first."""
