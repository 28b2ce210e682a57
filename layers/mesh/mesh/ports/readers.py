"""Readers' side: shares, links, roles, queries in a consumer's account."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # no function reads these: they would only be imported
    from mesh.domain.access.consumer_access import ConsumerAccess, PassedOn, QueryState, Role
    from mesh.domain.events import GrantEntry
    from mesh.domain.shares import Invitation


class ConsumerAccesses(Protocol):
    """A consumer account's accesses: what it was granted, and passed on."""

    def get(self, access: str) -> "ConsumerAccess | None": ...

    def save(self, held: "ConsumerAccess") -> "ConsumerAccess":
        """Write it; the result has the next revision. Raises ConcurrentChange after a concurrent write."""
        ...

    def live(self) -> "Iterator[ConsumerAccess]":
        """Those that are being accepted, or ready: what they need stays."""
        ...


class Shares(Protocol):
    """RAM's invitations to this account."""

    def invitations(self, owner: str) -> "list[Invitation]":
        """Those of Lake Formation in the owner's account, oldest first."""
        ...

    def accept(self, arn: str) -> None:
        """One that is accepted already is success; one that is refused or expired meanwhile changes nothing."""
        ...


class ResourceLinks(Protocol):
    """Resource links in this account's catalog, and the databases of other accounts behind them."""

    def visible(self, catalog: str, database: str) -> bool:
        """Whether this account may describe the other account's database."""
        ...

    def target(self, name: str) -> "tuple[str, str] | None":
        """(catalog, database) that a link leads to, ("", "") for a database of our own; None where there is none."""
        ...

    def delete(self, name: str) -> None:
        """Delete the link; one that is gone is success."""
        ...


class Readers(Protocol):
    """The account's roles, and the Lake Formation grants that they hold by name."""

    def role(self, name: str) -> "Role | None": ...

    def held(
        self, role_arn: str, catalogs: Sequence[str], entries: "Sequence[GrantEntry]"
    ) -> "tuple[list[GrantEntry], list[GrantEntry]]":
        """Of these entries, on these catalogs: those that the role holds, with the permissions that it holds (of
        columns, where it holds any of them); and those of which it lacks anything."""
        ...

    def passed_on(self, account: str, catalog: str) -> "list[PassedOn]":
        """What principals of this account hold on another account's catalog, whoever passed it on."""
        ...


class Queries(Protocol):
    """Athena, in one workgroup."""

    def start(self, sql: str, token: str, *, role_arn: str = "") -> str | None:
        """The query's id, the same for the same token. With `role_arn` as that role; None if it cannot be assumed.

        Raises QueryRefused for what Athena does not take at all.
        """
        ...

    def state(self, query_execution_id: str) -> "QueryState": ...
