"""Drives accesses by events in tests: requested, decided and ended as the accounts' own roles, with their outcome."""

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any, Final

from mesh.adapters.dynamodb.access_registry import DynamoAccessRegistry
from mesh.adapters.dynamodb.items import Table
from mesh.domain.access.record import OVER, Access, access_id

from local.accounts import ACCOUNTS, REGION
from tests.consumer_accesses import links, local_grants, publish
from tests.mesh_driver import MeshDriver, Run

CENTRAL, PRODUCER, CONSUMER = (ACCOUNTS[name] for name in ("central", "producer", "consumer"))
STEWARDS: Final = {"producer": "ProducerSteward", "central": "DataMeshOwner", "consumer": "ConsumerAdmin"}
CONFIDENTIAL: Final = {"confidentiality": "confidential"}
PERSONAL: Final = {"pii": "personal", "confidentiality": "confidential"}
SENSITIVE: Final = {"pii": "sensitive", "confidentiality": "restricted"}
SECONDS: Final = 120.0
DUPLICATE: Final = {"DecideAccess", "ChooseEffect", "Superseded"}
"""States of a run that leaves its request to another one."""
OPEN, SECRET, PRIVATE, GROWING = "cards-open", "cards-secret", "cards-private", "cards-growing"
RETIRED: Final = "cards-retired"
"""Products of one table: internal; with a confidential column; with a personal one; internal, until a test tags it."""


