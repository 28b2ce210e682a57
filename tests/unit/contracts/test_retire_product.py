"""A retired product: hidden, its accesses ended, its subscribers notified and removed."""

import json
from contextlib import suppress
from datetime import timedelta

import pytest
from mesh.adapters.messaging import EventNotAccepted
from mesh.domain.contracts.product import ConcurrentChange, ContractIsNewer, UnknownProduct
from mesh.domain.events import MalformedEvent
from mesh.domain.governance.ontology import PENDING, PUBLICATION, PUBLISHED
from mesh.domain.membership.authorisation import ForgedSender, NotAllowedForRole, NotAMember, NotTheOwner
from mesh.usecases.contracts.retire_product import retire_product

from tests.builders import CENTRAL, CONSUMER, PRODUCER, PRODUCT, STRANGER
from tests.fakes import NOON, FakeAnnouncements, FakeExecutions, FakeLakeFormation, FakeLocks, topic_of
from tests.unit.access.central_accesses import OTHER, Central, a_request, an_envelope, loans
from tests.unit.access.requests import credit_card

SHOWN = {"hoehe": {"confidentiality": "public", PUBLICATION: PUBLISHED}, "alter": {PUBLICATION: PUBLISHED}}
REQUEST = {"product": PRODUCT, "reason": "there is a better one"}


@pytest.fixture
def central():
    found = Central(credit_card({**SHOWN, "famges": {PUBLICATION: PENDING}}), loans())
    found.lake = FakeLakeFormation({PUBLICATION: (PENDING, PUBLISHED)})
    found.endings, found.announcements, found.locks = FakeExecutions(), FakeAnnouncements(), FakeLocks()
    return found


def retire(central, data=REQUEST, by=PRODUCER, event="r-1", **detail):
    envelope = an_envelope(data, "RetirementRequested", by=by, event=event)
    envelope.detail.update(detail)
    return retire_product(
        envelope,
        context=central.context,
        announcements=central.announcements,
        catalog=central.catalog,
        lake=central.lake,
        locks=central.locks,
        endings=central.endings,
        topics=central.topics,
    )


class EndedAtOnce(FakeExecutions):
    """Runs that end an access before their start is answered."""

    def __init__(self, central: Central) -> None:
        super().__init__()
        self._central = central

    def start(self, name, payload):
        order = json.loads(payload)
        with suppress(EventNotAccepted):
            self._central.end(order)
        self._central.revoke_grants(order["ending"]["access"])
        return super().start(name, payload)


def test_its_accesses_end_and_those_of_others_do_not(central):
    mine, open_one = central.held(), central.requested(event="e-2", purpose="audit")
    other = central.held(event="e-3", product="loans")
    over = central.requested(event="e-4", purpose="research")
    central.change(over, "denied")

    found = retire(central)

    assert set(found.accesses) == {mine, open_one}
    orders = [json.loads(payload)["ending"] for payload in central.endings.started.values()]
    assert {each["access"] for each in orders} == {mine, open_one}
    assert {each["cause"] for each in orders} == {"retired"}
    assert central.end({"ending": orders[0]}).over is False
    assert central.access(other).status == "live"


def test_nothing_of_it_is_published_any_more(central):
    """No grant by LF-Tags matches then, one that names the strictest values either; the other tags stay."""
    retire(central)

    assert central.lake.on == {(PRODUCT, "credit_card", column): {PUBLICATION: PENDING} for column in SHOWN}


def test_subscribers_and_owner_are_notified_and_then_unsubscribed(central):
    central.held()
    found = retire(central)

    assert found.notified == (CONSUMER, PRODUCER)
    for account in found.notified:
        assert central.notified(account, "ProductRetired") == [{"product": PRODUCT, "reason": REQUEST["reason"]}]
    assert list(central.registry.subscribers(PRODUCT)) == []
    assert central.registry.product(PRODUCT).status == "retired"


@pytest.mark.parametrize("unreachable", [False, True])
def test_subscribers_are_notified_though_their_accesses_end_first(central, unreachable):
    """Each access ends in a run of its own, which may be over before the notices, or before they are sent again."""
    central.held()
    central.endings = EndedAtOnce(central)
    if unreachable:
        central.topics.failures[topic_of(CONSUMER)] = EventNotAccepted("NotFound")
        with pytest.raises(EventNotAccepted):
            retire(central)
        central.topics.failures.clear()

    found = retire(central)

    assert CONSUMER in found.notified
    assert len(central.notified(CONSUMER, "ProductRetired")) == 1
    assert list(central.registry.subscribers(PRODUCT)) == []


