"""What waits although no run works on it: found on a schedule, so that nothing waits for the next upload.

A run can end without a successor: it was stopped or timed out, and holds its lease for a while longer; its end was not
delivered; a run could not be started.

What fails each time is kept and told as a failed run (`mesh failures`): it is not started every five minutes for ever.
"""

from datetime import datetime, timedelta
from typing import Final

from mesh.domain.model import Model
from mesh.domain.names import execution_name
from mesh.domain.onboarding.standing import Lease
from mesh.ports import Clock, Executions, Trace, Uploads
from mesh.usecases.onboarding.rounds import Start

OUTLIVED: Final = timedelta(minutes=15)
"""A function of a run that was stopped goes on for as long, at most.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
"""


FAILING: Final = 4
"""As often as a failed run is started by itself. The next one comes when the lease of the last would have ended."""
GIVEN_UP: Final = 400
"""After some three days at that pace people start the next run (`mesh retry`), or another upload does."""


class Swept(Model):
    """Runs that were started, by name, and how many products were looked at."""

    started: tuple[str, ...]
    products: int


def sweep_uploads(*, uploads: Uploads, executions: Executions, trace: Trace, clock: Clock) -> Swept:
    """Start a run for each product whose objects wait while none is at work. A lease whose run ended 15 minutes ago is
    dropped first. A product that central has yet to register gets its run once it is; one whose runs deal with nothing
    gets fewer, and in the end none."""
    now, started, products = clock.now(), list[str](), uploads.products()
    for product in products:
        lease = uploads.standing(product).lease
        if lease.is_held(now):
            ended = executions.ended(lease.holder)
            if ended is None or now - ended < OUTLIVED:
                continue
            uploads.drop_lease(product, lease.holder)
        standing = uploads.standing(product)
        if not standing.may_start(now) or _fails_each_time(standing.lease, now):
            continue
        if not (waiting := uploads.pending(product, 1)):
            continue
        [(_, correlation_id)] = waiting
        name = execution_name(product, f"swept-{now:%Y%m%dT%H%M}")
        if executions.start(name, Start(product=product, correlation_id=correlation_id).model_dump_json()):
            trace.note(correlation_id, "uploads waited without a run", product=product, execution=name)
            started.append(name)
    return Swept(started=tuple(started), products=len(products))


def _fails_each_time(lease: Lease, now: datetime) -> bool:
    return lease.tries >= GIVEN_UP or (lease.tries >= FAILING and now < lease.until)
