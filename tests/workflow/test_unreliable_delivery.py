"""The main flow with events that come twice, and late, after others: the same end state, and each notice once.

At least once, https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-delivery-level.html, and in no
order.
"""

import json
from collections import Counter
from itertools import batched

import pytest

from cli.output import CommandFailed
from local.accounts import ACCOUNTS
from tests.access_driver import AccessDriver
from tests.event_queue import producers_events
from tests.mesh_driver import MeshDriver
from tests.publishing_driver import PublishingDriver, csv


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_main_flow_ends_as_if_each_event_had_come_once_and_in_order(mesh: MeshDriver, seed: int) -> None:
    dead = mesh.dead_letters()
    mesh.deliver_unreliably(seed, share=0.4, late_seconds=0.4)
    product, accesses = PublishingDriver(mesh, f"unreliable-{seed}"), AccessDriver(mesh)
    mesh.subscribe(product.name)

    product.put("a.csv", csv((1, 10), (2, 20)))
    mesh.until(lambda: product.versions() >= 1, "the first version")
    product.put("b.csv", csv((3, 30)))
    product.put("a.csv", csv((1, 11), (2, 20)))
    analyst = product.share()
    mesh.until(lambda: analyst.totals() == (3, 61), "the new object and the overwritten one")
    settled(product)
    assert analyst.rows() == [["1", "11"], ["2", "20"], ["3", "30"]]

    before = product.versions()
    back = {"product": product.name, "version": 1, "reason": "a mistake"}
    accesses.send("RollbackRequested", back, by="producer")
    mesh.until(lambda: analyst.totals() == (2, 30), "the first version again")
    settled(product)
    assert product.versions() == before + 1

    [access] = [each.id for each in accesses.all() if each.request.product == product.name and each.status == "live"]
    accesses.revoke(access)
    accesses.wait(access, "ended")
    settled(product)
    assert accesses.schedules(access) == []
    with pytest.raises(CommandFailed):
        analyst.rows()
    notices = Counter(notice["data"]["version"] for notice in mesh.notices(product.name))
    assert notices == Counter(range(1, product.versions() + 1))
    assert mesh.dead_letters_since(dead) == {}


def test_a_slow_second_delivery_of_the_first_proposal_does_not_undo_the_second_version(mesh: MeshDriver) -> None:
    """Two runs commit the first version; Glue answers one of them when the second version is published."""
    product = PublishingDriver(mesh, "unreliable-slow")
    mesh.inject("duplicate_event", "events", "VersionProposed", account=ACCOUNTS["central"])
    mesh.inject("delay", "glue", "CreateTable", account=ACCOUNTS["central"], seconds=6)
    product.put("a.csv", csv((1, 10)))
    mesh.until(lambda: product.versions() == 1, "the first version")
    product.put("b.csv", csv((2, 20)))
    mesh.until(lambda: product.versions() == 2, "the second version")
    assert mesh.faults() == []
    settled(product)
    assert product.share().rows() == [["1", "10"], ["2", "20"]]


def settled(product: PublishingDriver) -> None:
    """Late events too: nothing runs, and nothing waits."""
    product.mesh.until(lambda: not product.mesh.late() and product.at_rest(), f"{product.name} at rest")
    product.mesh.settled(product.name)


# --- what every workflow test runs with -------------------------------------------------------------------------------

SAMPLES, BATCH = 200, 10


def samples_delivered(mesh: MeshDriver, name: str) -> list[int]:
    """Numbers of events in order of arrival, sent in ascending order, batch after batch."""
    with producers_events(mesh, name, {"detail-type": ["Sample"], "source": [name]}) as queue:
        for numbers in batched(range(SAMPLES), BATCH, strict=True):
            entries = [
                {"EventBusName": mesh.output("producer", "OwnBusName"), "Source": name, "DetailType": "Sample",
                 "Detail": json.dumps({"data": {"product": f"sample-{number}"}})}
                for number in numbers
            ]  # fmt: skip
            mesh.client("producer", "events").put_events(Entries=entries)
        mesh.until(lambda: len(queue.events()) == SAMPLES, "all samples")
        mesh.until(mesh.at_rest, "what comes late")
        return [int(event["detail"]["data"]["product"].partition("-")[2]) for event in queue.deliveries()]


def test_by_default_some_events_come_twice_and_some_after_later_ones(mesh: MeshDriver) -> None:
    """Canary: a mesh that delivers once and in order does not pass."""
    numbers = samples_delivered(mesh, "delivered-by-default")
    assert SAMPLES < len(numbers) < 2 * SAMPLES
    first = list(dict.fromkeys(numbers))
    assert sorted(first) == list(range(SAMPLES)), "none is lost"
    overtaken = [number for place, number in enumerate(first) if number < max(first[: place + 1]) - BATCH]
    assert overtaken, first


@pytest.mark.ordered_delivery("what opting out does")
def test_whoever_opts_out_gets_each_event_once(mesh: MeshDriver) -> None:
    assert sorted(samples_delivered(mesh, "delivered-in-order")) == list(range(SAMPLES))
