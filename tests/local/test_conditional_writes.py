"""Each conditional write of the adapters with its answer lost: to one attempt, which the SDK repeats, and to all.

A story is what callers do, step by step. It is told once undisturbed; the record says which of its calls were
conditional, and it is told again once for each of them. A step that is told that AWS did not answer is made again, as
by a state machine or a queue. The end state, and what the steps said, must be those of the undisturbed story.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore import endpoint
from mesh.adapters import aws
from mesh.adapters.dynamodb.access_registry import DynamoAccessRegistry
from mesh.adapters.dynamodb.consumer_accesses import DynamoConsumerAccesses
from mesh.adapters.dynamodb.items import Table
from mesh.adapters.dynamodb.locks import DynamoLocks
from mesh.adapters.dynamodb.notices import DynamoNotices
from mesh.adapters.dynamodb.proposals import DynamoProposals
from mesh.adapters.dynamodb.quarantine import DynamoQuarantine
from mesh.adapters.dynamodb.raw_uploads import DynamoRawUploads
from mesh.adapters.dynamodb.registry import DynamoRegistry
from mesh.adapters.dynamodb.revisions import DynamoRevisions
from mesh.adapters.dynamodb.uploads import DynamoUploads
from mesh.domain.access.consumer_access import ConsumerAccess
from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.product import ConcurrentChange, ProductVersion, RollbackOrder, Throttled
from mesh.domain.events import Metadata, ProposalSettled, Reason
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quarantine import HeldBatch
from mesh.domain.publishing.pins import Holder, Pin
from mesh.domain.publishing.proposals import Commit, ProposalRecord, refusal
from mesh.ports import Notice, WaitingRun
from mesh.usecases.onboarding.resume_run import resume_run

from tests.builders import (
    BUCKET,
    CONSUMER,
    CONTRACT,
    NOTE,
    PRODUCER,
    PRODUCT,
    a_contract,
    a_member,
    a_product,
    an_access,
    an_envelope,
    take_lease,
)
from tests.fakes import NOON
from tests.local.running import REGION, RunningServer

ACCOUNT: Final = "333333333333"
HOUR: Final = timedelta(hours=1)
BUSY: Final = Reason(code="RollbackInProgress", message="another one has not ended")
ATTEMPTS: Final = 4
"""Of one call, by the SDK (`mesh.adapters.aws`)."""
UNEQUAL: Final = frozenset({"writer", "expires", "until"})
"""Attributes that differ from story to story: who wrote, and moments."""

type Steps = Sequence[Callable[[], Any]]


def ref(name: str, sequencer: str = "01") -> ObjectRef:
    return ObjectRef(bucket=BUCKET, key=f"{PRODUCT}/{name}", size=7, etag="e", version_id="v", sequencer=sequencer)


def uploads(table: Table) -> Steps:
    store, one, two = DynamoUploads(table), ref("data/t/a.csv"), ref("data/t/b.csv")
    late = NOON + 3 * HOUR
    return (
        lambda: store.record_declared(PRODUCT, "01"),
        lambda: store.put_product(PRODUCT, {"link": "rl"}, sequencer="01"),
        lambda: store.hand_over(PRODUCT, "444444444444", sequencer="01"),
        lambda: store.put_product(PRODUCT, {"link": "rl"}, sequencer="02"),
        lambda: _silent(store.add_pending(PRODUCT, [one, two], "c")),
        lambda: _silent(store.add_pending(PRODUCT, [ref("data/t/a.csv", "02")], "c")),
        lambda: take_lease(store, PRODUCT, "run-1", NOON + HOUR, NOON),
        lambda: store.renew_lease(PRODUCT, "run-1", NOON + 2 * HOUR),
        lambda: store.finish(PRODUCT, "run-1", [one, two], NOTE),
        lambda: take_lease(store, PRODUCT, "run-2", late, NOON),
        lambda: store.drop_lease(PRODUCT, "run-2"),
        lambda: store.add_again(PRODUCT, two, "c"),
        lambda: take_lease(store, PRODUCT, "run-3", late, NOON),
        lambda: (store.lease_held(PRODUCT, NOON), [one.key for one, _ in store.pending(PRODUCT, 9)]),
    )


def _silent(_: object) -> None:
    """For a step whose caller does not look at what is new by it: a step that is made again finds it known."""


class Answers:
    """Step Functions: a task is answered once."""

    def __init__(self) -> None:
        self.resumed: list[str] = []

    def send(self, token: str, output: str) -> bool:
        if token in self.resumed:
            return False
        self.resumed.append(token)
        return True


def waiting_runs(table: Table) -> Steps:
    store, answers = DynamoUploads(table), Answers()
    settled = ProposalSettled(product=PRODUCT, proposal="0000000a", outcome="published", version=1)
    event = an_envelope(settled).model_dump(mode="json", by_alias=True)
    waiting = WaitingRun(PRODUCT, "run-1", "token", NOON + HOUR, NOON + 2 * HOUR)
    return (
        lambda: take_lease(store, PRODUCT, "run-1", NOON + HOUR, NOON),
        lambda: store.await_answer("0000000a", waiting, NOTE),
        lambda: _silent(resume_run(event, uploads=store, answers=answers)),
        lambda: answers.resumed,
    )


def contract_revisions(table: Table) -> Steps:
    store = DynamoRevisions(table)
    return (
        lambda: store.begin(PRODUCT, ref("contract.yaml"), "d-1"),
        lambda: store.settle(PRODUCT, "d-1"),
        lambda: store.begin(PRODUCT, ref("contract.yaml", "02"), "d-2"),
        lambda: store.settle(PRODUCT, "d-1"),
        lambda: store.settle(PRODUCT, "d-2"),
    )


def raw_uploads(table: Table) -> Steps:
    pending, store = DynamoUploads(table), DynamoRawUploads(table)
    raw = ref("raw/t/a.csv")
    return (
        lambda: _silent(pending.add_pending(PRODUCT, [raw], "c")),
        lambda: store.hold(PRODUCT, [raw]),
        lambda: store.record_recipe(PRODUCT, ref("recipe.json")),
        lambda: store.record_recipe(PRODUCT, ref("recipe.json", "02")),
        lambda: _silent(store.take_up(PRODUCT)),
        lambda: [one.key for one, _ in pending.pending(PRODUCT, 9)],
    )


def quarantine(table: Table) -> Steps:
    store, reason = DynamoQuarantine(table), Reason(code="c", message="m")
    batch = HeldBatch(
        product=PRODUCT, run="r", bucket=BUCKET, correlation_id="c", reason=reason, objects=1, releasable=True,
        held_at=NOON,
    )  # fmt: skip

    def decide() -> None:
        found = store.batch(PRODUCT, "r")
        if found is not None and found.status == "held":
            store.save(found.evolve(status="rejected"), was="held")

    return (lambda: store.hold(batch), decide)


def notices(table: Table) -> Steps:
    store = DynamoNotices(table)
    metadata = Metadata(id="event-1", correlation_id="c", causation_id="c", time=NOON)
    notice = Notice(metadata, "ProductUpdated", {"data": {}}, NOON)
    return (lambda: store.add([notice]), lambda: [found["id"] for found in store.all()])


def locks(table: Table) -> Steps:
    store = DynamoLocks(table)

    def hold() -> str:
        with store.hold("grants-1"):
            return "held"

    return (hold, hold)


def proposals(table: Table) -> Steps:
    store = DynamoProposals(table)
    first, second, third = (
        ProposalRecord(product=PRODUCT, proposal=f"0000000{each}", digest="d", at=NOON) for each in "abc"
    )
    commit = Commit(product=PRODUCT, proposal=first.proposal, correlation_id="c", event_id="e", tables=(), changes=())
    published = ProposalSettled(product=PRODUCT, proposal=first.proposal, outcome="published", version=1)
    late = refusal(PRODUCT, second.proposal, Reason(code="ProposalExpired", message="too late"))

    def verify(record: ProposalRecord) -> None:
        if not store.begin(record, NOTE):
            store.open(record)
            store.claim(PRODUCT, record.proposal)

    return (
        lambda: verify(first),
        lambda: store.keep_commit(first, commit, []),
        lambda: store.settle(published),
        lambda: verify(second),
        lambda: store.refuse(late).answer,
        lambda: verify(third),
        lambda: store.claim(PRODUCT, third.proposal, rollback=True),
        lambda: store.release(PRODUCT, third.proposal),
    )


def crawled_by(prefix: str) -> Contract:
    return a_contract(CONTRACT.replace("value: credit}", f"value: {prefix}}}"))


def registry(table: Table) -> Steps:
    store = DynamoRegistry(table)
    order = RollbackOrder(
        product=PRODUCT, version=1, request="r-1", requested_by=PRODUCER, reason="bad", correlation_id="c", at=NOON
    )
    holder = Holder(account=CONSUMER, until=NOON, reason="r", request="pin-1", correlation_id="c", asked_at=NOON)
    pin = Pin(id="pin-0123456789ab", version=1, status="preparing", holders=(holder,))

    def record(number: int) -> ProductVersion:
        return store.record_version(
            ProductVersion(
                product=PRODUCT, version=number, run=f"run-{number}", correlation_id="c", contract_version="1.0.0",
                tables=(), changes=(), published=NOON,
            ), NOTE, contract="1B"
        )  # fmt: skip

    def save_pin(status: Any) -> None:
        found = store.pins(PRODUCT)
        if status not in {each.status for each in found.pins}:
            store.save_pins(found.having(pin.evolve(status=status)))

    return (
        lambda: store.claim_product(a_product(status="claimed", contract_sequencer="1A")),
        lambda: store.claim_product(a_product(crawled_by("loans"), status="claimed", contract_sequencer="1B")),
        lambda: store.mark_registered(PRODUCT, "1B", NOON),
        lambda: record(1),
        lambda: record(2),
        lambda: store.follow_request(PRODUCT, CONSUMER, wanted=True, asked=NOON),
        lambda: store.change_member(PRODUCER, lambda known: known or a_member(status="pending")),
        lambda: store.change_member(PRODUCER, lambda known: known.evolve(status="admitted")),
        lambda: store.begin_rollback(order, NOON + HOUR, BUSY),
        lambda: store.begin_rollback(order.evolve(request="r-2"), NOON + HOUR, BUSY),
        lambda: store.publish_rollback(PRODUCT, "r-1"),
        lambda: save_pin("preparing"),
        lambda: save_pin("ready"),
        lambda: store.claim_product(a_product(crawled_by("given"), name="given-up", status="claimed")),
        lambda: store.release_claims("given-up", "10"),
    )


def accesses(table: Table) -> Steps:
    store, first = DynamoAccessRegistry(table), an_access()

    def move(status: Any) -> None:
        found = store.access(first.id)
        if found is not None and found.status != status:
            store.save(found.moved(status, NOON, "so far"))

    return (
        lambda: store.open(first),
        lambda: move("waiting"),
        lambda: store.keep_token(first.id, "decision", "t"),
        lambda: _silent(store.drop_token(first.id, "decision", "t")),
        lambda: move("live"),
        lambda: move("ended"),
        lambda: store.open(an_access("ac-000000000002")),
        lambda: [each.id for each in store.held_by(first.receiver)],
    )


def consumer_accesses(table: Table) -> Steps:
    store = DynamoConsumerAccesses(table)

    def save(state: Any) -> None:
        found = store.get("ac-0123456789ab") or ConsumerAccess(access="ac-0123456789ab", state=state, noted=NOON)
        if found.state != state or not found.revision:
            store.save(found.evolve(state=state))

    return (lambda: save("accepting"), lambda: save("ready"), lambda: save("over"))


STORIES: Final[tuple[Callable[[Table], Steps], ...]] = (
    uploads, waiting_runs, contract_revisions, raw_uploads, quarantine, notices, locks, proposals, registry, accesses,
    consumer_accesses,
)  # fmt: skip


class Stage:
    """Tells stories, each on a table of its own."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        keys = server.keys(ACCOUNT)
        self._client = boto3.client(
            "dynamodb", region_name=REGION, endpoint_url=server.endpoint, config=aws._CONFIG, **keys
        )

    def new_table(self, name: str) -> Table:
        table = Table(self._client, f"{name}-{time.time_ns()}")
        self._client.create_table(
            TableName=table.name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        return table

    @contextmanager
    def throttled(self, *, after: int) -> Iterator[None]:
        """All attempts of one call are refused, once so many calls were made. A refusal ends the block."""
        fault = {"kind": "throttle", "service": "dynamodb", "after": after, "count": ATTEMPTS}
        self._server.control("POST", "/_mesh/faults", fault)
        with suppress(Throttled):
            yield
        self.clear_faults()

    def clear_faults(self) -> None:
        self._server.control("DELETE", "/_mesh/faults")

    def tell(self, story: Callable[[Table], Steps], *faults: dict[str, Any]) -> tuple[list[Any], list[str]]:
        """What the steps said, and what is in the table at the end; all faults were met."""
        table = self.new_table(story.__name__)
        for fault in faults:
            self._server.control("POST", "/_mesh/faults", {"service": "dynamodb", "conditional": True, **fault})
        said = [_made(step) for step in story(table)]
        assert self._server.control("GET", "/_mesh/faults")["faults"] == [], "a fault that nothing met"
        return said, self._items(table)

    def conditional_calls(self, since: float) -> list[str]:
        """Actions of the conditional calls since then, in order."""
        calls = self._server.control("GET", f"/_mesh/record?since={since}&account={ACCOUNT}")["calls"]
        return [call["action"] for call in calls if call["conditional"] and call["service"] == "dynamodb"]

    def _items(self, table: Table) -> list[str]:
        found = []
        for item in self._client.scan(TableName=table.name)["Items"]:
            plain = {name: TypeDeserializer().deserialize(value) for name, value in item.items()}
            if plain["pk"].startswith("TRACE#"):
                continue  # what is repeated is traced again
            found.append(json.dumps({k: v for k, v in plain.items() if k not in UNEQUAL}, default=repr, sort_keys=True))
        return sorted(found)


def _made(step: Callable[[], Any]) -> Any:
    """Once more where AWS did not answer, as a state machine or a queue does."""
    try:
        return step()
    except Throttled:
        return step()


@pytest.fixture
def stage(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The SDK's pauses, and the lock's patience, cost nothing."""
    monkeypatch.setattr(endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr("mesh.adapters.dynamodb.locks._PATIENCE_SECONDS", 0.5)
    return Stage(server)


@pytest.mark.parametrize("lost", [1, ATTEMPTS])
@pytest.mark.parametrize("story", STORIES)
def test_a_lost_answer_changes_nothing(stage: Stage, story: Callable[[Table], Steps], lost: int) -> None:
    since = time.time()
    undisturbed = stage.tell(story)
    calls = stage.conditional_calls(since)
    assert calls

    wrong = []
    for number, action in enumerate(calls):
        try:
            told = stage.tell(story, {"kind": "lost_answer", "after": number, "count": lost})
        except (Throttled, ConcurrentChange, AssertionError) as error:
            stage.clear_faults()
            told = error
        if told != undisturbed:
            wrong.append((number, action, told))
    assert not wrong, f"{len(wrong)} of {len(calls)}: {undisturbed}"


def test_a_notice_and_that_it_came_are_one_transaction(stage: Stage) -> None:
    """Were they not, a call that fails between them would make the notice known, and lost."""
    metadata = Metadata(id="event-1", correlation_id="c", causation_id="c", time=NOON)
    notice = Notice(metadata, "ProductUpdated", {"data": {}}, NOON)
    for spared in range(3):
        store = DynamoNotices(stage.new_table(f"notices-{spared}"))
        with stage.throttled(after=spared):
            store.add([notice])
        store.add([notice])
        assert [found["id"] for found in store.all()] == ["event-1"]
