"""A column that was granted by name, and becomes stricter: the access ends, as a grant by tags would not match."""

import json

import pytest
from mesh.domain.access.record import HOLDING
from mesh.domain.events import ExposedClass, ExposedData, GrantEntry, PersonalDataFinding, Reason
from mesh.domain.publishing.proposals import TableDetails
from mesh.usecases.access.end_access import Ending
from mesh.usecases.named_accesses import NamedAccesses
from mesh.usecases.publishing.commit_version import commit_version
from mesh.usecases.publishing.tag_tables import Loosening, restore_tags, tag_product

from tests.builders import (
    CENTRAL,
    CONSUMER,
    CONTRACT,
    PRODUCT,
    TABLE,
    a_contract,
    a_member,
    a_product,
    a_registration,
    an_access,
)
from tests.fakes import FakeExecutions
from tests.fakes.failures import dying_at
from tests.unit.access import requests
from tests.unit.publishing.pinning_world import PINNED, Pinning
from tests.unit.publishing.test_proposals import World, verified
from tests.unit.publishing.test_tag_tables import World as Registering

ID = "ac-0123456789ab"
MAIL = PersonalDataFinding(column="note", value="personal", reason="the values are: e-mail addresses", confidence=0.95)


def granted(*columns, table=TABLE, classes=("internal", "none"), filtered=False, by_tags=False):
    """What was decided on: these columns by name, or all by tags."""
    place = {"CatalogId": CENTRAL, "DatabaseName": PRODUCT}
    resource = {"TableWithColumns": {**place, "Name": table, "ColumnNames": list(columns)}}
    if filtered:
        name = {"TableCatalogId": CENTRAL, "DatabaseName": PRODUCT, "TableName": table, "Name": f"mesh-{ID}"}
        resource = {"DataCellsFilter": name}
    if by_tags:
        resource = {"LFTagPolicy": {"CatalogId": CENTRAL, "ResourceType": "TABLE", "Expression": []}}
    confidentiality, pii = classes
    shown = ExposedClass(confidentiality=confidentiality, pii=pii, columns=columns, count=len(columns))
    exposure = ExposedData(database=PRODUCT, table=table, owner="222222222222", classes=(shown,), hidden=0)
    return requests.decided().evolve(
        entries=(GrantEntry(resource=resource, permissions=("SELECT",)),),
        exposure=(exposure,),
        columns=tuple(f"{PRODUCT}.{table}.{name}" for name in columns),
    )


def hold(world, *columns, status="live", **given):
    decided = granted(*columns, **given)
    access = an_access(ID, product=PRODUCT, expression="", status=status, granted=True, decided=decided)
    world.accesses.open(access.evolve(receiver=CONSUMER))


def ended(world):
    """What each started run is told."""
    return [Ending.model_validate(json.loads(order)["ending"]) for order in world.endings.started.values()]


def batch(world, *findings):
    details = TableDetails(objects=1, rows=10, bytes=80, sources=1, findings=findings)
    return world.stage(fields=world.fields(id="bigint", note="string"), details=details)


@pytest.fixture
def world():
    found = World()
    found.publish(batch(found))
    return found


def test_a_finding_ends_the_access_and_says_why(world):
    hold(world, "id", "note")
    world.publish(batch(world, MAIL), number="0000000b")

    assert [(each.access, each.cause) for each in ended(world)] == [(ID, "revoked")]
    [order] = ended(world)
    assert order.why == Reason(
        code="BecameStricter",
        message=f"by now stricter than when the access was decided: {PRODUCT}.{TABLE}.note",
        where={"access": ID},
        remedy="request it again: mesh request",
    )


@pytest.mark.parametrize("status", sorted(HOLDING))
def test_also_one_that_is_being_granted(world, status):
    hold(world, "note", status=status)
    world.publish(batch(world, MAIL), number="0000000b")
    assert len(ended(world)) == 1


@pytest.mark.parametrize(
    "given",
    [{"filtered": True}, {"table": f"{TABLE}__v1"}, {"classes": ("internal", "")}],
    ids=["by a filter", "of a pinned version", "without a class"],
)
def test_also_where_it_was_granted_otherwise(world, given):
    hold(world, "note", **given)
    world.publish(batch(world, MAIL), number="0000000b")
    assert len(ended(world)) == 1


def test_what_is_as_strict_as_it_was_decided_stays(world):
    hold(world, "note", classes=("confidential", "personal"))
    world.publish(batch(world, MAIL), number="0000000b")
    assert ended(world) == []


