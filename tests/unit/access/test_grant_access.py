"""Granting: no grant without an end, none to what ended meanwhile; live when the receiving account says it reads."""

import json
from datetime import timedelta

import pytest
from mesh.domain.access.overtaken import BecameStricter
from mesh.domain.access.record import AccessOver, UnknownAccess
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import MalformedEvent
from mesh.domain.membership.authorisation import ForgedSender, NotAllowedForRole, NotAMember
from mesh.usecases.access.grant_access import AccessExpired
from mesh.usecases.access.receive_answer import MayNotAnswer
from mesh.usecases.access_ends import warned_at

from tests.builders import CENTRAL, CONSUMER, OTHER_CONSUMER, PRODUCER, PRODUCT, REGION, STRANGER, a_member
from tests.fakes import NOON
from tests.unit.access.central_accesses import MONTH, PERSONAL, Central, an_envelope, loans
from tests.unit.access.requests import credit_card

OVER = ["ending", "ended", "denied"]


@pytest.fixture
def central():
    return Central()


@pytest.fixture
def number(central):
    """Allowed, and about to be granted."""
    found = central.requested()
    assert central.decide(found).effect == "allow"
    return found


@pytest.fixture
def shared(central, number):
    """Granted, and waited for."""
    central.grant(number)
    return number


@pytest.mark.parametrize(
    ("member", "error"),
    [
        (a_member(CONSUMER, "producer"), NotAllowedForRole),
        (a_member(CONSUMER, "consumer", status="pending"), NotAMember),
    ],
)
def test_an_account_that_is_no_consumer_any_more_is_granted_nothing(central, number, member, error):
    """Its membership may have changed after the decision, while the grant was retried."""
    central.registry.put_member(member)
    with pytest.raises(error):
        central.grant(number)
    assert (central.lake.grants, central.access(number).granted) == ([], False)


# --- the end ----------------------------------------------------------------------------------------------------------


def test_the_end_is_scheduled_before_anything_is_granted_and_the_warning_after_it(central, number):
    def busy(_):
        raise ConcurrentChange("busy")

    central.lake.grant = busy
    for _ in range(2):
        with pytest.raises(ConcurrentChange):
            central.grant(number)

    when, _, payload = central.schedules.planned[f"{number}-end"]
    assert when == MONTH
    assert json.loads(payload)["ending"]["cause"] == "expired"
    assert central.schedules.planned.keys() == {f"{number}-end"}
    assert central.lake.grants == []


@pytest.mark.parametrize(
    ("lasts", "before"), [(timedelta(days=365), timedelta(days=7)), (timedelta(hours=10), timedelta(hours=1))]
)
def test_the_warning_comes_a_week_before_or_after_nine_tenths(central, number, lasts, before):
    access = central.change(number, "granting", until=NOON + lasts)
    assert warned_at(access) == access.until - before


@pytest.mark.parametrize("status", OVER)
def test_no_end_is_arranged_for_what_is_over(central, number, status):
    central.change(number, status)
    with pytest.raises(AccessOver):
        central.grant(number)
    assert central.schedules.planned == {}


# --- granting ---------------------------------------------------------------------------------------------------------


def test_what_was_decided_is_granted_to_the_account_with_grant_option(central, number):
    found = central.grant(number)

    assert found.status == "sharing"
    assert [permissions for _, permissions in central.granted()] == [("DESCRIBE",), ("SELECT", "DESCRIBE")]
    assert all(each["Permissions"] == each["PermissionsWithGrantOption"] for each in central.lake.grants)
    assert "sensitive" not in json.dumps(central.lake.grants)
    access = central.access(number)
    assert access.granted
    assert [step.what for step in access.history[-2:]] == [f"granting 2 entries to account {CONSUMER}", "granted"]
    assert central.locks.taken == [f"grants-{CONSUMER}"]


def test_granting_is_repeatable(central, number):
    """The last attempt's token is the one that counts, and what it asks is one event."""
    central.grant(number)
    before = list(central.lake.grants)
    central.grant(number, token="t-again")
    assert central.lake.grants == before
    assert central.accesses.token(number, "ready") == "t-again"
    central.grant(number, token="t-again")
    published = [json.loads(detail) for _, kind, detail in central.topics.published if kind == "AccessGranted"]
    assert len({detail["metadata"]["id"] for detail in published}) == 2


