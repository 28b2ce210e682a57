"""Ending: marked first, released, announced; only what no other access needs is revoked; a repeated end succeeds."""

import json

import pytest
from mesh.adapters.messaging import EventNotAccepted
from mesh.domain.access.record import UnknownAccess
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import MalformedEvent
from mesh.domain.membership.authorisation import ForgedSender, NotAMember
from mesh.usecases.access.end_access import MayNotRevoke, NotEnding

from tests.builders import CENTRAL, CONSUMER, OTHER_CONSUMER, PRODUCER, PRODUCT, STRANGER, a_member, a_product
from tests.fakes import topic_of
from tests.unit.access.central_accesses import CONFIDENTIAL, OTHER, Central, a_request, loans, secret
from tests.unit.access.requests import credit_card


@pytest.fixture
def central():
    return Central()


@pytest.fixture
def number(central):
    return central.held()


def ordered(number, cause="expired"):
    return {"ending": {"access": number, "cause": cause, "reason": "it was granted until noon"}}


# --- marking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [CONSUMER, PRODUCER, CENTRAL])
def test_consumer_owner_and_central_may_end_it(central, number, by):
    found = central.revoke(number, by=by)

    access = central.access(number)
    assert (found.granted, found.over, access.status, access.cause) == (True, False, "ending", "revoked")
    assert (access.reason.code, access.reason.message, access.reason.where) == (
        "Revoked",
        "the project is over",
        {"by": by},
    )
    assert list(central.registry.subscribers(PRODUCT)) == []


@pytest.mark.parametrize("by", [OTHER, OTHER_CONSUMER])
def test_other_accounts_are_rejected_and_notified(central, number, by):
    central.registry.put_member(a_member(OTHER_CONSUMER, "consumer"))
    with pytest.raises(MayNotRevoke):
        central.revoke(number, by=by)

    assert central.access(number).status == "live"
    assert [notice["reason"]["code"] for notice in central.notified(by, "DecisionRefused")] == ["MayNotRevoke"]
    assert len(central.registry.refused) == 1


def test_strangers_forgers_and_malformed_events_end_nothing(central, number):
    with pytest.raises(NotAMember):
        central.revoke(number, by=STRANGER)
    with pytest.raises(ForgedSender):
        central.revoke(number, sender=CENTRAL)
    with pytest.raises(MalformedEvent):
        central.revoke(number, reason="")
    with pytest.raises(UnknownAccess):
        central.revoke("ac-ffffffffffff")

    assert central.access(number).status == "live"
    assert [found["code"] for _, _, found in central.registry.refused] == [
        "NotAMember",
        "ForgedSender",
        "MalformedEvent",
        "UnknownAccess",
    ]


def test_a_repeated_end_is_success(central, number):
    central.revoke(number)
    before = central.access(number)
    assert not central.revoke(number, by=PRODUCER).over
    assert central.access(number) == before

    central.revoke_grants(number)
    again = central.revoke(number)
    assert (again.over, again.granted) == (True, False)
    assert json.loads(central.answers.sent[-1][1]) == {"access": number, "over": True}
    assert central.access(number).status == "ended"


def announced(central):
    """Ids of what was announced to the receiving account."""
    told = [each for each in central.topics.published if each[:2] == (topic_of(CONSUMER), "AccessRevoked")]
    return {json.loads(text)["metadata"]["id"] for _, _, text in told}


def test_a_second_delivery_is_not_announced_again_and_the_first_run_goes_on(central, number):
    central.revoke(number, token="t-first")
    central.revoke(number, token="t-second", execution="run-2")

    assert len(announced(central)) == 1
    assert central.accesses.token(number, "released") == "t-first", "which AccessReleased resumes"


def test_a_run_that_is_started_again_does_not_wait_for_what_has_been_released(central, number):
    central.revoke(number, token="t-first")
    central.answer({"access": number, "links_removed": []}, "AccessReleased")
    assert central.answers.sent[-1][0] == "t-first"

    again = central.revoke(number, token="t-again")

    assert (again.over, central.answers.sent[-1][0]) == (False, "t-again")
    assert "over" not in json.loads(central.answers.sent[-1][1])
    assert central.access(number).status == "ending"
    assert central.revoke_grants(number).over


def test_an_expiry_that_comes_twice_is_announced_once_and_another_order_anew(central, number):
    central.end(ordered(number), "t-first", "run-1")
    central.end(ordered(number), "t-second", "run-2")
    assert len(announced(central)) == 1
    assert central.accesses.token(number, "released") == "t-first"
    central.end(ordered(number), "t-retried", "run-1")
    assert (len(announced(central)), central.accesses.token(number, "released")) == (1, "t-retried")
    central.revoke(number, by=PRODUCER, token="t-third")
    assert len(announced(central)) == 2
    assert central.accesses.token(number, "released") == "t-third"


def test_an_end_of_what_was_denied_is_success(central):
    number = central.requested()
    central.deny(a_request())
    assert central.revoke(number).over
    assert central.access(number).status == "denied"


