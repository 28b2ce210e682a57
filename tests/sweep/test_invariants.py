"""Each invariant of the sweep holds of a mesh in order, and is violated by what it is about."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from mesh.domain.contracts.product import ProductVersion, TableSnapshot

from tests.builders import CONSUMER, PRODUCER, PRODUCT, an_access
from tests.fakes import NOON
from tests.sweep.invariants import INVARIANTS, violations
from tests.sweep.state import MeshState, Notice, Seen

LAST, FIRST = "s3://b/credit-card/published/t/metadata/2.json", "s3://b/credit-card/published/t/metadata/1.json"


def version(number: int, metadata: str) -> ProductVersion:
    return ProductVersion(
        product=PRODUCT, version=number, run=f"r{number}", correlation_id="c", contract_version="1",
        tables=(TableSnapshot(table="t", columns=(), metadata=metadata),), changes=(), published=NOON,
    )  # fmt: skip


def in_order(**changes: Any) -> MeshState:
    """Two versions, the first one pinned, read by the consumer, whose access is live; `changes` are the product's."""
    live = an_access(status="live")
    seen = Seen(
        versions=(version(1, FIRST), version(2, LAST)),
        pointers={"t": LAST, "t__v1": FIRST},
        pins={1: "ready"},
        subscribers=(CONSUMER,),
        accesses=(live,),
        rows={"t": (1, 2), "t__v1": (1,)},
        uploaded=frozenset({1, 2, 3}),
        swung=(1.0, 5.0),
        announced=(2.0, 6.0),
    )
    notices = [(account, number) for account in (PRODUCER, CONSUMER) for number in (1, 2)]
    return MeshState(
        products={PRODUCT: replace(seen, **changes)},
        notices=tuple(Notice(account, PRODUCT, number, NOON) for account, number in notices),
        grants=frozenset({PRODUCT}),
        local_grants=frozenset({PRODUCT}),
        links=frozenset({PRODUCT}),
        shares=frozenset({PRODUCT}),
        schedules=(f"mesh-{live.id}-end",),
    )


def test_a_mesh_in_order_violates_nothing() -> None:
    assert violations(in_order()) == []


OVER = an_access(status="ended", granted=True)
BROKEN: dict[str, tuple[MeshState, str]] = {
    "granted by central": (in_order(accesses=(OVER,)), "no_grant_without_a_current_approval"),
    "granted to the analyst": (
        replace(in_order(accesses=()), grants=frozenset(), links=frozenset()), "no_grant_without_a_current_approval"
    ),
    "live and not granted": (replace(in_order(), grants=frozenset()), "a_live_access_is_granted"),
    "live without a link": (replace(in_order(), links=frozenset()), "a_live_access_is_granted"),
    "announced too early": (in_order(announced=(0.5, 6.0)), "no_notice_before_the_data_can_be_read"),
    "announced twice": (
        replace(in_order(), notices=(*in_order().notices, Notice(CONSUMER, PRODUCT, 2, NOON + timedelta(1)))),
        "one_notice_for_each_version_and_consumer",
    ),
    "announced to the owner twice": (
        replace(in_order(), notices=(*in_order().notices, Notice(PRODUCER, PRODUCT, 2, NOON + timedelta(1)))),
        "one_notice_for_each_version_and_consumer",
    ),
    "not announced": (
        replace(in_order(), notices=in_order().notices[:-1]), "one_notice_for_each_version_and_consumer"
    ),
    "announced and not published": (
        in_order(versions=(version(2, LAST),), pointers={"t": LAST}, pins={}),
        "one_notice_for_each_version_and_consumer",
    ),
    "in a queue": (replace(in_order(), queues={"consumer/InboxQueue": 1}), "every_event_is_done_or_kept"),
    "still running": (replace(in_order(), running=("central roll-back r",)), "every_event_is_done_or_kept"),
    "leased": (in_order(lease="arn:run"), "no_orphans"),
    "pending": (in_order(pending=("k",)), "no_orphans"),
    "pinned table": (in_order(pins={}), "no_orphans"),
    "pin without a table": (in_order(pointers={"t": LAST}), "no_orphans"),
    "half a pin": (in_order(pins={1: "preparing"}), "no_orphans"),
    "share": (
        replace(
            in_order(accesses=(OVER,), subscribers=()),
            grants=frozenset(), local_grants=frozenset(), links=frozenset(), schedules=(),
        ),
        "nothing_of_an_access_that_is_over",
    ),
    "a row twice": (in_order(rows={"t": (1, 2, 2)}), "every_row_can_be_read_once"),
    "a row of nobody's": (in_order(rows={"t": (1, 7)}), "every_row_can_be_read_once"),
    "a file that is gone": (in_order(rows={"t": None}), "every_row_can_be_read_once"),
    "link": (replace(in_order(accesses=(OVER,)), schedules=()), "nothing_of_an_access_that_is_over"),
    "subscription": (
        replace(
            in_order(accesses=(OVER,)), grants=frozenset(), local_grants=frozenset(), links=frozenset(), schedules=()
        ),
        "nothing_of_an_access_that_is_over",
    ),
    "half an access": (
        in_order(accesses=(an_access(status="live"), an_access("ac-2", status="ending"))),
        "nothing_of_an_access_that_is_over",
    ),
    "schedule": (
        replace(
            in_order(accesses=(OVER,), subscribers=()),
            grants=frozenset(), local_grants=frozenset(), links=frozenset(),
        ),
        "nothing_of_an_access_that_is_over",
    ),
    "lock": (replace(in_order(), locks=("LOCK#x",)), "no_orphans"),
    "token": (replace(in_order(), tokens=("WAIT#x",)), "no_orphans"),
    "another file": (
        in_order(pointers={"t": "s3://b/other.json", "t__v1": FIRST}), "nothing_readable_that_was_not_accepted"
    ),
    "an older version": (in_order(pointers={"t": FIRST, "t__v1": FIRST}), "nothing_readable_that_was_not_accepted"),
    "a pinned table of another version": (
        in_order(pointers={"t": LAST, "t__v1": LAST}), "nothing_readable_that_was_not_accepted"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_each_violation_is_found(name: str) -> None:
    state, invariant = BROKEN[name]
    broken = {each.__name__ for each in INVARIANTS if list(each(state))}
    assert invariant in broken


def test_every_invariant_can_fail() -> None:
    assert {invariant for _, invariant in BROKEN.values()} == {each.__name__ for each in INVARIANTS}
