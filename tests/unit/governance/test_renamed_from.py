"""`renamed_from` in a governance: what is invalid, what is refused for what is there, and what is read as what."""

import copy
from datetime import date

import pytest
from mesh.domain.access.personas import PersonasInvalid, parse_personas
from mesh.domain.access.policy import PoliciesInvalid, parse_policies
from mesh.domain.access.renamed_accesses import access_by_new_names, request_by_new_names
from mesh.domain.access.request import AmbiguousRequest, UnknownPurpose
from mesh.domain.events import AccessRequested
from mesh.domain.governance.governance_change import GovernanceRefused, laxer_keys
from mesh.domain.governance.ontology import OntologyInvalid, UnknownLFTag, parse_ontology
from mesh.domain.governance.renames import contract_by_new_names, old_names, product_by_new_names, require_readable
from mesh.domain.governance.tagging import check_tags, resolve_tags

from tests.builders import NOON, a_contract, an_access
from tests.unit.access import requests
from tests.unit.governance.renamed_world import renamed_documents
from tests.unit.governance.test_check_governance import World

INTERNAL = ("confidentiality", "internal", "company")
RETAIL = ("domain", "retail", "shops")
PERSONAL = ("pii", "personal", "about-persons")
TODAY, LATER = date(2026, 11, 29), date(2100, 1, 1)


def ontology_of(*renames):
    return parse_ontology(renamed_documents(*renames)[0])


def policies_of(*renames, personas=None, **changes):
    ontology, policies = renamed_documents(*renames)
    found = parse_personas(personas or requests.document("personas"))
    return parse_policies({**policies, **changes}, parse_ontology(ontology), found)


def documents(*renames, **files):
    ontology, policies = renamed_documents(*renames)
    return {
        "ontology.yaml": ontology,
        "policies.yaml": policies,
        "personas.yaml": requests.document("personas"),
        "members.yaml": requests.document("members"),
        **files,
    }


# --- the files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("renamed_from", "fault"),
    [
        ("internal", "write OLD NAME: LAST DAY"),
        (["internal"], "write OLD NAME: LAST DAY"),
        ({"inside": "soon"}, "'inside': 'soon': write OLD NAME: LAST DAY"),
        ({"inside": "2027-02-30"}, "renamed_from"),
        ({"public": "2027-06-30"}, "is renamed_from public, which is still there"),
        ({"Inside": "2027-06-30"}, "'Inside' is not 1 to 50 lower-case characters"),
    ],
)
def test_what_is_no_rename_is_invalid(renamed_from, fault):
    ontology = requests.document("ontology")
    ontology["keys"]["confidentiality"]["values"]["internal"] = {"meaning": "x", "renamed_from": renamed_from}

    with pytest.raises(OntologyInvalid, match="confidentiality") as refusal:
        parse_ontology(ontology)
    assert fault in str(refusal.value.where["violations"])


def test_a_swap_takes_a_third_name():
    ontology = requests.document("ontology")
    values = ontology["keys"]["domain"]["values"]
    values["risk"] = {"meaning": "x", "renamed_from": {"finance": "2027-06-30"}}
    values["finance"] = {"meaning": "x", "renamed_from": {"risk": "2027-06-30"}}

    with pytest.raises(OntologyInvalid, match="to swap two names, rename one of them to a third name first"):
        parse_ontology(ontology)


def test_two_values_cannot_have_been_the_same():
    ontology = requests.document("ontology")
    for name in ("risk", "finance"):
        ontology["keys"]["domain"]["values"][name] = {"meaning": "x", "renamed_from": {"money": "2027-06-30"}}

    with pytest.raises(OntologyInvalid, match="is renamed_from money, and so is risk"):
        parse_ontology(ontology)


def test_rules_and_implied_values_say_the_new_name():
    ontology, policies = renamed_documents(INTERNAL)
    policies["rules"][1]["when"]["tags"]["confidentiality"] = ["internal"]

    with pytest.raises(PoliciesInvalid) as refusal:
        parse_policies(policies, parse_ontology(ontology), parse_personas(requests.document("personas")))
    assert refusal.value.where["violations"] == [
        "rule 'describe-internal', when.tags.confidentiality: the LF-Tag 'confidentiality' cannot be 'internal'; "
        "write company, its new name"
    ]
    ontology["keys"]["pii"]["values"]["personal"]["implies"] = {"confidentiality": "internal"}
    with pytest.raises(OntologyInvalid, match="it is called company by now"):
        parse_ontology(ontology)


