"""What central makes of an accepted contract."""

from datetime import timedelta

import pytest
from mesh.domain.contracts.claims import NameTaken
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import ProductRegistered
from mesh.domain.governance.product_rights import producer_grants
from mesh.usecases.central_context import CentralContext
from mesh.usecases.contracts.register_product import CentralRoles, register_product

from tests.builders import BUCKET, CENTRAL, CORRELATION, PRODUCER, PRODUCT, a_product, a_registration
from tests.fakes import (
    NOON,
    FakeAccessRegistry,
    FakeCatalog,
    FakeClock,
    FakeLakeFormation,
    FakeLocks,
    FakeMemberTopics,
    FakeRegistry,
)

ROLE = f"arn:aws:iam::{CENTRAL}:role/commits"
PIN_ROLE = f"arn:aws:iam::{CENTRAL}:role/pins"
OWN_ROLE = f"arn:aws:iam::{CENTRAL}:role/registers"


ROLES = CentralRoles(OWN_ROLE, "location", ROLE, PIN_ROLE)


class World:
    """Central, with a product whose name is claimed."""

    def __init__(self):
        self.catalog, self.lake, self.registry = FakeCatalog(), FakeLakeFormation(), FakeRegistry()
        self.registry.products[PRODUCT] = a_product(status="claimed")
        self.registration = a_registration()
        self.tagged, self.locks = [], FakeLocks()
        self.accesses, self.topics = FakeAccessRegistry(), FakeMemberTopics()
        self.context = CentralContext(CENTRAL, self.registry, self.accesses, self.registry.trace, FakeClock())

    def register(self, roles=ROLES, tag=None):
        return register_product(
            self.registration,
            roles=roles,
            catalog=self.catalog,
            lake=self.lake,
            locks=self.locks,
            tag=tag or self.tagged.append,
            context=self.context,
            topics=self.topics,
        )


def test_the_database_is_made_and_closed_to_iam_only_access():
    world = World()
    world.register()

    assert world.catalog.databases[PRODUCT]["LocationUri"] == f"s3://{BUCKET}/{PRODUCT}/published/"
    assert world.catalog.databases[PRODUCT]["Parameters"] == {"meshwork:product": PRODUCT, "meshwork:owner": PRODUCER}
    assert world.lake.calls[0] == ("revoke_iam_allowed_principals", PRODUCT)


def test_what_is_published_is_registered_once_under_the_location_role():
    world = World()
    for _ in range(2):
        world.register()

    assert world.lake.registered == {f"arn:aws:s3:::{BUCKET}/{PRODUCT}/published": "location"}


@pytest.mark.parametrize("place", ["", f"/{PRODUCT}", f"/{PRODUCT}/published", f"/{PRODUCT}/published/t1"])
def test_a_location_of_somebody_else_is_refused_and_nothing_is_changed(place):
    world = World()
    world.lake.registered[f"arn:aws:s3:::{BUCKET}{place}"] = "theirs"
    refused(world)
    assert (world.catalog.databases, world.lake.registered) == ({}, {f"arn:aws:s3:::{BUCKET}{place}": "theirs"})


@pytest.mark.parametrize("place", [f"{BUCKET}-2", f"{BUCKET}/{PRODUCT}-2", f"{BUCKET}/{PRODUCT}/published-2"])
def test_a_location_beside_it_is_nobodys_concern(place):
    world = World()
    world.lake.registered[f"arn:aws:s3:::{place}"] = "theirs"
    world.register()


def test_a_database_of_somebody_else_is_refused_and_nothing_is_changed():
    world = World()
    world.catalog.databases[PRODUCT] = {"Parameters": {"team": "payroll"}}
    refused(world)
    assert world.catalog.databases == {PRODUCT: {"Parameters": {"team": "payroll"}}}


def refused(world):
    """Recorded, told where the contract is, and the name is free again."""
    with pytest.raises(NameTaken) as caught:
        world.register()
    assert caught.value.where["key"] == f"{PRODUCT}/contract.yaml"
    [(account, kind, reason)] = world.registry.refused
    assert (account, kind, reason["code"]) == (PRODUCER, "ProductDeclared", "NameTaken")
    assert world.registry.products == {}
    assert (world.lake.grants, world.lake.calls, world.tagged) == ([], [], [])


def test_nothing_is_granted_or_recorded_before_the_tags_are_there():
    world = World()

    def missing(_):
        raise RuntimeError("no such LF-Tag")

    with pytest.raises(RuntimeError):
        world.register(tag=missing)

    assert (world.lake.grants, world.lake.registered) == ([], {})
    assert world.registry.products[PRODUCT].status == "claimed"


def test_what_another_delivery_has_registered_meanwhile_is_announced_and_not_made_again():
    """An event that comes a hundred times at once: all wait for one lock, and each must hold it for a moment only."""
    world = World()
    world.context.clock.move(timedelta(seconds=1))
    first = world.register()
    done = (list(world.lake.calls), list(world.lake.grants), list(world.tagged))

    assert world.register().metadata.id == first.metadata.id
    assert (world.lake.calls, world.lake.grants, world.tagged) == done

    world.registration = a_registration(checked_at=NOON + timedelta(seconds=2))  # started again to repair what is amiss
    world.register()
    assert len(world.tagged) == 2


