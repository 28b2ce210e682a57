"""A share of the fault sweep: a bounded number of its cases, another one each day, or with each `SWEEP_SEED`.

The whole is `make sweep` (docs/faults.md). The seed is in the test's id and in its failure: `SWEEP_SEED=n` repeats it.
"""

import os
import random
import time
from datetime import UTC, datetime
from typing import Final

import pytest

from tests.mesh_driver import MeshDriver
from tests.sweep.flows import FLOWS
from tests.sweep.runner import AT_ONCE, Play, Sweep
from tests.sweep.selection import schedules
from tests.sweep.stage import Stage

SEED: Final = int(os.environ.get("SWEEP_SEED") or datetime.now(UTC).toordinal())
SECONDS: Final = 70.0
"""No further cases are begun after that."""


def flow_of(seed: int) -> str:
    """Flows take turns."""
    return sorted(FLOWS)[seed % len(FLOWS)]


@pytest.mark.ordered_delivery("the sweep's faults are the disturbance")
@pytest.mark.timeout(400)
def test_a_flow_converges_whatever_call_fails(mesh: MeshDriver) -> None:
    flow, began = FLOWS[flow_of(SEED)], time.monotonic()
    print(f"SWEEP_SEED={SEED}: {flow.name}")  # noqa: T201 - shown when it fails
    sweep = Sweep(Stage(mesh))
    cases, _ = sweep.cases(flow, sweep.calls(flow))
    drawn = random.Random(SEED)
    plays: list[Play] = [
        *drawn.sample(cases, min(len(cases), 4 * AT_ONCE)),
        *schedules(flow.name, cases, AT_ONCE, SEED),
    ]
    failed, played = [], 0
    for outcome in sweep.play(flow, plays):
        played += 1
        if outcome.verdict == "failed":
            failed.append(f"{outcome.play} ({outcome.product}): {outcome.how}")
        if played % AT_ONCE == 0 and time.monotonic() - began > SECONDS:
            break
    assert failed == [], f"SWEEP_SEED={SEED}"
    assert played >= AT_ONCE
