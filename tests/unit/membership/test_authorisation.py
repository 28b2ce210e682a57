"""Who may say what: decided on the envelope's account alone."""

import json

import pytest
from mesh.domain.events import EVENT_TYPES
from mesh.domain.membership.authorisation import (
    SENDERS,
    ForgedSender,
    NotAllowedForRole,
    NotAMember,
    NotTheOwner,
    authorise_central,
)
from mesh.usecases.authorisation import authorise_sender, refusals_told, same_event
from mesh.usecases.central_context import CentralContext

from tests.builders import CENTRAL, CONSUMER, CORRELATION, PRODUCER, PRODUCT, STRANGER, a_member, a_product, an_envelope
from tests.fakes import FakeAccessRegistry, FakeClock, FakeMemberTopics, FakeRegistry, FakeTrace, topic_of

DECLARED = {"product": PRODUCT}


def authorise(envelope, registry, trace=None, topics=None):
    records = CentralContext(CENTRAL, registry, FakeAccessRegistry(), trace or FakeTrace(), FakeClock())
    with refusals_told(envelope, records=records, topics=topics or FakeMemberTopics()):
        return authorise_sender(envelope, execution="run-1", records=records)


def test_a_member_that_speaks_about_its_own_product_is_authorised():
    registry, trace = FakeRegistry(a_member()), FakeTrace()
    registry.products[PRODUCT] = a_product()

    sender = authorise(an_envelope(DECLARED, "ProductDeclared"), registry, trace)

    assert (sender.account, sender.domains, sender.topic_arn) == (PRODUCER, ("retail",), topic_of(PRODUCER))
    assert (sender.product, sender.event_id, sender.correlation_id) == (PRODUCT, "e-1", CORRELATION)
    assert trace.said() == ["received"]
    assert registry.refused == []


def test_a_new_product_name_is_free():
    assert authorise(an_envelope(DECLARED, "ProductDeclared"), FakeRegistry(a_member())).product == PRODUCT


@pytest.mark.parametrize(
    ("registry", "envelope", "error"),
    [
        (FakeRegistry(), an_envelope(DECLARED, "ProductDeclared", account=STRANGER), NotAMember),
        (FakeRegistry(a_member(status="pending")), an_envelope(DECLARED, "ProductDeclared"), NotAMember),
        (
            FakeRegistry(a_member(CONSUMER, "consumer")),
            an_envelope(DECLARED, "VersionProposed", account=CONSUMER),
            NotAllowedForRole,
        ),
        (FakeRegistry(a_member()), an_envelope(DECLARED, "SubscriptionRequested"), NotAllowedForRole),
        (FakeRegistry(a_member()), an_envelope(DECLARED, "ProductDeclared", account_id=STRANGER), ForgedSender),
        (FakeRegistry(a_member()), an_envelope({**DECLARED, "account": STRANGER}, "ProductDeclared"), ForgedSender),
        (FakeRegistry(a_member()), an_envelope({**DECLARED, "sender": STRANGER}, "ProductDeclared"), ForgedSender),
        (
            FakeRegistry(a_member()),
            an_envelope(DECLARED, "ProductDeclared", metadata={"id": "e-1", "account": STRANGER}),
            ForgedSender,
        ),
    ],
)
def test_a_refusal_is_raised_recorded_traced_and_told_to_its_sender_if_it_is_a_member(registry, envelope, error):
    registry.refused.clear()
    trace, topics = FakeTrace(), FakeMemberTopics()

    with pytest.raises(error):
        authorise(envelope, registry, trace, topics)

    [(account, kind, reason)] = registry.refused
    assert (account, kind, reason["code"]) == (envelope.account, envelope.detail_type, error.__name__)
    assert trace.said() == ["refused"]
    told = [(topic, kind, json.loads(detail)["data"]) for topic, kind, detail in topics.published]
    event = {"event": envelope.detail_type, "reason": reason}
    assert told == ([] if error is NotAMember else [(topic_of(envelope.account), "EventRefused", event)])


def test_another_accounts_product_is_refused():
    registry = FakeRegistry(a_member(CONSUMER, "both"))
    registry.products[PRODUCT] = a_product()

    with pytest.raises(NotTheOwner) as refusal:
        authorise(an_envelope(DECLARED, "VersionProposed", account=CONSUMER), registry)

    assert refusal.value.where == {"account": CONSUMER, "owner": PRODUCER}


def test_each_event_in_the_rules_exists():
    assert set(SENDERS) <= {kind.detail_type() for kind in EVENT_TYPES}


@pytest.mark.parametrize("kind", sorted(SENDERS))
@pytest.mark.parametrize("role", ["producer", "consumer"])
def test_a_role_may_send_what_the_rules_say(kind, role):
    registry = FakeRegistry(a_member(role=role))
    if role in SENDERS[kind]:
        assert authorise(an_envelope({}, kind), registry).account == PRODUCER
    else:
        with pytest.raises(NotAllowedForRole):
            authorise(an_envelope({}, kind), registry)


@pytest.mark.parametrize("kind", [*sorted(SENDERS), "ProductUpdated"])
def test_central_sends_only_what_its_owner_may_decide(kind):
    envelope = an_envelope({}, kind, account=CENTRAL)
    if "central" in SENDERS.get(kind, ()):
        authorise_central(envelope)
    else:
        with pytest.raises(NotAllowedForRole):
            authorise_central(envelope)


@pytest.mark.parametrize("data", [None, [], "text"])
def test_malformed_data_names_no_product(data):
    envelope = an_envelope({}, "ProductDeclared").model_copy()
    envelope.detail["data"] = data

    assert authorise(envelope, FakeRegistry(a_member())).product == ""


@pytest.mark.parametrize("name", ["", "A", "../x", "a\x00", "\ud800", "x" * 3000, 7, ["a"]])
def test_what_is_no_products_name_is_looked_up_by_nobody(name):
    """DynamoDB refuses keys of more than 2,048 bytes, and strings that are not Unicode."""
    envelope = an_envelope({"product": name}, "ProductDeclared")
    assert envelope.product == ""
    assert authorise(envelope, FakeRegistry(a_member())).product == ""


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("a b", "a b"),
        ("\x1b[2Jx\x00\u202e", "[2Jx"),
        ("half \ud800", "half "),
        ("y" * 9000, "y" * 1000),
        (7, ""),
        ([], ""),
    ],
)
def test_what_is_repeated_in_a_message_is_printable_and_short(sent, said):
    assert an_envelope({"product": sent}, "ProductDeclared").quoted("product") == said
    with pytest.raises(ForgedSender) as refusal:
        authorise(an_envelope({"account": sent}, "ProductDeclared"), FakeRegistry(a_member()))
    assert refusal.value.where["claimed"] == said


def test_an_event_is_the_same_however_often_it_is_delivered_or_sent_and_not_by_its_id_alone():
    first = an_envelope(DECLARED, "ProductDeclared")
    again = an_envelope(DECLARED, "ProductDeclared").evolve(id="eventbridge-2")
    again.detail["metadata"]["time"] = "2026-11-22T00:00:00+00:00"
    other = an_envelope({"product": "loans"}, "ProductDeclared")

    assert same_event(first) == same_event(again)
    assert same_event(first) != same_event(other), "a sender that gives an id twice hides nothing"
    assert same_event(first) != same_event(an_envelope(DECLARED, "RetirementRequested"))
