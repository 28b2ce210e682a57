"""Uploads that no run works on get one, and only those."""

from datetime import timedelta

import pytest
from mesh.domain.membership.authorisation import NotOnTheBus
from mesh.ports import Note
from mesh.usecases.onboarding.batches import LEASE
from mesh.usecases.onboarding.sweep_uploads import FAILING, GIVEN_UP, OUTLIVED, sweep_uploads

from functions.onboarding.collect_uploads import app
from tests.builders import take_lease
from tests.unit.onboarding.test_collect_uploads import World, arrival

MINUTE = timedelta(minutes=1)


@pytest.fixture
def world():
    """An upload whose run is forgotten: it was started, and has left no trace of an end."""
    made = World()
    made.deliver("loans/data/loans/a.csv")
    made.executions.started.clear()
    return made


def sweep(world):
    return sweep_uploads(
        uploads=world.uploads, executions=world.executions, trace=world.trace, clock=world.clock
    )  # fmt: skip


def test_a_product_whose_objects_wait_gets_one_run(world):
    swept = sweep(world)

    assert (len(swept.started), swept.products) == (1, 1)
    assert '"product":"loans"' in world.executions.started[swept.started[0]]
    assert world.trace.said()[-1] == "uploads waited without a run"
    assert sweep(world).started == (), "the same schedule, delivered twice"


def test_a_product_without_waiting_objects_gets_none(world):
    world.uploads.settle("loans", [arrival("loans/data/loans/a.csv").ref])

    assert sweep(world).started == ()


def test_a_run_at_work_is_left_alone(world):
    now = world.clock.now()
    take_lease(world.uploads, "loans", "a run", now + 40 * MINUTE, now)
    world.executions.at_work.add("a run")

    assert sweep(world).started == ()


@pytest.mark.parametrize(("ago", "started"), [(OUTLIVED - MINUTE, 0), (OUTLIVED, 1)])
def test_the_lease_of_a_run_that_ended_is_dropped_once_no_function_of_it_can_be_at_work(world, ago, started):
    now = world.clock.now()
    take_lease(world.uploads, "loans", "a run", now + 40 * MINUTE, now)
    world.executions.ends["a run"] = now - ago

    assert len(sweep(world).started) == started
    assert world.uploads.lease_held("loans", now) is (started == 0)


def failed_run(world, number):
    now = world.clock.now()
    holder = f"run-{number}"
    take_lease(world.uploads, "loans", holder, now + LEASE, now)
    world.uploads.drop_lease("loans", holder)


def test_what_fails_each_time_is_started_less_often_and_in_the_end_by_people(world):
    for number in range(FAILING):
        assert len(sweep(world).started) == 1, number
        failed_run(world, number)
        world.clock.move(5 * MINUTE)

    assert sweep(world).started == ()
    world.clock.move(LEASE)
    assert len(sweep(world).started) == 1

    for number in range(FAILING, GIVEN_UP):
        failed_run(world, number)
    world.clock.move(timedelta(days=30))
    assert sweep(world).started == ()


def test_a_run_that_deals_with_something_makes_up_for_those_that_failed(world):
    world.deliver("loans/data/loans/b.csv")
    for number in range(GIVEN_UP):
        failed_run(world, number)
    now = world.clock.now()
    take_lease(world.uploads, "loans", "a run", now + LEASE, now)
    done = [arrival("loans/data/loans/a.csv").ref]
    world.uploads.finish("loans", "a run", done, Note("c-1", "batch settled", {}))

    assert len(sweep(world).started) == 1


def test_a_product_that_central_has_yet_to_register_waits(world):
    world.uploads.record_declared("loans", "01")

    assert sweep(world).started == ()
    world.uploads.put_product("loans", {})
    assert len(sweep(world).started) == 1


def test_an_audit_that_fails_keeps_nobody_waiting(world, monkeypatch):
    def refused(*_, **__):
        raise NotOnTheBus("a recipe's refusal cannot be told")

    ports = {"uploads": world.uploads, "trace": world.trace, "machine": world.executions, "landing_objects": None}
    for name, port in ports.items():
        monkeypatch.setattr(app.wiring, name, lambda *_, port=port: port)
    monkeypatch.setattr(app.wiring, "clock", world.clock)
    monkeypatch.setattr(app, "audit_landing", refused)
    settings = app.Settings(
        table_name="t", own_bus_name="b", onboard_upload_arn="a", data_bucket="d", history_days=60, record_days=60
    )

    with pytest.raises(NotOnTheBus):
        app._sweep(settings)

    assert len(world.executions.started) == 1
