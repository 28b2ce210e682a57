"""Central's answer to a proposal that it does not publish: recorded, so that it stays the same, and sent.

A published proposal is answered together with its notices.
"""

from mesh.domain.events import Envelope, ProposalSettled, Reason, VersionProposed, read_event, stable_id
from mesh.domain.membership.authorisation import NotTheOwner
from mesh.domain.model import Model
from mesh.domain.publishing.proposals import refusal
from mesh.ports import MemberTopics, Proposals
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import notify_member
from mesh.usecases.publishing.block_version import notify_held


class Settle(Model):
    """The answer to a proposal: the verdict of its verification, or why it was not committed."""

    envelope: Envelope
    verdict: ProposalSettled | Reason


def settle_proposal(
    command: Settle, *, proposals: Proposals, context: CentralContext, topics: MemberTopics
) -> ProposalSettled:
    """Record the answer, unless there is one already, and send who proposed it what was recorded. Idempotent.

    Each answer has its own event id, since an owner who asked again waits again. Readers affected by a held version
    are reported once. Raises MalformedEvent, NotTheOwner.
    """
    event = read_event(VersionProposed, command.envelope)
    product = context.registry.product(event.data.product)
    if product is None:
        raise NotTheOwner(f"there is no product {event.data.product!r}", product=event.data.product)
    answer = proposals.settle(_answer(command, event.data))
    if answer.outcome == "held" and answer.reason is not None:
        batch = event.metadata.evolve(id=stable_id(product.name, answer.proposal))
        notify_held(product, answer.reason, batch, context=context, topics=topics)
    notify_member(command.envelope.account, answer, event.metadata, "settled", context=context, topics=topics)
    reason = answer.reason.model_dump(mode="json") if answer.reason else None
    context.trace.note(
        event.metadata.correlation_id, "settled", product=answer.product, outcome=answer.outcome, reason=reason
    )
    return answer


def _answer(command: Settle, proposed: VersionProposed) -> ProposalSettled:
    if isinstance(command.verdict, Reason):
        return refusal(proposed.product, proposed.proposal, command.verdict)
    return command.verdict
