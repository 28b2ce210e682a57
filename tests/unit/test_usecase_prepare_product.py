"""What a producer needs before it can crawl."""

import json

import pytest
from mesh.usecases.prepare_product import crawl_grants, ensure_crawler, link_database
from mesh.usecases.registration import record_registration

from tests.builders import (
    BUCKET,
    CENTRAL,
    CONTRACT,
    PRODUCER,
    PRODUCT,
    a_contract,
    a_product,
    a_registration,
    an_envelope,
)
from tests.fakes import (
    FakeCatalog,
    FakeClock,
    FakeCrawlers,
    FakeLakeFormation,
    FakeRegistry,
    FakeTrace,
    FakeUploads,
)

ROLES = ("arn:aws:iam::222222222222:role/express", "arn:aws:iam::222222222222:role/crawler")


def registered(text=CONTRACT):
    registry = FakeRegistry()
    contract = a_contract(text)
    registry.products[PRODUCT] = a_product(contract)
    event = record_registration(a_registration(contract), registry=registry, clock=FakeClock())
    return event.data


class World:
    """A producer whose product central has registered."""

    def __init__(self, text=CONTRACT):
        self.catalog, self.lake, self.uploads, self.crawlers = (
            FakeCatalog(),
            FakeLakeFormation(),
            FakeUploads(),
            FakeCrawlers(),
        )
        self.data = registered(text)

    def link(self):
        return link_database(
            an_envelope(self.data),
            account=PRODUCER,
            crawl_roles=ROLES,
            catalog=self.catalog,
            lake=self.lake,
            uploads=self.uploads,
            trace=FakeTrace(),
        )

    def crawler(self):
        envelope = an_envelope(self.data)
        return ensure_crawler(envelope, account=PRODUCER, central=CENTRAL, role_arn=ROLES[1], crawlers=self.crawlers)


def test_the_link_the_grants_and_the_facts_are_there():
    world = World()

    linked = world.link()

    assert linked.link == f"rl_{PRODUCT}"
    assert world.catalog.links[linked.link]["CatalogId"] == CENTRAL
    assert linked.grants == len(world.lake.grants) == 8
    facts = world.uploads.product(PRODUCT)
    assert (facts["status"], facts["link"], facts["crawler"]) == (
        "registered",
        linked.link,
        f"creditCrawler-{PRODUCER}",
    )
    assert facts["contract"]["name"] == PRODUCT


def test_each_crawl_role_gets_what_it_needs_and_nothing_to_pass_on():
    grants = crawl_grants(ROLES[0], registered(), PRODUCER)

    assert all(grant["PermissionsWithGrantOption"] == [] for grant in grants)
    assert [grant["Permissions"] for grant in grants] == [
        ["DESCRIBE"],
        ["DESCRIBE", "CREATE_TABLE"],
        ["SELECT", "DESCRIBE", "ALTER", "INSERT"],
        ["DATA_LOCATION_ACCESS"],
    ]
    assert grants[0]["Resource"]["Database"] == {"CatalogId": PRODUCER, "Name": f"rl_{PRODUCT}"}
    assert grants[3]["Resource"]["DataLocation"]["ResourceArn"] == f"arn:aws:s3:::{BUCKET}/{PRODUCT}/data"


def test_the_product_is_registered_only_when_it_may_be_crawled():
    world = World()
    world.lake.grant = lambda _: (_ for _ in ()).throw(RuntimeError("denied"))

    with pytest.raises(RuntimeError):
        world.link()

    assert world.uploads.product(PRODUCT) is None


def test_a_redelivery_changes_nothing():
    world = World()
    world.link()
    facts = world.uploads.product(PRODUCT)

    world.link()

    assert (world.uploads.product(PRODUCT), len(world.lake.grants)) == (facts, 8)


def test_a_draft_decides_no_types():
    world = World(CONTRACT.replace("status: active", "status: draft"))
    world.link()

    assert world.uploads.product(PRODUCT)["contract"] is None
    world.crawler()
    assert world.crawlers.classifiers == {}


def test_the_crawler_writes_through_the_link_with_lake_formations_credentials():
    world = World()

    name = world.crawler().crawler

    crawler = world.crawlers.crawlers[name]
    assert name == f"creditCrawler-{PRODUCER}"
    assert crawler["DatabaseName"] == f"rl_{PRODUCT}"
    assert crawler["LakeFormationConfiguration"] == {"UseLakeFormationCredentials": True, "AccountId": CENTRAL}
    assert crawler["Targets"] == {"S3Targets": [{"Path": f"s3://{BUCKET}/{PRODUCT}/data/"}]}
    configuration = json.loads(crawler["Configuration"])
    assert configuration["CrawlerOutput"]["Tables"]["AddOrUpdateBehavior"] == "MergeNewColumns"
    assert configuration["Grouping"]["TableLevelConfiguration"] == 4


def test_each_table_has_a_classifier_with_the_contracts_header():
    world = World(
        CONTRACT.replace(
            "logicalType: string, classification: pii}",
            "logicalType: string, classification: pii}\n      - {name: dt, logicalType: string, partitioned: true}",
        )
        + f"servers: [{{server: s, type: s3, location: 's3://{BUCKET}/{PRODUCT}/data/', delimiter: ';'}}]\n"
    )

    name = world.crawler().crawler

    assert world.crawlers.classifiers == {
        f"{name}-credit_card": {"delimiter": ";", "header": ["laufkont", "email"], "quote": '"'}
    }
    assert world.crawlers.crawlers[name]["Classifiers"] == [f"{name}-credit_card"]
