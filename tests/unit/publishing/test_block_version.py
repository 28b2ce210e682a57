"""A crawled version is held back: its owner is notified, with the readers that it would affect."""

from mesh.domain.events import Metadata, Reason
from mesh.usecases.publishing.block_version import notify_held

from tests.builders import CONSUMER, PRODUCER, PRODUCT
from tests.unit.access.central_accesses import Central, loans
from tests.unit.access.requests import credit_card


def test_a_held_back_crawl_reports_the_affected_readers_to_its_owner():
    central = Central(credit_card(), loans())
    mine = central.held()
    central.held(event="e-9", product="loans")
    exposed = central.access(mine).decided.columns
    touched = exposed[0].removeprefix(f"{PRODUCT}.")
    refusal = {
        "code": "BreakingSchemaChange", "message": "gone", "remedy": "major",
        "where": {"columns": [touched, "credit_card.unheard"]},
    }  # fmt: skip

    product, cause = central.registry.product(PRODUCT), Metadata(id="e-1", correlation_id="c-1")
    held = notify_held(product, Reason(**refusal), cause, context=central.context, topics=central.topics)

    [reader] = held.where["readers"]
    assert (reader["account"], reader["access"], reader["columns"]) == (CONSUMER, mine, [touched])
    [notice] = central.notified(PRODUCER, "ProductQuarantined")
    assert notice["reason"]["where"]["readers_count"] == 1
    assert central.notified(CONSUMER, "ProductQuarantined") == []