def test_purposes_and_personas_too():
    purposes = {**requests.document("policies")["purposes"]}
    purposes["auditing"] = {"meaning": purposes.pop("audit"), "renamed_from": {"audit": "2027-06-30"}}
    with pytest.raises(PoliciesInvalid, match="'audit' is unknown; write auditing, its new name"):
        policies_of(purposes=purposes)
    personas = copy.deepcopy(requests.document("personas"))
    personas["personas"]["examiner"] = {
        **personas["personas"].pop("auditor"),
        "renamed_from": {"auditor": "2027-06-30"},
    }
    with pytest.raises(PoliciesInvalid, match="'auditor' is unknown; write examiner, its new name"):
        policies_of(personas=personas)
    personas["personas"]["analyst"]["renamed_from"] = {"auditor": "2027-06-30"}
    with pytest.raises(PersonasInvalid, match="is renamed_from auditor, and so is"):
        parse_personas(personas)


# --- against what is in force ----------------------------------------------------------------------------------------


def world_of(*renames):
    world = World()
    world.lake.tags = {key: tuple(found) for key, found in ontology_of().tag_values().items()}
    if renames:
        world.adopt(documents(*renames))
        for key, _, new in renames:
            world.lake.add_tag_values(key, [new])
    return world


def refused_by(world, after):
    kept = world.record.documents
    with pytest.raises(GovernanceRefused) as refusal:
        world.adopt(after)
    assert world.record.documents == kept, "the one before stays in force"
    return refusal.value.where["violations"]


def test_a_rename_of_what_is_in_use_is_taken_and_is_to_be_carried_out():
    world = world_of()
    world.lake.on[("orders", "t1", "note")] = {"confidentiality": "internal", "domain": "retail"}

    assert world.adopt(documents(INTERNAL, RETAIL)) == ()

    assert world.record.pending == {("confidentiality", "internal"), ("domain", "retail")}


def test_renaming_changes_no_order_and_makes_nothing_laxer():
    default = ("confidentiality", "confidential", "owners-consent")
    assert list(laxer_keys(ontology_of(), ontology_of(INTERNAL, default, PERSONAL))) == []


def test_a_chain_over_two_deployments():
    world = world_of(INTERNAL)
    chained = documents(("confidentiality", "internal", "everybody"))
    values = chained["ontology.yaml"]["keys"]["confidentiality"]["values"]
    values["everybody"]["renamed_from"] = {"company": "2027-06-30", "internal": "2027-06-30"}

    [why] = refused_by(world, chained)
    assert why.startswith("confidentiality=company: its rename from internal is not carried out yet")

    world.lake.remove_tag_values("confidentiality", ["internal"])
    world.record.keep_pending([])
    assert world.adopt(chained) == ()
    assert world.record.pending == {("confidentiality", "company")}


def test_a_rename_that_was_rolled_back_can_be_made_again():
    world = world_of(INTERNAL)

    assert world.adopt(documents()) == ()
    assert world.record.pending == frozenset()

    assert world.adopt(documents(INTERNAL)) == ()


def test_a_rename_that_has_begun_cannot_be_taken_back():
    world = world_of(INTERNAL)
    world.record.keep_pending([])

    assert "its rename from internal is not carried out yet" in refused_by(world, documents())[0]


def test_renamed_from_can_go_when_it_is_carried_out():
    world = world_of(INTERNAL)
    world.record.keep_pending([])
    world.lake.remove_tag_values("confidentiality", ["internal"])
    after = documents(INTERNAL)
    after["ontology.yaml"]["keys"]["confidentiality"]["values"]["company"] = "Everybody in the company."

    [why] = refused_by(world, after)
    assert why == "orders: it could not be published any more: the LF-Tag 'confidentiality' has no value 'internal'"
    product = world.registry.products["orders"]
    world.registry.products["orders"] = product_by_new_names(product, ontology_of(INTERNAL))
    assert world.adopt(after) == ()


