"""Uploaded objects, batched by SQS: record them, and start one run for each product. Scheduled, without any: find what
was uploaded without an event, and start the runs that are missing."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point, logger
from mesh.entry.s3_events import object_of
from mesh.entry.settings import OwnBusSettings, TableSettings, load
from mesh.usecases.onboarding.audit_landing import Auditing, audit_landing
from mesh.usecases.onboarding.collect_uploads import Arrival, Collected, collect_uploads
from mesh.usecases.onboarding.sweep_uploads import sweep_uploads


class Settings(TableSettings, OwnBusSettings):
    """The function's environment."""

    onboard_upload_arn: str
    data_bucket: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """SQS records of S3 events → those that are not S3 events, for the DLQ; rejected objects get a report. The
    schedule's call has none."""
    settings = load(Settings)
    arrivals, failed = _arrivals(event["Records"])
    if not event["Records"]:
        return _sweep(settings)
    collected = _collect(settings, arrivals)
    logger.info("collected", extra=collected.model_dump(exclude={"refused"}) | {"refused": len(collected.refused)})
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _collect(settings: Settings, arrivals: Sequence[Arrival]) -> Collected:
    return collect_uploads(
        arrivals,
        uploads=wiring.uploads(settings),
        raw=wiring.raw_uploads(settings),
        objects=wiring.objects(),
        executions=wiring.machine(settings.onboard_upload_arn),
        bus=wiring.bus(settings.own_bus_name),
        trace=wiring.trace(settings),
        clock=wiring.clock,
    )


def _sweep(settings: Settings) -> dict[str, Any]:
    """Before the audit, which may fail or take too long, and once more for what that has found."""
    uploads, trace, collect = wiring.uploads(settings), wiring.trace(settings), partial(_collect, settings)
    machine = wiring.machine(settings.onboard_upload_arn)
    sweep = partial(sweep_uploads, uploads=uploads, executions=machine, trace=trace, clock=wiring.clock)
    swept = sweep()
    audited = audit_landing(
        settings.data_bucket, using=Auditing(uploads, wiring.landing_objects(), trace, wiring.clock, collect)
    )
    started = (*swept.started, *(sweep().started if audited.missed else ()))
    found = swept.evolve(started=started).model_dump() | audited.model_dump()
    logger.info("swept", extra=found)
    return found


def _arrivals(records: list[dict[str, Any]]) -> tuple[list[Arrival], list[str]]:
    """What arrived, and the ids of messages that are no event of S3."""
    arrivals, failed = list[Arrival](), list[str]()
    for record in records:
        try:
            body = json.loads(record["body"])
            arrivals.append(Arrival(event_id=body["id"], ref=object_of(body)))
        except (ValueError, KeyError, TypeError):
            logger.exception("not an S3 event", extra={"message_id": record["messageId"]})
            failed.append(record["messageId"])
    return arrivals, failed