def test_a_topic_that_is_gone_keeps_nobody_else_from_the_notice(central):
    central.held()
    central.topics.failures[topic_of(CONSUMER)] = EventNotAccepted("NotFound")
    with pytest.raises(EventNotAccepted):
        retire(central)

    assert len(central.notified(PRODUCER, "ProductRetired")) == 1
    central.topics.failures.clear()
    assert retire(central).notified == (CONSUMER, PRODUCER)


def test_central_retires_what_an_expelled_owner_has_left(central):
    number = central.held()
    central.registry.accounts[PRODUCER] = central.registry.member(PRODUCER).evolve(status="expelled")
    with pytest.raises(NotAMember):
        retire(central)

    found = retire(central, by=CENTRAL, event="r-2")

    assert (found.accesses, found.notified) == ((number,), (CONSUMER,))
    assert central.registry.product(PRODUCT).status == "retired"
    assert central.lake.on == {(PRODUCT, "credit_card", column): {PUBLICATION: PENDING} for column in SHOWN}


def test_it_is_no_longer_offered(central):
    retire(central)
    with pytest.raises(UnknownProduct):
        central.receive(a_request(event="e-9"))
    number = central.requested(event="e-8", expression="confidentiality=internal,public pii=none")
    central.decide(number)
    assert central.access(number).decided.databases == ("loans",)


def test_retiring_is_repeatable(central):
    central.held()
    retire(central)
    started = dict(central.endings.started)
    retire(central)

    assert central.endings.started == started
    assert len(central.notified(CONSUMER, "ProductRetired")) == 1


def test_a_request_that_comes_again_does_not_end_what_a_newer_contract_has_revived(central):
    retire(central)
    ended = central.registry.product(PRODUCT)
    central.registry.claim_product(ended.evolve(contract_sequencer="11"))
    told = list(central.topics.published)

    assert retire(central).notified == ()
    assert not central.registry.product(PRODUCT).has_ended
    central.registry.mark_registered(PRODUCT, "11", NOON)
    assert retire(central).notified == ()

    assert central.registry.product(PRODUCT).status == "registered"
    assert central.topics.published == told
    retire(central, event="r-2")
    assert central.registry.product(PRODUCT).status == "retired"


def test_a_request_that_comes_after_a_newer_contract_retires_nothing(central):
    """It was sent before the contract was; the bus has whole seconds."""
    product = central.registry.products[PRODUCT]
    central.registry.products[PRODUCT] = product.evolve(declared=NOON + timedelta(seconds=0.4))
    retire(central, metadata={"id": "r-1", "time": NOON.isoformat()})
    assert central.registry.product(PRODUCT).status == "retired"

    central.registry.products[PRODUCT] = product.evolve(declared=NOON + timedelta(seconds=1))
    with pytest.raises(ContractIsNewer):
        retire(central, event="r-2", metadata={"id": "r-2", "time": NOON.isoformat()})
    assert central.registry.product(PRODUCT).status == "registered"
    assert central.notified(PRODUCER, "EventRefused")[0]["reason"]["code"] == "ContractIsNewer"


def test_it_waits_for_a_registration_that_goes_on(central):
    central.locks.elsewhere.add(f"product-{PRODUCT}")

    with pytest.raises(ConcurrentChange):
        retire(central)

    assert (central.registry.product(PRODUCT).status, central.lake.on) == ("registered", {})


def test_one_that_was_never_crawled_is_retired_too(central):
    central.catalog.at = loans_only(central)
    assert retire(central).product == PRODUCT
    assert central.lake.on == {}


def loans_only(central):
    return central.catalog.tagged(("loans",))


@pytest.mark.parametrize(
    ("by", "data", "detail", "refusal"),
    [
        (OTHER, REQUEST, {}, NotTheOwner),
        (CONSUMER, REQUEST, {}, NotAllowedForRole),
        (STRANGER, REQUEST, {}, NotAMember),
        (PRODUCER, REQUEST, {"account": OTHER}, ForgedSender),
        (PRODUCER, {**REQUEST, "reason": ""}, {}, MalformedEvent),
        (PRODUCER, {**REQUEST, "product": "nowhere"}, {}, NotTheOwner),
        (CENTRAL, {**REQUEST, "product": "nowhere"}, {}, NotTheOwner),
    ],
)
def test_who_may_not_changes_nothing_and_is_recorded_and_told(central, by, data, detail, refusal):
    with pytest.raises(refusal):
        retire(central, data, by, **detail)

    assert [(account, found["code"]) for account, _, found in central.registry.refused] == [(by, refusal.__name__)]
    assert central.registry.product(PRODUCT).status == "registered"
    assert (central.lake.on, central.endings.started) == ({}, {})
    told = [(topic, kind) for topic, kind, _ in central.topics.published]
    assert told == ([] if by in (STRANGER, CENTRAL) else [(topic_of(by), "EventRefused")])
