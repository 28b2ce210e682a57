"""Central in memory: the steps of `grant-access` and `revoke-access` as their machines call them."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mesh.domain.access.personas import parse_personas
from mesh.domain.access.record import Access, access_id
from mesh.domain.events import Envelope, EventData
from mesh.domain.governance.catalog_snapshot import Database, Table
from mesh.domain.governance.ontology import parse_ontology
from mesh.ports import Target
from mesh.usecases.access import end_access, grant_access, receive_answer, request_access, request_approval
from mesh.usecases.access.access_steps import WaitingStep
from mesh.usecases.central_context import CentralContext

from tests.builders import CENTRAL, CONSUMER, CORRELATION, PRODUCER, PRODUCT, REGION, a_member, a_product
from tests.fakes import (
    NOON,
    FakeAccessRegistry,
    FakeAnswers,
    FakeCatalogState,
    FakeClock,
    FakeExecutions,
    FakeLakeFormation,
    FakeLocks,
    FakeMemberTopics,
    FakeRegistry,
    FakeSchedules,
    FakeTrace,
    topic_of,
)
from tests.unit.access.requests import credit_card, document, lake_of, shipped, tags

STEWARD_TOPIC = "arn:aws:sns:us-east-1:111111111111:stewards"
OTHER = "555555555555"
"""A second producer, who owns `loans`."""
MONTH = NOON + timedelta(days=30)
CONFIDENTIAL = {"confidentiality": "confidential"}
PERSONAL = {"confidentiality": "confidential", "pii": "personal"}
SENSITIVE = {"confidentiality": "restricted", "pii": "sensitive"}
ONTOLOGY = parse_ontology(document("ontology"))
TARGET = Target("arn:target", "arn:role", "arn:dlq")


def loans(**tagged: str) -> Database:
    """Another product, of another owner; internal by default."""
    own = tags("loans", domain="risk", **tagged)
    return Database("loans", own, {"loans": Table("loans", "loans", ("id", "sum"))})


def an_envelope(
    data: EventData | dict[str, Any], kind: str = "", *, by: str = CONSUMER, event: str = "e-1", at: datetime = NOON
) -> Envelope:
    """As EventBridge delivers it; `event` is the id in the event's metadata, `at` when it was sent."""
    body = data.model_dump(mode="json") if isinstance(data, EventData) else data
    metadata = {"id": event, "version": 1, "correlation_id": CORRELATION, "time": at.isoformat()}
    return Envelope.model_validate(
        {
            "id": f"delivery-of-{event}",
            "account": by,
            "source": "meshwork",
            "detail-type": kind or type(data).__name__,
            "detail": {"metadata": metadata, "data": body},
        }
    )


def a_request(*, by: str = CONSUMER, event: str = "e-1", **asked: Any) -> Envelope:
    """AccessRequested: an analyst, the whole product, for risk modelling and a month by default."""
    usual: dict[str, Any] = {"reader": "analyst", "purpose": "risk-modelling", "until": MONTH.isoformat()}
    if "expression" not in asked:
        usual["product"] = PRODUCT
    return an_envelope({**usual, **asked}, "AccessRequested", by=by, event=event)


