"""Accesses to very many tables and columns, wherever AWS has a limit; to more than that they are refused."""

import pytest
from mesh.domain.access.decision import MAX_EXPOSED
from mesh.domain.access.record import Access, Decided
from mesh.domain.access.request import AmbiguousRequest
from mesh.domain.events import AccessGranted, DecisionRequested, Event
from mesh.domain.governance.catalog_snapshot import Database

from tests.builders import an_access
from tests.fakes import NOON
from tests.unit.access.requests import CENTRAL, CONSUMER, PRODUCER, decided, lake_of, table, tags

STATE, ITEM, ROOM = 262_144, 400 * 1024, 20_000


def wide(tables: int, columns: int, start: int = 0) -> Database:
    names = " ".join(f"column_{n}" for n in range(columns))
    made = [table("credit-card", f"table_{n}", names) for n in range(start, tables)]
    return Database("credit-card", tags("credit-card"), {each.name: each for each in made})


def announced(found: Decided) -> str:
    event = AccessGranted(
        access="ac-000000000001", receiver=CONSUMER, reader="DataAnalyst", catalog_id=CENTRAL, region="us-east-1",
        entries=found.entries, databases=found.databases, tables=found.tables[:1], what="w", purpose="p", until=NOON,
    )  # fmt: skip
    return Event[AccessGranted](data=event).model_dump_json()


def asked(found: Decided) -> str:
    question = DecisionRequested(
        access="ac-000000000001", receiver=CONSUMER, receiver_domains=("risk",), reader="r", what="w", purpose="p",
        until=NOON, exposure=found.exposure, rule="r", why="w", approvers=(PRODUCER,), answer_by=NOON, how="h",
    )  # fmt: skip
    return Event[DecisionRequested](data=question).model_dump_json()


CASES = {
    "a table of 5,000 columns": (wide(1, 5_000), {}),
    "half of them by name": (wide(1, 2_000), {"columns": tuple(f"column_{n}" for n in range(1_000)), "expression": ""}),
    "150 tables": (wide(150, 300), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_record_fits_into_an_item_and_its_events_into_a_message(case):
    database, given = CASES[case]
    if "columns" in given:
        given = {"table": "table_0", "columns": given["columns"], "product": "credit-card"}
    found = decided(lake_of(database), **given)
    assert found.columns
    record = an_access(decided=found).model_dump_json()
    assert len(record) < ITEM - ROOM
    assert Access.model_validate_json(record).decided == found
    assert len(announced(found)) < STATE - ROOM
    assert len(asked(found)) < STATE - ROOM


def test_an_access_to_more_columns_than_its_record_holds_is_refused():
    with pytest.raises(AmbiguousRequest, match=f"60,000 columns in 12 tables, one access may be of {MAX_EXPOSED:,}"):
        decided(lake_of(wide(12, 5_000)))