@pytest.mark.parametrize(
    ("value", "old", "why"),
    [
        ("cosmos", "astrology", "is renamed_from astrology, which is no value of domain in the governance in force"),
        ("risk", "energy", "is renamed_from energy, and is a value in the governance in force"),
        (
            "stars",
            "energy",
            "is the new name of energy, and something in Lake Formation has that value, or is granted by it",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_refused(value, old, why):
    world = world_of()
    by_stars = {"LFTagPolicy": {"Expression": [{"TagKey": "domain", "TagValues": ["stars"]}]}}
    world.lake.grant([{"Principal": {}, "Resource": by_stars, "Permissions": ["SELECT"]}])
    after = documents()
    values = after["ontology.yaml"]["keys"]["domain"]["values"]
    values.pop(old, None)
    values[value] = {"meaning": "x", "renamed_from": {old: "2027-06-30"}}

    assert why in refused_by(world, after)[0]


def test_a_purpose_that_never_was_has_no_old_name():
    after = documents()
    after["policies.yaml"]["purposes"]["research"] = {"meaning": "x", "renamed_from": {"study": "2027-06-30"}}

    assert "purpose research: is renamed_from study" in refused_by(world_of(), after)[0]


# --- reading ---------------------------------------------------------------------------------------------------------


def a_contract_of(**column):
    contract = a_contract()
    [table] = contract.tables
    first, *others = table.columns
    columns = (first.evolve(**column), *others)
    return contract.evolve(
        domain="Retail", lf_tags={"confidentiality": "internal"}, tables=(table.evolve(columns=columns),)
    )


def test_a_contract_says_the_same_by_either_name():
    ontology = ontology_of(INTERNAL, RETAIL, PERSONAL)
    contract = a_contract_of(classification="pii")
    named = contract_by_new_names(contract, ontology)

    assert (named.domain, named.lf_tags) == ("shops", {"confidentiality": "company"})
    assert resolve_tags(contract, ontology, {}, product="orders") == resolve_tags(named, ontology, {}, product="orders")
    check_tags(contract, ontology)
    assert list(old_names(named, ontology)) == []
    assert contract_by_new_names(named, ontology) is named


def test_it_is_told_where_a_contract_says_an_old_name_and_until_when_that_is_read():
    ontology = ontology_of(INTERNAL, PERSONAL, RETAIL)
    contract = a_contract_of(classification="personal")

    found = {each.where: each.note for each in old_names(contract, ontology)}
    assert list(found) == [
        "$.domain",
        "$.customProperties.lfTags.confidentiality",
        "$.schema[0].properties[0].classification",
    ]
    assert found["$.domain"] == (
        "domain retail is called shops by now, and is read as that through 2099-12-31: write shops"
    )
    require_readable(contract, ontology, date(2099, 12, 31))
    with pytest.raises(UnknownLFTag, match="which is called 'shops' and was read until 2099-12-31") as refusal:
        require_readable(contract, ontology, LATER)
    assert refusal.value.remedy == "Write shops in place of retail."


def test_a_request_says_the_same_by_either_name():
    purposes = {**requests.document("policies")["purposes"]}
    purposes["models"] = {"meaning": purposes.pop("risk-modelling"), "renamed_from": {"risk-modelling": "2027-06-30"}}
    personas = copy.deepcopy(requests.document("personas"))
    personas["personas"]["querier"] = {**personas["personas"].pop("analyst"), "renamed_from": {"analyst": "2027-06-30"}}
    policies = policies_of(INTERNAL, RETAIL, personas=personas, purposes=purposes)
    asked = AccessRequested(
        expression="confidentiality=internal domain=retail,risk", reader="analyst", purpose="risk-modelling", until=NOON
    )

    now = request_by_new_names(asked, policies, TODAY)

    assert (now.purpose, now.reader) == ("models", "querier")
    assert now.expression == "confidentiality=company domain=risk,shops"
    assert policies.personas.role_of("analyst") == ("DataAnalyst", "querier")
    for changes, error in (
        ({}, UnknownPurpose),
        ({"purpose": "models"}, AmbiguousRequest),
        ({"purpose": "models", "reader": None}, UnknownLFTag),
    ):
        with pytest.raises(error) as refusal:
            request_by_new_names(asked.evolve(**changes), policies, LATER)
        assert "it is called" in refusal.value.remedy

    recorded = an_access(expression="confidentiality=internal", product="", receiver_domains=("retail",))
    named = access_by_new_names(recorded, policies)
    assert (named.request.purpose, named.request.persona) == ("models", "querier")
    assert (named.request.expression, named.receiver_domains) == ("confidentiality=company", ("shops",))


def test_a_name_that_nobody_may_write_says_what_it_is_called():
    with pytest.raises(UnknownLFTag, match="has no value 'internal' any more: it is called 'company'"):
        ontology_of(INTERNAL).check("confidentiality", "internal")