class Central:
    """All that central keeps, and its steps. `consumer`, `producer` and another producer are members."""

    def __init__(self, *databases: Database) -> None:
        self.registry = FakeRegistry(
            a_member(), a_member(CONSUMER, "consumer", domains=("risk",)), a_member(OTHER, "producer")
        )
        self.registry.claim_product(a_product())
        self.registry.claim_product(a_product(name="loans", owner=OTHER))
        self.accesses, self.topics, self.answers = FakeAccessRegistry(), FakeMemberTopics(), FakeAnswers()
        known = {
            "confidentiality": ("public", "internal", "confidential"),
            "pii": ("none",),
            "product": (PRODUCT, "loans"),
        }
        self.catalog = FakeCatalogState(lake_of(*(databases or (credit_card(),))), known)
        self.lake, self.locks, self.schedules = FakeLakeFormation(), FakeLocks(), FakeSchedules()
        self.trace, self.clock, self.runs = FakeTrace(), FakeClock(), FakeExecutions("run-1")
        self.policies, self.personas = shipped(), parse_personas(document("personas"))

    # --- what is there --------------------------------------------------------------------------------------------

    def access(self, number: str) -> Access:
        found = self.accesses.access(number)
        assert found is not None
        return found

    def change(self, number: str, status: str, **changes: Any) -> Access:
        """The record as if it had come there."""
        return self.accesses.save(self.access(number).moved(status, self.clock.now(), "as the test says", **changes))  # type: ignore[arg-type]

    def tag(self, column: str, tags: dict[str, str]) -> None:
        """A column of the sample table gets LF-Tags."""
        databases = dict(self.catalog.at.databases)
        database = databases[PRODUCT]
        table = database.tables["credit_card"]
        tagged = replace(table, column_tags={**table.column_tags, column: tags})
        databases[PRODUCT] = replace(database, tables={**database.tables, "credit_card": tagged})
        self.catalog.at = replace(self.catalog.at, databases=databases)

    def notified(self, account: str, kind: str = "") -> list[dict[str, Any]]:
        """`data` of what was published to an account, or to the stewards (`central`)."""
        topic = STEWARD_TOPIC if account == CENTRAL else topic_of(account)
        found = [(name, detail) for where, name, detail in self.topics.published if where == topic]
        return [json.loads(detail)["data"] for name, detail in found if kind in ("", name)]

    def granted(self, to: str = CONSUMER) -> list[tuple[str, tuple[str, ...]]]:
        """What the account holds: resource as text, permissions."""
        return [
            (json.dumps(each["Resource"]), tuple(each["Permissions"]))
            for each in self.lake.grants
            if each["Principal"]["DataLakePrincipalIdentifier"] == to
        ]

    @property
    def context(self) -> CentralContext:
        return CentralContext(CENTRAL, self.registry, self.accesses, self.trace, self.clock)

    # --- steps ----------------------------------------------------------------------------------------------------

    def receive(self, envelope: Envelope, execution: str = "run-1") -> request_access.Requested:
        return request_access.receive_request(
            envelope,
            execution=execution,
            catalog=self.catalog,
            policies=self.policies,
            personas=self.personas,
            runs=self.runs,
            context=self.context,
        )

    def decide(self, number: str) -> request_access.Verdict:
        return request_access.decide_access(number, catalog=self.catalog, policies=self.policies, context=self.context)

    def deny(self, envelope: Envelope, code: str = "NotDecided", message: str = "nobody answered") -> Any:
        reason = {"code": code, "message": message, "where": {}, "remedy": ""}
        return request_access.deny_access(envelope, reason, topics=self.topics, context=self.context)

    def ask(self, number: str, round_number: int = 0, token: str = "t-0") -> request_approval.ApprovalRequested:
        return request_approval.request_approval(
            number,
            round_number,
            token,
            steward_topic=STEWARD_TOPIC,
            topics=self.topics,
            answers=self.answers,
            context=self.context,
        )

    def decision(
        self, number: str, decision: str = "approve", *, by: str = PRODUCER, event: str = "", **more: Any
    ) -> Any:
        data = {"access": number, "decision": decision, "reason": "as agreed", **more}
        event = event or f"{decision}-by-{by}-{len(more)}"
        return self.decided(an_envelope(data, "AccessDecided", by=by, event=event, at=self.clock.now()))

    def decided(self, envelope: Envelope) -> receive_answer.Answered:
        return receive_answer.receive_answer(envelope, topics=self.topics, answers=self.answers, context=self.context)

    def grant(self, number: str, token: str = "t-ready") -> grant_access.Granting:
        return grant_access.grant_access(
            WaitingStep(access=number, token=token),
            region=REGION,
            at_end=TARGET,
            context=self.context,
            lake=self.lake,
            locks=self.locks,
            schedules=self.schedules,
            topics=self.topics,
            ontology=ONTOLOGY,
        )

    def answer(
        self, data: dict[str, Any], kind: str, *, by: str = CONSUMER, event: str = "e-9"
    ) -> receive_answer.Answered:
        return receive_answer.receive_answer(
            an_envelope(data, kind, by=by, event=event),
            topics=self.topics,
            answers=self.answers,
            context=self.context,
        )

    def live(self, number: str, proved_as: str = "") -> grant_access.Granting:
        return grant_access.record_live(number, proved_as, context=self.context)

    def end(self, order: dict[str, Any], token: str = "t-end", execution: str = "run-end") -> end_access.Ended:
        step = end_access.EndStep(order=order, token=token, execution=execution)
        return end_access.end_access(step, topics=self.topics, answers=self.answers, context=self.context)

    def revoke(
        self, number: str, *, by: str = CONSUMER, token: str = "t-end", execution: str = "run-end", **more: Any
    ) -> end_access.Ended:
        """RevocationRequested arrives."""
        data = {"access": number, "reason": "the project is over", **more}
        envelope = an_envelope(data, "RevocationRequested", by=by, event=f"revoke-{by}")
        return self.end(envelope.model_dump(mode="json", by_alias=True), token, execution)

    def revoke_grants(self, number: str) -> end_access.Ended:
        return end_access.revoke_grants(
            {"ending": {"access": number, "cause": "revoked"}},
            context=self.context,
            lake=self.lake,
            locks=self.locks,
            schedules=self.schedules,
        )

    # --- stretches of the way -------------------------------------------------------------------------------------

    def requested(self, **asked: Any) -> str:
        """An access that was requested."""
        return self.receive(a_request(**asked)).access

    def waiting(self, **asked: Any) -> str:
        """An access whose owners were asked."""
        number = self.requested(**asked)
        assert self.decide(number).effect == "require_approval"
        self.ask(number)
        return number

    def held(self, **asked: Any) -> str:
        """An access that is live."""
        number = self.requested(**asked)
        assert self.decide(number).effect == "allow"
        self.grant(number)
        self.live(number, proved_as="arn:aws:iam::333333333333:role/DataAnalyst")
        return number


def secret() -> Database:
    """The sample product, of which one column is confidential and the rest internal."""
    return credit_card({"hoehe": CONFIDENTIAL})


def number_of(event: str = "e-1") -> str:
    """The access that the event with that id asks for."""
    return access_id(event)
