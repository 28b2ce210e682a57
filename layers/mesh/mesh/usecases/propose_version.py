"""The producer proposes what it staged, and waits for central's answer.

The proposal is the same however often it is made, and so is the answer: whoever has heard nothing asks again.
"""

from datetime import timedelta
from typing import Final

from mesh.domain.events import Event, Metadata, Model, ProposalSettled, VersionProposed, stable_id
from mesh.domain.publishing.batches import StagedBatch
from mesh.ports import Bus, Clock, TaskAnswers, Trace, Uploads, WorkFiles
from mesh.usecases.batches import LEASE
from mesh.usecases.rounds import Round
from mesh.usecases.stage_version import staged_path

EXPIRES: Final = timedelta(hours=24)
"""As long as EventBridge tries to deliver an event. Central refuses a proposal that it hears of later."""


class Propose(Round):
    """A staged round. `token` releases the run that waits, `holder` is its execution's ARN; `asked` counts from 0."""

    token: str
    holder: str
    asked: int = 0


class Answered(Model):
    """Whether a run was waiting for the answer."""

    resumed: bool


def propose_version(
    command: Propose, *, uploads: Uploads, work: WorkFiles, bus: Bus, clock: Clock, trace: Trace
) -> Event[VersionProposed]:
    """Keep the token, hold the lease for as long again, then put the event: the answer may come at once."""
    staged = StagedBatch.model_validate_json(work.get(staged_path(command.work)) or "{}")
    now = clock.now()
    uploads.take_lease(command.product, command.holder, now + LEASE, now)
    uploads.keep_token(staged.proposal, command.token, now + EXPIRES)
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
    trace.note(
        command.correlation_id,
        "version proposed",
        product=command.product,
        proposal=staged.proposal,
        tables=len(staged.tables),
        asked=command.asked,
    )
    return event


def receive_settlement(answer: ProposalSettled, *, uploads: Uploads, answers: TaskAnswers) -> Answered:
    """Release the run that waits. An answer that nobody waits for is no loss: whoever asks again gets it again."""
    token = uploads.take_token(answer.proposal)
    return Answered(resumed=token is not None and answers.send(token, answer.model_dump_json()))
