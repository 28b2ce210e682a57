"""A request becomes one access, once; decided by what it would expose now; and a refusal is said and written down."""

import json
from datetime import timedelta

import pytest
from mesh.domain.access.decision import UntilTooFar
from mesh.domain.access.record import AccessOver, AlreadyRequested, UnknownAccess
from mesh.domain.access.request import AmbiguousRequest, UnknownPurpose, UntilInThePast
from mesh.domain.contracts.product import UnknownProduct
from mesh.domain.events import MalformedEvent
from mesh.domain.governance.catalog_snapshot import NotInCatalog
from mesh.domain.governance.expressions import InvalidExpression
from mesh.domain.governance.ontology import UnknownLFTag
from mesh.domain.membership.authorisation import NotAMember

from tests.builders import CONSUMER, CORRELATION, OTHER_CONSUMER, PRODUCER, PRODUCT, STRANGER, a_member, a_product
from tests.fakes import NOON
from tests.unit.access.central_accesses import (
    CONFIDENTIAL,
    MONTH,
    SENSITIVE,
    Central,
    a_request,
    loans,
    number_of,
    secret,
)
from tests.unit.access.requests import credit_card

# --- taking it --------------------------------------------------------------------------------------------------------


def test_a_request_is_written_down_as_it_was_meant():
    central = Central()
    found = central.receive(a_request())

    access = central.access(found.access)
    assert (found.access, found.duplicate) == (number_of(), False)
    assert (access.status, access.receiver, access.receiver_domains) == ("requested", CONSUMER, ("risk",))
    assert (access.request.product, access.request.reader, access.request.persona) == (
        PRODUCT,
        "DataAnalyst",
        "analyst",
    )
    assert (access.until, access.asked_at, access.correlation_id) == (MONTH, NOON, CORRELATION)
    assert (access.event_id, access.execution) == ("e-1", "run-1")


def test_a_step_that_is_retried_goes_on():
    central = Central()
    assert central.receive(a_request()) == central.receive(a_request())
    assert not central.receive(a_request()).duplicate


def test_a_second_delivery_while_the_first_run_works_leaves_it_alone():
    central = Central()
    number = central.requested()
    before = central.access(number)

    assert central.receive(a_request(), execution="run-2").duplicate
    assert central.access(number) == before


@pytest.mark.parametrize("status", ["requested", "waiting", "granting", "sharing"])
def test_a_second_delivery_after_the_first_run_died_takes_over(status):
    central = Central()
    number = central.requested()
    central.change(number, status)
    central.runs.at_work.clear()

    assert not central.receive(a_request(), execution="run-2").duplicate
    assert central.access(number).execution == "run-2"
    central.runs.at_work.add("run-2")
    assert central.receive(a_request(), execution="run-3").duplicate


def test_two_deliveries_at_once_are_one_request_and_one_run(monkeypatch):
    """Both find nothing recorded; the second learns of the first when it records."""
    central = Central()
    number = central.requested()
    before, recorded = central.access(number), central.accesses.access
    unseen = iter([None])
    monkeypatch.setattr(central.accesses, "access", lambda each: next(unseen, recorded(each)))

    found = central.receive(a_request(), execution="run-2")

    assert (found.access, found.duplicate) == (number, True)
    assert central.access(number) == before


@pytest.mark.parametrize("status", ["live", "ending", "ended", "denied"])
def test_a_second_delivery_of_what_is_done_does_nothing(status):
    """Nothing is decided anew on what is live: that would take it away without taking it back."""
    central = Central()
    number = central.requested()
    central.change(number, status)
    central.runs.at_work.clear()
    before = central.access(number)

    assert central.receive(a_request(), execution="run-2").duplicate
    assert central.access(number) == before


def test_anothers_event_id_does_not_lay_hands_on_its_access():
    central = Central()
    central.registry.put_member(a_member(OTHER_CONSUMER, "consumer"))
    number = central.requested()
    before = central.access(number)

    with pytest.raises(AlreadyRequested):
        central.receive(a_request(by=OTHER_CONSUMER), execution="run-2")
    central.deny(a_request(by=OTHER_CONSUMER), "AlreadyRequested")

    assert central.access(number) == before
    assert central.notified(OTHER_CONSUMER, "AccessDenied")[0]["receiver"] == OTHER_CONSUMER
    assert central.notified(CONSUMER) == []


