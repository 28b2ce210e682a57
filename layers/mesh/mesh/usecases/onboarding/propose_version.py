"""The producer stages a version and proposes it, and waits for central's answer.

The proposal is the same however often it is made, and so is the answer: whoever has heard nothing asks again.
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
"""As long as EventBridge tries to deliver an event. Central refuses a proposal that it hears of later."""


class Propose(Round):
    """A checked round. `token` releases the run that waits, `holder` is its execution's ARN; `asked` counts from 0."""

    token: str
    holder: str
    asked: int = 0


def propose_version(
    command: Propose, *, catalog: Catalog, staging: StagingTools, uploads: Uploads, bus: Bus
) -> Event[VersionProposed]:
    """Stage the batch, unless it was proposed before, or a crawler has read it: then the catalog has to show that. Then
    keep the token, hold the lease for as long again, and tell of it, all at once; put the event last: the answer may
    come at once. Raises TooLargeToRewrite, and what `confirm_crawl` raises."""
    crawled = command.facts.crawl == "glue"
    if crawled:
        confirm_crawl(command, catalog=catalog, work=staging.work)
    before = command.asked > 0 or crawled
    staged = (read_staged(command, staging.work) if before else None) or stage_version(command, using=staging)
    now = staging.clock.now()
    waiting = WaitingRun(command.product, command.holder, command.token, now + EXPIRES, now + LEASE)
    facts = {
        "product": command.product, "proposal": staged.proposal, "tables": len(staged.tables), "asked": command.asked,
    }  # fmt: skip
    uploads.await_answer(staged.proposal, waiting, Note(command.correlation_id, "version proposed", facts))
    event = Event[VersionProposed](
        metadata=Metadata(
            id=stable_id(staged.proposal, command.asked, command.holder), correlation_id=command.correlation_id
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
