"""Fakes of staged tables and of central's proposals."""

from collections.abc import Iterable, Sequence

from mesh.adapters.s3.storage import ObjectGone
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import ProposalSettled
from mesh.domain.publishing.proposals import Commit, ProposalRecord, TableRecord
from mesh.domain.publishing.staging import TableContent
from mesh.ports import Note

from tests.fakes.messages import FakeTrace


class FakeContents:
    """Metadata files and details by location."""

    def __init__(self) -> None:
        self.tables: dict[str, TableContent] = {}
        self.files: dict[str, bytes] = {}

    def add(self, content: TableContent) -> None:
        self.tables[content.state.metadata] = content

    def read(self, metadata: str) -> TableContent:
        if metadata not in self.tables:
            raise ObjectGone(f"{metadata} is gone")
        return self.tables[metadata]

    def details(self, location: str) -> bytes:
        if location not in self.files:
            raise ObjectGone(f"{location} is gone")
        return self.files[location]


class FakeProposals:
    """Proposals by product and id. Trace entries of its writes are in `trace`."""

    def __init__(self, trace: FakeTrace | None = None) -> None:
        self.trace = trace or FakeTrace()
        self.records: dict[tuple[str, str], ProposalRecord] = {}
        self.commits: dict[tuple[str, str], Commit] = {}
        self.turns: dict[str, tuple[str, bool]] = {}
        self.tables: dict[tuple[str, str, str], TableRecord] = {}

    def begin(self, record: ProposalRecord, note: Note) -> bool:
        self.trace.keep(note)
        if (record.product, record.proposal) in self.records or record.product in self.turns:
            return False
        self.claim(record.product, record.proposal)
        self.open(record)
        return True

    def claim(self, product: str, proposal: str, *, rollback: bool = False) -> None:
        mine = (proposal, rollback)
        holder, by_rollback = self.turns.get(product, mine)
        if holder != proposal and not (rollback and by_rollback):
            raise ConcurrentChange(f"another version of {product} is being committed", product=product)
        self.turns[product] = mine

    def release(self, product: str, proposal: str) -> None:
        if self.turns.get(product, ("", False))[0] == proposal:
            del self.turns[product]

    def rolling_back(self, product: str) -> bool:
        return self.turns.get(product, ("", False))[1]

    def table(self, product: str, table: str, metadata: str) -> TableRecord | None:
        return self.tables.get((product, table, metadata))

    def forget_tables(self, product: str, table: str, metadata: Iterable[str]) -> None:
        for location in metadata:
            self.tables.pop((product, table, location), None)

    def open(self, record: ProposalRecord) -> ProposalRecord:
        return self.records.setdefault((record.product, record.proposal), record)

    def record(self, product: str, proposal: str) -> ProposalRecord | None:
        return self.records.get((product, proposal))

    def keep_commit(self, record: ProposalRecord, commit: Commit, tables: Sequence[TableRecord]) -> bool:
        place = (commit.product, commit.proposal)
        if self.records[place].answer is not None:
            return False
        self.records[place] = record.model_copy(update={"committing": True})
        self.commits[place] = commit
        self.tables |= {(table.product, table.table, table.metadata): table for table in tables}
        return True

    def commit(self, product: str, proposal: str) -> Commit | None:
        return self.commits.get((product, proposal))

    def refuse(self, answer: ProposalSettled) -> ProposalRecord:
        place = (answer.product, answer.proposal)
        if self.records[place].answer is None and not self.records[place].committing:
            self.records[place] = self.records[place].model_copy(update={"answer": answer})
            self.release(*place)
        return self.records[place]

    def settle(self, answer: ProposalSettled) -> ProposalSettled:
        place = (answer.product, answer.proposal)
        record = self.records[place]
        if record.answer is None:
            self.records[place] = record.model_copy(update={"answer": answer})
        self.release(*place)
        return self.records[place].answer or answer