def test_a_column_by_name_that_became_stricter_since_the_decision_is_not_granted(central):
    """Whoever tightened it looked before this access was recorded."""
    number = central.requested(table="credit_card", columns=["hoehe"])
    assert central.decide(number).effect == "allow"
    central.lake.on[PRODUCT, "credit_card", "hoehe"] = PERSONAL

    with pytest.raises(BecameStricter, match="hoehe"):
        central.grant(number)

    assert (central.lake.grants, central.access(number).status) == ([], "sharing")


def test_a_column_that_filters_rows_and_became_stricter_since_the_decision_filters_none(central):
    """Which rows there are says what is in it."""
    number = central.requested(table="credit_card", columns=["laufkont"], rows="hoehe > 1000")
    assert central.decide(number).effect == "allow"
    central.lake.on[PRODUCT, "credit_card", "hoehe"] = PERSONAL

    with pytest.raises(BecameStricter, match="hoehe"):
        central.grant(number)

    assert central.lake.grants == []


def test_columns_by_tags_are_granted_whatever_they_are_by_now(central, number):
    central.lake.on[PRODUCT, "credit_card", "hoehe"] = PERSONAL
    assert central.grant(number).status == "sharing"


def test_it_is_written_down_before_it_is_done(central, number):
    """So that a function which dies in between leaves something that is taken back."""

    class Broken(type(central.lake)):
        def grant(self, grants):
            raise RuntimeError("killed")

    central.lake = Broken()
    with pytest.raises(RuntimeError):
        central.grant(number)

    assert (central.access(number).status, central.access(number).granted) == ("sharing", True)


def test_columns_and_rows_get_a_filter_of_the_access_s_own():
    central = Central()
    number = central.requested(columns=["hoehe"], rows="hoehe > 1000")
    central.decide(number)
    central.grant(number)

    assert central.lake.filters == {(PRODUCT, "credit_card", f"mesh-{number}"): (("hoehe",), "hoehe > 1000")}
    assert [kind for resource, _ in central.granted() for kind in json.loads(resource)] == [
        "Database",
        "Table",
        "DataCellsFilter",
    ]


@pytest.mark.parametrize("status", OVER)
def test_what_ended_meanwhile_is_not_granted(central, number, status):
    central.change(number, status)
    with pytest.raises(AccessOver):
        central.grant(number)
    assert central.lake.grants == []


def test_a_revoke_that_comes_while_it_waits_for_the_lock_wins(central, number):
    hold = central.locks.hold

    def slow(name):
        central.change(number, "ending")
        return hold(name)

    central.locks.hold = slow
    with pytest.raises(AccessOver):
        central.grant(number)
    assert (central.lake.grants, central.access(number).granted) == ([], False)


def test_a_revoke_that_comes_while_it_grants_is_noticed(central, number):
    """What was granted by then is recorded, so that the revocation takes it back."""
    grant = central.lake.grant

    def slow(grants):
        grant(grants)
        central.revoke(number)

    central.lake.grant = slow
    with pytest.raises(ConcurrentChange):
        central.grant(number)
    with pytest.raises(AccessOver):
        central.grant(number)
    assert central.access(number).granted
    central.revoke_grants(number)
    assert central.lake.grants == []


def test_what_would_have_ended_by_now_is_not_granted(central, number):
    central.clock.at = MONTH
    with pytest.raises(AccessExpired):
        central.grant(number)
    assert (central.lake.grants, central.access(number).granted) == ([], False)


def test_while_somebody_else_grants_to_the_account_it_waits(central, number):
    central.locks.elsewhere.add(f"grants-{CONSUMER}")
    with pytest.raises(ConcurrentChange):
        central.grant(number)
    assert central.access(number).status == "granting"


def test_what_is_live_is_left_as_it_is(central, shared):
    central.live(shared)
    central.lake.grants.clear()
    assert central.grant(shared).status == "live"
    assert central.lake.grants == []


def test_what_was_never_decided_is_not_granted(central):
    with pytest.raises(UnknownAccess):
        central.grant(central.requested(purpose="audit"))
    with pytest.raises(UnknownAccess):
        central.grant("ac-ffffffffffff")


# --- telling the consumer ---------------------------------------------------------------------------------------------


