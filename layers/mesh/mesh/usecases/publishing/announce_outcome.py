"""The last step of every commit: answer the requester, and notify the subscribers of a version."""

from mesh.domain.contracts.product import ProductVersion
from mesh.domain.events import Envelope, ProposalSettled, Reason
from mesh.domain.model import Model
from mesh.ports import MemberTopics, Proposals
from mesh.usecases.central_context import CentralContext
from mesh.usecases.publishing.notify_subscribers import Announce, Notified, notify_subscribers
from mesh.usecases.publishing.rollback_orders import Refusal, RolledBack, refuse_rollback
from mesh.usecases.publishing.settle_proposal import Settle, settle_proposal


class Outcome(Model):
    """A version, from a proposal or a rollback; or the verdict on what was not published: a proposal, or a request to
    roll back (`rollback`)."""

    proposal: Envelope | None = None
    rollback: Envelope | None = None
    version: ProductVersion | None = None
    verdict: ProposalSettled | Reason | None = None


def announce_outcome(
    outcome: Outcome, *, catalog_id: str, context: CentralContext, proposals: Proposals, topics: MemberTopics
) -> Notified | ProposalSettled | RolledBack:
    """Record the answer, end the commit's turn, and notify the accounts concerned. Idempotent."""
    if outcome.version is not None:
        news = Announce(version=outcome.version, proposal=outcome.proposal)
        return notify_subscribers(news, catalog_id=catalog_id, context=context, proposals=proposals, topics=topics)
    if outcome.rollback is not None:
        refusal = Refusal.model_validate({"envelope": outcome.rollback, "reason": outcome.verdict})
        return refuse_rollback(refusal, context=context, proposals=proposals, topics=topics)
    answer = Settle.model_validate({"envelope": outcome.proposal, "verdict": outcome.verdict})
    return settle_proposal(answer, proposals=proposals, context=context, topics=topics)
