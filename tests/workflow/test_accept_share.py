"""Each path of `accept-share`: central's grants are made by its administrator, and told on the consumer's own bus."""

from collections.abc import Iterator

import pytest

from local.accounts import REGION, role_arn
from tests.consumer_accesses import (
    CENTRAL,
    CONSUMER,
    Ears,
    Granted,
    accept,
    by_name,
    by_tags,
    grant,
    held,
    links,
    local_grants,
    publish,
    query,
    revoke,
    say,
)
from tests.mesh_conditions import crash
from tests.mesh_driver import MeshDriver

PRODUCT, OTHER = "accept-cards", "accept-loans"
UP_TO_PROOF = (
    "AcceptInvitations",
    "CheckAccess",
    "LinkDatabases",
    "GrantReader",
    "StartProof",
    "AwaitProof",
    "CheckProof",
    "RouteProof",
)
READY = ("AnnounceReady", "Ready")
TOLD = ("ReleaseAccess", "CheckRelease", "AnnounceNotReady", "CheckFault")


@pytest.fixture(scope="module")
def ears(deployed_mesh: MeshDriver) -> Ears:
    publish(deployed_mesh, PRODUCT, OTHER)
    return Ears(deployed_mesh)


@pytest.fixture
def granted(mesh: MeshDriver, ears: Ears) -> Iterator[Granted]:
    """By tags, to the account's analysts; released at the end."""
    access = Granted(PRODUCT, by_tags(PRODUCT))
    grant(mesh, access)
    yield access
    revoke(mesh, access)


def without_polls(states: tuple[str, ...]) -> tuple[str, ...]:
    """A query may need to be asked more than once."""
    polls = ("AwaitProof", "CheckProof", "RouteProof")
    found = list(states)
    while len(found) > 6 and tuple(found[-6 + len(found) :]) == polls * 2:
        del found[-3:]
    return tuple(dict.fromkeys(found))


def test_accepted_and_proved_as_the_reader(mesh: MeshDriver, ears: Ears, granted: Granted) -> None:
    run = accept(mesh, granted)
    assert (run.status, run.outcome, without_polls(run.states)) == ("SUCCEEDED", "ready", UP_TO_PROOF + READY), run
    told = ears.wait(granted, "AccessReady")
    assert told["links"] == [granted.link]
    assert told["proved_as"] == role_arn(CONSUMER, "DataAnalyst")
    asked = mesh.client("consumer", "athena").get_query_execution(QueryExecutionId=told["query_execution_id"])
    assert asked["QueryExecution"]["Query"] == f'SELECT "id", "amount" FROM "{granted.link}"."t1" LIMIT 1'
    assert query(mesh, f'SELECT id, amount FROM "{granted.link}".t1') == ""
    assert query(mesh, f'SELECT id FROM "{granted.link}".t1', "DataScientist") != ""
    assert held(mesh, granted) == "ready"
    assert mesh.dead_letters()["consumer/FailedRunsQueue"] == 0