def test_the_same_request_is_processed_once_and_may_be_repeated_after_its_answer():
    central = Central()
    first = central.requested()

    with pytest.raises(AlreadyRequested, match=first):
        central.receive(a_request(event="e-2"))

    central.change(first, "live")
    assert central.receive(a_request(event="e-2")).access == number_of("e-2")


def test_an_event_without_an_id_is_one_access_however_often_it_is_tried():
    central = Central()
    envelope = a_request()
    envelope.detail["metadata"] = {}

    first = central.receive(envelope)

    assert central.receive(envelope) == first
    central.deny(envelope)
    assert central.access(first.access).status == "denied"


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"product": None}, AmbiguousRequest),
        ({"product": PRODUCT, "expression": "pii=none"}, AmbiguousRequest),
        ({"expression": "pii=none", "table": "credit_card"}, AmbiguousRequest),
        ({"permission": "DESCRIBE", "columns": ["hoehe"]}, AmbiguousRequest),
        ({"purpose": "curiosity"}, UnknownPurpose),
        ({"until": NOON.isoformat()}, UntilInThePast),
        ({"product": "nowhere"}, UnknownProduct),
        ({"expression": "nonsense"}, InvalidExpression),
        ({"expression": "pii=none publication=pending"}, InvalidExpression),
        ({"expression": f"product={','.join(f'p{n}' for n in range(1001))}"}, InvalidExpression),
        ({"expression": "colour=red"}, UnknownLFTag),
        ({"expression": "confidentiality=secret"}, UnknownLFTag),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_opened(asked, refusal):
    central = Central()

    with pytest.raises(refusal):
        central.receive(a_request(**asked))

    assert central.accesses.stored == {}


@pytest.mark.parametrize("product", [a_product(draft=True), a_product(status="retired")])
def test_drafts_and_what_has_ended_are_not_offered(product):
    central = Central()
    central.registry.products[PRODUCT] = product

    with pytest.raises(UnknownProduct):
        central.receive(a_request())


def test_an_account_outside_the_mesh_cannot_request():
    with pytest.raises(NotAMember):
        Central().receive(a_request(by=STRANGER))


# --- deciding it ------------------------------------------------------------------------------------------------------


def test_internal_data_is_allowed_and_the_rest_left_out():
    central = Central()
    number = central.requested()
    verdict = central.decide(number)

    access = central.access(number)
    assert (verdict.effect, access.status, verdict.rounds) == ("allow", "granting", (86400, 172800, 345600))
    assert access.decided.columns == ("credit-card.credit_card.laufkont", "credit-card.credit_card.hoehe")
    assert (access.answer_by, access.answers) == (None, ())
    assert "gastarb" in verdict.reason.message


def test_confidential_data_requires_approval():
    central = Central(secret())
    number = central.requested()

    assert central.decide(number).effect == "require_approval"

    access = central.access(number)
    assert (access.status, access.decided.approvers) == ("waiting", (PRODUCER,))
    assert access.answer_by == NOON + timedelta(hours=168)


def test_what_no_rule_allows_is_denied_and_the_record_waits_for_its_denial():
    central = Central(credit_card({}, **SENSITIVE))
    number = central.requested()

    verdict = central.decide(number)

    assert (verdict.effect, verdict.reason.code, central.access(number).status) == (
        "deny",
        "DeniedByPolicy",
        "requested",
    )
    assert "sensitive" in verdict.reason.where["rules"]


def test_an_expression_that_matches_nothing_today_is_decided_on_all_it_could_match():
    central = Central()
    number = central.requested(expression="confidentiality=public pii=none")

    verdict = central.decide(number)

    assert (verdict.effect, central.access(number).decided.columns) == ("allow", ())
    assert verdict.reason.message.startswith("Nothing matches today.")


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"table": "nowhere"}, NotInCatalog),
        ({"columns": ["nothing"]}, NotInCatalog),
        ({"until": (NOON + timedelta(days=366)).isoformat()}, UntilTooFar),
    ],
)
def test_what_cannot_be_decided_is_refused(asked, refusal):
    central = Central()
    number = central.requested(**asked)

    with pytest.raises(refusal):
        central.decide(number)


@pytest.mark.parametrize("status", ["ending", "ended", "denied"])
def test_what_is_over_is_not_decided(status):
    central = Central()
    number = central.requested()
    central.change(number, status)

    with pytest.raises(AccessOver):
        central.decide(number)
    with pytest.raises(UnknownAccess):
        central.decide("ac-ffffffffffff")


