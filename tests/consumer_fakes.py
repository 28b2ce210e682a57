"""The consumer's ports in memory. `component/access/test_consumer_accesses.py` holds them and the adapters together."""

import json
from collections.abc import Iterator, Sequence

from mesh.domain.access.consumer_access import ENDING, ConsumerAccess, PassedOn, QueryRefused, QueryState, Role
from mesh.domain.contracts.claims import require_link
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import GrantEntry
from mesh.domain.shares import Invitation

from tests.fakes import NOON, FakeLakeFormation


class FakeConsumerAccesses:
    """Records by id; `written` are their states, in order."""

    def __init__(self) -> None:
        self.records: dict[str, ConsumerAccess] = {}
        self.written: list[str] = []

    def get(self, access: str) -> ConsumerAccess | None:
        return self.records.get(access)

    def save(self, held: ConsumerAccess) -> ConsumerAccess:
        known = self.records.get(held.access)
        if held.revision != (known.revision if known else 0):
            raise ConcurrentChange(f"access {held.access} changed meanwhile")
        self.records[held.access] = held.model_copy(update={"revision": held.revision + 1})
        self.written.append(held.state)
        return self.records[held.access]

    def live(self) -> Iterator[ConsumerAccess]:
        return iter([held for held in self.records.values() if held.state not in ENDING])


class FakeShares:
    """Invitations by ARN."""

    def __init__(self, *statuses: str) -> None:
        self.found = {
            f"arn-{number}": Invitation(arn=f"arn-{number}", status=status, at=NOON)
            for number, status in enumerate(statuses)
        }

    def invitations(self, owner: str) -> list[Invitation]:
        return list(self.found.values())

    def accept(self, arn: str) -> None:
        self.found[arn] = self.found[arn].model_copy(update={"status": "ACCEPTED"})


class FakeResourceLinks:
    """Links (`targets`) and what central lets one see; a catalog fake makes the links."""

    def __init__(self, *visible: str) -> None:
        self.shown = set(visible)
        self.targets: dict[str, tuple[str, str]] = {}
        self.defaults = 0

    def create_resource_link(self, name: str, *, catalog: str, database: str, region: str) -> None:
        found = self.targets.setdefault(name, (catalog, database))
        require_link(name, dict(zip(("CatalogId", "DatabaseName"), found, strict=True)), catalog, database)

    def require_default_database(self) -> None:
        self.defaults += 1

    def visible(self, catalog: str, database: str) -> bool:
        return database in self.shown

    def target(self, name: str) -> tuple[str, str] | None:
        return self.targets.get(name)

    def delete(self, name: str) -> None:
        self.targets.pop(name, None)


class FakeReaders:
    """Roles of the consumer; they hold what the fake lake granted."""

    def __init__(self, lake: FakeLakeFormation, **roles: str) -> None:
        self._lake = lake
        self.roles = roles
        self.ids: dict[str, str] = {}

    def role(self, name: str) -> Role | None:
        arn = self.roles.get(name)
        return Role(arn=arn, id=self.ids.get(name, f"AROA{name.upper()}")) if arn else None

    def held(
        self, role_arn: str, catalogs: Sequence[str], entries: Sequence[GrantEntry]
    ) -> tuple[list[GrantEntry], list[GrantEntry]]:
        holding = [entry for entry in entries if self._permissions(role_arn, entry)]
        lacking = [entry for entry in entries if not set(entry.permissions) <= self._permissions(role_arn, entry)]
        return holding, lacking

    def passed_on(self, account: str, catalog: str) -> list[PassedOn]:
        return [
            PassedOn(
                principal=principal,
                entry=GrantEntry(resource=grant["Resource"], permissions=tuple(grant["Permissions"])),
                grantable=tuple(grant["PermissionsWithGrantOption"]),
            )
            for grant in self._lake.grants
            for principal in [grant["Principal"]["DataLakePrincipalIdentifier"]]
            if f":{account}:" in principal and f'"{catalog}"' in json.dumps(grant["Resource"])
        ]

    def _permissions(self, role_arn: str, entry: GrantEntry) -> set[str]:
        return {
            permission
            for grant in self._lake.grants
            if grant["Principal"] == {"DataLakePrincipalIdentifier": role_arn} and grant["Resource"] == entry.resource
            for permission in grant["Permissions"]
        }


class FakeQueries:
    """Queries by token: (sql, role). `untrusting` roles cannot be assumed; `answer` is how any query stands."""

    def __init__(self, *untrusting: str) -> None:
        self.untrusting = set(untrusting)
        self.started: dict[str, tuple[str, str]] = {}
        self.answer = QueryState(state="succeeded")
        self.refusal = ""

    def start(self, sql: str, token: str, *, role_arn: str = "") -> str | None:
        if role_arn in self.untrusting:
            return None
        if self.refusal:
            raise QueryRefused(self.refusal)
        self.started.setdefault(token, (sql, role_arn))
        return f"query-{token}"

    def state(self, query_execution_id: str) -> QueryState:
        return self.answer