def test_the_consumer_is_notified_of_everything_it_needs(central, shared):
    (notices,) = central.notified(CONSUMER, "AccessGranted")

    assert (notices["access"], notices["reader"], notices["catalog_id"], notices["region"]) == (
        shared,
        "DataAnalyst",
        CENTRAL,
        REGION,
    )
    assert notices["databases"] == [PRODUCT]
    assert notices["tables"] == [{"database": PRODUCT, "table": "credit_card", "columns": ["laufkont", "hoehe"]}]
    assert len(notices["entries"]) == 2
    assert any("gastarb" in each for each in notices["left_out"])
    assert central.accesses.token(shared, "ready") == "t-ready"
    assert "t-ready" not in json.dumps(notices)


def test_what_ends_while_it_is_being_scheduled_leaves_no_schedule(central, number):
    plan, ends = central.schedules.at, []

    def slow(name, *more):
        central.schedules.at = plan
        central.revoke(number)
        try:
            central.revoke_grants(number)
        except ConcurrentChange as busy:
            ends.append(busy)
        plan(name, *more)

    central.schedules.at = slow
    with pytest.raises((AccessOver, ConcurrentChange)):
        central.grant(number)
    assert ends, "the end waits for the grant"
    central.revoke_grants(number)
    assert (central.schedules.planned, central.access(number).status) == ({}, "ended")


def test_what_is_live_keeps_the_end_that_it_has(central, shared):
    """It may have been cut short since this attempt looked."""
    central.live(shared)
    central.schedules.planned.clear()
    central.grant(shared)
    assert central.schedules.planned == {}


def test_what_ends_while_its_token_is_stored_is_not_waited_for(central, number):
    keep = central.accesses.keep_token

    def slow(number, step, token, **more):
        if step == "ready":
            central.accesses.keep_token = keep
            central.revoke(number)
        keep(number, step, token, **more)

    central.accesses.keep_token = slow
    with pytest.raises(AccessOver):
        central.grant(number)
    assert central.notified(CONSUMER, "AccessGranted") == []
    assert (number, "ready") not in central.accesses.tokens


@pytest.mark.parametrize("status", OVER)
def test_an_ended_access_notifies_no_consumer(central, number, status):
    central.change(number, status)
    with pytest.raises(AccessOver):
        central.grant(number)
    assert central.notified(CONSUMER) == []


# --- the consumer's answer --------------------------------------------------------------------------------------------


def ready(number, **more):
    return {"access": number, "links": ["rl_credit-card"], "proved_as": "arn:role", **more}


def not_ready(number):
    return {"access": number, "reason": {"code": "UnknownRole", "message": "there is no such role"}}


def sent(central):
    return [(token, json.loads(output)) for token, output in central.answers.sent]


def test_ready_releases_the_run(central, shared):
    central.answer(ready(shared), "AccessReady")

    ((token, output),) = sent(central)
    assert (token, output) == ("t-ready", {"ready": True})
    assert central.accesses.token(shared, "ready") is None


def test_ready_makes_it_live_while_its_run_waits(central, shared):
    assert central.answer(ready(shared), "AccessReady").resumed

    assert central.access(shared).status == "live"
    assert list(central.registry.subscribers(PRODUCT)) == [CONSUMER]


def test_ready_after_the_run_has_given_up_makes_nothing_live(central, shared):
    central.end({"ending": {"access": shared, "cause": "failed"}})

    assert not central.answer(ready(shared), "AccessReady").resumed
    assert central.access(shared).status == "ending"
    assert list(central.registry.subscribers(PRODUCT)) == []


def test_each_attempt_asks_again_since_the_one_before_may_have_been_answered(central, shared):
    """The first attempt failed after it had notified the consumer, and its token resumes nothing any more."""
    central.answers.gone.add("t-ready")
    assert not central.answer(ready(shared), "AccessReady").resumed
    assert central.access(shared).status == "live"

    central.grant(shared, "t-second")

    assert len(central.notified(CONSUMER, "AccessGranted")) == 2
    assert central.answer(ready(shared), "AccessReady", event="e-10").resumed
    assert [token for token, _ in sent(central)] == ["t-second"]
    assert central.accesses.token(shared, "ready") is None


def test_not_ready_releases_the_run_with_its_reason(central, shared):
    central.answer(not_ready(shared), "AccessNotReady")

    ((_, output),) = sent(central)
    assert (output["ready"], output["reason"]["code"]) == (False, "UnknownRole")


