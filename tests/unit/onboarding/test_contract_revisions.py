"""A contract's newest revision: known from its arrival, settled by its registration or its refusal."""

import pytest
from mesh.adapters.duckdb.measuring.rule_trial import try_rules
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.contracts.contract import ContractNotYaml
from mesh.domain.events import Event, Metadata, ProductHandedOver
from mesh.domain.onboarding.keys import ContractKey, compare_sequencers
from mesh.domain.onboarding.landing import LATE
from mesh.usecases.onboarding.contract_revisions import (
    is_on_its_way,
    leave_product,
    missed_contracts,
    settle_unregistered,
)
from mesh.usecases.onboarding.declare_product import correlation_of, declare_product

from tests.builders import BUCKET, CONTRACT, PRODUCER, PRODUCT
from tests.fakes import (
    FakeBus,
    FakeClock,
    FakeExecutions,
    FakeLanding,
    FakeObjects,
    FakeRevisions,
    FakeTrace,
    FakeUploads,
)

KEY = f"{PRODUCT}/contract.yaml"


class World:
    """A producer whose data wait."""

    def __init__(self):
        self.objects, self.uploads = FakeObjects(), FakeUploads()
        self.revisions = FakeRevisions(self.uploads)
        self.executions, self.landing, self.clock = FakeExecutions(), FakeLanding(self.objects), FakeClock()
        data = self.objects.put(BUCKET, f"{PRODUCT}/data/t/a.csv", "a\n1\n")
        self.uploads.add_pending(PRODUCT, [data], "c")

    def declare(self, text=CONTRACT):
        ref = self.objects.put(BUCKET, KEY, text)
        try:
            declare_product(
                ref, ContractKey(KEY, PRODUCT), read_contract=read_contract, try_rules=try_rules, objects=self.objects,
                uploads=self.uploads, revisions=self.revisions, bus=FakeBus(), trace=FakeTrace(),
            )  # fmt: skip
        except ContractNotYaml:
            self.refuse(ref)
        return ref

    def refuse(self, ref):
        settle_unregistered(
            PRODUCT, correlation_of(ref), revisions=self.revisions, uploads=self.uploads, executions=self.executions
        )

    def missed(self):
        return [
            *missed_contracts(BUCKET, landing=self.landing, revisions=self.revisions, clock=self.clock)
        ]  # fmt: skip

    @property
    def waits(self):
        return is_on_its_way(PRODUCT, BUCKET, self.uploads.standing(PRODUCT).settled, landing=self.landing)


@pytest.fixture
def world():
    return World()


def test_without_a_contract_nothing_is_waited_for(world):
    assert not world.waits


def test_a_contract_that_nobody_was_told_of_is_found_and_is_older_than_the_next_one(world):
    world.clock.move(LATE)
    world.objects.put(BUCKET, KEY, CONTRACT)
    world.objects.put(BUCKET, "loans/contract.yaml", CONTRACT)
    [first, other] = world.missed()
    assert [(each.key, each.version_id) for each in (first, other)] == [(KEY, "1"), ("loans/contract.yaml", "1")]
    for ref in (first, other):
        world.revisions.begin(ref.key.partition("/")[0], ref, correlation_of(ref))
    assert world.missed() == []

    told = world.declare()
    assert world.missed() == []
    world.objects.put(BUCKET, KEY, CONTRACT + "# later\n")
    [missed] = world.missed()
    assert compare_sequencers(missed.sequencer, told.sequencer) > 0
    following = world.declare(CONTRACT + "# last\n")
    assert compare_sequencers(following.sequencer, missed.sequencer) > 0
    assert compare_sequencers(told.sequencer, first.sequencer) > 0


def test_a_contract_that_was_refused_is_known(world):
    world.clock.move(LATE)
    world.declare("[")
    assert world.missed() == []


@pytest.mark.parametrize(
    "key", ["Bad Name/contract.yaml", "reports/contract.yaml", "contract.yaml", "loans/a/contract.yaml"]
)
def test_what_is_no_products_contract_is_left_alone(world, key):
    world.clock.move(LATE)
    world.objects.put(BUCKET, key, CONTRACT)
    assert world.missed() == []


def test_a_young_contract_may_be_on_its_way(world):
    world.objects.put(BUCKET, KEY, CONTRACT)
    assert world.missed() == []


def test_what_waits_is_started_and_so_held_when_the_product_is_another_accounts(world):
    world.uploads.put_product(PRODUCT, {}, sequencer="02")
    news = ProductHandedOver(
        product=PRODUCT, domain="retail", owner_account=PRODUCER, new_owner="444444444444", sequencer="02"
    )
    event = Event[ProductHandedOver](metadata=Metadata(id="e-1", correlation_id="c"), data=news)
    for _ in range(2):
        leave_product(event, uploads=world.uploads, executions=world.executions)
    assert world.uploads.standing(PRODUCT).new_owner == "444444444444"
    assert len(world.executions.started) == 1


def test_what_waits_is_started_when_central_refuses_the_revision(world):
    ref = world.declare()
    assert world.waits
    world.refuse(ref)
    world.refuse(ref)
    assert not world.waits
    assert len(world.executions.started) == 1


def test_what_waits_is_started_when_the_revision_is_refused_here(world):
    world.declare("[")
    assert not world.waits
    assert len(world.executions.started) == 1


def test_a_refusal_that_comes_late_settles_no_newer_revision(world):
    first = world.declare()
    world.declare(CONTRACT.replace("1.0.0", "1.1.0"))
    world.refuse(first)
    assert world.waits
    assert world.executions.started == {}


def test_nothing_is_started_where_nothing_waits(world):
    ref = world.declare()
    world.uploads.waiting.clear()
    world.refuse(ref)
    assert world.executions.started == {}
