"""What registration and publication gave a product, against what central has: each fault is found, and only faults."""

import dataclasses

import pytest
from mesh.adapters.lakeformation.grants_format import parse_grants, single
from mesh.domain.contracts.product import FormerOwner, ProductVersion, TableSnapshot
from mesh.domain.events import ColumnRef, GrantEntry, PersonalDataFinding
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, Database, Table
from mesh.domain.governance.ontology import parse_ontology
from mesh.domain.governance.product_rights import owner_rights, producer_grants
from mesh.domain.governance.renewal import ProductDatabase, ProductRoles, renewed_grants
from mesh.domain.governance.tagging import resolve_tags
from mesh.domain.names import published_location_arn
from mesh.domain.publishing.pins import Holder, Pin, Pins
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.compare_products import Foundation, compare_products
from mesh.usecases.governance.compare_rights import RightsThere
from mesh.usecases.governance.govern_lake import merge_settings

from tests.builders import BUCKET, CENTRAL, PRODUCER, PRODUCT, a_contract, a_product, a_registration
from tests.fakes import NOON, FakeAccessRegistry, FakeClock, FakeRegistry, FakeTrace
from tests.unit.access.requests import document

ONTOLOGY = parse_ontology(document("ontology"))
ADMIN, ROLE = f"arn:aws:iam::{CENTRAL}:role/RepairDrift", f"arn:aws:iam::{CENTRAL}:role/Location"
ROLES = ProductRoles(registrar=f"{ADMIN}-1", committers=(f"{ADMIN}-2", f"{ADMIN}-3"))
POINTER = "s3://bucket/metadata/1.json"


class World:
    """One registered product at version 1, and central as it should be."""

    def __init__(self):
        contract = a_contract()
        self.name = contract.tables[0].catalog_name
        self.columns = tuple(column.catalog_name for column in contract.tables[0].columns)
        plan = resolve_tags(contract, ONTOLOGY, {}, product=PRODUCT)
        self.registry = FakeRegistry()
        self.registry.products[PRODUCT] = a_product(contract, tags=plan.database, version=1)
        columns = tuple(ColumnRef(name=column, type="string") for column in self.columns)
        self.snapshot = TableSnapshot(table=self.name, columns=columns, metadata=POINTER)
        self.record(1)
        own = {
            each: {"publication": "published", **plan.columns.get(self.name, {}).get(each, {})} for each in self.columns
        }
        self.table = Table(PRODUCT, self.name, self.columns, plan.tables.get(self.name, {}), own, pointer=POINTER)
        self.database = Database(PRODUCT, {**plan.database, "publication": "pending"}, {self.name: self.table})
        entries = [
            {
                "Principal": {"DataLakePrincipalIdentifier": PRODUCER},
                "Resource": resource,
                "Permissions": held,
                "LastUpdatedBy": f"arn:aws:iam::{CENTRAL}:role/RegisterProduct",
            }
            for resource, held in owner_rights(CENTRAL, PRODUCT, BUCKET, "auto")
        ]
        entries += renewed_grants(CENTRAL, ProductDatabase(product=PRODUCT, database=PRODUCT, bucket=BUCKET), ROLES)
        self.beside = {}
        for entry in [*producer_grants(a_registration()), *entries]:
            for resource in single(entry["Resource"]):
                who = entry["Principal"]["DataLakePrincipalIdentifier"]
                held = GrantEntry(resource=resource, permissions=tuple(entry["Permissions"]))
                self.beside.setdefault(who, []).append(held)
        self.grants = tuple(parse_grants(entries, CENTRAL, dict, dict))
        self.locations = {published_location_arn(BUCKET, PRODUCT): ROLE}
        self.settings = merge_settings({}, [ADMIN], (), gone=lambda _: False)

    def record(self, number):
        version = ProductVersion(
            product=PRODUCT, version=number, run=f"run-{number}", correlation_id="c", contract_version="1.0.0",
            tables=(self.snapshot,), changes=(), published=NOON,
        )  # fmt: skip
        self.registry.latest_version = lambda _: version

    def retag(self, column="", **tags):
        if column:
            own = {**self.table.column_tags, column: {**self.table.column_tags[column], **tags}}
            self.table = dataclasses.replace(self.table, column_tags=own)
        else:
            self.table = dataclasses.replace(self.table, tags={**self.table.tags, **tags})
        self.have(self.table)

    def have(self, *tables, **database):
        found = {table.name: table for table in tables}
        self.database = dataclasses.replace(self.database, tables=found, **database)

    def found(self):
        lake = CatalogSnapshot(CENTRAL, {PRODUCT: self.database} if self.database else {}, self.grants)
        context = CentralContext(CENTRAL, self.registry, FakeAccessRegistry(), FakeTrace(), FakeClock(NOON))
        foundation = Foundation(
            ontology=ONTOLOGY,
            locations=self.locations,
            settings=self.settings,
            admins=(ADMIN,),
            location_role=ROLE,
            rights=RightsThere(beside=self.beside, roles=ROLES),
            values=ONTOLOGY.tag_values(),
        )
        return [
            drift
            for compare in compare_products(lake, context=context, foundation=lambda: foundation)
            for drift in compare()
        ]

    def kinds(self):
        return [drift.kind for drift in self.found()]