def test_released_is_what_the_revocation_waits_for(central, shared):
    central.accesses.keep_token(shared, "released", "t-end")
    central.answer({"access": shared, "links_removed": ["rl_credit-card"]}, "AccessReleased")

    assert [token for token, _ in sent(central)] == ["t-end"]
    assert central.accesses.token(shared, "ready") == "t-ready"


def test_an_answer_twice_or_too_late_changes_nothing(central, shared):
    for _ in range(2):
        central.answer(ready(shared), "AccessReady")
    central.accesses.keep_token(shared, "ready", "t-gone")
    central.answers.gone.add("t-gone")
    central.answer(not_ready(shared), "AccessNotReady")

    assert len(central.answers.sent) == 1
    assert central.accesses.token(shared, "ready") is None
    assert central.registry.refused == []


@pytest.mark.parametrize(
    ("by", "refusal"), [(OTHER_CONSUMER, MayNotAnswer), (PRODUCER, MayNotAnswer), (STRANGER, NotAMember)]
)
def test_only_the_account_that_was_granted_answers(central, shared, by, refusal):
    central.registry.put_member(a_member(OTHER_CONSUMER, "consumer"))
    with pytest.raises(refusal):
        central.answer(ready(shared), "AccessReady", by=by)

    assert central.answers.sent == []
    assert central.accesses.token(shared, "ready") == "t-ready"
    assert [account for account, _, _ in central.registry.refused] == [by]


def test_malformed_forged_and_unknown_answers_are_rejected_and_reported(central, shared):
    with pytest.raises(MalformedEvent):
        central.answer({"access": shared}, "AccessReady")
    with pytest.raises(UnknownAccess):
        central.answer(ready("ac-ffffffffffff"), "AccessReady")
    with pytest.raises(ForgedSender):
        central.answer(ready(shared, account=CENTRAL), "AccessReady")

    codes = [notice["reason"]["code"] for notice in central.notified(CONSUMER, "DecisionRefused")]
    assert codes == ["MalformedEvent", "UnknownAccess", "ForgedSender"]
    assert central.answers.sent == []


# --- live -------------------------------------------------------------------------------------------------------------


def test_a_live_access_is_notified_of_each_version(central, shared):
    for _ in range(2):
        assert central.live(shared, proved_as="arn:role").status == "live"

    assert list(central.registry.subscribers(PRODUCT)) == [CONSUMER]
    assert [step.what for step in central.access(shared).history].count("ready, verified by arn:role") == 1


def test_an_account_that_asks_for_no_notices_is_not_subscribed_by_an_answer_that_comes_again(central, shared):
    central.live(shared)
    central.registry.follow_request(PRODUCT, CONSUMER, wanted=False, asked=central.clock.now())
    central.clock.move(timedelta(minutes=5))
    central.live(shared)
    assert list(central.registry.subscribers(PRODUCT)) == []


def test_an_expression_subscribes_to_each_exposed_product():
    central = Central(credit_card(), loans())
    number = central.held(expression="confidentiality=internal pii=none")

    assert central.access(number).products() == (PRODUCT, "loans")
    assert list(central.registry.subscribers("loans")) == list(central.registry.subscribers(PRODUCT)) == [CONSUMER]


@pytest.mark.parametrize("status", OVER)
def test_what_ended_meanwhile_does_not_come_alive(central, shared, status):
    central.change(shared, status)
    with pytest.raises(AccessOver):
        central.live(shared)
    assert list(central.registry.subscribers(PRODUCT)) == []


# --- the warning ------------------------------------------------------------------------------------------------------


def test_the_warning_is_a_message_on_the_receivers_topic_and_the_same_when_the_step_is_repeated(central, shared):
    first = central.schedules.planned[f"{shared}-warn"]
    central.grant(shared)

    when, target, message = central.schedules.planned[f"{shared}-warn"]
    assert (when, target, message) == first
    assert when == MONTH - timedelta(days=3)
    assert target.arn == central.registry.member(CONSUMER).topic_arn
    data = json.loads(message)["data"]
    assert (data["access"], data["receiver"], data["reader"]) == (shared, CONSUMER, "DataAnalyst")


def test_events_that_central_sends_belong_to_the_request_s_story(central, shared):
    detail = json.loads(central.topics.published[-1][2])
    assert detail["metadata"]["correlation_id"] == an_envelope({}, "x").detail["metadata"]["correlation_id"]
    assert detail["metadata"]["causation_id"] == "e-1"


