"""Flows of products: registered, published, held back and released, rolled back, pinned."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from mesh.domain.publishing.places import bucket_and_key

from local.accounts import ADMIN_ROLE
from tests.publishing_driver import one_table_contract
from tests.sweep.stage import MOST, SECONDS, Stage, Subject
from tests.sweep.state import CONSUMER, Seen

type Document = Callable[[str], dict[str, Any]]
"""A product's contract, by its name."""

# --- registering ------------------------------------------------------------------------------------------------------


def contract_of(product: str) -> dict[str, Any]:
    """One table of two columns; amounts have a maximum, so that an owner can release what exceeds it."""
    document = one_table_contract(product)
    document["schema"][0]["properties"][1] |= {
        "logicalType": "integer",
        "logicalTypeOptions": {"minimum": 0, "maximum": MOST},
    }
    return document


def declare(stage: Stage, subject: Subject, contract: Document = contract_of) -> None:
    stage.mesh.put_contract(subject.product, contract(subject.product))


def registered(stage: Stage, subject: Subject, _: Seen) -> str:
    if stage.fact(subject.product, "status") != "registered":
        return "not prepared at its producer"
    prepared = [run.status for run in stage.mesh.runs("prepare-product", subject.product)]
    return "" if "SUCCEEDED" in prepared else f"prepare-product: {prepared}"


def nothing(stage: Stage, subjects: Sequence[Subject]) -> None:
    """Where the flow begins nothing is there."""


def registered_and_subscribed(stage: Stage, subjects: Sequence[Subject], contract: Document = contract_of) -> None:
    for subject in subjects:
        declare(stage, subject, contract)
    for subject in subjects:
        run = stage.mesh.wait_for_run("prepare-product", subject.product, seconds=SECONDS)
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


def uploaded_and_published(stage: Stage, subject: Subject, seen: Seen) -> str:
    """And readers get the row that was uploaded."""
    if lacks := published(stage, subject, seen):
        return lacks
    return "" if subject.number in (seen.rows.get("t1") or ()) else f"row {subject.number} cannot be read"


def held_instead(stage: Stage, subject: Subject, seen: Seen) -> str:
    """The batch was held back with a reason, and its owner notified; what was published before stays."""
    if held_back(stage, subject, seen):
        return ""
    last = [run for run in stage.mesh.runs("onboard-upload", subject.product) if "NotifyOwner" in run.states]
    return "the batch is held back, and its owner was notified" if last else ""


def _next_version(stage: Stage, subject: Subject, seen: Seen) -> str:
    latest = max((version.version for version in seen.versions), default=0)
    if latest != subject.versions + 1:
        return f"version {latest} in place of {subject.versions + 1}"
    counts = stage.observer.notice_counts()
    missing = [account for account in seen.subscribers if not counts[account, subject.product, latest]]
    return f"version {latest} not announced to {missing}" if missing or not seen.subscribers else ""


def _free(seen: Seen) -> str:
    return f"lease of {seen.lease!r}, pending {seen.pending}" if seen.lease or seen.pending else ""


def published_once(stage: Stage, subjects: Sequence[Subject], contract: Document = contract_of) -> None:
    registered_and_subscribed(stage, subjects, contract)
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


def rested(stage: Stage, subjects: Sequence[Subject]) -> None:
    for subject in subjects:
        stage.rest(subject.product)


# --- held back and released -------------------------------------------------------------------------------------------


def upload_too_much(stage: Stage, subject: Subject) -> None:
    stage.put(subject, MOST * 7)


def held_back(stage: Stage, subject: Subject, seen: Seen) -> str:
    if len(seen.held) != subject.held + 1:
        return f"{len(seen.held)} held batches in place of {subject.held + 1}"
    return _free(seen)


def held_once(stage: Stage, subjects: Sequence[Subject]) -> None:
    published_once(stage, subjects)
    held_again(stage, subjects)


def _hold(stage: Stage, subject: Subject) -> None:
    subject.number += 1
    upload_too_much(stage, subject)


def _all_held(stage: Stage, subjects: Sequence[Subject]) -> bool:
    found = stage.observer.products([each.product for each in subjects], time.time())
    return all("held" in seen.held.values() and not _free(seen) for seen in found.values())


