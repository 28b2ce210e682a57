"""Tables that are staged and committed, and central's record of the proposals."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # few functions read these: they would only be imported
    from datetime import datetime

    from mesh.domain.events import ProposalSettled
    from mesh.domain.onboarding.batches import IndexEntry
    from mesh.domain.onboarding.formats.model import ObjectRef
    from mesh.domain.onboarding.landing import ListedObject, Listing
    from mesh.domain.onboarding.reading.model import StoredFile, WrittenFile
    from mesh.domain.publishing.fields import Field
    from mesh.domain.publishing.proposals import Commit, ProposalRecord, TableRecord
    from mesh.domain.publishing.staging import Reach, StagedTable, StageOrder, TableContent
    from mesh.domain.publishing.table_state import TableState
    from mesh.ports.messages import Note


class TableStaging(Protocol):
    """Writes what a table will be, and touches no catalog."""

    def stage(self, order: "StageOrder") -> "StagedTable":
        """Manifests and a metadata file with exactly one snapshot. Each call writes files with new names.

        Raises StaleBase.
        """
        ...


class TableContents(Protocol):
    """Staged tables, read for verification."""

    def read(self, metadata: str) -> "TableContent":
        """All that the file's snapshot lists. Raises ObjectGone, MetadataInvalid."""
        ...

    def details(self, location: str) -> bytes:
        """The file beside it that says what the batch brought. Raises ObjectGone."""
        ...


class Proposals(Protocol):
    """Central's record of proposals and their answers. Writes are conditional.

    A rollback is recorded as a proposal of central's own, under an id that no producer can send.
    """

    def begin(self, record: "ProposalRecord", note: "Note") -> bool:
        """Record a new proposal, and claim the product for it. False, and nothing is written but the note, where it is
        known, or it is another's turn."""
        ...

    def claim(self, product: str, proposal: str, *, rollback: bool = False) -> None:
        """From now until it is answered, nothing else is committed to the product. Idempotent.

        A rollback takes over from one that came to nothing: it sets every table. Raises ConcurrentChange.
        """
        ...

    def release(self, product: str, proposal: str) -> None:
        """Others may be committed; success also where it was not this one's turn. Idempotent."""
        ...

    def rolling_back(self, product: str) -> bool:
        """Whether it is a rollback's turn."""
        ...

    def table(self, product: str, table: str, metadata: str) -> "TableRecord | None":
        """What was read in that metadata file when it was committed."""
        ...

    def forget_tables(self, product: str, table: str, metadata: Iterable[str]) -> None:
        """No version that is kept has these metadata files any more."""
        ...

    def open(self, record: "ProposalRecord") -> "ProposalRecord":
        """Record a proposal; one of that id is given back as it stands."""
        ...

    def record(self, product: str, proposal: str) -> "ProposalRecord | None":
        """A proposal as it stands."""
        ...

    def keep_commit(self, record: "ProposalRecord", commit: "Commit", tables: "Sequence[TableRecord]") -> bool:
        """What is to be committed of a proposal, as it was opened, and what was read in its metadata files: from now on
        only the commit itself may reject it. Idempotent.

        False where it is answered already."""
        ...

    def commit(self, product: str, proposal: str) -> "Commit | None":
        """What is to be committed, or was."""
        ...

    def refuse(self, answer: "ProposalSettled") -> "ProposalRecord":
        """Keep the answer unless there is one, or a commit is under way; how the proposal stands then.

        Its turn is over with an answer."""
        ...

    def settle(self, answer: "ProposalSettled") -> "ProposalSettled":
        """Keep the answer, also that of a commit; an earlier one stands, and is given back. Its turn is over."""
        ...


class Reaching(Protocol):
    """What metadata files need."""

    def of(self, metadata: str) -> "Reach":
        """All objects that it needs, itself among them. Raises ObjectGone."""
        ...

    def remains(self, metadata: str) -> "Reach | None":
        """The same where some have been deleted already, its data files before the manifests that list them, and
        these before their list: none that is there is left out. None if the metadata file itself is gone."""
        ...


class RemovedObjects(Protocol):
    """Objects that go for good."""

    def remove(self, bucket: str, prefix: str, keys: Collection[str]) -> int:
        """Delete all versions, and delete markers, of those keys, all of which begin with `prefix`; how many."""
        ...

    def has_any(self, bucket: str, key: str) -> bool:
        """Whether a version of the object, or a marker of its deletion, is there."""
        ...

    def present(self, bucket: str, prefix: str) -> set[str]:
        """The keys of all objects below `prefix`."""
        ...

    def remove_others(self, bucket: str, prefix: str, keep: Collection[str], before: "datetime") -> int:
        """Delete what else lies below `prefix` and was written before then, with all versions; how many."""
        ...


class PublishedFiles(Protocol):
    """The producer's own part of what is published: written once, read back by the next batch."""

    def state(self, metadata: str) -> "TableState":
        """The table as that metadata file has it. Raises ObjectGone, MetadataInvalid."""
        ...

    def index(self, location: str) -> "list[IndexEntry]":
        """All sources of a version; none for an empty location. Raises ObjectGone."""
        ...

    def known_index(self, location: str) -> "list[IndexEntry]":
        """As `index`, of a file that may not be there yet: no sources then."""
        ...

    def write_index(self, location: str, entries: Sequence["IndexEntry"]) -> None: ...

    def upload(self, file: Path, location: str) -> None:
        """Write a file under a name that nothing has."""
        ...

    def download(self, location: str, file: Path) -> None:
        """Raises ObjectGone."""
        ...

    def write(self, location: str, content: bytes) -> None:
        """Write a small document."""
        ...

    def copy(self, source: str, target: str, *, version_id: str | None = None) -> bool:
        """Copy an object, or one of its versions, of any size; `False` where there is none."""
        ...

    def remove(self, location: str) -> None:
        """Its versions stay. One that is not there is success."""
        ...

    def clear(self, folder: str) -> None:
        """Remove everything below a folder, which is written without a slash at its end."""
        ...


class LandingObjects(Protocol):
    """What the owner has put below `data/` and `raw/`."""

    def present(self, bucket: str, key: str) -> "ObjectRef | None":
        """The object that is at the key now, None where there is none."""
        ...

    def listed(self, bucket: str, after: str) -> "Listing":
        """At most 1,000 objects of the whole bucket whose keys follow this one."""
        ...

    def contracts(self, bucket: str) -> Iterator["ListedObject"]:
        """The newest version of each folder's contract, with its id."""
        ...

    def mark_published(self, refs: "Iterable[ObjectRef]") -> None:
        """Mark these versions for the bucket's lifecycle rule. The owner's tags stay; whatever is gone, or has as many
        tags as S3 allows, is left as it is. Idempotent."""
        ...


class Rewriter(Protocol):
    """Our own data files, written again."""

    def rewrite(
        self, files: Sequence["StoredFile"], base: Sequence["Field"], fields: Sequence["Field"], target: Path
    ) -> "WrittenFile":
        """The kept rows of `files`, read by the field ids of `base`, with the columns and types of `fields`."""
        ...
