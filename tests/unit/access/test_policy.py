"""The shipped rules as a table, and every way in which a policies file can be wrong."""

from datetime import timedelta
from typing import get_args

import pytest
from mesh.domain.access.policy import EFFECTS, NO_RULE, Effect, Facts, PoliciesInvalid

from tests.unit.access.requests import CONSUMER, POLICIES, document, shipped

ANY = "risk-modelling"
RISK = frozenset({"risk"})
INTERNAL = {"tags": {"confidentiality": ["internal"]}}


def test_it_is_said_of_each_effect_what_follows_from_it():
    assert set(EFFECTS) == set(get_args(Effect))


def rule_for(confidentiality, pii, purpose=ANY, persona="analyst", permission="SELECT"):
    facts = Facts(purpose, persona, CONSUMER, RISK, permission, not persona)
    return POLICIES.rule({"confidentiality": confidentiality, "pii": pii}, facts)


@pytest.mark.parametrize(
    ("asked", "name", "effect", "days", "approvers"),
    [
        (("public", "none"), "public", "allow", 730, ()),
        (("public", "none", "marketing", ""), "public", "allow", 730, ()),
        (("internal", "none"), "internal", "allow", 365, ()),
        (("internal", "none", "audit", ""), "internal", "allow", 365, ()),
        (("internal", "none", "marketing"), "internal-for-marketing", "require_approval", 365, ("owner",)),
        (("internal", "none", "marketing", "analyst", "DESCRIBE"), "describe-internal", "allow", 365, ()),
        (("confidential", "none"), "confidential", "require_approval", 180, ("owner",)),
        (("confidential", "none", "marketing"), "confidential", "require_approval", 180, ("owner",)),
        (("confidential", "personal", "fraud-detection"), "personal", "require_approval", 90, ("owner", "steward")),
        (("confidential", "personal", "audit"), "personal", "require_approval", 90, ("owner", "steward")),
        (("confidential", "personal"), "personal-for-other-purposes", "deny", None, ()),
        (("confidential", "personal", "marketing"), "personal-for-other-purposes", "deny", None, ()),
        (("restricted", "none"), "restricted", "deny", None, ()),
        (("restricted", "none", "audit"), "restricted", "deny", None, ()),
        (("restricted", "sensitive"), "sensitive", "deny", None, ()),
        (("restricted", "sensitive", ANY, "auditor"), "sensitive", "deny", None, ()),
        (
            ("restricted", "sensitive", "audit", "auditor"),
            "audit-of-restricted",
            "require_approval",
            30,
            ("owner", "steward"),
        ),
        (
            ("restricted", "none", "audit", "auditor"),
            "audit-of-restricted",
            "require_approval",
            30,
            ("owner", "steward"),
        ),
        # Tagged by hand against the ontology: personal data is never let out by its confidentiality alone.
        (("internal", "personal"), "personal-for-other-purposes", "deny", None, ()),
        (("public", "sensitive"), "sensitive", "deny", None, ()),
    ],
)
def test_the_shipped_rules(asked, name, effect, days, approvers):
    found = rule_for(*asked)
    longest = timedelta(days=days) if days else None
    assert (found.name, found.effect, found.longest, found.approvers) == (name, effect, longest, approvers)


def test_what_no_rule_speaks_of_is_denied():
    assert POLICIES.rule({}, Facts(ANY, "analyst", CONSUMER, RISK, "SELECT", False)) is NO_RULE
    assert NO_RULE.effect == "deny"


def test_a_request_waits_one_then_two_then_four_days():
    assert POLICIES.approval.rounds() == (24 * 3600, 48 * 3600, 96 * 3600)


def test_the_shipped_rules_turn_on_two_keys():
    facts = Facts(ANY, "analyst", CONSUMER, RISK, "SELECT", False)
    assert POLICIES.decisive_keys(facts) == ("confidentiality", "pii")


def allow(name="first", **when):
    return {"name": name, "effect": "allow", "why": "w", "longest": "1d", "when": when}


