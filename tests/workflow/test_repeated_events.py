"""Every event again, after all of it is over: from the buses' archives, once, a hundred times, reversed, and shuffled.

EventBridge delivers at least once, and people replay archives: the events of a replay keep their ids, come in no order
within a minute, and each state that they meet is later than the one that they were sent in. Nothing may change.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html
"""

import contextlib
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.output import CommandFailed
from local.accounts import ACCOUNTS, FIRST, REGION
from tests.access_driver import CONFIDENTIAL, AccessDriver
from tests.mesh_driver import MACHINES, MeshDriver
from tests.publishing_driver import PublishingDriver, csv, one_table_contract

NAME, GUARDED, REVIVED = "repeated", "repeated-guarded", "repeated-revived"
COPIES = 100
TOGETHER = ("ProductDeclared", "VersionProposed", "AccessRequested", "AccessReleased")
"""Whose copies work longest, and wait for each other's locks: all at once."""
OTHERS = (
    "AccessDecided", "AccessDenied", "AccessGranted", "AccessReady", "AccessRevoked", "DecisionRequested",
    "FilesReleased", "PinAccepted", "PinRequested", "ProductQuarantined", "ProductRegistered", "ProductRetired",
    "ProductUpdated", "ProposalSettled", "RetirementRequested", "RevocationRequested", "RollbackRequested",
    "SubscriptionEnded", "SubscriptionRequested", "UnpinRequested", "VersionsEnded",
)  # fmt: skip
"""What else comes in the story, one kind after another: some of them with each commit."""
SEED = int(os.environ.get("SWEEP_SEED", "0"))
REPLAYED_SECONDS = 300.0
"""A hundred times all that came is much for a busy machine."""
LAST_WRITTEN = ("registered_at", "writer")
"""When a product was last registered, and who wrote the item."""


def buses(mesh: MeshDriver) -> list[tuple[str, str]]:
    """Account and name of each bus that a rule of ours listens on."""
    found = set()
    for account in FIRST:
        client = mesh.client(account, "events")
        for bus in client.list_event_buses()["EventBuses"]:
            if client.list_rules(EventBusName=bus["Name"])["Rules"]:
                found.add((account, bus["Name"]))
    return sorted(found)


@contextlib.contextmanager
def archived(mesh: MeshDriver) -> Iterator[None]:
    """Everything that comes to the mesh's buses meanwhile is kept."""
    for account, bus in buses(mesh):
        arn = f"arn:aws:events:{REGION}:{ACCOUNTS[account]}:event-bus/{bus}"
        mesh.client(account, "events").create_archive(ArchiveName=f"repeated-{bus}", EventSourceArn=arn)
    try:
        yield
    finally:
        for account, bus in buses(mesh):
            mesh.client(account, "events").delete_archive(ArchiveName=f"repeated-{bus}")


def replay(mesh: MeshDriver, name: str, until: datetime) -> None:
    """All that was archived by then, to all buses at once; until nothing of it goes on."""
    deliver(mesh, name, until - timedelta(hours=1), until)
    mesh.until(mesh.at_rest, "the end of what was replayed", REPLAYED_SECONDS)


def replay_reversed(mesh: MeshDriver, begin: datetime, until: datetime) -> None:
    """All that was archived in between, the last second's events first: EventBridge's times are whole seconds."""
    seconds = range(int(until.timestamp()), int(begin.timestamp()) - 1, -1)
    for second in seconds:
        moment = datetime.fromtimestamp(second, UTC)
        deliver(mesh, f"reversed-{second}", moment, moment)
    mesh.until(mesh.at_rest, "the end of what was replayed", REPLAYED_SECONDS)


def deliver(mesh: MeshDriver, name: str, begin: datetime, until: datetime) -> None:
    """What was archived in between, to all buses at once."""
    for account, bus in buses(mesh):
        client, number = mesh.client(account, "events"), ACCOUNTS[account]
        client.start_replay(
            ReplayName=f"{name}-{bus}",
            EventSourceArn=f"arn:aws:events:{REGION}:{number}:archive/repeated-{bus}",
            EventStartTime=begin,
            EventEndTime=until,
            Destination={"Arn": f"arn:aws:events:{REGION}:{number}:event-bus/{bus}"},
        )
    for account, bus in buses(mesh):
        client = mesh.client(account, "events")
        mesh.until(
            lambda c=client, b=bus: c.describe_replay(ReplayName=f"{name}-{b}")["State"] == "COMPLETED", "replay"
        )


def story(mesh: MeshDriver) -> str:
    """Register, subscribe, publish, hold, correct, share, roll back, pin, unpin, revoke, unsubscribe, withdraw, retire,
    revive; the access."""
    product, accesses = PublishingDriver(mesh, NAME), AccessDriver(mesh)
    mesh.subscribe(NAME)
    product.upload("a.csv", csv((1, 10), (2, 20)))
    analyst = product.share()
    product.upload("b.csv", csv((3, "x")))
    product.upload("b.csv", csv((3, 30)))
    mesh.until(lambda: analyst.totals() == (3, 60), "the corrected object")
    accesses.send("RollbackRequested", {"product": NAME, "version": 1, "reason": "a mistake"}, by="producer")
    mesh.until(lambda: analyst.totals() == (2, 30), "the first version again")
    until = (mesh.now() + timedelta(hours=1)).isoformat()
    accesses.send("PinRequested", {"product": NAME, "version": 2, "until": until, "reason": "audit"}, by="central")
    mesh.until(lambda: pins(mesh) == ["ready"], "a pinned version")
    accesses.send("UnpinRequested", {"product": NAME, "version": 2}, by="central")
    mesh.until(lambda: pins(mesh) == [], "its end")
    [access] = [each.id for each in accesses.all() if each.request.product == NAME and each.status == "live"]
    PublishingDriver(mesh, GUARDED).upload("a.csv", csv((1, 10)))
    accesses.tag(GUARDED, CONFIDENTIAL, "amount")
    denied = accesses.waiting(GUARDED)
    accesses.decide(denied, "deny")
    accesses.wait(denied, "denied")
    accesses.revoke(access)
    accesses.wait(access, "ended")
    mesh.put_event("SubscriptionEnded", {"product": NAME}, by="consumer")
    with pytest.raises(CommandFailed):
        analyst.rows()
    accesses.send("WithdrawalRequested", {"product": NAME, "versions": [2], "reason": "not ours"}, by="producer")
    mesh.until(lambda: _is_released(mesh, 2), "its files are released")
    retire_and_revive(mesh)
    mesh.until(mesh.at_rest, "the end of the story")
    return access


