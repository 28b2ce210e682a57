"""A breaking revision of a contract is announced to readers before it comes into force."""

from datetime import datetime

from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.evolution import ContractDiff
from mesh.domain.contracts.product import Product
from mesh.domain.events import AnnouncedChange, ContractChangeAnnounced
from mesh.domain.model import Model
from mesh.domain.onboarding.keys import compare_sequencers

MAX_LISTED = 50
"""Of changes: a topic takes 262,144 bytes."""


class Announcement(Model):
    """The newest announced revision of a product. `declaration` is the same whenever its event is delivered (see
    `same_event`); `readers` may have been told, `told`: all of them were; `ended`: it does not come, or its product was
    retired."""

    product: str
    owner: str = ""
    declaration: str
    sequencer: str
    registered: str
    contract_version: str
    at: datetime
    in_force: datetime
    told: bool = False
    readers: tuple[str, ...] = ()
    ended: bool = False

    def compared(self, owner: str, sequencer: str) -> int:
        """Whether it is of an older (< 0), the same, or a newer revision; older than any of another owner of the
        product, who took it over: two accounts' sequencers have no order."""
        return compare_sequencers(self.sequencer, sequencer) if self.owner in {"", owner} else -1

    def in_place_of(self, known: "Announcement | None") -> "Announcement":
        """It, as it is recorded after that one: who waits for what does not come is a reader of this one."""
        waited_for = known is not None and not known.ended and known.contract_version != self.registered
        return self.evolve(readers=known.readers) if known and waited_for else self


def announced_change(
    announcement: Announcement, product: Product, contract: Contract, diff: ContractDiff
) -> ContractChangeAnnounced:
    """The event, without anybody's accesses."""
    changes = [
        AnnouncedChange(
            table=change.table,
            column=change.column,
            before=str(change.before) if change.kind == "column_renamed" else "",
            text=change.text[:1000],
        )
        for change in diff.breaking
    ]
    return ContractChangeAnnounced(
        product=product.name,
        domain=product.domain,
        owner_account=product.owner,
        registered=announcement.registered,
        contract_version=contract.version,
        changes=tuple(changes[:MAX_LISTED]),
        changes_count=len(changes),
        in_force=announcement.in_force,
        version=product.version,
    )
