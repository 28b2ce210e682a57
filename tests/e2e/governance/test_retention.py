"""What is over goes after its time, what is in force stays: a mesh grows older by two years.

Each test takes the story on from where the one before left it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from mesh.domain.retention import Retention

from local.expired_items import LATE_SECONDS
from tests.access_driver import AccessDriver
from tests.consumer_accesses import query
from tests.mesh_commands import mesh_command
from tests.mesh_driver import MeshDriver
from tests.publishing_driver import PublishingDriver, csv

PRODUCT = "kept-loans"
DAY = 86_400
RECORDS, HISTORY = Retention().records.days, Retention().history.days
SQL = f'SELECT id, amount FROM "rl_{PRODUCT}".t1'


@dataclass
class Story:
    """A product with two versions; an access that ended, one for a month, one for a
    year, one that waits for nobody; a batch that was rejected, and one that nobody has looked at."""

    mesh: MeshDriver
    product: PublishingDriver
    accesses: AccessDriver
    rejected: str = ""
    undecided: str = ""
    ended: str = ""
    month: str = ""
    year: str = ""
    known: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """(pk, sk) of each account's items, when it was over."""

    def items(self, account: str) -> set[tuple[str, str]]:
        """(pk, sk) of what is in the account's table, expired or not."""
        pages = self.mesh.client(account, "dynamodb").get_paginator("scan")
        table = self.mesh.output(account, "TableName")
        found = pages.paginate(TableName=table, ConsistentRead=True)
        return {(item["pk"]["S"], item["sk"]["S"]) for page in found for item in page["Items"]}

    def left(self, account: str) -> set[str]:
        """What is left of the beginning: `pk sk` without ids and times."""
        return {f"{_kind(pk)} {_kind(sk)}" for pk, sk in self.known[account] & self.items(account)}

    def reports(self) -> set[str]:
        """Keys below `reports/`."""
        s3 = self.mesh.client("producer", "s3")
        found = s3.list_objects_v2(Bucket=self.mesh.bucket, Prefix=f"{PRODUCT}/reports/")
        return {each["Key"].rpartition("/")[2] for each in found.get("Contents", [])}

    def pass_days(self, days: float) -> None:
        """And the days that DynamoDB may take; then nothing is under way."""
        self.mesh.skip(days * DAY)
        self.mesh.skip(LATE_SECONDS)
        self.mesh.until(self.mesh.at_rest, "nothing under way")


def _kind(key: str) -> str:
    """`VERSION#00000001` → `VERSION`; `<time>#<id>` and other ids are one kind."""
    head = key.partition("#")[0]
    return head if head.replace("_", "").isalpha() and head.isupper() else "*"


@pytest.fixture(scope="module")
def deployed_mesh(skipped_mesh: MeshDriver) -> MeshDriver:
    return skipped_mesh


@pytest.fixture(scope="module")
def story(deployed_mesh: MeshDriver) -> Iterator[Story]:
    mesh = deployed_mesh
    product = PublishingDriver(mesh, PRODUCT)
    found = Story(mesh, product, AccessDriver(mesh))
    product.upload("a.csv", csv((1, 10)))
    mesh.subscribe(PRODUCT)
    product.upload("b.csv", csv((2, 20)))
    for name in ("bad-1.csv", "bad-2.csv"):
        product.upload(name, csv((3, "many")))
    first, second = (batch["run"] for batch in product.held())
    mesh_command(mesh, "reject", f"{PRODUCT}/{int(first)}", "--reason", "not ours")
    mesh.until(lambda: product.held()[0]["status"] == "rejected", "the rejection")
    found.rejected, found.undecided = f"{first}.held.json", f"{second}.held.json"
    found.ended = found.accesses.live(PRODUCT, purpose="fraud-detection")
    found.accesses.end(found.ended)
    found.month = found.accesses.live(PRODUCT, reader="data-scientist")
    until = (mesh.now() + timedelta(days=364)).isoformat()
    found.year = found.accesses.live(PRODUCT, until=until)
    found.accesses.send("SubscriptionRequested", {"product": "no-such-product"}, by="consumer")
    mesh.until(found.accesses.refusals, "the refusal")
    mesh.until(mesh.at_rest, "nothing under way")
    found.known = {account: found.items(account) for account in ("central", "producer", "consumer")}
    yield found
    found.accesses.end_all()


