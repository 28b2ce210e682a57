"""A share of the fault sweep: a bounded number of its cases, others with each commit in CI.

`SWEEP_SEED=n` says which, and of which flow; the whole is `make sweep` (docs/faults.md).
"""

import os
import random
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Final

import pytest

from tests.mesh_driver import MeshDriver
from tests.sweep.flows import FLOWS
from tests.sweep.runner import Play, Sweep
from tests.sweep.selection import schedules
from tests.sweep.stage import Stage

SEED: Final = int(os.environ.get("SWEEP_SEED", "7"))
AT_ONCE: Final = 6
SECONDS: Final = 60.0
"""No further cases are begun after that."""


def flow_of(seed: int) -> str:
    """Flows take turns."""
    return sorted(FLOWS)[seed % len(FLOWS)]


@pytest.fixture
def sweep(mesh: MeshDriver) -> Iterator[Sweep]:
    with closing(Sweep(Stage(mesh))) as made:
        yield made


@pytest.mark.ordered_delivery("the sweep's faults are the disturbance")
@pytest.mark.timeout(400)
def test_a_flow_converges_whatever_call_fails(sweep: Sweep) -> None:
    flow, began = FLOWS[flow_of(SEED)], time.monotonic()
    cases, _ = sweep.cases(flow, sweep.calls(flow))
    single = random.Random(SEED).sample(cases, min(len(cases), 2 * AT_ONCE))
    plays: list[Play] = [*single[:AT_ONCE], *schedules(flow.name, cases, AT_ONCE, SEED), *single[AT_ONCE:]]
    outcomes = []
    for outcome in sweep.play(flow, plays, AT_ONCE):
        outcomes.append(outcome)
        if len(outcomes) % AT_ONCE == 0 and time.monotonic() - began > SECONDS:
            break
    failed = [f"{each.play} ({each.product}): {each.how}" for each in outcomes if each.verdict == "failed"]
    assert failed == [], f"{flow.name}: repeat it with SWEEP_SEED={SEED}"
    assert any(each.verdict == "converged" for each in outcomes), outcomes
