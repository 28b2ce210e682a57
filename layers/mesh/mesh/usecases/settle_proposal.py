"""Central's answer to a proposal: kept, so that it is the same whenever it is asked, and told to the owner."""

from mesh.domain.events import Event, Metadata, Model, ProposalSettled, follow
from mesh.domain.product import ProductVersion
from mesh.domain.publishing.proposals import Commit
from mesh.ports import MemberTopics, Proposals
from mesh.usecases.books import Books
from mesh.usecases.commit_version import ProposalGone
from mesh.usecases.publication import owned_product


class Settle(Model):
    """What to answer to whose event."""

    account: str
    metadata: Metadata
    answer: ProposalSettled


def settle_proposal(command: Settle, *, proposals: Proposals, books: Books, topics: MemberTopics) -> ProposalSettled:
    """Keep the answer, unless there is one already, and tell the owner what was kept. Repeatable.

    Each telling has an id of its own: somebody who asked again waits for an answer again.
    """
    owned_product(books.registry, command.answer.product, command.account)
    answer = proposals.settle(command.answer)
    member = books.registry.member(command.account)
    if member is not None and member.status == "admitted":
        event = Event[ProposalSettled](metadata=follow(command.metadata, "settled"), data=answer)
        topics.publish(member.topic_arn, ProposalSettled.detail_type(), event.model_dump_json())
    reason = answer.reason.model_dump(mode="json") if answer.reason else None
    books.trace.note(
        command.metadata.correlation_id, "settled", product=answer.product, outcome=answer.outcome, reason=reason
    )
    return answer


def record_commit(product: str, proposal: str, *, proposals: Proposals, books: Books) -> ProductVersion:
    """Claim the next number: its tables are the present ones, and those that it did not touch are as they were.

    A repeated call gives the same version. Raises ProposalGone, ConcurrentChange.
    """
    commit = proposals.commit(product, proposal)
    if commit is None:
        raise ProposalGone(f"there is no proposal {proposal} of {product} to record", proposal=proposal)
    existing = books.registry.version_of_run(product, proposal)
    version = existing or books.registry.record_version(_version(commit, books))
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