def retire_and_revive(mesh: MeshDriver) -> None:
    product, accesses = PublishingDriver(mesh, REVIVED), AccessDriver(mesh)
    mesh.subscribe(REVIVED)
    product.upload("a.csv", csv((1, 10)))
    product.share()
    accesses.send("RetirementRequested", {"product": REVIVED, "reason": "a mistake"}, by="producer")
    mesh.until(lambda: mesh.notices(REVIVED, kind="ProductRetired"), "its end")
    mesh.until(mesh.at_rest, "the end of its accesses")
    mesh.put_contract(REVIVED, one_table_contract(REVIVED, version="1.0.1"))
    mesh.until(lambda: mesh.tags(REVIVED, "t1")["amount"]["publication"] == "published", "it is there again")


def _is_released(mesh: MeshDriver, number: int) -> bool:
    key = {"pk": {"S": f"PRODUCT#{NAME}"}, "sk": {"S": f"VERSION#{number:08d}"}}
    item = mesh.item("central", key)
    return bool(item and (json.loads(item["body"]["S"])["ended"] or {}).get("released"))


def pins(mesh: MeshDriver) -> list[str]:
    found = [item for item in mesh.items("central", f"PRODUCT#{NAME}") if item["sk"] == "PINS"]
    return [each["status"] for each in json.loads(found[0]["body"])["pins"]] if found else []


def state(mesh: MeshDriver) -> dict[str, Any]:
    """What is known, granted, readable, told and held, in all accounts."""
    accesses = AccessDriver(mesh)
    held = (json.loads(item["body"]) for item in mesh.items("producer", "QUARANTINE"))
    return {
        "registry": {
            f"{product} {item['sk']} {name}": value
            for product in (NAME, REVIVED)
            for item in mesh.items("central", f"PRODUCT#{product}")
            for name, value in (item | (json.loads(item["body"]) if item["sk"] == "PRODUCT" else {})).items()
            if (item["sk"], name) != ("PRODUCT", "body") and name not in LAST_WRITTEN
        },
        "accesses": sorted((each.id, each.status, len(each.history)) for each in accesses.all()),
        "grants": sorted(json.dumps(each, sort_keys=True, default=str) for each in accesses.grants()),
        "notices": {name: Counter(kind for kind, _ in mesh.notified(name)) for name in ("producer", "consumer")},
        "refusals": {name: len(mesh.items("central", f"REFUSAL#{number}")) for name, number in ACCOUNTS.items()},
        "table": mesh.table(NAME, "t1")["Parameters"],
        "tags": [mesh.tags(product, "t1") for product in (NAME, REVIVED)],
        "held": sorted((batch["run"], batch["status"]) for batch in held if batch["product"] == NAME),
        "waiting": (mesh.lease(NAME), mesh.pending(NAME)),
        "dead letters": [
            letter
            for name, count in mesh.dead_letters().items()
            for letter in (mesh.dead_letter(name) if count else ())
            if NAME in letter
        ],
        "failed": sorted(
            run.arn
            for machine in MACHINES
            for product in (NAME, REVIVED)
            for run in mesh.runs(machine, product)
            if run.status != "SUCCEEDED"
        ),
    }


def changed(mesh: MeshDriver, known: dict[str, Any]) -> dict[str, Any]:
    """What is otherwise than it was: before, and now."""
    now = state(mesh)
    places = [name for name in known if now[name] != known[name]]
    found = {name: (known[name], now[name]) for name in places if name != "registry"}
    items = known["registry"], now["registry"]
    return found | {
        key: (was.get(key), now.get(key))
        for was, now in [items]
        for key in {*was, *now}
        if was.get(key) != now.get(key)
    }


@pytest.mark.ordered_delivery("events come again as the test says")
def test_whatever_comes_again_later_and_in_any_order_changes_nothing(mesh: MeshDriver) -> None:
    with archived(mesh):
        begin, access = mesh.now(), story(mesh)
        end, known = mesh.now(), state(mesh)
        assert known["failed"] == []

        replay(mesh, "once", end)
        assert changed(mesh, known) == {}

        replay_reversed(mesh, begin, end)
        assert changed(mesh, known) == {}

        for seed in (1, 2):
            mesh.deliver_unreliably(seed, share=0.5, late_seconds=0.5)
            replay(mesh, f"shuffled-{seed}", end)
            assert changed(mesh, known) == {}

        mesh.deliver_once()
        for kinds in (TOGETHER, *((kind,) for kind in random.Random(SEED).sample(OTHERS, 4))):
            for kind in kinds:
                mesh.inject("duplicate_event", "events", kind, copies=COPIES - 1)
            replay(mesh, f"a-hundred-times-{kinds[0]}", end)
            assert mesh.faults() == [], kinds
            assert changed(mesh, known) == {}, kinds
        AccessDriver(mesh).nothing_left(access, NAME)
