"""The main flow with events that come twice, and late, after others: the same end state, and each notice once.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-delivery-level.html: at least once, in no order.
"""

from collections import Counter

import pytest

from cli.output import CommandFailed
from tests.access_driver import AccessDriver
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
    assert mesh.dead_letters() == dead


def settled(product: PublishingDriver) -> None:
    """Late events too: nothing runs, and nothing waits."""
    product.mesh.until(product.at_rest, f"{product.name} at rest")
    product.mesh.settled(product.name)
