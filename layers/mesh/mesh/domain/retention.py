"""How long records are kept once they are over, and why: all that grows, in one place.

What is in force has no end: live accesses, versions that are kept, products, members, pins, what was found in columns,
undecided batches. `docs/retention.md` says what else is kept for how long.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Literal

EVENT_RETRIES: Final = timedelta(days=1)
"""EventBridge retries a delivery for 24 hours: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
QUEUED: Final = timedelta(days=14)
"""The longest that SQS keeps a message, and that Meshwork's queues keep theirs."""
QUEUES_ON_THE_WAY: Final = 3
"""Queues that an event can lie in between its sender and its effect: EventDlq, a member's inbox or its dead letter
queue, FailedRuns. There is no archive from which events would be replayed."""
LONGEST_REDELIVERY: Final = EVENT_RETRIES + QUEUES_ON_THE_WAY * QUEUED
"""The latest that an event can come again. Whatever recognises it has to be there still."""
LONGEST_RUN: Final = timedelta(days=366)
"""A Standard execution ends after a year, and the wait for its task token with it."""
LEAST_DAYS: Final = 60
"""The least that both periods can be set to: longer than LONGEST_REDELIVERY, so that every record that is over may be
needed to recognise an event, and none need be looked at on its own."""

type Period = Literal["history", "records", "run"]


@dataclass(frozen=True)
class Retention:
    """The periods of a deployment: the parameters HistoryDays and RecordDays.

    `history` is what auditors and owners look up: by default 400 days, so that a yearly audit sees the whole year.
    `records` are of use while something is being processed, or looked into: by default 90 days.
    """

    history: timedelta = timedelta(days=400)
    records: timedelta = timedelta(days=90)


class Kind(Enum):
    """A kind of record that grows: its period, and since when it runs."""

    ENDED_ACCESS = "history", "the access ended, or was denied"
    ENDED_VERSION = "history", "its owner was told to delete its files"
    REPLACED_HIVE_VERSION = "history", "the next version of the table was recorded"
    ROLLBACK = "history", "it was requested"
    NOTICE = "history", "it arrived"
    DECIDED_BATCH = "history", "it was released, rejected or superseded"
    REPORT = "history", "it was written; of what was held back, the batch was decided"
    LINEAGE = "history", "the event's time"
    TRACE = "records", "the entry was written"
    REFUSAL = "records", "the event was refused"
    RECEIVED_EVENT = "records", "it arrived"
    SENT_NOTICE = "records", "it was sent"
    PROPOSAL = "records", "it arrived; once it is answered, since its answer"
    COMMIT = "records", "it was decided"
    RUN_OF_VERSION = "records", "the version was recorded"
    RELEASE_TICKET = "records", "its owner released the object"
    DELETED_OBJECT = "records", "the deletion was known"
    TASK_TOKEN = "run", "it was kept"

    def __init__(self, period: Period, since: str) -> None:
        self.period, self.since = period, since

    def kept(self, retention: Retention) -> timedelta:
        """How long."""
        return {"history": retention.history, "records": retention.records, "run": LONGEST_RUN}[self.period]

    def expires(self, retention: Retention, since: datetime) -> int:
        """When, in whole seconds since 1970, as DynamoDB's time to live has it."""
        return int((since + self.kept(retention)).timestamp())