@pytest.fixture
def world():
    return World()


def test_a_product_as_it_was_registered_and_published_is_in_order(world):
    assert world.found() == []


def test_an_administrator_that_is_missing_and_a_default_of_iam_are_found(world):
    world.settings = {
        **world.settings,
        "DataLakeAdmins": [],
        "CreateTableDefaultPermissions": [{"Permissions": ["ALL"]}],
    }

    [drift] = world.found()

    assert (drift.kind, drift.repairable) == ("settings", True)
    assert "RepairDrift" in drift.what
    assert "CreateTableDefaultPermissions" in drift.what


def test_administrators_of_other_people_are_no_drift(world):
    world.settings = merge_settings(world.settings, ["arn:aws:iam::111111111111:role/Theirs"], (), gone=lambda _: False)

    assert world.found() == []


def test_a_location_is_registered_again_unless_it_is_somebody_elses(world):
    world.locations = {}
    assert [(drift.kind, drift.repairable) for drift in world.found()] == [("location", True)]

    world.locations = {published_location_arn(BUCKET, PRODUCT): "arn:aws:iam::111111111111:role/Theirs"}
    assert [(drift.kind, drift.repairable) for drift in world.found()] == [("location", False)]


def test_a_right_of_the_owner_that_is_gone_is_found(world):
    world.grants = world.grants[1:]

    [drift] = world.found()

    assert (drift.kind, drift.principal, drift.entry.permissions) == ("rights", PRODUCER, ("DESCRIBE",))


def test_a_column_that_is_not_published_any_more_is_found(world):
    world.retag(world.columns[0], publication="pending")

    [drift] = world.found()

    assert (drift.kind, drift.what) == ("tags", f"{world.name}.{world.columns[0]} is not published")


def test_a_laxer_tag_is_found_and_a_stricter_one_is_nobodys_fault(world):
    world.retag(world.columns[0], confidentiality="public")
    assert world.kinds() == ["tags"]

    world.retag(world.columns[0], confidentiality="restricted")
    assert world.kinds() == []


def test_what_was_found_in_a_column_counts(world):
    finding = PersonalDataFinding(column=world.columns[0], value="sensitive", reason="content", confidence=1.0)
    world.registry.findings = lambda _: {world.name: (finding,)}

    assert world.kinds() == ["tags"]


def test_a_table_that_passes_on_publication_is_found(world):
    world.retag(publication="published")

    assert world.kinds() == ["tags"]


def test_a_database_whose_tags_changed_is_found(world):
    world.have(world.table, tags={**world.database.tags, "publication": "published", "confidentiality": "public"})

    [drift] = world.found()

    assert "confidentiality: public, not internal" in drift.what
    assert "publication: published, not pending" in drift.what


