"""A run that lost its product's lease changes nothing any more of what other runs, and readers, look at."""

import pytest
from mesh.domain.onboarding.standing import Lease
from mesh.usecases.onboarding.batches import LeaseLost

from tests.builders import BUCKET, PRODUCT, REGION
from tests.fakes import NOON
from tests.pipeline import Pipeline, contract_of


@pytest.fixture
def s3(aws):
    return aws("s3", region_name=REGION)


def overtaken(pipeline: Pipeline) -> None:
    """Another run took the lease."""
    pipeline.uploads.leases[PRODUCT] = Lease("another", NOON.replace(year=2030), pipeline.generation + 1)


def stored(pipeline: Pipeline) -> dict[str, str]:
    """What is published, reported and remembered."""
    pages = pipeline.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{PRODUCT}/")
    return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", ())}


def remembered(pipeline: Pipeline) -> dict[str, str]:
    return {path: text for path, text in pipeline.work.documents.items() if path.startswith("history/")}


def test_it_moves_no_file_to_where_a_crawler_looks(s3):
    pipeline = Pipeline(s3, contract_of({"id": "bigint"}), crawl="glue")
    pipeline.put("a.csv", "id\n1\n2\n")
    pipeline.check()
    overtaken(pipeline)
    before = stored(pipeline)
    with pytest.raises(LeaseLost, match="another run's by now"):
        pipeline.promote()
    assert stored(pipeline) == before


def test_it_proposes_nothing_and_waits_for_no_answer(s3):
    pipeline = Pipeline(s3)
    pipeline.put("a.csv", "id\n1\n2\n")
    pipeline.check()
    overtaken(pipeline)
    with pytest.raises(LeaseLost):
        pipeline.propose()
    assert (pipeline.bus.events, pipeline.uploads.tokens) == ([], {})


def test_it_settles_nothing(s3):
    pipeline = Pipeline(s3)
    pipeline.put("a.csv", "id\n1\n2\n")
    pipeline.check()
    answer = pipeline.propose()
    overtaken(pipeline)
    before = (stored(pipeline), remembered(pipeline), list(pipeline.uploads.pending(PRODUCT, 9)))
    with pytest.raises(LeaseLost):
        pipeline.settle(answer)
    assert (stored(pipeline), remembered(pipeline), list(pipeline.uploads.pending(PRODUCT, 9))) == before
    assert before[2]


def test_what_it_settled_itself_may_be_settled_again(s3):
    pipeline = Pipeline(s3)
    pipeline.put("a.csv", "id\n1\n2\n")
    pipeline.check()
    answer = pipeline.propose()
    first = pipeline.settle(answer)
    assert pipeline.settle(answer) == first


def test_what_it_held_is_told_though_another_run_began_before_its_answer_came(s3):
    pipeline = Pipeline(s3)
    pipeline.put("a.csv", "id,n\n1,2\n2\n")
    pipeline.check()
    first = pipeline.settle(None)
    overtaken(pipeline)
    before = (stored(pipeline), remembered(pipeline))
    again = pipeline.settle(None)
    assert (again.held, again.news.data, again.news.metadata.id) == (1, first.news.data, first.news.metadata.id)
    assert (stored(pipeline), remembered(pipeline)) == before