def test_another_column_and_a_grant_by_tags_stay(world):
    hold(world, "id")
    world.publish(batch(world, MAIL), number="0000000b")
    assert ended(world) == []
    other = World()
    other.publish(batch(other))
    hold(other, "note", by_tags=True)
    other.publish(batch(other, MAIL), number="0000000b")
    assert ended(other) == []


def test_one_that_was_decided_before_the_tags_and_recorded_after_the_first_look_is_ended(world):
    """The grant that follows may have looked at the tags a moment before they were assigned."""
    tag = world.lake.tag_columns

    def recorded_meanwhile(*given):
        tag(*given)
        if not world.accesses.access(ID):
            hold(world, "note", status="sharing")

    world.verify(world.proposal(batch(world, MAIL), number="0000000b"))
    world.lake.tag_columns = recorded_meanwhile
    commit_version(verified("0000000b"), using=world.committing)
    assert [each.access for each in ended(world)] == [ID]


def test_also_where_the_commit_dies_before_it_looks_again(world):
    """When it is repeated, the tags are there already."""
    tag = world.lake.tag_columns

    def dying(*given):
        tag(*given)
        world.lake.tag_columns = tag
        hold(world, "note", status="sharing")
        raise ConnectionError

    world.verify(world.proposal(batch(world, MAIL), number="0000000b"))
    world.lake.tag_columns = dying
    with pytest.raises(ConnectionError):
        commit_version(verified("0000000b"), using=world.committing)
    assert (world.tags("note")["pii"], ended(world)) == ("personal", [])

    commit_version(verified("0000000b"), using=world.committing)
    assert [each.access for each in ended(world)] == [ID]


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_commit_that_dies_at_a_tag_has_ended_it_or_ends_it_when_it_is_repeated(world, fails_at):
    hold(world, "note")
    world.verify(world.proposal(batch(world, MAIL), number="0000000b"))
    tag, dying = world.lake.tag_columns, dying_at(fails_at)
    world.lake.tag_columns = dying(tag)
    try:
        commit_version(verified("0000000b"), using=world.committing)
    except ConnectionError:
        world.lake.tag_columns = tag
        commit_version(verified("0000000b"), using=world.committing)
    assert [each.access for each in ended(world)] == [ID]


@pytest.mark.parametrize("where", ["the product", "the column"])
def test_a_contract_that_makes_it_stricter_ends_it(where):
    world = Registering()
    world.publish()
    world.tag_product()
    world.registry.put_member(a_member(CONSUMER, "consumer"))
    hold(world, "laufkont")
    world.tag_product()
    assert ended(world) == []

    if where == "the product":
        world.tag_product(confidentiality="restricted")
    else:
        said = "logicalType: integer, customProperties: [{property: lfTags, value: {confidentiality: restricted}}]}"
        world.declare(CONTRACT.replace("logicalType: integer}", said))
        world.tag_product()

    assert [each.access for each in ended(world)] == [ID]


def test_what_reconciliation_makes_stricter_ends_it():
    """A held batch's finding: no commit and no contract came that would have applied it."""
    world = Registering()
    world.publish()
    world.tag_product()
    world.registry.put_member(a_member(CONSUMER, "consumer"))
    hold(world, "laufkont")
    world.found(MAIL.evolve(column="laufkont"))

    restore_tags(PRODUCT, tagging=world.tagging, named=world.named)

    assert world.effective("laufkont", "pii") == "personal"
    assert [each.access for each in ended(world)] == [ID]


def test_a_contract_that_makes_a_column_stricter_which_only_a_pinned_version_has_ends_it():
    world, endings = Pinning(), FakeExecutions()
    central = world.central
    named = NamedAccesses(central.registry, central.accesses, world.ontology, endings)

    def declare(said=""):
        column = f"{{name: gone, logicalType: string{said}}}"
        contract = a_contract(CONTRACT.replace("{name: email", f"{column}\n      - {{name: email"))
        central.registry.products[PRODUCT] = a_product(contract, version=2)
        loosening = Loosening(central.registry.trace, central.topics, "steward")
        tag_product(a_registration(contract), tagging=world.tagging, named=named, loosening=loosening)

    declare()
    world.ready()
    decided = granted("gone", table=PINNED)
    held = an_access(ID, product=PRODUCT, expression="", status="live", granted=True, decided=decided)
    central.accesses.open(held.evolve(receiver=CONSUMER))
    declare()
    assert endings.started == {}

    declare(", classification: pii")
    assert world.tags("gone")["pii"] == "personal"
    assert len(endings.started) == 1