def test_a_rule_is_decisive_only_where_it_can_hold():
    rules = [allow("risk", same_domain=True, purposes=["research"]), allow("eu", tags={"domain": ["risk"]})]
    policies = shipped(rules=[*rules[:1], allow("all", permissions=["SELECT"], personas=["auditor"])])
    research = Facts("research", "analyst", CONSUMER, RISK, "SELECT", False)
    other = Facts("audit", "analyst", CONSUMER, RISK, "SELECT", False)
    assert policies.decisive_keys(research) == ("confidentiality", "domain", "pii")
    assert policies.decisive_keys(other) == ("confidentiality", "pii")
    assert "domain" in shipped(rules=rules).decisive_keys(other)


def test_a_rule_holds_for_an_account_of_which_one_domain_suits():
    several = Facts(ANY, "analyst", CONSUMER, frozenset({"risk", "payments"}), "SELECT", False)
    for when in ({"domains": ["payments"]}, {"same_domain": True}):
        policies = shipped(rules=[allow("first", **when)])
        assert policies.rule({"domain": "payments"}, several).name == "first"
    assert shipped(rules=[allow("first", same_domain=False)]).rule({"domain": "payments"}, several) is NO_RULE


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({}, True),
        ({"accounts": [CONSUMER]}, True),
        ({"accounts": ["999999999999"]}, False),
        ({"domains": ["risk", "finance"]}, True),
        ({"domains": ["finance"]}, False),
        ({"same_domain": True}, False),
        ({"same_domain": False}, True),
        ({"whole_account": False}, True),
        ({"whole_account": True}, False),
        ({"personas": ["analyst"], "purposes": [ANY], "permissions": ["SELECT"]}, True),
        ({"personas": ["auditor"]}, False),
        ({"permissions": ["DESCRIBE"]}, False),
        ({"tags": {"product": ["credit-card"]}}, True),
        ({"tags": {"product": ["loans"]}}, False),
        ({"tags": {"confidentiality": ["internal"], "pii": ["none"]}}, False),
    ],
)
def test_all_that_a_rule_gives_has_to_hold(when, holds):
    data = {"confidentiality": "internal", "domain": "payments", "product": "credit-card"}
    facts = Facts(ANY, "analyst", CONSUMER, RISK, "SELECT", False)
    assert (shipped(rules=[allow(**when)]).rule(data, facts) is not NO_RULE) is holds


