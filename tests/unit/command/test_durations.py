"""Ends of an access as people write them."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.durations import parse_duration, parse_until, remaining
from cli.output import CommandFailed

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-31", datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ("2027-01-31T12:00Z", datetime(2027, 1, 31, 12, 0, tzinfo=UTC)),
        ("2027-01-31T12:00", datetime(2027, 1, 31, 12, 0, tzinfo=UTC)),
        ("2027-01-31 12:00+02:00", datetime(2027, 1, 31, 10, 0, tzinfo=UTC)),
        ("90d", NOW + timedelta(days=90)),
        ("12h", NOW + timedelta(hours=12)),
        ("30m", NOW + timedelta(minutes=30)),
        (" 90s ", NOW + timedelta(seconds=90)),
        ("2w", NOW + timedelta(weeks=2)),
    ],
)
def test_dates_moments_and_durations(text, moment):
    assert parse_until(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "soon", "90", "0d", "-1d", "2027-02-30", "90 days", "9999999d", "999999w"])
def test_an_invalid_end_names_the_value_and_the_accepted_forms(text):
    with pytest.raises(CommandFailed) as caught:
        parse_until(text, NOW)
    assert caught.value.code == "InvalidUntil"
    assert caught.value.message == f"invalid --until: {text!r} is not a date, a timestamp or a duration such as 90d"
    assert "90d" in caught.value.remedy


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (timedelta(0), "expired"),
        (timedelta(seconds=40), "40 s"),
        (timedelta(minutes=12, seconds=3), "12 min"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(days=30, seconds=-3), "30 days"),
    ],
)
def test_what_is_left_in_its_largest_unit(left, text):
    assert remaining(NOW + left, NOW) == text


@pytest.mark.parametrize(
    ("text", "days"), [("30d", 30), (" 2w ", 14), ("12h", 0.5), ("90s", 90 / 86_400), ("30m", 30 / 1440)]
)
def test_a_duration_by_itself(text, days):
    assert parse_duration(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "d", "0d", "-1d", "1.5d", "30", "2027-01-31", "1y"])
def test_what_is_not_a_duration_is_said_to_be_none(text):
    with pytest.raises(CommandFailed, match="is not a duration"):
        parse_duration(text)
