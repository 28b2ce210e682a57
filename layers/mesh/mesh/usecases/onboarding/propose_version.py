"""The producer stages a version and proposes it, and waits for central's answer.

The proposal is the same at every repetition, and so is the answer: a run without an answer proposes again. Each attempt
sends an event of its own, whose answer is one of its own: its token alone resumes the run.
"""

from datetime import timedelta
from typing import Final

from mesh.domain.events import Event, Metadata, ProposedTable, VersionProposed, stable_id
from mesh.domain.onboarding.batches import StagedBatch
from mesh.domain.publishing.hive_table import FINDINGS, own_file
from mesh.domain.publishing.proposals import TableDetails
from mesh.ports import Bus, Catalog, Note, Uploads, WaitingRun
from mesh.usecases.onboarding.batches import LEASE, handed_over, lease_lost, read_checked
from mesh.usecases.onboarding.confirm_crawl import confirm_crawl
from mesh.usecases.onboarding.rounds import Round
from mesh.usecases.onboarding.stage_version import StagingTools, read_staged, stage_version

EXPIRES: Final = timedelta(hours=24)
"""As long as EventBridge retries an event. Central rejects a proposal that arrives later."""


class Propose(Round):
    """A checked round. `token` releases the run that waits, `holder` is its execution's ARN; `attempt` counts from
    0. `announce`: only what was found in it, before it is promoted."""

    token: str
    holder: str
    attempt: int = 0
    announce: bool = False


def propose_version(
    command: Propose, *, catalog: Catalog, staging: StagingTools, uploads: Uploads, bus: Bus
) -> Event[VersionProposed]:
    """Stage the batch, unless it was proposed before, or was crawled: then the catalog must show it. One that is only
    announced is not staged. Then store the token, renew the lease and write the trace entry in one transaction; send
    the event last, since the answer may arrive at once; if it cannot be sent, the token goes. Raises LeaseLost,
    TooLargeToRewrite, HandedOver where central no longer answers because of that, and what `confirm_crawl` raises."""
    known = uploads.product(command.product) if command.attempt else None
    if known and known.get("new_owner"):
        raise handed_over(command.product, known["new_owner"])
    staged = _announced(command, staging) if command.announce else _staged(command, catalog, staging)
    now = staging.clock.now()
    waiting = WaitingRun(command.product, command.holder, command.token, now + EXPIRES, now + LEASE)
    facts = {
        "product": command.product,
        "proposal": staged.proposal,
        "tables": len(staged.tables),
        "attempt": command.attempt,
    }
    if not uploads.await_answer(staged.proposal, waiting, Note(command.correlation_id, "version proposed", facts)):
        raise lease_lost(command)
    event = Event[VersionProposed](
        metadata=Metadata(
            id=stable_id(staged.proposal, command.attempt, command.token), correlation_id=command.correlation_id
        ),
        data=VersionProposed(
            product=command.product,
            proposal=staged.proposal,
            generation=command.generation,
            contract_version=staged.contract_version,
            expires=now + EXPIRES,
            held=staged.held,
            announces="findings" if command.announce else "version",
            tables=staged.tables,
        ),
    )
    try:
        bus.put(VersionProposed.detail_type(), event.model_dump_json())
    except Exception:
        # Nobody waits with this token any more, whether or not the event was taken: an attempt has a token of its own.
        uploads.drop_token(staged.proposal, command.token)
        raise
    return event


def _staged(command: Propose, catalog: Catalog, staging: StagingTools) -> StagedBatch:
    crawled = command.facts.crawl == "glue"
    if crawled:
        confirm_crawl(command, catalog=catalog, work=staging.work)
    before = command.attempt > 0 or crawled
    return (read_staged(command, staging.work) if before else None) or stage_version(command, using=staging)


def _announced(command: Propose, staging: StagingTools) -> StagedBatch:
    """A proposal of its own: in which tables of the batch something was found, and a file for each that says what. The
    same at every repetition."""
    checked = read_checked(staging.work, command.work)
    found = [table for table in checked.tables if table.findings]
    for table in found:
        details = TableDetails(objects=0, rows=0, bytes=0, sources=0, findings=table.findings)
        place = own_file(checked.bucket, command.product, table.table, FINDINGS)
        staging.published.write(place, details.model_dump_json().encode())
    return StagedBatch(
        proposal=stable_id("findings", command.work, command.correlation_id),
        contract_version=checked.contract_version,
        tables=tuple(ProposedTable(name=table.table, details=FINDINGS, rows=0, bytes=0, files=0) for table in found),
        staged_at=staging.clock.now(),
    )
