"""The lock that ends by itself: exclusive while it is held, given back, and free again after its holder died."""

import threading
import time

import pytest
from mesh.adapters.dynamodb import locks as module
from mesh.adapters.dynamodb.locks import DynamoLocks
from mesh.domain.contracts.product import ConcurrentChange


class Time:
    """Both of the clocks that the lock looks at; sleeping moves them."""

    def __init__(self):
        self.now, self.slept = 1_800_000_000.0, []

    def time(self):
        return self.now

    monotonic = time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    found = Time()
    monkeypatch.setattr(module, "time", found)
    return found


@pytest.fixture
def locks(table, clock):
    return DynamoLocks(table)


def test_a_held_lock_is_exclusive_and_waiters_get_an_error(locks, clock):
    with locks.hold("grants-1"), pytest.raises(ConcurrentChange) as refused, locks.hold("grants-1"):
        pytest.fail("two hold it")

    assert refused.value.where["lock"] == "grants-1"
    assert 20 < sum(clock.slept) < 21


def test_it_is_given_back_even_by_who_fails(locks, clock):
    with pytest.raises(ZeroDivisionError), locks.hold("grants-1"):
        raise ZeroDivisionError
    with locks.hold("grants-1"):
        pass

    assert clock.slept == []


def test_locks_of_other_names_are_free(locks, clock):
    with locks.hold("grants-1"), locks.hold("grants-2"):
        assert clock.slept == []


def test_a_holder_that_died_keeps_it_for_two_minutes(locks, clock):
    locks._take("grants-1", "who-died")
    clock.now += 110
    with locks.hold("grants-1"):
        assert 10 <= sum(clock.slept) < 11


def test_what_a_holder_that_died_leaves_is_deleted_by_its_time_to_live(locks, clock, table):
    locks._take("grants-1", "who-died")
    assert table.get("LOCK#grants-1", "LOCK")["expires"] == int(clock.now + 120)


def test_who_lost_it_by_its_lease_does_not_give_it_back_for_the_next(locks, clock, table):
    with locks.hold("grants-1"):
        clock.now += 121
        locks._take("grants-1", "the-next")

    assert table.get("LOCK#grants-1", "LOCK")["holder"] == "the-next"


def test_a_waiter_gets_the_lock_when_it_is_free(table):
    """With the real clock and a thread: one after the other, never two."""
    inside, most, done = [], [], []

    def work(number):
        with DynamoLocks(table).hold("grants-1"):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)
        done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert (sorted(done), set(most)) == ([0, 1, 2, 3], {1})


def test_who_works_for_longer_than_a_lease_keeps_the_lock(table, monkeypatch):
    """With the real clock: functions may run for minutes, and nobody is at work beside them."""
    monkeypatch.setattr(module, "_LEASE_SECONDS", 0.6)
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.0)
    lock, end = DynamoLocks(table), time.monotonic() + 1.5
    with lock.hold("grants-1"):
        while time.monotonic() < end:
            with pytest.raises(ConcurrentChange), lock.hold("grants-1"):
                pass
    with lock.hold("grants-1"):
        assert table.get("LOCK#grants-1", "LOCK")
