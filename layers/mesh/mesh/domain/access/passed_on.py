"""What people of an account passed on of an access, which ends with it. See docs/decisions/0037."""

from collections.abc import Iterable

from mesh.domain.access.consumer_access import ConsumerAccess, PassedOn
from mesh.domain.access.grants import unneeded, unneeded_databases
from mesh.domain.events import GrantEntry


def ending_with(
    held: ConsumerAccess, others: Iterable[ConsumerAccess], passed_on: Iterable[PassedOn], account: str
) -> list[PassedOn]:
    """What somebody passed on by hand of an access that ends, and no other access of the account gave: the same
    resources and permissions, and what names a database that only this access shared. What a reader needs for another
    access stays its own."""
    others = list(others)
    given = unneeded(held.entries, [other.entries for other in others])
    databases = set(unneeded_databases(held.databases, [other.databases for other in others]))
    found = []
    for each in passed_on:
        from_others = [other.passed_on(account) for other in others if other.reader == each.principal]
        mine = unneeded([each.entry], from_others)
        if _database_of(each.entry) not in databases:
            mine = [part for entry in mine for part in unneeded([entry], [unneeded([entry], [given])])]
        found += [each.evolve(entry=part) for part in mine]
    return found


def _database_of(entry: GrantEntry) -> str:
    """The database that a grant names; none of a grant by LF-Tags."""
    ((kind, body),) = entry.resource.items()
    return str(body.get("DatabaseName" if kind != "Database" else "Name", ""))
