"""Uploaded objects, batched by SQS: record them, and start one run for each product."""

import json
from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point, logger
from mesh.entry.s3_events import object_of
from mesh.entry.settings import OwnBusSettings, TableSettings, load
from mesh.usecases.onboarding.collect_uploads import Arrival, collect_uploads
from mesh.usecases.onboarding.refusal_reports import report_refusal


class Settings(TableSettings, OwnBusSettings):
    """The function's environment."""

    onboard_upload_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """SQS records of S3 events → those that are not S3 events, for the DLQ; rejected objects get a report."""
    settings, arrivals, failures = load(Settings), [], []
    for record in event["Records"]:
        try:
            body = json.loads(record["body"])
            arrivals.append(Arrival(event_id=body["id"], ref=object_of(body)))
        except (ValueError, KeyError, TypeError):
            logger.exception("not an S3 event", extra={"message_id": record["messageId"]})
            failures.append({"itemIdentifier": record["messageId"]})
    collected = collect_uploads(
        arrivals,
        uploads=wiring.uploads(settings),
        raw=wiring.raw_uploads(settings),
        objects=wiring.objects(),
        executions=wiring.machine(settings.onboard_upload_arn),
        trace=wiring.trace(settings),
        clock=wiring.clock,
    )
    for item in collected.refused:
        bus, objects = wiring.bus(settings.own_bus_name), wiring.objects()
        product = item.ref.key.partition("/")[0] or "?"
        report_refusal(item.ref, item.reason, product=product, objects=objects, bus=bus, clock=wiring.clock)
    logger.info("collected", extra=collected.model_dump(exclude={"refused"}) | {"refused": len(collected.refused)})
    return {"batchItemFailures": failures}