@pytest.mark.parametrize("now", [{"hoehe": CONFIDENTIAL}, {"hoehe": SENSITIVE, "laufkont": SENSITIVE}])
def test_what_is_granted_already_is_not_decided_anew_by_a_run_that_takes_over(now):
    """Whatever was tagged since: half of it would stay granted to nobody's knowledge."""
    central = Central()
    number = central.requested()
    central.decide(number)
    central.grant(number)
    for column, tags in now.items():
        central.tag(column, tags)
    before = central.access(number)

    assert central.decide(number).effect == "allow"
    assert central.access(number) == before


def test_what_is_tagged_sensitive_before_it_is_granted_is_not():
    central = Central()
    number = central.requested()
    central.decide(number)
    central.tag("hoehe", SENSITIVE)
    central.tag("laufkont", SENSITIVE)

    assert central.decide(number).effect == "deny"


def test_an_expression_over_a_table_retagged_after_it_was_allowed_needs_approval():
    central = Central(credit_card(), loans())
    number = central.requested(expression="confidentiality=internal,confidential pii=none")
    assert central.decide(number).effect == "allow"
    central.tag("hoehe", CONFIDENTIAL)

    assert central.decide(number).effect == "require_approval"

    access = central.access(number)
    assert (access.status, access.decided.approvers) == ("waiting", (PRODUCER,))


# --- saying no --------------------------------------------------------------------------------------------------------


def test_a_denial_is_recorded_and_announced():
    central = Central()
    number = central.requested()

    for _ in range(2):
        assert central.deny(a_request(), "DeniedByPolicy", "sensitive").access == number

    access = central.access(number)
    assert (access.status, access.reason.code) == ("denied", "DeniedByPolicy")
    assert [step.what for step in access.history].count("denied: sensitive") == 1
    notices = central.notified(CONSUMER, "AccessDenied")
    assert (notices[0]["access"], notices[0]["what"], notices[0]["reason"]["message"]) == (
        number,
        PRODUCT,
        "sensitive",
    )
    assert len(notices) == 2
    assert len({json.loads(detail)["metadata"]["id"] for _, _, detail in central.topics.published}) == 1


def test_a_request_that_became_no_access_is_recorded_as_refused():
    central = Central()
    envelope = a_request(purpose="curiosity")

    central.deny(envelope, "UnknownPurpose", "no such purpose")

    assert central.registry.refused == [
        (
            CONSUMER,
            "AccessRequested",
            {"code": "UnknownPurpose", "message": "no such purpose", "where": {}, "remedy": ""},
        )
    ]
    notice = central.notified(CONSUMER, "AccessDenied")[0]
    assert (notice["access"], notice["what"]) == (number_of(), PRODUCT)


@pytest.mark.parametrize("detail", [{}, {"metadata": {"id": 7}, "data": "text"}, {"metadata": "none", "data": None}])
def test_even_an_event_without_form_gets_an_answer(detail):
    central = Central()
    envelope = a_request().model_copy(update={"detail": detail})

    central.deny(envelope, "MalformedEvent", "data: missing")

    assert central.notified(CONSUMER, "AccessDenied")[0]["reason"]["code"] == "MalformedEvent"
    assert len(central.registry.refused) == 1


def test_a_non_member_is_recorded_and_not_notified():
    central = Central()

    central.deny(a_request(by=STRANGER), "NotAMember", "who are you")

    assert (central.topics.published, len(central.registry.refused)) == ([], 1)


@pytest.mark.parametrize("status", ["sharing", "live", "ending"])
def test_what_is_granted_is_ended_and_never_only_called_denied(status):
    """Else grants would stay that no record knows of."""
    central = Central()
    number = central.requested()
    central.change(number, status, granted=True)

    central.deny(a_request(), "MalformedEvent", "the same id once more")

    assert central.access(number).status == status
    assert central.notified(CONSUMER) == []
    assert len(central.registry.refused) == 1


def test_unknown_fields_in_an_event_are_not_believed():
    envelope = a_request(receiver=PRODUCER)
    with pytest.raises(MalformedEvent, match="receiver"):
        Central().receive(envelope)


def test_a_request_is_decided_by_the_domain_that_its_account_has_now():
    central = Central()
    number = central.requested()
    central.registry.put_member(a_member(CONSUMER, "consumer", domains=("payments",)))
    central.decide(number)
    assert central.access(number).receiver_domains == ("payments",)
