"""Each kind of bad input about accesses: a stated refusal to who sent it, a record, and no grant left behind."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.access_driver import CONSUMER, OPEN, PRODUCER, SECRET, AccessDriver, access_request
from tests.mesh_driver import STRANGER, MeshDriver

PAST = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
TOO_FAR = (datetime.now(UTC) + timedelta(days=400)).isoformat()
MANY = ",".join(f"p{number}" for number in range(51))


@pytest.fixture(scope="module")
def products(deployed_mesh: MeshDriver) -> AccessDriver:
    driver = AccessDriver(deployed_mesh)
    driver.publish_samples()
    driver.end_all()
    return driver


@pytest.fixture
def accesses(mesh: MeshDriver, products: AccessDriver) -> Iterator[AccessDriver]:
    """Bad input is an outcome: no queue of what could not be processed gets anything, and nothing is granted by it."""
    grants, letters = products.grants(), mesh.dead_letters()
    yield products
    products.end_all()
    assert mesh.dead_letters_since(letters) == {}
    assert products.grants() == grants


@dataclass(frozen=True)
class Bad:
    """A request that comes to nothing, and the code of the reason. `opened`: it became an access, which is denied."""

    code: str
    asked: dict[str, Any] = field(default_factory=dict)
    opened: bool = False


BAD_REQUESTS = {
    "product": Bad("UnknownProduct", {"product": "no-such-product"}),
    "neither_product_nor_expression": Bad("AmbiguousRequest", {"product": None}),
    "both": Bad("AmbiguousRequest", {"expression": "pii=none"}),
    "table": Bad("NotInCatalog", {"table": "no_such_table"}, opened=True),
    "column": Bad("NotInCatalog", {"columns": ["no_such_column"]}, opened=True),
    "tag_key": Bad("UnknownLFTag", {"product": None, "expression": "colour=red"}),
    "tag_value": Bad("UnknownLFTag", {"product": None, "expression": "confidentiality=secret"}),
    "fifty_one_values": Bad("UnknownLFTag", {"product": None, "expression": f"product={MANY} pii=none"}),
    "too_many_bytes": Bad("InvalidExpression", {"product": None, "expression": f"product={'x' * 450} pii={'y' * 450}"}),
    "no_expression": Bad("InvalidExpression", {"product": None, "expression": "everything"}),
    "purpose": Bad("UnknownPurpose", {"purpose": "curiosity"}),
    "past": Bad("UntilInThePast", {"until": PAST}),
    "too_far": Bad("UntilTooFar", {"until": TOO_FAR}, opened=True),
    "no_zone": Bad("MalformedEvent", {"until": "2030-01-01T00:00:00"}),
    "permission": Bad("MalformedEvent", {"permission": "DROP"}),
    "reader": Bad("MalformedEvent", {"reader": "arn:aws:iam::333333333333:role/DataAnalyst"}),
    "sender_in_data": Bad("ForgedSender", {"account": PRODUCER}),
    "field": Bad("MalformedEvent", {"receiver": PRODUCER}),
}


@pytest.fixture(scope="module")
def bad_requests(products: AccessDriver) -> dict[str, str]:
    """All of them, asked at once: kind → the access that was requested."""
    return {kind: products.request(**{"product": OPEN, **bad.asked}) for kind, bad in BAD_REQUESTS.items()}


@pytest.mark.parametrize("kind", BAD_REQUESTS)
def test_a_bad_request_is_refused_with_its_reason(
    accesses: AccessDriver, bad_requests: dict[str, str], kind: str
) -> None:
    bad, access = BAD_REQUESTS[kind], bad_requests[kind]

    notice = accesses.notified(access, "AccessDenied")
    assert (notice["reason"]["code"], notice["receiver"]) == (bad.code, CONSUMER)
    assert notice["reason"]["message"]
    assert accesses.grant_run(access).outcome == "denied"
    if bad.opened:
        assert (accesses.record(access).status, accesses.record(access).granted) == ("denied", False)
        assert accesses.record(access).reason is not None
    else:
        recorded = [refusal["message"] for refusal in accesses.refusals() if refusal["code"] == bad.code]
        assert notice["reason"]["message"] in recorded
        assert access not in {each.id for each in accesses.all()}


def test_a_role_that_does_not_exist_is_found_by_its_own_account(accesses: AccessDriver) -> None:
    access = accesses.request(OPEN, reader="no-such-persona")

    accesses.wait(access, "ended")
    reason = accesses.notified(access, "AccessDenied")["reason"]
    assert (reason["code"], accesses.record(access).cause) == ("UnknownRole", "failed")
    accesses.nothing_left(access, OPEN, "no-such-persona")


def test_an_event_without_form_is_answered(mesh: MeshDriver, accesses: AccessDriver) -> None:
    before, known = len(accesses.refusals()), len(accesses.notices("consumer", "AccessDenied"))
    result = mesh.put_event("AccessRequested", {}, by="consumer", metadata={"id": 7})
    assert "ErrorCode" not in result

    mesh.until(lambda: len(accesses.notices("consumer", "AccessDenied")) > known, "the refusal")
    # What an earlier test asked for may be refused this late.
    assert [refusal["code"] for refusal in accesses.refusals()[before:]].count("MalformedEvent") == 1


def test_an_account_outside_the_mesh_is_ignored(mesh: MeshDriver, accesses: AccessDriver) -> None:
    for kind, data in (
        ("AccessRequested", access_request(OPEN)),
        ("RevocationRequested", {"access": "ac-0", "reason": "r"}),
    ):
        assert mesh.put_event(kind, data, by=STRANGER).get("ErrorCode") == "AccessDeniedException"
    assert accesses.refusals(STRANGER) == []


def test_a_producer_does_not_ask(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.request(OPEN, by="producer")

    assert accesses.notified(access, "AccessDenied", "producer")["reason"]["code"] == "NotAllowedForRole"
    assert "NotAllowedForRole" in [refusal["code"] for refusal in accesses.refusals(PRODUCER)]


# --- decisions --------------------------------------------------------------------------------------------------------


def test_only_stewards_decide(mesh: MeshDriver, accesses: AccessDriver) -> None:
    """The bus lets no other role of any account send a decision; an envelope tells the account alone."""
    access = accesses.waiting(SECRET)
    decision = {"access": access, "decision": "approve", "reason": "I would like to"}
    for account in ("consumer", "producer"):
        with pytest.raises((ClientError, AssertionError)) as refused:
            _put(mesh, account, decision)
        assert "AccessDenied" in str(refused.value) or "not authorized" in str(refused.value)
    assert accesses.record(access).status == "waiting"
    assert accesses.record(access).answers == ()


def _put(mesh: MeshDriver, account: str, decision: dict[str, Any]) -> None:
    """As the account's administrator, who may put any event that the bus takes."""
    result = mesh.put_event("AccessDecided", decision, by=account)
    assert "ErrorCode" not in result, result


