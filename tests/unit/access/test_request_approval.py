"""The data's owners are asked, reminded, escalated past; each decides once, and other senders are rejected."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from mesh.adapters.messaging import EventNotAccepted
from mesh.domain.access.decision import ExceedsRequest
from mesh.domain.access.record import UnknownAccess
from mesh.domain.events import MalformedEvent
from mesh.domain.membership.authorisation import ForgedSender, NotAMember
from mesh.usecases.access.request_approval import DecidedAlready, MayNotDecide

from tests.builders import CENTRAL, CONSUMER, PRODUCER, PRODUCT, STRANGER, a_member
from tests.fakes import NOON, topic_of
from tests.unit.access.central_accesses import (
    CONFIDENTIAL,
    MONTH,
    OTHER,
    PERSONAL,
    SENSITIVE,
    STEWARD_TOPIC,
    Central,
    an_envelope,
    loans,
    secret,
)
from tests.unit.access.requests import credit_card, document, shipped

AUDIT = {"purpose": "audit", "expression": f"product={PRODUCT}"}


@pytest.fixture
def central():
    return Central(secret())


@pytest.fixture
def number(central):
    return central.waiting()


def personal():
    """A product whose personal data may be audited if owner and steward agree."""
    return Central(credit_card({"hoehe": PERSONAL}))


def answered(central):
    return [(token, json.loads(output)["decision"]) for token, output in central.answers.sent]


def refused(central, account):
    found = central.notified(account, "DecisionRefused")
    assert len(central.registry.refused) == len(found)
    return [notice["reason"]["code"] for notice in found]


def refused_by_topic(central, account):
    """Of a member, central's own account as well."""
    published = [(topic, json.loads(detail)) for topic, kind, detail in central.topics.published if "Refused" in kind]
    return [detail["data"]["reason"]["code"] for topic, detail in published if topic == topic_of(account)]


# --- asking -----------------------------------------------------------------------------------------------------------


def test_the_owner_is_notified_of_the_request_and_how_to_answer(central, number):
    (question,) = central.notified(PRODUCER, "DecisionRequested")

    assert (question["access"], question["receiver"], question["reader"]) == (number, CONSUMER, "DataAnalyst")
    assert (question["what"], question["purpose"], question["reminder"]) == (PRODUCT, "risk-modelling", 0)
    classes = {each["confidentiality"]: each["columns"] for each in question["exposure"][0]["classes"]}
    assert "hoehe" in classes["confidential"]
    assert question["answer_by"].startswith((NOON + timedelta(hours=168)).isoformat()[:19])
    assert f"mesh approve {number}" in question["how"]
    assert central.notified(CENTRAL) == central.notified(CONSUMER) == []


def test_the_token_stays_in_the_registry(central, number):
    assert central.accesses.token(number, "decision") == "t-0"
    assert "t-0" not in json.dumps(central.topics.published)


def test_a_retry_repeats_the_event_and_a_reminder_is_a_new_one(central, number):
    central.ask(number, 0, "t-0")
    central.ask(number, 1, "t-1")

    ids = [json.loads(detail)["metadata"]["id"] for _, _, detail in central.topics.published]
    assert ids[0] == ids[1] != ids[2]
    assert central.notified(PRODUCER)[2]["reminder"] == 1


def test_the_third_round_also_asks_the_steward(central, number):
    for round_number in (1, 2, 2):
        central.ask(number, round_number, f"t-{round_number}")

    access = central.access(number)
    assert access.escalated
    assert [step.what for step in access.history].count("escalated to the data mesh owner") == 1
    assert [each["reminder"] for each in central.notified(CENTRAL)] == [2, 2]
    assert len(central.notified(PRODUCER)) == 4


def test_an_approver_who_answered_is_not_asked_again():
    central = personal()
    number = central.waiting(**AUDIT)
    assert (len(central.notified(PRODUCER)), len(central.notified(CENTRAL))) == (1, 1)
    assert not central.decision(number).settled

    central.ask(number, 1, "t-1")

    assert (len(central.notified(PRODUCER)), len(central.notified(CENTRAL))) == (1, 2)