# --- whether the reader reads -----------------------------------------------------------------------------------------


def checked(number, run="run-1", asked="2026-11-21T09:30:00Z", **more):
    return {"access": number, "run": run, "asked": asked, **more}


def test_what_the_account_says_of_its_reader_is_kept_with_the_access(central, shared):
    central.answer(ready(shared), "AccessReady")
    reason = {"code": "ReaderSuspended", "message": "the role is gone"}

    assert not central.answer(checked(shared, reason=reason), "AccessChecked").resumed
    assert central.access(shared).checked.suspended
    assert central.access(shared).history[-1].what.startswith("suspended")

    central.answer(checked(shared, "run-2", "2026-11-21T10:30:00Z"), "AccessChecked")
    assert (central.access(shared).checked.reason, central.access(shared).history[-1].what) == (None, "resumed")


def test_an_answer_to_an_earlier_question_changes_nothing(central, shared):
    central.answer(checked(shared, "run-2", "2026-11-21T10:30:00Z"), "AccessChecked")
    before = central.access(shared)

    central.answer(checked(shared, reason={"code": "ProofFailed", "message": "late"}), "AccessChecked")
    central.answer(checked(shared, "run-2", "2026-11-21T10:30:00Z"), "AccessChecked")

    assert central.access(shared) == before


def test_what_the_account_has_passed_on_is_kept_also_from_an_earlier_answer(central, shared):
    central.answer(checked(shared, "run-2", "2026-11-21T10:30:00Z"), "AccessChecked")

    central.answer(checked(shared, grants="ab12"), "AccessChecked")

    assert (central.access(shared).passed_on, central.access(shared).checked.run) == ("ab12", "run-2")


def test_an_account_that_could_not_pass_it_on_has_not(central, shared):
    central.answer(checked(shared, grants="ab12", reason={"code": "LinkTaken", "message": "taken"}), "AccessChecked")

    assert central.access(shared).passed_on == ""


def test_an_answer_to_a_question_of_tomorrow_is_refused(central, shared):
    """It would be the newest for good."""
    with pytest.raises(MayNotAnswer):
        central.answer(checked(shared, asked="2027-01-01T00:00:00Z"), "AccessChecked")
    assert central.access(shared).checked is None


def test_an_access_that_ends_is_not_written_to_by_its_account(central, shared):
    central.change(shared, "ending")
    before = central.access(shared)

    central.answer(checked(shared, reason={"code": "ReaderSuspended", "message": "gone"}, grants="ab"), "AccessChecked")

    assert central.access(shared) == before


@pytest.mark.parametrize("part", ["message", "remedy", "where", "code"])
def test_a_reason_that_never_ends_is_refused_and_one_of_a_members_own_functions_is_not(central, shared, part):
    def said(length):
        return {"code": "ProofFailed", "message": "no", part: {"a": "é" * length} if part == "where" else "é" * length}

    for kind, data in (("AccessChecked", checked(shared)), ("AccessNotReady", {"access": shared})):
        with pytest.raises(MalformedEvent, match=f"reason.{part}"):
            central.answer(data | {"reason": said(8_001)}, kind)
    assert central.access(shared).checked is None
    assert [each["reason"]["code"] for each in central.notified(CONSUMER, "DecisionRefused")] == ["MalformedEvent"] * 2

    central.answer(checked(shared, reason=said(128 if part == "code" else 1_200)), "AccessChecked")
    assert central.access(shared).checked.reason.code


def test_a_reader_that_comes_and_goes_fills_no_record(central, shared):
    for n in range(200):
        gone = {"reason": {"code": "ReaderSuspended", "message": "gone"}} if n % 2 else {}
        central.answer(checked(shared, f"run-{n}", **gone), "AccessChecked")

    steps = [step.what for step in central.access(shared).history]
    assert len(steps) == 50
    assert steps[0].startswith("requested for")
    assert "granted" in steps
    assert steps[-1] == "suspended: its reader's role is gone"


def test_only_the_account_of_the_reader_says_whether_it_reads(central, shared):
    central.registry.put_member(a_member(OTHER_CONSUMER, "consumer"))
    with pytest.raises(MayNotAnswer):
        central.answer(checked(shared), "AccessChecked", by=OTHER_CONSUMER)
    assert central.access(shared).checked is None