def release(stage: Stage, subject: Subject) -> None:
    """The owner lets the last held batch pass."""
    [run] = [run for run, status in stage.seen(subject).held.items() if status == "held"]
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


def held_again(stage: Stage, subjects: Sequence[Subject]) -> None:
    rested(stage, subjects)
    for subject in subjects:
        _hold(stage, subject)
    stage.until(lambda: _all_held(stage, subjects), "held batches")
    rested(stage, subjects)


# --- earlier versions -------------------------------------------------------------------------------------------------


def published_twice(stage: Stage, subjects: Sequence[Subject]) -> None:
    published_once(stage, subjects)
    _all_publish(stage, subjects)


def roll_back(stage: Stage, subject: Subject) -> None:
    """To the version before the last: the two take turns."""
    request = {"product": subject.product, "version": subject.versions - 1, "reason": "a mistake"}
    stage.accesses.send("RollbackRequested", request, by="producer")


def refused(stage: Stage, subject: Subject, seen: Seen) -> str:
    """The request was, its files could not be read for instance, and whoever asked was told why."""
    last = stage.mesh.runs("roll-back", subject.product)[-1]
    notices = stage.mesh.notices(subject.product, "producer", "RollbackRefused")
    told = [notice for notice in notices if notice["data"]["request"] == last.input["detail"]["metadata"]["id"]]
    return f"refused, and announced: {told[0]['data']['reason']['message']}" if told else ""


def _pin_request(stage: Stage, subject: Subject) -> dict[str, Any]:
    until = (stage.mesh.now() + timedelta(days=1)).isoformat()
    return {"product": subject.product, "version": subject.versions, "until": until, "reason": "scorecard 7"}


def pin(stage: Stage, subject: Subject) -> None:
    stage.accesses.send("PinRequested", _pin_request(stage, subject), by="central")


def pinned(stage: Stage, subject: Subject, seen: Seen) -> str:
    return "" if seen.pins == {subject.versions: "ready"} else f"pins {dict(seen.pins)}"


def unpin(stage: Stage, subject: Subject) -> None:
    stage.accesses.send("UnpinRequested", {"product": subject.product, "version": subject.versions}, by="central")


def unpinned(stage: Stage, subject: Subject, seen: Seen) -> str:
    return f"pins {dict(seen.pins)}" if seen.pins else ""


def unpinned_again(stage: Stage, subjects: Sequence[Subject]) -> None:
    """Undisturbed, so that the product can be pinned again."""
    for subject in subjects:
        unpin(stage, subject)
    stage.until(lambda: not any(stage.seen(each).pins for each in subjects), "no pin")


def pinned_once(stage: Stage, subjects: Sequence[Subject]) -> None:
    published_once(stage, subjects)
    pinned_again(stage, subjects)


def pinned_again(stage: Stage, subjects: Sequence[Subject]) -> None:
    for subject in subjects:
        pin(stage, subject)
    stage.until(lambda: not any(pinned(stage, each, stage.seen(each)) for each in subjects), "pins")


def published_again(stage: Stage, subjects: Sequence[Subject]) -> None:
    rested(stage, subjects)
    _all_publish(stage, subjects)


def withdraw(stage: Stage, subject: Subject) -> None:
    """The version before the present one."""
    request = {"product": subject.product, "versions": [subject.versions - 1], "reason": "not ours to publish"}
    stage.accesses.send("WithdrawalRequested", request, by="producer")


def withdrawn(stage: Stage, subject: Subject, seen: Seen) -> str:
    """Marked, and what it alone consisted of is deleted, with all its object versions."""
    [version] = [each for each in seen.versions if each.version == subject.versions - 1]
    if version.ended is None or version.ended.released is None:
        return f"version {version.version} has not ended: {version.ended}"
    s3 = stage.mesh.client("producer", "s3", ADMIN_ROLE)
    places = [bucket_and_key(table.metadata) for table in version.tables]
    left = [key for bucket, key in places if "Versions" in s3.list_object_versions(Bucket=bucket, Prefix=key)]
    return f"still there: {left}" if left else ""
