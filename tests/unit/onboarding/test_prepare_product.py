"""What a producer needs before it can crawl."""

import json

import pytest
from mesh.domain.shares import NotYetShared, ShareRefused
from mesh.usecases.central_context import CentralContext
from mesh.usecases.contracts.register_product import CentralRoles, register_product
from mesh.usecases.onboarding.prepare_product import CatalogRoles, prepare_product, role_grants

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
from tests.consumer_fakes import FakeResourceLinks, FakeShares
from tests.fakes import (
    FakeAccessRegistry,
    FakeCatalog,
    FakeClock,
    FakeCrawlers,
    FakeLakeFormation,
    FakeLocks,
    FakeMemberTopics,
    FakeRegistry,
    FakeRevisions,
    FakeTrace,
    FakeUploads,
)

LOOKER, FILLER = "arn:aws:iam::222222222222:role/checks", "arn:aws:iam::222222222222:role/crawler"
ROLES = CatalogRoles((LOOKER,), FILLER)
GLUE = CONTRACT.replace("{property: crawlerPrefix", "{property: crawl, value: glue}\n  - {property: crawlerPrefix")


def registered(text=CONTRACT):
    registry = FakeRegistry()
    contract = a_contract(text)
    registry.products[PRODUCT] = a_product(contract)
    return register_product(
        a_registration(contract, crawl=contract.crawl),
        roles=CentralRoles("own", "location", "commit", "pin"),
        catalog=FakeCatalog(),
        lake=FakeLakeFormation(),
        locks=FakeLocks(),
        tag=lambda _: None,
        context=CentralContext(CENTRAL, registry, FakeAccessRegistry(), registry.trace, FakeClock()),
        topics=FakeMemberTopics(),
    ).data


class World:
    """A producer whose product central has registered."""

    def __init__(self, text=CONTRACT):
        self.catalog, self.lake, self.uploads, self.crawlers = (
            FakeCatalog(),
            FakeLakeFormation(),
            FakeUploads(),
            FakeCrawlers(),
        )
        self.data, self.revisions = registered(text), FakeRevisions()
        self.shares, self.links = FakeShares(), FakeResourceLinks(self.data.database)

    def prepare(self, data=None):
        return prepare_product(
            an_envelope(data or self.data),
            account=PRODUCER,
            central=CENTRAL,
            roles=ROLES,
            catalog=self.catalog,
            lake=self.lake,
            shares=self.shares,
            links=self.links,
            crawlers=self.crawlers,
            uploads=self.uploads,
            revisions=self.revisions,
            trace=FakeTrace(),
        )


def test_central_invitations_are_accepted_before_the_link_is_made():
    world = World()
    world.shares = FakeShares("PENDING", "PENDING")

    world.prepare()

    assert [each.status for each in world.shares.invitations(CENTRAL)] == ["ACCEPTED", "ACCEPTED"]


@pytest.mark.parametrize(("status", "error"), [("PENDING", NotYetShared), ("REJECTED", ShareRefused)])
def test_nothing_is_made_of_what_central_does_not_share_yet(status, error):
    world = World()
    world.shares = FakeShares(status)
    world.links.shown.clear()

    with pytest.raises(error):
        world.prepare()

    assert (world.catalog.links, world.lake.grants, world.uploads.facts) == ({}, [], {})


def test_the_link_the_grants_and_the_facts_are_there():
    world = World()

    linked = world.prepare()

    assert linked.link == f"rl_{PRODUCT}"
    assert world.catalog.links[linked.link]["CatalogId"] == CENTRAL
    assert linked.grants == len(world.lake.grants) == 3
    facts = world.uploads.product(PRODUCT)
    assert (facts["status"], facts["link"], facts["crawler"]) == (
        "registered",
        linked.link,
        f"creditCrawler-{PRODUCER}",
    )
    assert facts["contract"]["name"] == PRODUCT


def test_each_role_gets_what_it_needs_and_nothing_to_pass_on():
    def of(role, text):
        found = [g for g in grants(text) if g["Principal"]["DataLakePrincipalIdentifier"] == role]
        assert not found or found[0]["Resource"]["Database"] == {"CatalogId": PRODUCER, "Name": f"rl_{PRODUCT}"}
        assert all(grant["PermissionsWithGrantOption"] == [] for grant in found)
        return found

    def grants(text):
        return role_grants(ROLES, registered(text), PRODUCER)

    for text in (CONTRACT, GLUE):
        assert [grant["Permissions"] for grant in of(LOOKER, text)] == [["DESCRIBE"]] * 3
    assert of(FILLER, CONTRACT) == []
    filling = of(FILLER, GLUE)
    assert [grant["Permissions"] for grant in filling] == [
        ["DESCRIBE"],
        ["DESCRIBE", "CREATE_TABLE"],
        ["SELECT", "DESCRIBE", "ALTER"],
        ["DATA_LOCATION_ACCESS"],
    ]
    places = [grant["Resource"]["DataLocation"]["ResourceArn"] for grant in filling[3:]]
    assert places == [f"arn:aws:s3:::{BUCKET}/{PRODUCT}/published"]


def test_the_product_is_registered_only_when_it_may_be_crawled():
    world = World()
    world.lake.grant = lambda _: (_ for _ in ()).throw(RuntimeError("denied"))

    with pytest.raises(RuntimeError):
        world.prepare()

    assert world.uploads.product(PRODUCT) is None


def test_a_redelivery_changes_nothing():
    world = World()
    world.prepare()
    facts = world.uploads.product(PRODUCT)

    world.prepare()

    assert (world.uploads.product(PRODUCT), len(world.lake.grants)) == (facts, 3)


def test_a_draft_decides_no_types():
    world = World(CONTRACT.replace("status: active", "status: draft"))
    world.prepare()

    assert world.uploads.product(PRODUCT)["contract"] is None


def test_the_crawler_writes_through_the_link_with_lake_formations_credentials():
    world = World(GLUE)

    name = world.prepare().crawler

    crawler = world.crawlers.crawlers[name]
    assert name == f"creditCrawler-{PRODUCER}"
    assert crawler["DatabaseName"] == f"rl_{PRODUCT}"
    assert crawler["LakeFormationConfiguration"] == {"UseLakeFormationCredentials": True, "AccountId": CENTRAL}
    assert crawler["Targets"] == {"S3Targets": [{"Path": f"s3://{BUCKET}/{PRODUCT}/published/hive/"}]}
    configuration = json.loads(crawler["Configuration"])
    assert configuration["CrawlerOutput"]["Tables"]["AddOrUpdateBehavior"] == "MergeNewColumns"
    assert configuration["Grouping"]["TableLevelConfiguration"] == 5


def test_only_a_product_that_glue_crawls_has_a_crawler():
    world = World()

    assert (world.prepare().crawler, world.crawlers.crawlers) == ("", {})


def test_a_registration_that_comes_after_a_newer_one_changes_nothing():
    world = World()
    newer = world.data.evolve(sequencer=f"{world.data.sequencer}FF", dropped=("old",))
    for data in (world.data, newer, world.data):
        world.prepare(data)
    assert world.uploads.product(PRODUCT)["dropped"] == ["old"]