def test_each_kind_of_record_is_there_to_begin_with(story: Story) -> None:
    assert {
        "ACCESS ACCESS", "REQUEST *", "HOLDER *", "LIST *", "TRACE *", "REFUSAL *", "REFUSED *", "PRODUCT PROPOSAL",
        "PRODUCT COMMIT", "PRODUCT RUN", "PRODUCT NOTICE", "PRODUCT VERSION", "PRODUCT TABLE", "PRODUCT PRODUCT",
        "PRODUCT SUBSCRIPTION", "MEMBER MEMBER",
    } <= story.left("central")  # fmt: skip
    assert {"QUARANTINE *", "SEEN *", "TRACE *", "LINEAGE *", "PRODUCT PRODUCT"} <= story.left("producer")
    assert {"NOTICE *", "EVENT EVENT", "ACCESS *", "TRACE *", "LINEAGE *"} <= story.left("consumer")
    assert {story.rejected, story.undecided} <= story.reports()


def test_an_access_for_a_month_ends_when_the_month_is_over(mesh: MeshDriver, story: Story) -> None:
    assert query(mesh, SQL, "DataScientist") == ""

    code, answer = mesh_command(mesh, "skip", "31d")
    mesh.skip(0)  # sessions of roles have ended

    assert (code, answer["skipped"]) == (0, 31 * DAY)
    assert abs(datetime.fromisoformat(answer["now"]) - mesh.now()) < timedelta(minutes=1)
    ended = story.accesses.wait(story.month, "ended")
    assert (ended.cause, ended.until < mesh.now()) == ("expired", True)
    assert query(mesh, SQL, "DataScientist") != ""
    assert query(mesh, SQL) == "", "the other one goes on"


def test_records_of_processing_go_and_history_stays(mesh: MeshDriver, story: Story) -> None:
    story.pass_days(RECORDS - 30)

    gone = {"TRACE", "REFUSAL", "REFUSED"}
    assert {kind for kind in story.left("central") if kind.split()[0] in gone} == set()
    assert story.left("central") & {"PRODUCT PROPOSAL", "PRODUCT COMMIT", "PRODUCT RUN", "PRODUCT NOTICE"} == set()
    assert {"PRODUCT VERSION", "PRODUCT TABLE", "PRODUCT SUBSCRIPTION", "ACCESS ACCESS"} <= story.left("central")
    assert {"NOTICE *", "ACCESS *", "LINEAGE *"} <= story.left("consumer")
    assert story.left("consumer") & {"EVENT EVENT", "TRACE *"} == set()
    assert {"QUARANTINE *", "SEEN *", "LINEAGE *", "PRODUCT PRODUCT"} <= story.left("producer")
    assert "TRACE *" not in story.left("producer")
    assert {story.rejected, story.undecided} <= story.reports()
    assert story.accesses.record(story.ended).status == "ended"


def test_what_is_in_force_works_as_before(mesh: MeshDriver, story: Story) -> None:
    assert query(mesh, SQL) == ""
    before = story.mesh.now()

    run = story.product.upload("c.csv", csv((4, 40)))

    assert (run.outcome, run.output["version"]) == ("published", 3)
    mesh.until(lambda: _noticed(mesh, before), "the notice of version 3")


def test_history_goes_and_what_waits_for_somebody_stays(mesh: MeshDriver, story: Story) -> None:
    story.pass_days(HISTORY)

    assert story.accesses.wait(story.year, "ended").cause == "expired"
    assert ("ACCESS#" + story.ended, "ACCESS") not in story.items("central")
    assert ("ACCESS", story.ended) not in story.items("consumer")
    assert story.left("consumer") & {"NOTICE *", "LINEAGE *"} == set()
    assert "LINEAGE *" not in story.left("producer")
    assert [batch["status"] for batch in story.product.held()] == ["held"]
    assert story.undecided in story.reports()
    assert story.rejected not in story.reports()
    assert {"PRODUCT VERSION", "PRODUCT TABLE", "PRODUCT PRODUCT", "MEMBER MEMBER"} <= story.left("central")
    assert {"SEEN *", "PRODUCT PRODUCT"} <= story.left("producer")


def test_whoever_had_an_access_can_request_it_again_and_read_all_versions_data(mesh: MeshDriver, story: Story) -> None:
    story.accesses.live(PRODUCT)

    assert story.product.share().rows() == [["1", "10"], ["2", "20"], ["4", "40"]]
    listing = story.product.listing(story.product.held()[0])
    assert [each["reason"]["code"] for each in listing] != []


def _noticed(mesh: MeshDriver, since: datetime) -> bool:
    keys = [item["sk"] for item in mesh.items("consumer", "NOTICE")]
    return any(datetime.fromisoformat(key.partition("#")[0]) >= since.astimezone(UTC) for key in keys)
