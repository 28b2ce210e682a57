"""The main flow with the answer to each conditional write lost: the end state is that of the undisturbed flow.

Which writes these are is read from the record of an undisturbed flow: each role, service and action. Then the flow is
run three times more, and the first, the second or the last such call of every role does what it should and loses its
answer. Who called repeats the call, and meets its own effect. `tests/local/test_conditional_writes.py` loses the answer
to every single one, call by call, on the adapters alone.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from cli.output import CommandFailed
from local.accounts import ACCOUNTS
from tests.access_driver import AccessDriver
from tests.mesh_conditions import with_environment
from tests.mesh_driver import MACHINES, MeshDriver
from tests.publishing_driver import PublishingDriver, csv
from tests.recorded_calls import Call, passed_over, recorded

OCCURRENCES: Final[Mapping[str, int]] = {"first": 1, "second": 2, "last": 3}
"""Of how many calls of a role, at least, this is one that the others are not."""


def pin(accesses: AccessDriver, product: str) -> None:
    """Version 1, by central, and no longer."""
    mesh, until = accesses.mesh, (datetime.now(UTC) + timedelta(hours=1)).isoformat()

    def statuses() -> list[str]:
        found = [item for item in mesh.items("central", f"PRODUCT#{product}") if item["sk"] == "PINS"]
        return [each["status"] for each in json.loads(found[0]["body"])["pins"]] if found else []

    request = {"product": product, "version": 1, "until": until, "reason": "scorecard 7"}
    accesses.send("PinRequested", request, by="central")
    mesh.until(lambda: statuses() == ["ready"], "a pinned version")
    accesses.send("UnpinRequested", {"product": product, "version": 1}, by="central")
    mesh.until(lambda: statuses() == [], "its end")


def flow(mesh: MeshDriver, name: str) -> dict[str, Any]:
    """Register, subscribe, publish, share, hold, supersede, roll back, pin, revoke: what became of it."""
    dead = mesh.dead_letters()
    product, accesses = PublishingDriver(mesh, name), AccessDriver(mesh)
    mesh.subscribe(name)
    product.upload("a.csv", csv((1, 10), (2, 20)))
    analyst = product.share()
    product.upload("b.csv", csv((3, "x")))
    held = [batch["status"] for batch in product.held()]
    product.upload("b.csv", csv((3, 30)))
    mesh.until(lambda: analyst.totals() == (3, 60), "the corrected object")
    accesses.send("RollbackRequested", {"product": name, "version": 1, "reason": "a mistake"}, by="producer")
    mesh.until(lambda: analyst.totals() == (2, 30), "the first version again")
    mesh.until(product.at_rest, f"{name} at rest")
    mesh.settled(name)
    pin(accesses, name)
    [access] = [each.id for each in accesses.all() if each.request.product == name and each.status == "live"]
    accesses.revoke(access)
    accesses.wait(access, "ended")
    with pytest.raises(CommandFailed):
        analyst.rows()
    mesh.settled(name)
    mesh.settled(access)
    runs = [run for machine in MACHINES for run in mesh.runs(machine, name) + mesh.runs(machine, access)]
    return {
        "versions": product.versions(),
        "notices": Counter(notice["data"]["version"] for notice in mesh.notices(name)),
        "held": (held, [batch["status"] for batch in product.held()]),
        "schedules": accesses.schedules(access),
        "lease": mesh.lease(name),
        "pending": product.pending(),
        "failed": [(run.machine, run.error) for run in runs if run.status != "SUCCEEDED"],
        "dead letters": mesh.dead_letters_since(dead),
        "locks": mesh.locks(),
    }


@pytest.fixture(scope="module")
def undisturbed(deployed_mesh: MeshDriver) -> tuple[dict[str, Any], Counter[Call]]:
    """The end state, and how often which role made which conditional call."""
    deployed_mesh.clear_faults()
    since = time.time()
    found = flow(deployed_mesh, "lost-nothing")
    return found, recorded(deployed_mesh, since, conditional=True)


@pytest.mark.parametrize("occurrence", OCCURRENCES)
def test_a_flow_that_loses_answers_ends_as_any_other(
    mesh: MeshDriver, undisturbed: tuple[dict[str, Any], Counter[Call]], occurrence: str
) -> None:
    expected, calls = undisturbed
    assert (expected["lease"], expected["pending"], expected["failed"], expected["locks"]) == ("", [], [], [])
    assert expected["notices"] == Counter(range(1, expected["versions"] + 1))
    struck = {call: count for call, count in calls.items() if count >= OCCURRENCES[occurrence]}
    assert struck
    for call, count in struck.items():
        rule = {"principal": call.principal, "conditional": True, "after": passed_over(occurrence, count)}
        mesh.inject("lost_answer", call.service, call.action, **rule)

    assert flow(mesh, f"lost-{occurrence}") == expected
    unmet = mesh.faults()
    assert len(unmet) * 4 <= len(struck), "a role may call less often, as events arrive together, but not many do"


@pytest.mark.parametrize("attempts", [1, 4])
def test_a_lost_answer_to_the_lease_freezes_no_product(mesh: MeshDriver, attempts: int) -> None:
    """To one attempt, which the SDK repeats, and to all of its four: then the state machine repeats the step."""
    product = PublishingDriver(mesh, f"lost-lease-{attempts}")
    mesh.inject("lost_answer", "dynamodb", principal="*TakeBatch*", conditional=True, count=attempts)

    run = product.upload("a.csv", csv((1, 10)))

    assert mesh.faults() == []
    assert (run.status, run.outcome) == ("SUCCEEDED", "published")
    assert product.at_rest()


def test_a_notice_whose_answer_is_lost_is_there_once(mesh: MeshDriver) -> None:
    product = PublishingDriver(mesh, "lost-notice")
    mesh.subscribe(product.name)
    mesh.inject("lost_answer", "dynamodb", principal=f"*:{ACCOUNTS['consumer']}:*RelayInbox*", conditional=True)

    product.upload("a.csv", csv((1, 10)))
    mesh.wait_for_notice(product.name)
    mesh.until(lambda: mesh._depth("consumer", "InboxQueue") == 0, "an empty inbox")

    assert mesh.faults() == []
    assert len(mesh.notices(product.name)) == 1


def test_a_failed_run_whose_answer_is_lost_leaves_no_lease(mesh: MeshDriver) -> None:
    """The state machine itself drops the lease: its own retry finds it dropped."""
    product = PublishingDriver(mesh, "lost-failure")
    mesh.inject("lost_answer", "dynamodb", "UpdateItem", principal="*OnboardUpload*", conditional=True)

    with with_environment(mesh, "producer", "CheckObjectsFunction", WORK_BUCKET="not-the-bucket-of-this-mesh"):
        run = product.upload("a.csv", csv((1, 10)))

    assert mesh.faults() == []
    assert (run.status, run.states[-2:]) == ("FAILED", ("ReleaseAfterFailure", "OnboardFailed"))
    assert mesh.lease(product.name) == ""
