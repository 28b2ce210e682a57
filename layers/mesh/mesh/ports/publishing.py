"""Tables that are staged and committed, and central's record of the proposals."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # few functions read these: they would only be imported
    from mesh.domain.events import ProposalSettled
    from mesh.domain.publishing.proposals import Commit, ProposalRecord
    from mesh.domain.publishing.staging import StagedTable, StageOrder, TableContent
    from mesh.domain.publishing.table_state import TableState


class TableStaging(Protocol):
    """Writes what a table will be, and touches no catalog."""

    def state(self, metadata: str) -> "TableState":
        """The table as that metadata file has it. Raises ObjectGone, MetadataInvalid."""
        ...

    def stage(self, order: "StageOrder") -> "StagedTable":
        """Manifests and a metadata file with exactly one snapshot. Each call writes files with new names.

        Raises StaleBase.
        """
        ...


class TableContents(Protocol):
    """Staged tables, read by whoever has to be sure of them."""

    def read(self, metadata: str) -> "TableContent":
        """All that the file's snapshot lists. Raises ObjectGone, MetadataInvalid."""
        ...

    def details(self, location: str) -> bytes:
        """The file beside it that says what the batch brought. Raises ObjectGone."""
        ...


class Proposals(Protocol):
    """Central's record of proposals and their answers. Writes are conditional."""

    def open(self, record: "ProposalRecord") -> "ProposalRecord":
        """Record a proposal; one of that id is given back as it stands."""
        ...

    def keep_commit(self, commit: "Commit") -> bool:
        """What is to be committed: from now on nobody may refuse the proposal over the commit's head. Repeatable.

        False where it is answered already."""
        ...

    def commit(self, product: str, proposal: str) -> "Commit | None":
        """What is to be committed, or was."""
        ...

    def refuse(self, answer: "ProposalSettled") -> "ProposalRecord":
        """Keep the answer unless there is one, or a commit is under way; how the proposal stands then."""
        ...

    def settle(self, answer: "ProposalSettled") -> "ProposalSettled":
        """Keep the answer, also that of a commit; an earlier one stands, and is given back."""
        ...
