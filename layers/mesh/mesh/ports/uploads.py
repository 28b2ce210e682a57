"""What arrived at a producer, and its processing state."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.standing import Lease, Standing

if TYPE_CHECKING:  # no function reads these: they would only be imported
    from mesh.domain.onboarding.landing import Known, LandingAudit
    from mesh.domain.onboarding.quarantine import HeldBatch, HeldStatus, Ticket
    from mesh.ports.messages import Note


class WaitingRun(NamedTuple):
    """A run that waits for central: its task token, kept until `expires`, and the lease that it (`holder`) has."""

    product: str
    holder: str
    token: str
    expires: datetime
    leased_until: datetime


class Uploads(Protocol):
    """The producer's record of what arrived and what is being worked on."""

    def product(self, name: str) -> dict[str, Any] | None: ...

    def standing(self, name: str) -> Standing: ...

    def products(self) -> list[str]:
        """All products of the account: those that were declared, and those that were listed."""
        ...

    def list_product(self, name: str) -> None:
        """Data came without a contract. Idempotent."""
        ...

    def may_declare(self, name: str, sequencer: str) -> bool:
        """`False` if this contract, or a newer one, was sent to central already."""
        ...

    def record_declared(self, name: str, sequencer: str) -> None: ...

    def put_product(self, name: str, facts: Mapping[str, Any], *, sequencer: str) -> None:
        """Central registered the product by the contract of that sequencer. Facts of a newer contract stay."""
        ...

    def hand_over(self, name: str, new_owner: str, *, sequencer: str) -> None:
        """The product is another account's since the contract of that sequencer; a newer one takes it back."""
        ...

    def add_pending(self, product: str, refs: Iterable[ObjectRef], correlation_id: str) -> list[ObjectRef]:
        """They wait, and their trace begins. Those that are: not older versions than are known, nor known ones.

        Raises ConcurrentChange."""
        ...

    def add_again(self, product: str, ref: ObjectRef, correlation_id: str) -> bool:
        """This very version waits once more, although it is known. `False` if anything newer is known of its key."""
        ...

    def known(self, product: str, keys: Collection[str]) -> "dict[str, Known]":
        """What is known of the product's objects with these keys, of which there is one at least."""
        ...

    def last_audit(self) -> "LandingAudit | None": ...

    def keep_audit(self, audit: "LandingAudit") -> None:
        """In place of the last one."""
        ...

    def pending(self, product: str, limit: int) -> list[tuple[ObjectRef, str]]: ...

    def has_pending(self, product: str) -> bool: ...

    def await_answer(self, proposal: str, waiting: WaitingRun, note: "Note") -> bool:
        """Keep the token, in place of an older one, and hold the lease longer. `False`, and nothing is written, where
        the lease is not this run's any more."""
        ...

    def token(self, name: str) -> str | None:
        """The task token of the run that waits for it."""
        ...

    def drop_token(self, name: str, token: str) -> None:
        """It was used; one that replaced it stays."""
        ...

    def take_lease(self, product: str, lease: Lease, *, seen: Lease, note: "Note") -> bool:
        """`False`, and nothing is written, if another run took it since it was `seen`. Idempotent: what an earlier
        attempt of the same holder took is its own."""
        ...

    def renew_lease(self, product: str, holder: str, until: datetime) -> bool:
        """Hold it longer. `False`, and nothing is written, where it is not this run's any more."""
        ...

    def lease_held(self, product: str, now: datetime) -> bool:
        """Whether a run is at work on the product, which looks for more before it ends."""
        ...

    def drop_lease(self, product: str, holder: str) -> None: ...

    def finish(self, product: str, holder: str, refs: Iterable[ObjectRef], note: "Note") -> None:
        """These are dealt with, but for a newer upload of the same key, which stays pending; and the lease is dropped.
        Idempotent."""
        ...


class Revision(NamedTuple):
    """A version of a contract that arrived, and the sequencer of its event."""

    version_id: str
    sequencer: str


class Revisions(Protocol):
    """The producer's record of the newest version of each product's contract, and whether its fate is known."""

    def begin(self, product: str, contract: ObjectRef, declaration: str) -> None:
        """A version of the contract arrived; `declaration` is the event that central answers. Older ones are passed
        over. Idempotent."""
        ...

    def newest(self, product: str) -> Revision | None: ...

    def settle(self, product: str, declaration: str) -> bool:
        """It was registered, or refused. False where a newer one is there, or none. Idempotent."""
        ...


class RawUploads(Protocol):
    """The producer's record of raw objects and of the recipe in force. Pending ones are those of `Uploads`."""

    def recipe(self, product: str) -> ObjectRef | None:
        """The version of the recipe that is in force."""
        ...

    def note_recipe(self, product: str, ref: ObjectRef) -> None:
        """Its event came, so that it is known like an upload, in force or refused. An older one's changes nothing.
        Idempotent."""
        ...

    def record_recipe(self, product: str, ref: ObjectRef) -> bool:
        """In force from now on, unless a newer one is: `False` then. Idempotent."""
        ...

    def hold(self, product: str, refs: Iterable[ObjectRef]) -> None:
        """Pending no more, until they are taken up; one whose newer version is pending is forgotten. Idempotent."""
        ...

    def take_up(self, product: str) -> int:
        """All that is held is pending again, where no newer version of it came meanwhile; how many."""
        ...


class Quarantine(Protocol):
    """The producer's record of held batches, and of what their owner released."""

    def hold(self, batch: "HeldBatch") -> None:
        """Record it, unless it is recorded."""
        ...

    def batch(self, product: str, run: str) -> "HeldBatch | None": ...

    def batches(self) -> "Iterator[HeldBatch]": ...

    def undecided(self, product: str) -> "Iterator[HeldBatch]":
        """Held batches of the product that are not decided yet."""
        ...

    def save(self, batch: "HeldBatch", *, was: "HeldStatus") -> None:
        """Raises ConcurrentChange if its status is not `was` any more."""
        ...

    def ticket(self, product: str, key: str) -> "Ticket | None": ...

    def put_ticket(self, product: str, key: str, ticket: "Ticket") -> None: ...