def test_every_attempt_tags_what_there_is_by_the_same_contract():
    world = World()
    for _ in range(2):
        world.register()

    assert world.tagged == [a_registration()] * 2


@pytest.mark.parametrize(
    "now",
    [
        {"contract_sequencer": "11"},
        {"owner": CENTRAL},
        {"status": "retired", "retirements": {"r-1": "10"}},
    ],
)
def test_a_contract_that_comes_late_undoes_nothing(now):
    """A newer contract, another owner's, or the end of the product came first."""
    world = World()
    world.registry.products[PRODUCT] = there = a_product(**{"status": "registered", **now})

    assert world.register() is None

    assert (world.catalog.databases, world.lake.calls, world.lake.grants, world.tagged) == ({}, [], [], [])
    assert world.registry.products[PRODUCT] == there


def test_what_another_contract_overtakes_meanwhile_is_not_registered_and_gives_way_when_it_is_repeated():
    world = World()

    def overtaken(_):
        world.registry.products[PRODUCT] = a_product(status="claimed", contract_sequencer="11")

    with pytest.raises(ConcurrentChange):
        world.register(tag=overtaken)

    assert world.registry.products[PRODUCT].status == "claimed"
    assert world.register() is None


def test_one_registration_of_a_product_goes_on_at_a_time():
    world = World()
    world.locks.elsewhere.add(f"product-{PRODUCT}")

    with pytest.raises(ConcurrentChange):
        world.register()

    assert (world.lake.calls, world.tagged) == ([], [])


def by_kind(entries):
    return {
        next(iter(e["Resource"])) + e["Resource"].get("LFTagPolicy", {}).get("ResourceType", ""): e["Permissions"]
        for e in entries
    }


def test_the_producer_may_read_its_own_product_and_pass_that_on():
    assert by_kind(producer_grants(a_registration())) == {
        "LFTag": ["DESCRIBE"], "LFTagPolicyDATABASE": ["DESCRIBE"], "LFTagPolicyTABLE": ["SELECT", "DESCRIBE"],
    }  # fmt: skip


def test_where_a_glue_crawler_fills_the_tables_the_producer_may_make_and_change_them():
    entries = producer_grants(a_registration(crawl="glue"))

    assert {entry["Principal"]["DataLakePrincipalIdentifier"] for entry in entries} == {PRODUCER}
    assert all(entry["Permissions"] == entry["PermissionsWithGrantOption"] for entry in entries)
    assert by_kind(entries) == {
        "LFTag": ["DESCRIBE"],
        "LFTagPolicyDATABASE": ["DESCRIBE", "CREATE_TABLE"],
        "LFTagPolicyTABLE": ["SELECT", "DESCRIBE", "ALTER"],
        "DataLocation": ["DATA_LOCATION_ACCESS"],
    }
    for entry in entries:
        [resource] = entry["Resource"].values()
        assert resource["CatalogId"] == CENTRAL
    policies = [e["Resource"]["LFTagPolicy"] for e in entries if "LFTagPolicy" in e["Resource"]]
    assert all(policy["Expression"] == [{"TagKey": "product", "TagValues": [PRODUCT]}] for policy in policies)


def test_granting_again_grants_nothing_more():
    world = World()
    for _ in range(2):
        world.register()

    assert len(world.lake.grants) == 10


def test_the_role_that_registers_may_alter_the_database_that_it_made():
    world = World()
    world.register()
    [own] = [each for each in world.lake.grants if each["Principal"]["DataLakePrincipalIdentifier"] == OWN_ROLE]
    assert (own["Resource"]["Database"]["Name"], own["Permissions"]) == (PRODUCT, ["ALTER", "DESCRIBE"])


def test_of_express_central_alone_makes_tables():
    world = World()
    world.register()
    lake = world.lake
    places = {
        entry["Principal"]["DataLakePrincipalIdentifier"]: entry["Resource"]["DataLocation"]["ResourceArn"]
        for entry in lake.grants
        if entry["Resource"].get("DataLocation", {}).get("ResourceArn", "").endswith("/published")
    }
    assert places == dict.fromkeys((ROLE, PIN_ROLE), f"arn:aws:s3:::{BUCKET}/{PRODUCT}/published")
    mine = [entry for entry in lake.grants if entry["Principal"]["DataLakePrincipalIdentifier"] in (ROLE, PIN_ROLE)]
    assert not any("SELECT" in entry["Permissions"] or entry["PermissionsWithGrantOption"] for entry in mine)


def test_the_announcement_follows_from_the_declaration_and_is_the_same_at_every_attempt():
    world = World()

    first, again = world.register(), world.register()

    assert world.registry.products[PRODUCT].status == "registered"
    assert isinstance(first.data, ProductRegistered)
    assert first.metadata.id == again.metadata.id != "e-1"
    assert (first.metadata.causation_id, first.metadata.correlation_id) == ("e-1", CORRELATION)
    assert (first.data.database, first.data.catalog_id, first.data.bucket) == (PRODUCT, CENTRAL, BUCKET)
