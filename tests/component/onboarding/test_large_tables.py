"""A table of very many objects: what each further batch reads and writes of it."""

import pytest
from mesh.domain.onboarding.batches import CheckedBatch, IndexEntry
from mesh.usecases.onboarding.batches import checked_path

from tests.builders import PRODUCT, REGION
from tests.pipeline import Pipeline, contract_of

MANY = 100_000


@pytest.fixture
def pipeline(aws):
    return Pipeline(aws("s3", region_name=REGION), contract_of({"id": "bigint"}))


def with_many_sources(pipeline: Pipeline) -> None:
    """As if the checked batch had been of so many objects, all but one without rows."""
    path = checked_path(pipeline.round.work)
    batch = CheckedBatch.model_validate_json(pipeline.work.documents[path])
    [table] = batch.tables
    empty = (
        IndexEntry(key=f"{PRODUCT}/data/t/{number:06d}.csv", version_id="v" * 32, etag=f"{number:032x}", size=99)
        for number in range(MANY)
    )
    many = table.evolve(sources=(*table.sources, *empty))
    pipeline.work.documents[path] = batch.evolve(tables=(many,)).model_dump_json()


def test_a_table_of_100000_objects_takes_one_more(pipeline):
    pipeline.put("a.csv", "id\n1\n2\n")
    pipeline.check()
    with_many_sources(pipeline)
    pipeline.settle(pipeline.propose())
    pipeline.put("b.csv", "id\n3\n")
    pipeline.put("000007.csv", "id\n4\n")

    assert pipeline.run().outcome == "published"

    [table] = pipeline.version().tables
    assert (pipeline.version().version, table.objects, table.rows) == (2, MANY + 2, 4)
