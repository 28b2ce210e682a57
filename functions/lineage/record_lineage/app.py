"""Record what runs did as OpenLineage events: from the lineage queue, decoupled from everything that moves data."""

import json
from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from mesh.domain.lineage.model import Place, StepRun
from mesh.domain.lineage.orders import Orders, PromoteOrder, ProveOrder, PublishOrder
from mesh.entry import wiring
from mesh.entry.observability import entry_point, logger
from mesh.entry.settings import LineageSettings, load
from mesh.usecases.lineage.record_lineage import keep, proof_runs, publication_runs
from mesh.usecases.onboarding.round_lineage import promotion_runs
from mesh.usecases.onboarding.rounds import ProductFacts

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


class Settings(LineageSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """SQS records of orders → the ids of those that failed, for SQS to redeliver, and finally to move to the DLQ."""
    return process_partial_response(event=event, record_handler=_record, processor=processor, context=context)


def _record(record: SQSRecord) -> None:
    try:
        _tell(record)
    except Exception:
        # The batch processor swallows the error; without this line nobody could see why an order fails.
        logger.exception("lineage order failed", extra={"order": record.body})
        wiring.lineage_transport.cache_clear()  # its token may have been replaced
        raise


def _tell(record: SQSRecord) -> None:
    settings = load(Settings)
    for product, runs in _runs(json.loads(record.body), settings):
        log, transport = wiring.lineage(settings), wiring.lineage_transport(settings)
        recorded = keep(product, runs, log=log, transport=transport)
        logger.info("lineage recorded", extra={"product": product, "events": recorded})


def _runs(body: dict[str, Any], settings: Settings) -> Iterator[tuple[str, list[StepRun]]]:
    place = Place(settings.account_id, settings.aws_region)
    match Orders.validate_python(body, extra="ignore"):
        case PromoteOrder() as order:
            work = wiring.work(settings.work_bucket)
            yield order.product, promotion_runs(order, place=place, facts=_facts(order.product, settings), work=work)
        case PublishOrder() as order:
            yield order.product, publication_runs(order, place=place, registry=wiring.registry(settings))
        case ProveOrder() as order:
            from mesh.entry import receiver_wiring  # noqa: PLC0415 - consumers alone

            accesses = receiver_wiring.consumer_accesses(settings)
            yield from proof_runs(order, place=place, accesses=accesses).items()


def _facts(product: str, settings: Settings) -> ProductFacts:
    return ProductFacts.model_validate(wiring.uploads(settings).product(product) or {})