@pytest.mark.parametrize("pointer", ["", "s3://bucket/metadata/2.json"])
def test_a_table_that_points_elsewhere_is_reported_and_its_tags_are_left(world, pointer):
    world.have(dataclasses.replace(world.table, pointer=pointer, tags={}, column_tags={}))

    [drift] = world.found()

    assert (drift.kind, drift.repairable) == ("table", False)
    assert f"mesh rollback {PRODUCT} 1" in drift.remedy


def test_a_table_or_database_that_is_gone_is_reported(world):
    world.have()
    assert [drift.what for drift in world.found()] == [f"{world.name}: it is gone from the catalog"]

    world.database = None
    assert [drift.what for drift in world.found()] == ["its database is gone"]


def test_a_version_that_is_being_published_is_no_drift(world):
    """The pointer moves before the version is recorded."""
    world.have(dataclasses.replace(world.table, pointer="s3://bucket/metadata/2.json"))
    first, once = world.registry.latest_version, []

    def latest(name):
        if not once:
            once.append(True)
            return first(name)
        return first(name).evolve(version=2)

    world.registry.latest_version = latest
    assert world.kinds() == []


@pytest.mark.parametrize("status", ["claimed", "retired"])
def test_a_product_that_is_being_registered_or_is_retired_is_left_alone(world, status):
    world.registry.products[PRODUCT] = a_product(status=status)
    world.database = None

    assert world.found() == []


# --- rights on data locations and LF-Tags ----------------------------------------------------------------------------


def without(entries, kind):
    return [entry for entry in entries if kind not in entry.resource]


@pytest.mark.parametrize(
    ("principal", "kind", "what"),
    [
        (PRODUCER, "LFTag", f"it lacks DESCRIBE on LF-Tag product={PRODUCT}"),
        (
            ROLES.committers[1],
            "DataLocation",
            f"it lacks DATA_LOCATION_ACCESS on data location {published_location_arn(BUCKET, PRODUCT)}",
        ),
    ],
)
def test_a_right_on_a_location_or_a_tag_that_is_gone_is_found(world, principal, kind, what):
    world.beside[principal] = without(world.beside[principal], kind)
    [drift] = world.found()
    assert (drift.kind, drift.principal, drift.what) == ("rights", principal, what)


def test_a_right_of_centrals_roles_on_tables_that_is_gone_is_found(world):
    world.grants = tuple(grant for grant in world.grants if grant.principal != ROLES.committers[0])
    assert {(drift.kind, drift.principal) for drift in world.found()} == {("rights", ROLES.committers[0])}


def test_rights_on_a_products_location_and_on_tags_that_somebody_gave_are_reported(world):
    place = {"DataLocation": {"CatalogId": CENTRAL, "ResourceArn": f"arn:aws:s3:::{BUCKET}"}}
    tag = {"LFTag": {"CatalogId": CENTRAL, "TagKey": "confidentiality", "TagValues": ["public"]}}
    by_hand = [
        GrantEntry(resource=place, permissions=("DATA_LOCATION_ACCESS",)),
        GrantEntry(resource=tag, permissions=("ASSOCIATE",)),
    ]
    world.beside["arn:aws:iam::111111111111:role/Somebody"] = by_hand
    world.beside[ADMIN] = by_hand
    assert [(drift.kind, drift.what) for drift in world.found()] == [
        ("foreign", f"DATA_LOCATION_ACCESS on data location arn:aws:s3:::{BUCKET}"),
        ("foreign", "ASSOCIATE on LF-Tag confidentiality=public"),
    ]


def test_a_location_that_is_no_products_is_nobodys_business(world):
    place = {"DataLocation": {"CatalogId": CENTRAL, "ResourceArn": "arn:aws:s3:::another"}}
    world.beside["arn:aws:iam::111111111111:role/Somebody"] = [
        GrantEntry(resource=place, permissions=("DATA_LOCATION_ACCESS",))
    ]
    assert world.found() == []


