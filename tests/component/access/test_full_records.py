"""Whatever members say, the item of an access has room for its end: what is granted can be taken back."""

import random
import string

import pytest
from mesh.adapters.dynamodb.access_registry import DynamoAccessRegistry
from mesh.domain.access.record import MOST_DECIDED, Access
from mesh.domain.access.request import AmbiguousRequest
from mesh.domain.events import MembersReason

from tests.builders import PRODUCT
from tests.unit.access.central_accesses import Central
from tests.unit.access.requests import credit_card
from tests.unit.access.requests import table as a_table

WIDE = "𝄞"
"""Four bytes."""
LONGEST = MembersReason(code="ReaderSuspended", message=WIDE * 8_000, where={"a": "x" * 7_900}, remedy=WIDE * 8_000)


@pytest.fixture
def names():
    """Column names as long as Glue's, which no compression shortens by much."""
    drawn = random.Random(0)
    return ["".join(drawn.choices(string.ascii_lowercase + string.digits, k=250)) for _ in range(400)]


def central_of(table, names):
    central = Central(credit_card({}, a_table(PRODUCT, "wide", " ".join(names))))
    central.accesses = DynamoAccessRegistry(table)
    return central


def size(access: Access) -> int:
    return len(access.model_dump_json().encode())


def test_an_access_as_large_as_members_can_make_it_can_still_be_ended(table, names):
    central = central_of(table, names)
    number = central.requested(table="wide", columns=names[:265])
    central.decide(number)
    assert 0.9 * MOST_DECIDED < size(central.access(number)) <= MOST_DECIDED
    central.grant(number)
    ready = {"access": number, "links": ["rl_" + "x" * 250] * 5000, "proved_as": WIDE * 2048}
    assert central.answer(ready, "AccessReady").status

    for n in range(120):
        why = {"reason": LONGEST.model_dump()} if n % 2 else {}
        answer = {"access": number, "run": f"{n}", "asked": "2026-11-21T09:30:00Z", "grants": "a" * 64, **why}
        central.answer(answer, "AccessChecked")

    central.revoke(number, reason=WIDE * 1000)
    central.revoke_grants(number)

    assert central.access(number).status == "ended"
    assert central.granted() == []
    assert max(len(detail.encode()) for _, _, detail in central.topics.published) < 262_144


def test_one_whose_names_leave_no_room_is_denied_before_anything_is_granted(table, names):
    central = central_of(table, names)
    number = central.requested(table="wide", columns=names)

    with pytest.raises(AmbiguousRequest, match="too long"):
        central.decide(number)
