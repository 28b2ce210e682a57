"""One-time schedules of EventBridge Scheduler: arranged, moved, dropped, and deleting an absent one succeeds."""

import json
from datetime import UTC, datetime

import pytest
from mesh.adapters.schedules import OneTimeSchedules
from mesh.ports import Message, Target

WHEN = datetime(2026, 12, 24, 17, 30, 5, 999_000, tzinfo=UTC)
TARGET = Target(
    arn="arn:aws:states:us-east-1:111111111111:stateMachine:revoke-access",
    role_arn="arn:aws:iam::111111111111:role/Schedule",
    dlq_arn="arn:aws:sqs:us-east-1:111111111111:dlq",
)


@pytest.fixture
def scheduler(aws):
    return aws("scheduler")


@pytest.fixture
def schedules(scheduler):
    return OneTimeSchedules(scheduler)


def names(scheduler):
    return [each["Name"] for each in scheduler.list_schedules()["Schedules"]]


def test_it_is_called_once_at_that_second_and_then_forgotten(schedules, scheduler):
    schedules.at("ac-1-end", WHEN, TARGET, '{"ending": 1}')

    found = scheduler.get_schedule(Name="mesh-ac-1-end")
    assert found["ScheduleExpression"] == "at(2026-12-24T17:30:06)", "never too early"
    assert (found["ScheduleExpressionTimezone"], found["State"]) == ("UTC", "ENABLED")
    assert (found["FlexibleTimeWindow"], found["ActionAfterCompletion"]) == ({"Mode": "OFF"}, "DELETE")
    assert (found["Target"]["Arn"], found["Target"]["RoleArn"]) == (TARGET.arn, TARGET.role_arn)
    assert found["Target"]["Input"] == '{"ending": 1}'
    assert found["Target"]["DeadLetterConfig"] == {"Arn": TARGET.dlq_arn}


def test_a_message_is_published_by_scheduler_itself(schedules, scheduler):
    topic = "arn:aws:sns:us-east-1:111111111111:mesh-to-222222222222"
    schedules.publish_at("ac-1-warn", WHEN, topic, Message("AccessExpiring", '{"data": 1}'), TARGET)

    target = scheduler.get_schedule(Name="mesh-ac-1-warn")["Target"]
    assert target["Arn"] == "arn:aws:scheduler:::aws-sdk:sns:publish"
    assert (target["RoleArn"], target["DeadLetterConfig"]) == (TARGET.role_arn, {"Arn": TARGET.dlq_arn})
    assert json.loads(target["Input"]) == {
        "TopicArn": topic,
        "Message": '{"data": 1}',
        "MessageAttributes": {"detail-type": {"DataType": "String", "StringValue": "AccessExpiring"}},
    }


def test_one_that_is_arranged_already_is_moved(schedules, scheduler):
    schedules.at("ac-1-end", WHEN, TARGET, "{}")
    schedules.at("ac-1-end", WHEN.replace(year=2027), TARGET, '{"later": 1}')

    found = scheduler.get_schedule(Name="mesh-ac-1-end")
    assert (found["ScheduleExpression"], found["Target"]["Input"]) == ("at(2027-12-24T17:30:06)", '{"later": 1}')
    assert names(scheduler) == ["mesh-ac-1-end"]


def test_a_moment_of_another_zone_is_the_same_moment(schedules, scheduler):
    schedules.at("ac-1-end", datetime.fromisoformat("2026-12-24T18:30:05+01:00"), TARGET, "{}")

    assert scheduler.get_schedule(Name="mesh-ac-1-end")["ScheduleExpression"] == "at(2026-12-24T17:30:05)"


def test_one_is_dropped_and_the_others_stay(schedules, scheduler):
    schedules.at("ac-1-end", WHEN, TARGET, "{}")
    schedules.at("ac-2-end", WHEN, TARGET, "{}")

    for _ in range(2):
        schedules.drop("ac-1-end")

    assert names(scheduler) == ["mesh-ac-2-end"]
