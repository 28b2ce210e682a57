"""Central's answer to a proposal that it does not publish: kept, so that it is the same whenever it is asked, and told.

What is published is answered with its notices.
"""

from mesh.domain.events import Envelope, Model, ProposalSettled, Reason, VersionProposed, read_event, stable_id
from mesh.domain.publishing.proposals import refusal
from mesh.ports import MemberTopics, Proposals
from mesh.usecases.books import Books
from mesh.usecases.held_versions import tell_held
from mesh.usecases.publication import owned_product
from mesh.usecases.telling import tell


class Settle(Model):
    """How the proposal in an event is to be answered: as when it was verified, or with why it is not committed."""

    envelope: Envelope
    verdict: ProposalSettled | Reason


def settle_proposal(command: Settle, *, proposals: Proposals, books: Books, topics: MemberTopics) -> ProposalSettled:
    """Keep the answer, unless there is one already, and tell the owner what was kept. Repeatable.

    Each telling has an id of its own: somebody who asked again waits for an answer again. Whom a held version would
    have touched is told once. Raises MalformedEvent, NotTheOwner.
    """
    event = read_event(VersionProposed, command.envelope)
    product = owned_product(books.registry, event.data.product, command.envelope.account)
    answer = proposals.settle(_answer(command, event.data))
    if answer.outcome == "held" and answer.reason is not None:
        batch = event.metadata.model_copy(update={"id": stable_id(product.name, answer.proposal)})
        tell_held(product, answer.reason, batch, books=books, topics=topics)
    tell(product.owner, answer, event.metadata, "settled", books=books, topics=topics)
    reason = answer.reason.model_dump(mode="json") if answer.reason else None
    books.trace.note(
        event.metadata.correlation_id, "settled", product=answer.product, outcome=answer.outcome, reason=reason
    )
    return answer


def _answer(command: Settle, proposed: VersionProposed) -> ProposalSettled:
    if isinstance(command.verdict, Reason):
        return refusal(proposed.product, proposed.proposal, command.verdict)
    return command.verdict
