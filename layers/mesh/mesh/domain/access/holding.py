"""One access as the receiving account keeps it: what central granted, whom it was passed on to, and how it stands.

accepting → ready → releasing → over. A tombstone (`over`, with nothing in it) stands for an access whose end came
before its grant: EventBridge keeps no order.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from mesh.domain import names
from mesh.domain.access.record import AccessOver
from mesh.domain.events import AccessGranted, AccessId, AccountId, Event, GrantEntry, Metadata, Model, ReadableTable

type HeldState = Literal["accepting", "ready", "releasing", "over"]

ENDING: frozenset[HeldState] = frozenset({"releasing", "over"})


class Held(Model):
    """The record. `revision` counts writes: the table takes one only from who has seen the last."""

    access: AccessId
    state: HeldState
    noted: datetime
    metadata: Metadata | None = None
    """Of the AccessGranted event; None in a tombstone."""
    reader: str = ""
    """The reader's role by ARN; empty where the account as a whole is meant, and nothing is passed on."""
    catalog_id: AccountId | None = None
    region: str = ""
    entries: tuple[GrantEntry, ...] = ()
    databases: tuple[str, ...] = ()
    tables: tuple[ReadableTable, ...] = ()
    proved_as: str = ""
    query_execution_id: str = ""
    links_removed: tuple[str, ...] = ()
    ended_by: str = ""
    """The execution that took it back."""
    revision: int = 0

    @property
    def links(self) -> tuple[str, ...]:
        """The resource links that it is read through."""
        return tuple(names.resource_link(database) for database in self.databases)

    def require_going_on(self) -> "Held":
        """Raises AccessOver: what ended meanwhile is not accepted after all."""
        if self.state in ENDING:
            raise AccessOver(f"access {self.access} has ended", access=self.access, remedy="ask again: mesh request")
        return self

    def passed_on(self, account: str) -> tuple[GrantEntry, ...]:
        """All that the reader holds because of it: DESCRIBE on each link, and what central granted."""
        if not self.reader:
            return ()
        links = (
            GrantEntry(resource={"Database": {"CatalogId": account, "Name": link}}, permissions=("DESCRIBE",))
            for link in self.links
        )
        return (*links, *self.entries)


def accepting(event: Event[AccessGranted], reader: str, at: datetime) -> Held:
    """The record with which accepting begins."""
    granted = event.data
    return Held(
        access=granted.access,
        state="accepting",
        noted=at,
        metadata=event.metadata,
        reader=reader,
        catalog_id=granted.catalog_id,
        region=granted.region,
        entries=granted.entries,
        databases=granted.databases,
        tables=granted.tables,
    )


def still_needed(held: Held, others: Iterable[Held], account: str) -> list[tuple[GrantEntry, ...]]:
    """What the reader of `held` holds because of each other access."""
    return [other.passed_on(account) for other in others if other.reader == held.reader]
