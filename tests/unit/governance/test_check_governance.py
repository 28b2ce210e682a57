"""A governance before it is in force: what is refused, what is shown, and that the one before stays in force."""

import copy
from datetime import timedelta

import pytest
from mesh.domain.events import PersonalDataFinding
from mesh.domain.governance.column_findings import known_from
from mesh.domain.governance.documents import FILES, GovernanceInvalid
from mesh.domain.governance.governance import parse_governance
from mesh.domain.governance.governance_change import GovernanceRefused
from mesh.usecases.governance.check_governance import adopt_governance, affected_accesses

from tests.builders import a_member, a_product, an_access
from tests.fakes import NOON, FakeGovernanceRecord, FakeLakeFormation, FakeRegistry
from tests.unit.access import requests

SHIPPED = {file: requests.document(file.removesuffix(".yaml")) for file in FILES}

CONFIDENTIALITY = SHIPPED["ontology.yaml"]["keys"]["confidentiality"]["values"]


def changed(file, place, value=None):
    """The shipped files with one entry set, or removed."""
    documents = copy.deepcopy(SHIPPED)
    *way, last = place.split(".")
    entry = documents[file]
    for name in way:
        entry = entry[name]
    if value is None:
        del entry[last]
    else:
        entry[last] = value
    return documents


class World:
    """A mesh with the shipped governance in force, a product and its owner."""

    def __init__(self):
        self.registry, self.lake = FakeRegistry(a_member(domains=("retail",))), FakeLakeFormation()
        self.registry.products["orders"] = a_product(name="orders")
        self.record = FakeGovernanceRecord(SHIPPED)

    def adopt(self, documents):
        return adopt_governance(documents.__getitem__, record=self.record, registry=self.registry, lake=self.lake)

    def refused(self, documents):
        with pytest.raises(GovernanceRefused) as refusal:
            self.adopt(documents)
        assert self.record.documents == SHIPPED, "the one before stays in force"
        return refusal.value.where["violations"]


def test_what_is_shipped_is_in_order_and_is_kept():
    world = World()
    world.record = FakeGovernanceRecord()

    assert world.adopt(SHIPPED) == ()
    assert world.record.documents == SHIPPED


def test_the_faults_of_all_files_are_told_at_once():
    documents = changed("personas.yaml", "personas.analyst.role", "Data Analyst!")
    documents["ontology.yaml"]["keys"]["pii"]["ordered"] = False

    with pytest.raises(GovernanceInvalid) as refusal:
        World().adopt(documents)

    files = {each.partition(":")[0] for each in refusal.value.where["violations"]}
    assert files == {"ontology.yaml", "personas.yaml"}


@pytest.mark.parametrize(
    ("file", "place", "value"),
    [
        ("policies.yaml", "purposes.audit", None),  # a rule names it
        ("personas.yaml", "personas.auditor", None),
        ("ontology.yaml", "keys.confidentiality.values.restricted", None),  # another value implies it
        ("members.yaml", "admit", [{"accounts": "any", "roles": ["consumer"], "domains": ["astrology"]}]),
        ("policies.yaml", "ends_after", "soon"),
    ],
)
def test_files_that_contradict_each_other_are_invalid(file, place, value):
    world = World()
    with pytest.raises(GovernanceInvalid):
        world.adopt(changed(file, place, value))
    assert world.record.documents == SHIPPED


def test_a_value_that_a_contract_names_stays():
    [why] = World().refused(changed("ontology.yaml", "keys.domain.values.retail"))[:1]
    assert why == "orders: it could not be published any more: the LF-Tag 'domain' has no value 'retail'"


def test_a_value_that_a_table_or_column_has_stays():
    """Contracts that no longer name it, pinned versions, tags by hand: without the value it has no order any more."""
    world = World()
    world.lake.on[("orders", "t1", "note")] = {"domain": "energy"}
    world.lake.on[("somebody's", "t1")] = {"domain": "energy"}

    assert world.refused(changed("ontology.yaml", "keys.domain.values.energy")) == [
        "domain=energy: is removed, and is on orders.t1.note"
    ]