def test_all_owners_of_several_products_approve():
    central = Central(secret(), loans(**CONFIDENTIAL))
    number = central.waiting(expression="confidentiality=confidential pii=none")

    assert (len(central.notified(PRODUCER)), len(central.notified(OTHER))) == (1, 1)
    assert not central.decision(number, by=OTHER).settled
    assert central.decision(number).settled
    assert answered(central) == [("t-0", "approve")]


def test_an_owner_who_cannot_be_reached_keeps_no_other_from_being_asked():
    central = Central(secret(), loans(**CONFIDENTIAL))
    central.topics.failures[topic_of(OTHER)] = EventNotAccepted("NotFound")
    with pytest.raises(EventNotAccepted):
        central.waiting(expression="confidentiality=confidential pii=none")

    assert len(central.notified(PRODUCER)) == 1


def test_an_answer_between_two_rounds_is_passed_on_at_once(central, number):
    central.answers.gone.add("t-0")
    assert central.decision(number).settled
    assert answered(central) == []

    assert central.ask(number, 1, "t-1").notified == ()

    assert answered(central) == [("t-1", "approve")]
    assert central.notified(PRODUCER, "DecisionRequested")[1:] == []


def test_what_ended_between_two_rounds_releases_the_run(central, number):
    central.answers.gone.add("t-0")
    central.revoke(number)
    central.ask(number, 1, "t-1")

    assert answered(central) == [("t-1", "over")]


# --- deciding ---------------------------------------------------------------------------------------------------------


def test_an_approval_releases_the_run_and_is_granted(central, number):
    found = central.decision(number)

    access = central.access(number)
    assert (found.settled, access.status, answered(central)) == (True, "granting", [("t-0", "approve")])
    assert (access.answers[0].account, access.answers[0].reason) == (PRODUCER, "as agreed")
    assert central.accesses.token(number, "decision") is None
    before = central.access(number)
    assert central.decide(number).effect == "allow"
    assert central.access(number) == before


def test_a_denial_ends_it_with_the_owners_reason(central, number):
    central.decision(number, "deny")

    (sent,) = central.answers.sent
    assert json.loads(sent[1])["reason"] == {
        "code": "DeniedByOwner",
        "message": "as agreed",
        "where": {"by": PRODUCER},
        "remedy": "",
    }
    assert central.access(number).status == "denied"


def test_of_two_who_have_to_agree_one_denial_is_enough():
    central = personal()
    number = central.waiting(**AUDIT)
    assert not central.decision(number).settled
    assert central.decision(number, "deny", by=CENTRAL).settled
    assert answered(central) == [("t-0", "deny")]


def test_both_have_to_agree_and_the_order_does_not_matter():
    central = personal()
    number = central.waiting(**AUDIT)
    assert not central.decision(number, by=CENTRAL).settled
    assert central.access(number).status == "waiting"
    assert central.decision(number).settled
    assert central.decide(number).effect == "allow"


def test_a_redelivered_decision_is_the_same_decision(central, number):
    central.decision(number, event="d-1")
    before = central.access(number)

    assert central.decision(number, event="d-1").settled

    assert central.access(number) == before
    assert len(central.answers.sent) == 1
    assert refused(central, PRODUCER) == []


def test_a_decision_whose_step_was_retried_releases_the_run(central, number):
    """It was written down, and then the function died."""
    envelope = an_envelope(
        {"access": number, "decision": "approve", "reason": "as agreed"}, "AccessDecided", by=PRODUCER, event="d-1"
    )
    central.answers.send = None
    with pytest.raises(TypeError):
        central.decided(envelope)
    del central.answers.send

    assert central.decided(envelope).settled
    assert answered(central) == [("t-0", "approve")]


