"""Wait states and pauses before retries, as long as the mesh's clock says: what is skipped has passed."""

import time
from typing import Final

from ministack.services import stepfunctions

from local import clock

_GLANCE_SECONDS: Final = 0.1


def install(scale: float) -> None:
    """`scale` is real seconds for each of theirs."""

    def wait(seconds: float) -> None:
        until, skipped = time.monotonic() + seconds * scale, clock.skipped()
        while (left := until - time.monotonic() - (clock.skipped() - skipped) * scale) > 0:
            time.sleep(min(left, _GLANCE_SECONDS))

    stepfunctions._scaled_sleep = wait
