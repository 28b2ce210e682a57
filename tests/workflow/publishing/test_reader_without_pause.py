"""A continuous reader sees published versions one after the other during uploads: nothing partial, nothing missing."""

from pathlib import Path

import pytest

from tests.mesh_driver import MeshDriver
from tests.publishing_driver import PublishingDriver
from tests.unpaused_reader import Seen, UnpausedReader, Uploads, published_totals, versions_seen

UPLOADS = 16


def test_every_answer_is_a_published_version_in_order(mesh: MeshDriver, tmp_path: Path) -> None:
    product = PublishingDriver(mesh, "reader-short", partitioned=True)
    uploads = Uploads(product)
    uploads.begin()
    analyst = product.share()
    with UnpausedReader(analyst) as reader:
        for _ in range(UPLOADS):
            uploads.step()
        mesh.until(product.at_rest, "the end of all work")
        mesh.settled(product.name)
    published = published_totals(product, tmp_path)
    assert reader.failures == []
    shown = versions_seen(reader.seen, published)
    assert len(set(shown)) > 2
    assert analyst.totals() == published[-1] == uploads.totals()
    held = {item["key"] for batch in product.held() for item in product.listing(batch)}
    assert held == {product.key(key) for key in uploads.bad}


def test_a_dip_and_a_step_back_would_be_noticed() -> None:
    published = [(1, 10), (3, 30), (4, 40)]

    def answers(*totals: tuple[int, int]) -> list[Seen]:
        return [Seen(rows, total, 0.0, 0.0) for rows, total in totals]

    assert versions_seen(answers((1, 10), (1, 10), (4, 40)), published) == [1, 1, 3]
    for wrong in [((1, 10), (2, 20)), ((3, 30), (1, 10)), ((0, 0),)]:
        with pytest.raises(AssertionError, match="is not a version"):
            versions_seen(answers(*wrong), published)