def test_by_schedule_it_ends_as_expired(central, number):
    central.end(ordered(number))
    access = central.access(number)
    assert (access.status, access.cause, access.reason.code) == ("ending", "expired", "Expired")


def test_a_failed_grant_ends_with_the_reason_of_the_failure(central, number):
    why = {"code": "UnknownRole", "message": "there is no such role"}
    central.end({"ending": {"access": number, "cause": "failed", "why": why}})
    assert central.access(number).reason.code == "UnknownRole"


def test_a_run_that_waited_in_vain_ends_nothing_that_another_attempts_report_made_live(central, number):
    """An attempt whose answer was lost goes on, and may store its token after the next one's."""
    undo = {"ending": {"access": number, "cause": "failed", "why": {"code": "NotReady", "message": "no report came"}}}

    found = central.end(undo)

    assert (found.granted, found.over, central.access(number).status) == (False, True, "live")
    assert [(token, json.loads(output)["over"]) for token, output in central.answers.sent] == [("t-end", True)]


def test_what_waits_for_a_decision_is_released(central):
    central = Central(secret())
    number = central.waiting()
    found = central.revoke(number)

    assert not found.granted
    assert [(token, json.loads(output)) for token, output in central.answers.sent] == [("t-0", {"decision": "over"})]
    assert central.accesses.token(number, "decision") is None


def test_what_waits_to_be_ready_is_released(central):
    number = central.requested()
    central.decide(number)
    central.grant(number)
    central.revoke(number)

    (sent,) = central.answers.sent
    assert json.loads(sent[1])["over"] is True
    assert central.accesses.token(number, "ready") is None


def test_who_wrote_meanwhile_makes_it_look_again(central, number):
    seen = central.access(number)
    central.accesses.access = lambda _: seen
    central.accesses.save(seen.noted(seen.asked_at, "somebody else"))
    with pytest.raises(ConcurrentChange):
        central.revoke(number)


def test_the_owners_of_an_expressions_products_may_end_it():
    central = Central(credit_card(), loans())
    number = central.held(expression="confidentiality=internal pii=none")
    assert not central.revoke(number, by=OTHER).over


# --- notices ----------------------------------------------------------------------------------------------------------


def test_notices_go_on_while_another_access_of_the_account_needs_them(central, number):
    second = central.held(event="e-2", reader="data-scientist")
    central.revoke(number)
    assert list(central.registry.subscribers(PRODUCT)) == [CONSUMER]
    central.revoke(second)
    assert list(central.registry.subscribers(PRODUCT)) == []


def test_a_request_that_never_was_granted_stops_no_notices():
    central = Central(secret())
    central.registry.subscribe(PRODUCT, CONSUMER, central.clock.now())
    central.revoke(central.waiting())
    assert list(central.registry.subscribers(PRODUCT)) == [CONSUMER]


def test_a_receiver_that_cannot_be_reached_keeps_the_owner_from_nothing(central, number):
    central.topics.failures[topic_of(CONSUMER)] = EventNotAccepted("NotFound")
    with pytest.raises(EventNotAccepted):
        central.revoke(number)

    assert central.access(number).status == "ending"
    assert len(central.notified(PRODUCER, "AccessRevoked")) == 1


def test_an_account_that_could_not_be_told_is_told_when_the_run_is_started_again(central, number):
    """The grants went first. One that has released what it passed on is not told again."""
    central.topics.failures[topic_of(CONSUMER)] = EventNotAccepted("refused")
    with pytest.raises(EventNotAccepted):
        central.revoke(number)
    central.revoke_grants(number)
    central.topics.failures.clear()

    again = central.revoke(number)

    assert (again.over, central.access(number).status) == (True, "ended")
    assert len(central.notified(CONSUMER, "AccessRevoked")) == 1


def test_nobody_waits_for_a_release_once_it_has_ended(central, number):
    """The account did not answer in time, and the run went on without it."""
    central.revoke(number, token="t-first")

    central.revoke_grants(number)

    assert central.context.accesses.tokens == {}
    central.answer({"access": number, "links_removed": []}, "AccessReleased")
    assert "t-first" not in [token for token, _ in central.answers.sent]


def test_an_account_that_released_too_late_is_not_told_again_by_another_order(central, number):
    central.revoke(number)
    central.revoke_grants(number)
    central.answer({"access": number, "links_removed": []}, "AccessReleased")

    central.revoke(number, by=PRODUCER)
    central.end({"ending": {"access": number, "cause": "expired", "reason": "the time is over"}})

    assert len(central.notified(CONSUMER, "AccessRevoked")) == 1
    assert len(central.notified(PRODUCER, "AccessRevoked")) == 1


def test_notices_stop_though_it_was_coming_alive_at_that_moment(central, number):
    """It subscribed, and then found that it had ended."""
    central.revoke(number)
    central.registry.subscribe(PRODUCT, CONSUMER, central.clock.now())
    central.revoke_grants(number)
    assert list(central.registry.subscribers(PRODUCT)) == []


# --- telling ----------------------------------------------------------------------------------------------------------