@pytest.mark.parametrize("account", [CONSUMER, OTHER, CENTRAL])
def test_an_account_that_is_not_an_approver_decides_nothing(central, number, account):
    """The steward neither, before it is escalated; who asks for nobody's data least of all."""
    central.registry.put_member(a_member(CENTRAL, "both"))
    with pytest.raises(MayNotDecide):
        central.decision(number, by=account)

    assert [where for where, _, _ in central.registry.refused] == [account]
    assert refused_by_topic(central, account) == ["MayNotDecide"]
    assert central.access(number).status == "waiting"
    assert central.answers.sent == []


def test_the_steward_decides_alone_once_it_is_escalated(central, number):
    with pytest.raises(MayNotDecide):
        central.decision(number, by=CENTRAL)
    central.ask(number, 2, "t-2")

    assert central.decision(number, by=CENTRAL, event="again").settled
    assert answered(central) == [("t-2", "approve")]
    assert central.decide(number).effect == "allow"


def test_a_strangers_decision_is_ignored_without_an_answer(central, number):
    with pytest.raises(NotAMember):
        central.decision(number, by=STRANGER)

    assert [account for account, _, _ in central.registry.refused] == [STRANGER]
    assert central.access(number).status == "waiting"


@pytest.mark.parametrize("place", ["data", "metadata", "detail"])
def test_an_account_in_detail_is_a_forgery(central, number, place):
    envelope = an_envelope({"access": number, "decision": "approve", "reason": "r"}, "AccessDecided", by=CONSUMER)
    part = envelope.detail if place == "detail" else envelope.detail[place]
    part["account"] = PRODUCER

    with pytest.raises(ForgedSender):
        central.decided(envelope)

    assert refused(central, CONSUMER) == ["ForgedSender"]
    assert central.access(number).status == "waiting"


@pytest.mark.parametrize("detail", [{"metadata": {"id": 7}}, {"decision": "perhaps"}, {"reason": ""}])
def test_a_malformed_event_is_rejected_and_reported(central, number, detail):
    envelope = an_envelope({"access": number, "decision": "approve", "reason": "r"}, "AccessDecided", by=PRODUCER)
    envelope.detail["metadata"].update(detail.pop("metadata", {}))
    envelope.detail["data"].update(detail)

    with pytest.raises(MalformedEvent):
        central.decided(envelope)

    assert refused(central, PRODUCER) == ["MalformedEvent"]
    assert central.access(number).status == "waiting"


def test_an_unknown_request_is_not_decided(central):
    with pytest.raises(UnknownAccess):
        central.decision("ac-ffffffffffff")

    assert refused(central, PRODUCER) == ["UnknownAccess"]


@pytest.mark.parametrize("status", ["granting", "sharing", "live", "ending", "ended", "denied"])
@pytest.mark.parametrize("second", ["approve", "deny"])
def test_a_late_answer_is_rejected_as_late(central, number, status, second):
    """Approved twice, approved after a denial, after the time was over, after it was revoked."""
    central.change(number, status)
    with pytest.raises(DecidedAlready):
        central.decision(number, second)

    assert refused(central, PRODUCER) == ["DecidedAlready"]
    assert central.access(number).status == status


def test_one_of_two_approvers_answers_once():
    central = personal()
    number = central.waiting(**AUDIT)
    central.decision(number)
    with pytest.raises(DecidedAlready):
        central.decision(number, "deny")
    assert central.access(number).status == "waiting"


# --- less than was asked ----------------------------------------------------------------------------------------------


def test_an_approver_may_give_fewer_columns(central, number):
    central.decision(number, columns=["credit_card.hoehe"])

    assert central.decide(number).effect == "allow"
    access = central.access(number)
    assert access.decided.columns == ("credit-card.credit_card.hoehe",)
    assert any("laufkont" in each for each in access.decided.left_out)
    central.grant(number)
    columns = [each["Resource"].get("TableWithColumns", {}).get("ColumnNames") for each in central.lake.grants]
    assert [names for names in columns if names] == [["hoehe"]]


def test_what_an_approver_left_out_may_become_what_it_likes(central, number):
    central.decision(number, columns=["credit_card.hoehe"])
    central.tag("laufkont", SENSITIVE)

    assert central.decide(number).effect == "allow"