class AccessDriver:
    """Accesses on a running mesh."""

    def __init__(self, mesh: MeshDriver) -> None:
        self.mesh = mesh

    @property
    def _accesses(self) -> DynamoAccessRegistry:
        """With a session that has not ended."""
        return DynamoAccessRegistry(
            Table(self.mesh.client("central", "dynamodb"), self.mesh.output("central", "TableName"))
        )

    def publish_samples(self) -> None:
        """The sample products, once in a mesh."""
        known = {item["sk"] for item in self.mesh.items("central", "LIST#PRODUCTS")}
        if missing := [name for name in (OPEN, SECRET, PRIVATE, GROWING, RETIRED) if name not in known]:
            publish(self.mesh, *missing)
            self.tag(SECRET, CONFIDENTIAL, "amount")
            self.tag(PRIVATE, PERSONAL, "amount")

    def end_all(self) -> None:
        """End all open accesses, so that the next test starts clean."""
        going_on = [access.id for access in self.all() if access.status not in OVER]
        for some in batched(going_on, 4, strict=False):  # each run at the same time is a process of each function
            for access in some:
                self.revoke(access)
            for access in some:
                self.wait(access, *OVER)

    # --- what people do ----------------------------------------------------------------------------------------------

    def request(self, product: str | None = None, *, event: str = "", by: str = "consumer", **asked: Any) -> str:
        """AccessRequested: for a month, an analyst and risk modelling by default; the access's id."""
        event = event or str(uuid.uuid4())
        asked = {"until": (self.mesh.now() + timedelta(days=30)).isoformat(), **asked}
        self.send("AccessRequested", access_request(product, **asked), by=by, event=event)
        return access_id(event)

    def decide(
        self, access: str, decision: str = "approve", *, by: str = "producer", event: str = "", **more: Any
    ) -> str:
        """AccessDecided by the account's steward; the event's id."""
        data = {"access": access, "decision": decision, "reason": "as agreed", **more}
        return self.send("AccessDecided", data, by=by, event=event)

    def revoke(self, access: str, *, by: str = "consumer") -> str:
        """RevocationRequested; the event's id."""
        return self.send("RevocationRequested", {"access": access, "reason": "the project is over"}, by=by)

    def send(self, kind: str, data: Mapping[str, Any], *, by: str, event: str = "", **detail: Any) -> str:
        """An event to central's bus as the account's steward; its id."""
        event = event or str(uuid.uuid4())
        metadata = {"id": event, "version": 1, "correlation_id": event, "time": self.mesh.now().isoformat()}
        entry = {
            "EventBusName": f"arn:aws:events:{REGION}:{CENTRAL}:event-bus/mesh",
            "Source": "meshwork",
            "DetailType": kind,
            "Detail": json.dumps({"metadata": metadata, "data": dict(data), **detail}),
        }
        answer = self.mesh.client(by, "events", STEWARDS[by]).put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer
        return event

    def tag(self, product: str, tags: Mapping[str, str], *columns: str) -> None:
        """As the data mesh owner: LF-Tags on columns of the product's table, or on all of the table."""
        place = {"DatabaseName": product, "Name": "t1"}
        resource = {"TableWithColumns": {**place, "ColumnNames": list(columns)}} if columns else {"Table": place}
        pairs = [{"TagKey": key, "TagValues": [value]} for key, value in tags.items()]
        lake = self.mesh.client("central", "lakeformation", "DataMeshOwner")
        assert not lake.add_lf_tags_to_resource(Resource=resource, LFTags=pairs).get("Failures")

    def skip(self, seconds: float) -> None:
        """Let time pass for all that waits for an answer."""
        self.mesh.skip(seconds)

    # --- what became of it -------------------------------------------------------------------------------------------

    def record(self, access: str) -> Access:
        """Central's record of it."""
        found = self._accesses.access(access)
        assert found is not None, access
        return found

    def all(self) -> list[Access]:
        """Every access, the newest first."""
        return list(self._accesses.newest())

    def wait(self, access: str, *statuses: str, seconds: float = SECONDS) -> Access:
        """Until it has one of these statuses, or is over: fails if that is not what was waited for."""
        seen: list[Access] = []

        def look() -> Access | None:
            found = self._accesses.access(access)
            if found:
                seen.append(found)
            return found if found and (found.status in statuses or found.status in OVER) else None

        try:
            found = self.mesh.until(look, f"{access} {'/'.join(statuses)}", seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}: {_described(seen[-1]) if seen else 'unknown'}") from None
        assert found.status in statuses, _described(found)
        return found

    def live(self, product: str | None = None, **asked: Any) -> str:
        """An access that was requested, and is live."""
        access = self.request(product, **asked)
        self.wait(access, "live")
        return access

    def waiting(self, product: str | None = None, **asked: Any) -> str:
        """An access that waits for its owners' approval."""
        access = self.request(product, **asked)
        self.wait(access, "waiting")
        self.notified(access, "DecisionRequested", "producer")
        return access

    def grant_run(self, access: str, *, after: Iterable[Run] = ()) -> Run:
        """How the run of `grant-access` ended; a second delivery of the request leaves the work to it."""
        known = {run.arn for run in after}

        def look() -> list[Run]:
            runs = (run for run in self.mesh.runs("grant-access", access) if run.arn not in known)
            return [run for run in runs if not {*run.states} <= DUPLICATE]

        return self.mesh.until(look, f"the run that grants {access}")[0]

    def revoke_run(self, access: str, *, after: Iterable[Run] = ()) -> Run:
        """How the run of `revoke-access` ended."""
        return self.mesh.wait_for_run("revoke-access", access, after=after, seconds=SECONDS)

    def end(self, access: str, *, by: str = "consumer") -> Run:
        """Revoke it, and wait until nothing of it is left."""
        before = self.mesh.runs("revoke-access", access)
        self.revoke(access, by=by)
        run = self.revoke_run(access, after=before)
        self.mesh.until(lambda: self.record(access).status in OVER, f"end of {access}")
        return run

    def notices(self, account: str, kind: str, access: str = "") -> list[dict[str, Any]]:
        """`data` of the account's notices of that kind about that access."""
        found = [detail["data"] for said, detail in self.mesh.notified(account) if said == kind]
        return [data for data in found if access in ("", data.get("access"))]

    def notified(self, access: str, kind: str, account: str = "consumer", count: int = 1) -> dict[str, Any]:
        """The last such notice, once there are that many."""

        def look() -> list[dict[str, Any]]:
            found = self.notices(account, kind, access)
            return found if len(found) >= count else []

        return self.mesh.until(look, f"{count} {kind} of {access} in {account}")[-1]

    # --- what is granted ---------------------------------------------------------------------------------------------

    def refusals(self, account: str = CONSUMER) -> list[dict[str, Any]]:
        """Reasons in central's record of what it refused to an account, oldest first."""
        return [json.loads(item["reason"]) for item in self.mesh.items("central", f"REFUSAL#{account}")]

    def grants(self) -> list[dict[str, Any]]:
        """What central has granted to the consumer's account: resource and permissions."""
        lake = self.mesh.client("central", "lakeformation")
        arguments: dict[str, Any] = {"Principal": {"DataLakePrincipalIdentifier": CONSUMER}}
        found: list[dict[str, Any]] = []
        while True:
            answer = lake.list_permissions(**arguments)
            found += answer["PrincipalResourcePermissions"]
            if not answer.get("NextToken"):
                return [{"resource": each["Resource"], "permissions": each["Permissions"]} for each in found]
            arguments["NextToken"] = answer["NextToken"]

    def filters(self) -> list[str]:
        """Names of central's data cells filters."""
        found = self.mesh.client("central", "lakeformation").list_data_cells_filter()["DataCellsFilters"]
        return [each["Name"] for each in found]

    def nothing_left(self, access: str, product: str, *roles: str) -> None:
        """No grant, link, filter, schedule, or subscription is there because of it; nobody else had the product."""
        assert [each for each in self.grants() if f'"{product}"' in json.dumps(each)] == []
        assert [one for role in roles or ("DataAnalyst",) for one in local_grants(self.mesh, product, role)] == []
        assert f"rl_{product}" not in links(self.mesh)
        assert f"mesh-{access}" not in self.filters()
        assert self.schedules(access) == []
        keys = [item["sk"] for item in self.mesh.items("central", f"PRODUCT#{product}")]
        assert f"SUBSCRIPTION#{CONSUMER}" not in keys

    def schedules(self, access: str) -> list[str]:
        """Names of what is arranged for later because of it."""
        found = self.mesh.client("central", "scheduler").list_schedules(NamePrefix=f"mesh-{access}")["Schedules"]
        return [each["Name"] for each in found]

    def shared_with_consumer(self) -> bool:
        """Whether RAM shares anything of central with the consumer's account: by LF-Tags it is the catalog."""
        client = self.mesh.client("consumer", "ram")
        found = client.get_resource_shares(resourceOwner="OTHER-ACCOUNTS")["resourceShares"]
        return any(each["owningAccountId"] == CENTRAL and each["status"] == "ACTIVE" for each in found)

    def failed_runs(self) -> int:
        """Runs that ended in central's queue of failures."""
        return self.mesh.dead_letters()["central/FailedRunsQueue"]


def access_request(product: str | None = None, **asked: Any) -> dict[str, Any]:
    """AccessRequested's data."""
    until = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    usual: dict[str, Any] = {"reader": "analyst", "purpose": "risk-modelling", "until": until}
    return {**usual, **({"product": product} if product else {}), **asked}


def _described(access: Access) -> str:
    return f"{access.id} {access.status} {access.reason} {[step.what for step in access.history]}"