def test_consumer_and_owner_are_notified(central, number):
    central.revoke(number)

    for account in (CONSUMER, PRODUCER):
        (notice,) = central.notified(account, "AccessRevoked")
        assert (notice["access"], notice["cause"], notice["reason"]["message"]) == (
            number,
            "revoked",
            "the project is over",
        )
    assert central.accesses.token(number, "released") == "t-end"


def test_a_failed_grant_is_announced_to_the_consumer_as_denied(central, number):
    central.end({"ending": {"access": number, "cause": "failed", "reason": "it did not answer"}})

    assert central.notified(CONSUMER, "AccessRevoked") == []
    assert central.notified(CONSUMER, "AccessDenied")[0]["reason"]["message"] == "it did not answer"


def test_an_access_that_was_not_ended_is_not_revoked(central, number):
    """However its run came there."""
    with pytest.raises(NotEnding):
        central.revoke_grants(number)

    assert len(central.lake.grants) == 2
    assert central.access(number).status == "live"


# --- taking back ------------------------------------------------------------------------------------------------------


def test_everything_is_released(central, number):
    central.revoke(number)
    found = central.revoke_grants(number)

    assert (found.revoked, central.lake.grants) == (2, [])
    assert central.access(number).status == "ended"
    assert central.schedules.planned == {}
    assert central.locks.taken[-1] == f"grants-{CONSUMER}"


def test_what_another_live_access_needs_stays(central, number):
    second = central.held(event="e-2", reader="data-scientist")
    before = list(central.lake.grants)
    central.revoke(number)
    assert central.revoke_grants(number).revoked == 0
    assert central.lake.grants == before

    central.revoke(second)
    assert central.revoke_grants(second).revoked == 2
    assert central.lake.grants == []


def test_a_permission_that_only_this_one_needs_goes_alone(central):
    describe = central.held(event="e-2", permission="DESCRIBE", reader="data-scientist")
    number = central.held()
    central.revoke(number)
    central.revoke_grants(number)

    held = {permission for _, permissions in central.granted() for permission in permissions}
    assert (held, central.access(describe).status) == ({"DESCRIBE"}, "live")


@pytest.mark.parametrize("status", ["ending", "requested", "waiting"])
def test_an_access_that_ends_too_or_is_not_granted_keeps_nothing(central, number, status):
    second = central.held(event="e-2", reader="data-scientist")
    central.change(second, status, granted=status == "ending")
    central.revoke(number)
    central.revoke_grants(number)
    assert central.lake.grants == []


def test_another_account_with_the_same_keeps_its_own(central, number):
    central.registry.put_member(a_member(OTHER_CONSUMER, "consumer", domains=("risk",)))
    central.held(by=OTHER_CONSUMER, event="e-2")
    central.revoke(number)
    central.revoke_grants(number)

    assert (central.granted(), len(central.granted(OTHER_CONSUMER))) == ([], 2)


def test_what_it_holds_as_the_products_owner_stays():
    central = Central()
    central.registry.put_member(a_member(CONSUMER, "both", domains=("risk",)))
    central.registry.products[PRODUCT] = a_product(owner=CONSUMER)
    number = central.held()
    databases = [each for each in central.lake.grants if "DATABASE" in json.dumps(each)]
    central.revoke(number)
    central.revoke_grants(number)

    assert central.lake.grants == databases, "DESCRIBE by product= is its right to fill the product"


def test_its_filter_goes_and_that_of_others_stays():
    central = Central()
    first = central.held(rows="hoehe > 1000")
    second = central.held(event="e-2", rows="hoehe > 2000")
    central.revoke(first)
    central.revoke_grants(first)

    assert [name for _, _, name in central.lake.filters] == [f"mesh-{second}"]
    assert f"mesh-{first}" not in json.dumps(central.lake.grants)


def test_taking_back_is_repeatable(central, number):
    central.revoke(number)
    for _ in range(2):
        central.revoke_grants(number)
    assert central.lake.grants == []
    assert [step.what for step in central.access(number).history].count("ended (revoked)") == 1


def test_nothing_is_revoked_of_an_access_never_granted():
    central = Central(secret())
    number = central.waiting()
    central.revoke(number)
    central.lake.revoke = None
    assert not central.revoke_grants(number).granted
    assert central.access(number).status == "ended"


def test_while_somebody_grants_to_the_account_it_waits(central, number):
    central.revoke(number)
    central.locks.elsewhere.add(f"grants-{CONSUMER}")
    with pytest.raises(ConcurrentChange):
        central.revoke_grants(number)


def test_after_its_end_the_same_access_may_be_requested_again(central, number):
    central.revoke(number)
    central.revoke_grants(number)
    again = central.held(event="e-2")
    assert (central.access(again).status, len(central.lake.grants)) == ("live", 2)


def test_an_approved_access_is_ended_like_any_other():
    central = Central(credit_card({"hoehe": CONFIDENTIAL}))
    number = central.waiting()
    central.decision(number)
    central.revoke(number, by=PRODUCER)
    central.accesses.keep_token(number, "ready", "t-ready")
    central.revoke(number, by=PRODUCER)
    assert (central.access(number).status, central.accesses.token(number, "ready")) == ("ending", None)