def test_approve_twice_deny_after_approve_and_after_revoke(accesses: AccessDriver) -> None:
    access = accesses.waiting(SECRET)
    accesses.decide(access)
    accesses.wait(access, "live")
    for number, decision in enumerate(("approve", "deny"), start=1):
        accesses.decide(access, decision)
        assert accesses.notified(access, "DecisionRefused", "producer", number)["reason"]["code"] == "DecidedAlready"
    assert accesses.record(access).status == "live"
    accesses.end(access, by="producer")
    accesses.decide(access)
    assert accesses.notified(access, "DecisionRefused", "producer", 3)["reason"]["code"] == "DecidedAlready"
    assert accesses.record(access).status == "ended"


def test_approve_after_deny(accesses: AccessDriver) -> None:
    access = accesses.waiting(SECRET)
    accesses.decide(access, "deny")
    accesses.wait(access, "denied")
    accesses.decide(access)

    assert accesses.notified(access, "DecisionRefused", "producer")["reason"]["code"] == "DecidedAlready"
    assert "DecidedAlready" in [refusal["code"] for refusal in accesses.refusals(PRODUCER)]
    assert accesses.record(access).status == "denied"
    accesses.nothing_left(access, SECRET)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"until": (datetime.now(UTC) + timedelta(days=60)).isoformat()}, "ExceedsRequest"),
        ({"columns": ["t1.no_such_column"]}, "ExceedsRequest"),
        ({"account": CONSUMER}, "ForgedSender"),
        ({"decision": "perhaps"}, "MalformedEvent"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_approval_is_refused_and_a_good_one_still_counts(
    accesses: AccessDriver, more: dict[str, Any], code: str
) -> None:
    access = accesses.waiting(SECRET)
    accesses.decide(access, **{"decision": "approve", **more})

    assert accesses.notified(access, "DecisionRefused", "producer")["reason"]["code"] == code
    assert code in [refusal["code"] for refusal in accesses.refusals(PRODUCER)]
    assert accesses.record(access).status == "waiting"
    accesses.decide(access, "deny")
    accesses.wait(access, "denied")


def test_a_request_never_sent_to_owners_is_not_decided(accesses: AccessDriver) -> None:
    accesses.decide("ac-eeeeeeeeeeee")
    notice = accesses.notified("ac-eeeeeeeeeeee", "DecisionRefused", "producer")
    assert notice["reason"]["code"] == "UnknownAccess"


def test_an_answer_about_anothers_access_is_refused(accesses: AccessDriver) -> None:
    """The producer is not a consumer, and the access is not its own."""
    access = accesses.waiting(SECRET)
    accesses.send("AccessReady", {"access": access, "links": []}, by="producer")

    assert accesses.notified(access, "DecisionRefused", "producer")["reason"]["code"] == "MayNotAnswer"
    assert accesses.record(access).status == "waiting"


def test_an_expression_that_matches_nothing_today_is_allowed_and_said_so(accesses: AccessDriver) -> None:
    access = accesses.live(expression=f"product={OPEN} confidentiality=public pii=none")

    found = accesses.record(access).decided
    assert found is not None
    assert found.why.startswith("Nothing matches today.")
    assert found.columns == ()
    assert accesses.notified(access, "AccessGranted")["tables"] == []
    accesses.end(access)
    assert f'"{OPEN}"' not in json.dumps(accesses.grants())
