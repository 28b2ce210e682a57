"""Accesses and a site for the tests of the command line: central's registry and trace, and the account's own table."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from mesh.domain.access.record import Access, Answer, Decided
from mesh.domain.access.request import AccessRequest
from mesh.domain.events import ExposedClass, ExposedData, GrantEntry, ReadableTable, Reason

from tests.builders import CENTRAL, CONSUMER, PRODUCER
from tests.fakes import FakeAccessRegistry

ID = "ac-0123456789ab"
NOW = datetime.now(UTC)
NUMBERS = {"central": CENTRAL, "producer": PRODUCER, "consumer": CONSUMER}
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not yours"}}, "GetItem")
COLUMNS = tuple(f"column_{n}" for n in range(30))
REASON = Reason(code="DeniedByPolicy", message="Not for this purpose.", remedy="ask for less")


def decided(*approvers: str, **changes: Any) -> Decided:
    """What policy said: one table of the producer's, all its columns, two of them left out."""
    classes = (ExposedClass(confidentiality="confidential", pii="none", columns=COLUMNS, count=len(COLUMNS)),)
    tags = [
        {"TagKey": "product", "TagValues": ["credit-limits"]},
        {"TagKey": "publication", "TagValues": ["published"]},
    ]
    policy = {"LFTagPolicy": {"CatalogId": CENTRAL, "ResourceType": "TABLE", "Expression": tags}}
    found = Decided(
        effect="require_approval" if approvers else "allow",
        rules=("confidential",),
        why="Confidential data may be read by those whom the owner approved.",
        exposure=(ExposedData(database="credit-limits", table="limits", owner=PRODUCER, classes=classes, hidden=2),),
        left_out=("limits.email (rule personal: Personal data is not read for this purpose.)",),
        approvers=approvers,
        entries=(GrantEntry(resource=policy, permissions=("SELECT", "DESCRIBE")),),
        databases=("credit-limits",),
        tables=(ReadableTable(database="credit-limits", table="limits", columns=COLUMNS),),
    )
    return found.model_copy(update=changes)


def access(status: str = "live", number: str = ID, **changes: Any) -> Access:
    """An access of DataAnalyst to credit-limits."""
    request = AccessRequest(
        product="credit-limits",
        expression="product=credit-limits",
        reader="DataAnalyst",
        persona="analyst",
        purpose="risk-modelling",
        until=NOW + timedelta(days=30),
    )
    found = Access(
        id=number,
        receiver=CONSUMER,
        receiver_domains=("risk",),
        request=request,
        status=status,  # type: ignore[arg-type]
        until=request.until,
        event_id="event",
        correlation_id="the-trace",
        asked_at=NOW,
        granted=status in {"live", "ended"},
    )
    if status != "requested":
        found = found.model_copy(update={"decided": decided(*([PRODUCER] if status == "waiting" else []))})
    if status == "waiting":
        found = found.model_copy(update={"answer_by": NOW + timedelta(days=7)})
    return found.noted(NOW, "requested for risk-modelling").model_copy(update=changes)


def answered(found: Access, account: str, decision: Any, status: Any, reason: str = "fine") -> Access:
    """With an owner's word, as central records it."""
    word = Answer(account=account, decision=decision, reason=reason, at=NOW, event_id="answer")
    said = f"{decision} by {account}: {reason}"
    return found.moved(status, NOW, said, answers=(*found.answers, word))


class FakeMesh:
    """A site whose central answers what `happens` to each event put: a function of (mesh, detail-type, its detail)."""

    def __init__(self, *stored: Access, happens: Any = lambda *_: None, sees_central: bool = True) -> None:
        self.accesses = FakeAccessRegistry()
        self.accesses.stored = {each.id: each for each in stored}
        self.happens, self.sees_central = happens, sees_central
        self.notes: list[dict[str, Any]] = []
        self.put: list[tuple[str, str, dict[str, Any]]] = []
        self.roles = {"DataAnalyst"}

    def ledger(self) -> FakeAccessRegistry:
        if not self.sees_central:
            raise DENIED
        return self.accesses

    def trace(self, account: str) -> Any:
        assert account == "central"
        if not self.sees_central:
            raise DENIED
        return SimpleNamespace(entries=lambda trace_id: [note for note in self.notes if note["trace-id"] == trace_id])

    def note(self, detail: dict[str, Any], what: str, **facts: Any) -> None:
        self.notes.append({"trace-id": detail["metadata"]["correlation_id"], "what": what, "facts": facts})

    def send(self, account: str, detail_type: str, detail: dict[str, Any]) -> None:
        self.put.append((account, detail_type, detail))
        self.happens(self, detail_type, detail)

    def account_id(self, account: str) -> str:
        return NUMBERS[account]

    def role_in(self, _account: str) -> str:
        return "Persona"

    def client(self, account: str, service: str) -> Any:
        if service == "iam":
            return SimpleNamespace(get_role=self._get_role)
        assert service == "events"
        return SimpleNamespace(account=account)

    def _get_role(self, *, RoleName: str) -> None:  # noqa: N803 - boto3's
        if RoleName not in self.roles:
            raise ClientError({"Error": {"Code": "NoSuchEntity", "Message": "no"}}, "GetRole")
