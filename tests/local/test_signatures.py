"""The time of a signature is judged by each clock that its caller may have had."""

from collections import deque
from datetime import UTC, datetime, timedelta

import pytest

from local import clock, signatures
from local.shared_clock import SharedClock

FAILURE = ("RequestTimeTooSkewed", "too late")
NEAR = timedelta(minutes=15)
LONG_AGO = 3_600.0


@pytest.fixture(autouse=True)
def _own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_clock", SharedClock())
    monkeypatch.setattr(clock, "_skips", deque())


def judge(signed: datetime, *, now: datetime | None = None) -> signatures.Failure:
    """As MiniStack does, by the mesh's clock unless another is given."""
    present = now or datetime.now(UTC) + timedelta(seconds=clock.skipped())
    return None if abs(present - signed) <= NEAR else FAILURE


judged = signatures._by_each_clock(judge)


def test_by_the_mesh_s_clock_by_the_machine_s_and_by_none_else() -> None:
    clock.skip(86_400)
    now = datetime.now(UTC)
    assert judged(now + timedelta(days=1)) is None
    assert judged(now) is None
    assert judged(now + timedelta(days=2)) == FAILURE
    assert judged(now - timedelta(days=1)) == FAILURE


def test_a_call_that_was_begun_before_time_was_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice, while it was on its way."""
    clock.skip(86_400)
    begun = datetime.now(UTC) + timedelta(days=1)
    clock.skip(86_400)
    clock.skip(86_400)
    assert judged(begun) is None

    ahead = [(at - LONG_AGO, before) for at, before in clock._skips]
    monkeypatch.setattr(clock, "_skips", deque(ahead))
    assert judged(begun) == FAILURE