def test_a_value_that_nothing_of_the_mesh_has_can_go():
    world = World()
    world.lake.on[("somebody's", "t1")] = {"domain": "energy"}

    documents = changed("ontology.yaml", "keys.domain.values.energy")
    assert world.adopt(documents) == ()
    assert world.record.documents == documents


def test_a_domain_of_a_member_stays():
    world = World()
    world.registry.put_member(a_member("999999999999", domains=("energy",)))

    assert world.refused(changed("ontology.yaml", "keys.domain.values.energy")) == [
        "999999999999: its domain energy is gone"
    ]


def test_what_was_found_in_a_product_stays():
    world = World()
    found = PersonalDataFinding(column="note", value="sensitive", reason="card numbers", confidence=1)
    world.registry.add_findings("orders", "t1", known_from([found], "batch", NOON))
    documents = changed("ontology.yaml", "keys.pii.values.sensitive")
    documents["policies.yaml"]["rules"] = [
        rule for rule in documents["policies.yaml"]["rules"] if rule["name"] != "sensitive"
    ]

    assert world.refused(documents) == ["orders: its data was found to be pii=sensitive, which is gone"]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (
            "keys.confidentiality.values",
            dict(reversed(SHIPPED["ontology.yaml"]["keys"]["confidentiality"]["values"].items())),
        ),
        ("keys.confidentiality.ordered", False),
    ],
)
def test_the_order_of_values_stays(place, value):
    """Today's stricter value would be tomorrow's laxer one, on every column that has it."""
    world = World()
    documents = changed("ontology.yaml", place, value)
    if value is False:
        with pytest.raises(GovernanceInvalid):
            world.adopt(documents)
    else:
        assert "the order of its values changes" in world.refused(documents)[0]


@pytest.mark.parametrize(
    ("place", "value", "what"),
    [
        ("keys.confidentiality.default", "public", "its default becomes laxer: confidential \u2192 public"),
        ("keys.pii.values.personal.implies", {}, "implies confidentiality=nothing by now"),
        (
            "keys.pii.values.sensitive.implies",
            {"confidentiality": "internal"},
            "implies confidentiality=internal by now",
        ),
    ],
)
def test_what_becomes_laxer_for_new_data_is_shown_and_taken(place, value, what):
    [impact] = World().adopt(changed("ontology.yaml", place, value))
    assert (what in impact.what, impact.refused) == (True, False)


def test_a_retired_product_and_an_expelled_member_hold_nothing_back():
    world = World()
    world.registry.products["orders"] = a_product(name="orders", status="retired")
    world.registry.put_member(a_member(domains=("retail",), status="expelled"))

    assert world.adopt(changed("ontology.yaml", "keys.domain.values.retail")) == ()


def test_going_back_to_the_governance_before_is_taken():
    """CloudFormation does so when something else of the deployment fails."""
    world = World()
    more = changed("ontology.yaml", "keys.domain.values.aviation", "Aircraft.")
    world.adopt(more)

    assert world.adopt(SHIPPED) == ()


def test_live_accesses_that_it_would_not_allow_are_listed():
    documents = changed("policies.yaml", "purposes.research")
    governance = parse_governance(documents.__getitem__)
    found = requests.decided()
    accesses = [
        an_access("ac-000000000001", status="live", decided=found, purpose="research"),
        an_access("ac-000000000002", status="live", decided=found, until=NOON + timedelta(days=3)),
        an_access("ac-000000000003", status="ended", decided=found, purpose="research"),
    ]

    impacts = list(affected_accesses(governance, accesses, lambda access: found, requests.LAKE))

    assert [(each.subject, each.refused) for each in impacts] == [("ac-000000000001", False)]
    assert "the purpose research is gone" in impacts[0].what
    assert "14 days later" in impacts[0].remedy