@pytest.mark.parametrize(
    ("rule", "field", "message"),
    [
        ({"when": {"tags": {"secrecy": ["high"]}}}, "when.tags.secrecy", "there is no LF-Tag key 'secrecy'"),
        ({"when": {"tags": {"pii": ["some"]}}}, "when.tags.pii", "'some'; there is: none, personal, sensitive"),
        ({"when": {"tags": {"product": ["Credit"]}}}, "when.tags.product", "'product' cannot be 'Credit'"),
        ({"when": {"tags": {"pii": []}}}, "when.tags.pii", "at least 1 item"),
        ({"when": {"purposes": ["curiosity"]}}, "when.purposes", "'curiosity' is unknown; there is: risk-modelling"),
        ({"when": {"personas": ["hacker"]}}, "when.personas", "'hacker' is unknown; there is: analyst"),
        ({"when": {"domains": ["nowhere"]}}, "when.domains", "'nowhere' is unknown; there is: consumer-banking"),
        ({"when": {"accounts": [333333333333]}}, "when.accounts.0", "valid string"),
        ({"when": {"accounts": ["33"]}}, "when.accounts.0", "match pattern"),
        ({"when": {"permissions": ["DROP"]}}, "when.permissions.0", "'SELECT' or 'DESCRIBE'"),
        ({"when": {"weekday": ["monday"]}}, "when.weekday", "Extra inputs are not permitted"),
        ({"when": {"whole_account": True, "personas": ["analyst"]}}, "when", "can never match"),
        ({"name": "public"}, "name", "another rule has that name"),
        ({"effect": "require_approval"}, "approvers", "a rule with effect require_approval needs them"),
        ({"approvers": ["owner"]}, "approvers", "a rule with effect allow has none"),
        ({"effect": "require_approval", "approvers": ["boss"]}, "approvers.0", "'owner' or 'steward'"),
        ({"longest": None}, "longest", "a rule with effect allow needs it"),
        ({"effect": "deny"}, "longest", "a denial has no end"),
        ({"longest": "a year"}, "longest", "'a year' is not a duration: use hours or days"),
        ({"longest": 365}, "longest", "365 is not a duration"),
        ({"longest": "0d"}, "longest", "'0d' is not a duration"),
        ({"why": ""}, "why", "at least 1 character"),
        ({"effect": "maybe"}, "effect", "'allow', 'require_approval' or 'deny'"),
        ({"when": {"tags": {"confidentiality": ["public"], "pii": ["none"]}}}, "when", "the earlier rule 'public'"),
        (
            {"when": {"tags": {"confidentiality": ["public"], "pii": ["none"]}, "purposes": ["audit"]}},
            "when",
            "the earlier rule 'public'",
        ),
        ({"when": {"tags": {"pii": ["sensitive"]}, "same_domain": True}}, "when", "the earlier rule 'sensitive'"),
    ],
)
def test_a_rule_that_is_wrong_is_named_with_its_field(rule, field, message):
    last = {**allow("last", whole_account=True), **rule}
    with pytest.raises(PoliciesInvalid) as caught:
        shipped(rules=[*document("policies")["rules"], last])
    assert caught.value.where["rule"] == last["name"]
    assert caught.value.where["field"] == field
    assert message in caught.value.message
    assert f"rule '{last['name']}', {field}: " in caught.value.message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, INTERNAL),
        ({"purposes": sorted(POLICIES.purposes)}, {"purposes": ["audit"]}),
        ({"purposes": sorted(POLICIES.purposes)}, {}),
        ({"permissions": ["SELECT", "DESCRIBE"]}, INTERNAL),
        ({"tags": {"pii": ["none", "personal"]}}, {"tags": {"pii": ["none"], "confidentiality": ["public"]}}),
        ({"whole_account": False}, {"whole_account": False, "personas": ["analyst"]}),
    ],
)
def test_a_rule_behind_a_wider_one_is_unreachable(first, second):
    with pytest.raises(PoliciesInvalid, match="is never reached: the earlier rule 'first'"):
        shipped(rules=[allow("first", **first), allow("second", **second)])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"tags": {"pii": ["none"]}}, {}),
        ({"tags": {"pii": ["none"]}}, {"tags": {"pii": ["none", "personal"]}}),
        ({"tags": {"pii": ["none", "personal", "sensitive"]}}, INTERNAL),
        ({"purposes": ["audit"]}, {"personas": ["auditor"]}),
        ({"whole_account": True}, {"whole_account": False}),
        ({"same_domain": True}, {}),
    ],
)
def test_a_rule_that_can_still_hold_is_not(first, second):
    assert len(shipped(rules=[allow("first", **first), allow("second", **second)]).rules) == 2


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"approval": {"remind_after": "3d", "escalate_after": "72h", "deny_after": "168h"}}, "approval: remind_after"),
        (
            {"approval": {"remind_after": "1d", "escalate_after": "soon", "deny_after": "9d"}},
            "approval.escalate_after: 'so",
        ),
        ({"approval": {"remind_after": "1d"}}, "approval.escalate_after: Field required"),
        ({"purposes": {}}, "purposes: Dictionary should have at least 1 item"),
        ({"purposes": {"audit": ""}}, "purposes.audit.meaning: String should have at least 1 character"),
        ({"rules": []}, "rules: Tuple should have at least 1 item"),
        ({"rules": ["allow"]}, "rule 'number 1', rule: Input should be a valid dictionary"),
        ({"rules": [{"effect": "allow"}]}, "rule 'number 1', name: Field required"),
        ({"default": "allow"}, "default: Extra inputs are not permitted"),
    ],
)
def test_the_rest_of_the_file_is_checked_too(part, message):
    with pytest.raises(PoliciesInvalid) as caught:
        shipped(**part)
    assert message in caught.value.message