def test_columns_changed_since_their_approval_need_approval_again(central):
    number = central.waiting(purpose="audit", columns=["hoehe", "laufkont"])
    central.decision(number, columns=["credit_card.hoehe"])
    central.tag("hoehe", PERSONAL)

    assert central.decide(number).effect == "require_approval"

    access = central.access(number)
    assert (access.status, access.answers, access.narrowed, access.escalated) == ("waiting", (), False, False)
    assert access.decided.approvers == (CENTRAL, PRODUCER)
    assert central.ask(number, 0, "t-9").notified == (CENTRAL, PRODUCER)


def test_an_approver_may_give_less_time(central, number):
    sooner = NOON + timedelta(days=3)
    central.decision(number, until=sooner.isoformat())

    assert central.decide(number).effect == "allow"
    assert central.access(number).until == sooner
    central.grant(number)
    assert central.schedules.planned[f"{number}-end"][0] == sooner


@pytest.mark.parametrize(
    "more", [{"until": (MONTH + timedelta(seconds=1)).isoformat()}, {"columns": ["credit_card.gastarb"]}]
)
def test_an_approval_of_more_than_requested_is_rejected_and_may_be_corrected(more):
    central = Central(credit_card({"hoehe": CONFIDENTIAL, "gastarb": SENSITIVE}))
    number = central.waiting()
    with pytest.raises(ExceedsRequest):
        central.decision(number, **more)

    assert refused(central, PRODUCER) == ["ExceedsRequest"]
    assert central.access(number).status == "waiting"
    assert central.decision(number).settled


def test_two_approvers_give_what_both_give():
    central = personal()
    number = central.waiting(**AUDIT)
    central.decision(number, columns=["credit_card.hoehe", "credit_card.laufkont"])
    with pytest.raises(ExceedsRequest):
        central.decision(number, by=CENTRAL, columns=["credit_card.alter"])
    central.decision(number, by=CENTRAL, event="d-2", columns=["credit_card.hoehe"], until=MONTH.isoformat())

    assert central.decide(number).effect == "allow"
    assert central.access(number).decided.columns == ("credit-card.credit_card.hoehe",)


def test_fewer_columns_stay_fewer_when_the_run_is_started_again_before_everybody_has_answered():
    central = personal()
    number = central.waiting(**AUDIT)
    central.decision(number, columns=["credit_card.hoehe"])

    assert central.decide(number).effect == "require_approval"
    central.decision(number, by=CENTRAL, event="d-2")

    assert central.decide(number).effect == "allow"
    assert central.access(number).decided.columns == ("credit-card.credit_card.hoehe",)


# --- more than was asked about ----------------------------------------------------------------------------------------


def test_a_request_that_grew_while_waiting_is_asked_about_again(central, number):
    central.tag("laufkont", CONFIDENTIAL)
    central.clock.move(timedelta(hours=1))
    central.decision(number)

    assert central.decide(number).effect == "require_approval"

    access = central.access(number)
    assert (access.status, access.answers) == ("waiting", ())
    central.ask(number, 0, "t-1")
    ids = [json.loads(detail)["metadata"]["id"] for _, _, detail in central.topics.published]
    assert ids[0] != ids[1], "else the owner's inbox takes it for the question that it has already"
    assert central.decision(number, event="d-2").settled
    assert central.decide(number).effect == "allow"
    assert answered(central) == [("t-0", "approve"), ("t-1", "approve")]


def test_a_column_that_filters_rows_is_asked_about_again_where_its_class_has_changed():
    central = Central(secret())
    number = central.waiting(purpose="marketing", columns=["laufkont"], rows="alter > 30")
    central.tag("alter", CONFIDENTIAL)
    central.decision(number)

    assert central.decide(number).effect == "require_approval"


