"""The producer stages a version and proposes it, and waits for central's answer.

The proposal is the same at every repetition, and so is the answer: a run without an answer proposes again.
"""

from datetime import timedelta
from typing import Final

from mesh.domain.events import Event, Metadata, VersionProposed, stable_id
from mesh.ports import Bus, Catalog, Note, Uploads, WaitingRun
from mesh.usecases.onboarding.batches import LEASE
from mesh.usecases.onboarding.confirm_crawl import confirm_crawl
from mesh.usecases.onboarding.rounds import Round
from mesh.usecases.onboarding.stage_version import StagingTools, read_staged, stage_version

EXPIRES: Final = timedelta(hours=24)
"""As long as EventBridge retries an event. Central rejects a proposal that arrives later."""


class Propose(Round):
    """A checked round. `token` releases the run that waits, `holder` is its execution's ARN; `attempt` counts from
    0."""

    token: str
    holder: str
    attempt: int = 0


def propose_version(
    command: Propose, *, catalog: Catalog, staging: StagingTools, uploads: Uploads, bus: Bus
) -> Event[VersionProposed]:
    """Stage the batch, unless it was proposed before, or was crawled: then the catalog must show it. Then store the
    token, renew the lease and write the trace entry in one transaction; send the event last, since the answer may
    arrive at once. Raises TooLargeToRewrite, and what `confirm_crawl` raises."""
    crawled = command.facts.crawl == "glue"
    if crawled:
        confirm_crawl(command, catalog=catalog, work=staging.work)
    before = command.attempt > 0 or crawled
    staged = (read_staged(command, staging.work) if before else None) or stage_version(command, using=staging)
    now = staging.clock.now()
    waiting = WaitingRun(command.product, command.holder, command.token, now + EXPIRES, now + LEASE)
    facts = {
        "product": command.product,
        "proposal": staged.proposal,
        "tables": len(staged.tables),
        "attempt": command.attempt,
    }
    uploads.await_answer(staged.proposal, waiting, Note(command.correlation_id, "version proposed", facts))
    event = Event[VersionProposed](
        metadata=Metadata(
            id=stable_id(staged.proposal, command.attempt, command.holder), correlation_id=command.correlation_id
        ),
        data=VersionProposed(
            product=command.product,
            proposal=staged.proposal,
            generation=command.generation,
            contract_version=staged.contract_version,
            expires=now + EXPIRES,
            held=staged.held,
            tables=staged.tables,
        ),
    )
    bus.put(VersionProposed.detail_type(), event.model_dump_json())
    return event
