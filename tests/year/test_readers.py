"""The year's own checks can fail: what was seen against what might be seen at that moment."""

from typing import Any, cast

import pytest

from tests.year.readers import Place, Readers, Seen

PLACE = Place("DataAnalyst", "loans", "t1")


def answered(columns: str, began: float, ended: float, rows: int | None = 1) -> Readers:
    """One answer. A change from 10 to 20 let `id` be seen, one from 30 to 40 `amount` in its place."""
    history = {PLACE: [(10.0, 20.0, frozenset({"id"})), (30.0, 40.0, frozenset({"amount"}))]}
    seen = Seen(PLACE, frozenset(columns.split()), rows, began, ended)
    return Readers(cast(Any, None), seen=[seen], history=history)


@pytest.mark.parametrize(
    ("columns", "began", "ended"),
    [("", 1, 2), ("id", 9, 11), ("id", 15, 16), ("id", 21, 29), ("id amount", 25, 31), ("id amount", 35, 36),
     ("amount", 41, 42), ("id amount", 39, 41)],
)  # fmt: skip
def test_what_might_be_seen_before_or_after_a_change_that_goes_on_is_no_leak(
    columns: str, began: float, ended: float
) -> None:
    assert answered(columns, began, ended).leaks() == []


@pytest.mark.parametrize(
    ("columns", "began", "ended"),
    [("id", 1, 2), ("id", 1, 9), ("amount", 15, 16), ("amount", 21, 29), ("id", 41, 42), ("wage", 25, 45)],
)
def test_what_might_not_be_seen_at_any_moment_of_the_question_is_a_leak(
    columns: str, began: float, ended: float
) -> None:
    assert answered(columns, began, ended).leaks() == [f"{PLACE}: {columns}"]


def test_rows_of_no_version_are_told_and_a_refusal_has_none() -> None:
    assert answered("id", 21, 22, rows=3).unrecorded({PLACE: {1, 2}}) == [f"{PLACE}: 3 rows"]
    assert answered("id", 21, 22, rows=2).unrecorded({PLACE: {1, 2}}) == []
    assert answered("", 1, 2, rows=None).unrecorded({PLACE: set()}) == []
