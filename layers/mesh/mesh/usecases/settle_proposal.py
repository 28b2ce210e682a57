"""Central's answer to a proposal: kept, so that it is the same whenever it is asked, and told to the owner."""

from mesh.domain.events import Envelope, Model, ProposalSettled, Reason, VersionProposed, read_event, stable_id
from mesh.domain.product import ProductVersion
from mesh.domain.publishing.proposals import Commit, refusal
from mesh.ports import MemberTopics, Proposals
from mesh.usecases.books import Books
from mesh.usecases.commit_version import ProposalGone
from mesh.usecases.held_versions import tell_held
from mesh.usecases.publication import owned_product
from mesh.usecases.telling import tell


class Settle(Model):
    """How the proposal in an event is to be answered: `version` is published, or `reason` says why none is, or `answer`
    was given when it was verified."""

    envelope: Envelope
    version: int = 0
    reason: Reason | None = None
    answer: ProposalSettled | None = None


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
    if command.reason is not None:
        return refusal(proposed.product, proposed.proposal, command.reason)
    if command.answer is not None:
        return command.answer
    return ProposalSettled(
        product=proposed.product, proposal=proposed.proposal, outcome="published", version=command.version
    )


def record_commit(product: str, proposal: str, *, proposals: Proposals, books: Books) -> ProductVersion:
    """Claim the next number: its tables are the present ones, and those that it did not touch are as they were.

    A repeated call gives the same version. Raises ProposalGone, ConcurrentChange.
    """
    commit = proposals.commit(product, proposal)
    if commit is None:
        raise ProposalGone(f"there is no proposal {proposal} of {product} to record", proposal=proposal)
    existing = books.registry.version_of_run(product, proposal)
    version = existing or books.registry.record_version(_version(commit, books))
    if version.rollback is not None:  # a proposal's turn ends with its answer
        books.registry.end_rollback(product, version.rollback.request, "published")
        proposals.release(product, proposal)
    books.trace.note(commit.correlation_id, "version recorded", product=product, version=version.version)
    return version


def _version(commit: Commit, books: Books) -> ProductVersion:
    product, last = books.registry.product(commit.product), books.registry.latest_version(commit.product)
    tables = {table.table: table for table in last.tables} if last else {}
    tables |= {table.name: table.snapshot for table in commit.tables}
    follows = last.version if last else 0
    return ProductVersion(
        product=commit.product,
        version=follows + 1,
        run=commit.proposal,
        correlation_id=commit.correlation_id,
        contract_version=commit.contract_version,
        tables=tuple(tables[name] for name in sorted(tables)),
        changes=commit.changes,
        published=books.clock.now(),
        follows=follows,
        draft=product.draft if product else False,
        compatibility=commit.compatibility,
        severity=commit.severity,
        rollback=commit.rollback,
    )