def test_an_approval_that_is_delivered_again_does_not_approve_what_grew(central, number):
    central.tag("laufkont", CONFIDENTIAL)
    central.clock.move(timedelta(hours=1))
    central.decision(number)
    assert central.decide(number).effect == "require_approval"
    central.ask(number, 0, "t-1")

    again = central.decision(number)

    assert (again.settled, again.resumed) == (False, False)
    assert (central.access(number).status, central.access(number).answers) == ("waiting", ())
    assert central.registry.refused == [], "a second delivery is no mistake of its sender"
    assert central.decision(number, event="d-2").settled


def test_an_approval_sent_before_it_grew_and_delivered_after_does_not_approve_what_grew(central, number):
    central.clock.move(timedelta(hours=73))
    central.ask(number, 2, "t-2")
    central.decision(number, by=CENTRAL)
    central.tag("laufkont", CONFIDENTIAL)
    assert central.decide(number).effect == "require_approval"
    central.ask(number, 0, "t-3")
    data = {"access": number, "decision": "approve", "reason": "as agreed"}

    with pytest.raises(DecidedAlready):
        central.decided(an_envelope(data, "AccessDecided", by=PRODUCER, event="d-late", at=NOON + timedelta(hours=72)))

    assert (central.access(number).status, central.access(number).answers) == ("waiting", ())
    now = central.clock.now()
    assert central.decided(an_envelope(data, "AccessDecided", by=PRODUCER, event="d-2", at=now)).settled


def test_what_shrank_while_it_waited_needs_no_new_answer(central, number):
    central.tag("hoehe", SENSITIVE)
    central.decision(number)

    assert central.decide(number).effect == "allow"


def test_what_is_forbidden_by_now_is_denied_though_it_was_approved(central):
    number = central.waiting(columns=["hoehe"])
    central.tag("hoehe", SENSITIVE)
    central.decision(number)

    assert central.decide(number).effect == "deny"


def rules(**changed):
    """The shipped policies with these rules changed; without those that are None."""
    shipped_rules = document("policies")["rules"]
    found = [{**rule, **(changed.get(rule["name"], {}) or {})} for rule in shipped_rules]
    return shipped(rules=[rule for rule in found if changed.get(rule["name"], rule) is not None])


def test_what_the_rules_forbid_by_now_is_left_out_though_it_was_approved(central, number):
    central.policies = rules(internal=None)
    central.decision(number)

    assert central.decide(number).effect == "allow"
    assert central.access(number).decided.columns == ("credit-card.credit_card.hoehe",)


def test_an_approval_of_what_matches_nothing_is_of_those_classes_alone():
    central = Central(credit_card({}, confidentiality="public"))
    number = central.waiting(expression="confidentiality=internal,confidential pii=none", purpose="marketing")
    assert central.access(number).decided.columns == ()
    central.policies = rules(confidential=None)
    central.decision(number, by=CENTRAL)

    assert central.decide(number).effect == "require_approval"

    central.clock.move(timedelta(hours=1))
    central.decision(number, by=CENTRAL, event="d-2")
    assert central.decide(number).effect == "allow"
    central.grant(number)
    assert 'confidential"' not in json.dumps([each["Resource"] for each in central.lake.grants])


def test_an_approval_of_a_product_without_data_is_not_enough_where_another_has_to_approve_by_now():
    central = Central(replace(credit_card(), tables={}))
    asking = {"effect": "require_approval", "approvers": ["owner"]}
    central.policies = rules(public=asking, internal=None)
    number = central.waiting()
    central.policies = rules(public={**asking, "approvers": ["owner", "steward"]}, internal=None)
    central.decision(number)

    assert central.decide(number).effect == "require_approval"
    assert central.access(number).decided.approvers == (CENTRAL, PRODUCER)


def test_the_steward_is_asked_on_a_separate_topic(central, number):
    central.ask(number, 2, "t-2")
    assert [topic for topic, _, _ in central.topics.published].count(STEWARD_TOPIC) == 1


def test_an_ended_access_is_not_asked_about(central, number):
    central.change(number, "ending")
    central.ask(number, 1, "t-1")
    assert answered(central) == [("t-1", "over")]
    with pytest.raises(UnknownAccess):
        central.ask("ac-ffffffffffff")