def test_what_a_former_owner_published_is_still_registered_and_central_may_point_tables_there(world):
    new, bucket = "444444444444", BUCKET.replace(PRODUCER, "444444444444")
    former = FormerOwner(account=PRODUCER, bucket=BUCKET, contract_sequencer="10", until=NOON)
    product = world.registry.products[PRODUCT]
    world.registry.products[PRODUCT] = product.evolve(owner=new, bucket=bucket, former=(former,))
    world.locations = {}
    found = world.found()
    places = [(drift.principal, drift.what.partition(" ")[0]) for drift in found if drift.kind == "location"]
    wanted = ((PRODUCER, BUCKET), (new, bucket))
    assert places == [(who, published_location_arn(where, PRODUCT)) for who, where in wanted]
    lacking = {drift.what for drift in found if drift.principal in ROLES.committers}
    assert lacking == {f"it lacks DATA_LOCATION_ACCESS on data location {published_location_arn(bucket, PRODUCT)}"}
    world.beside = {}
    again = {drift.what for drift in world.found() if drift.principal == ROLES.committers[0]}
    assert f"it lacks DATA_LOCATION_ACCESS on data location {published_location_arn(BUCKET, PRODUCT)}" in again


def test_an_owner_that_fills_its_tables_by_a_crawler_passes_the_location_on(world):
    place = {"DataLocation": {"CatalogId": CENTRAL, "ResourceArn": published_location_arn(BUCKET, PRODUCT)}}
    world.beside[f"arn:aws:iam::{PRODUCER}:role/Crawler"] = [
        GrantEntry(resource=place, permissions=("DATA_LOCATION_ACCESS",))
    ]
    assert world.found() == []


# --- pinned versions -------------------------------------------------------------------------------------------------


@pytest.fixture
def pinned(world):
    """Version 1 is pinned, its table as strict as the present one."""
    holder = Holder(account="333333333333", until=NOON, reason="r", request="e", correlation_id="c", asked_at=NOON)
    pin = Pin(id="pin-0123456789ab", version=1, status="ready", holders=(holder,), tables=(world.name,))
    world.registry.kept[PRODUCT] = Pins(product=PRODUCT, pins=(pin,))
    world.registry.recorded[PRODUCT] = [world.registry.latest_version(PRODUCT)]
    world.pinned = dataclasses.replace(world.table, name=f"{world.name}__v1")
    world.have(world.table, world.pinned)
    return world


def test_a_pinned_version_whose_table_is_as_it_was_made_is_in_order(pinned):
    assert pinned.found() == []


@pytest.mark.parametrize("pointer", ["", "s3://bucket/metadata/2.json"])
def test_a_pinned_table_that_is_gone_or_points_elsewhere_is_reported(pinned, pointer):
    pinned.have(pinned.table, *([dataclasses.replace(pinned.pinned, pointer=pointer)] if pointer else []))
    [drift] = pinned.found()
    assert (drift.kind, drift.what.split(",")[0]) == ("table", f"{pinned.name}__v1")
    assert f"mesh unpin {PRODUCT} 1" in drift.remedy


def test_a_pinned_table_that_is_laxer_than_the_present_one_is_found(pinned):
    column = pinned.columns[0]
    public = {**pinned.pinned.column_tags[column], "confidentiality": "public"}
    laxer = dataclasses.replace(pinned.pinned, column_tags={**pinned.pinned.column_tags, column: public})
    pinned.have(pinned.table, laxer)
    [drift] = pinned.found()
    assert (drift.kind, drift.database) == ("tags", PRODUCT)
    assert drift.what.startswith(f"{pinned.name}__v1.{column} confidentiality: public, not ")


def test_a_pinned_table_that_is_stricter_is_nobodys_fault(pinned):
    restricted = {name: {**tags, "confidentiality": "restricted"} for name, tags in pinned.pinned.column_tags.items()}
    pinned.have(pinned.table, dataclasses.replace(pinned.pinned, column_tags=restricted))
    assert pinned.found() == []
