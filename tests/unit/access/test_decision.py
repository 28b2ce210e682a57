"""Decisions on a small catalog by the shipped rules: what is kept, left out, asked, refused, granted, and why."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.access.decision import ExceedsRequest, UntilTooFar, grown, narrow_approval
from mesh.domain.access.request import AmbiguousRequest
from mesh.domain.governance.catalog_snapshot import Database, Grant, NotInCatalog, PolicyGrant, Principal
from mesh.domain.governance.expressions import Expression, InvalidExpression
from mesh.domain.governance.permissions import Evaluator
from mesh.domain.governance.publication_tag import as_requested, waits

from tests.unit.access.requests import (
    CENTRAL,
    CONSUMER,
    LAKE,
    NOW,
    OTHER,
    PERSONAL,
    PRODUCER,
    credit_card,
    decided,
    lake_of,
    shipped,
    table,
    tags,
)

UNCLASSIFIED = {"product": "credit-card", "publication": "published"}
LATER = NOW + timedelta(days=30)


def policies_of(found, kind="TABLE"):
    """The expressions of policies on tables, or on databases, as text: as asked, for all on tables wait alike."""
    bodies = [entry.resource.get("LFTagPolicy", {}) for entry in found.entries]
    expressions = [Expression.of_tags(body["Expression"]) for body in bodies if body.get("ResourceType") == kind]
    assert all(waits(each) == (kind == "TABLE") for each in expressions)
    return [str(as_requested(each)) for each in expressions]


def kinds(found):
    return [(next(iter(entry.resource)), *entry.permissions) for entry in found.entries]


def reaches(found, lake, who=CONSUMER):
    """`table.column` that the account may read by the entries' policies, by the evaluator that explains access."""
    grants = [
        Grant(
            who,
            PolicyGrant(body["ResourceType"], Expression.of_tags(body["Expression"])),
            frozenset(entry.permissions),
            frozenset(entry.permissions),
            CENTRAL,
        )
        for entry in found.entries
        if (body := entry.resource.get("LFTagPolicy"))
    ]
    granted = replace(lake, grants=tuple(grants), shares={who: "accepted"})
    readable = Evaluator(granted).readable(Principal(who, who))
    return {f"{where.table.database}.{where.table.name}.{name}" for where, names in readable for name in names}


def test_of_an_internal_product_the_personal_columns_are_left_out_and_said_so():
    found = decided()
    assert (found.effect, found.rules, found.approvers) == ("allow", ("internal",), ())
    assert policies_of(found) == ["confidentiality=internal pii=none product=credit-card"]
    assert policies_of(found, "DATABASE") == ["product=credit-card"]
    assert kinds(found) == [("LFTagPolicy", "DESCRIBE"), ("LFTagPolicy", "SELECT", "DESCRIBE")]
    assert found.columns == ("credit-card.credit_card.laufkont", "credit-card.credit_card.hoehe")
    assert reaches(found, LAKE) == set(found.columns)
    assert found.tables[0].columns == ("laufkont", "hoehe")
    assert found.databases == ("credit-card",)
    personal, sensitive = found.left_out
    assert personal.startswith("credit_card.alter, credit_card.famges (rule personal-for-other-purposes: Personal")
    assert sensitive.startswith("credit_card.gastarb (rule sensitive: ")
    assert "(rule internal)" in found.why
    assert (found.exposure[0].hidden, found.exposure[0].owner, found.exposure[0].classes[0].count) == (3, PRODUCER, 2)


def test_the_link_is_usable_where_database_and_columns_are_of_different_classes():
    confidential = lake_of(credit_card({"hoehe": {"confidentiality": "internal"}}, confidentiality="restricted"))
    by_product, by_expression = decided(confidential), decided(confidential, expression="domain=consumer-banking")
    for found in (by_product, by_expression):
        assert reaches(found, confidential) == {"credit-card.credit_card.hoehe"}
        database = [
            Expression.of_tags(entry.resource["LFTagPolicy"]["Expression"])
            for entry in found.entries
            if entry.resource["LFTagPolicy"]["ResourceType"] == "DATABASE"
        ]
        assert any(each.matches(confidential.tags("credit-card")) for each in database)


def test_one_class_that_needs_approval_makes_the_whole_request_wait():
    found = decided(purpose="audit")
    assert (found.effect, found.rules) == ("require_approval", ("internal", "personal"))
    assert found.approvers == (CENTRAL, PRODUCER)
    assert found.why.index("(rule personal)") < found.why.index("(rule internal)")
    assert policies_of(found) == [
        "confidentiality=confidential pii=personal product=credit-card",
        "confidentiality=internal pii=none product=credit-card",
    ]
    assert [line.partition(" ")[0] for line in found.left_out] == ["credit_card.gastarb"]


def test_the_auditor_may_request_all_of_it():
    found = decided(purpose="audit", reader="Auditor", persona="auditor", until=NOW + timedelta(days=29))
    assert (found.effect, len(found.columns), found.left_out) == ("require_approval", 5, ())


def test_only_the_owner_approves_confidential_data():
    found = decided(lake_of(credit_card({}, confidentiality="confidential")))
    assert (found.effect, found.rules, found.approvers) == ("require_approval", ("confidential",), (PRODUCER,))


def test_all_denied_is_denied_with_nothing_to_grant():
    found = decided(lake_of(credit_card({}, confidentiality="restricted", pii="sensitive")))
    assert (found.effect, found.rules) == ("deny", ("sensitive",))
    assert (found.entries, found.tables, found.databases, found.columns, found.exposure) == ((), (), (), (), ())
    assert "Only auditors" in found.why


def test_a_column_requested_by_name_is_not_silently_left_out():
    found = decided(columns=("hoehe", "alter"))
    assert (found.effect, found.entries) == ("deny", ())
    assert found.why.startswith("credit_card.alter: Personal data may not be read for this purpose")


def test_columns_by_name_are_granted_by_name_in_each_table_that_has_them():
    lake = lake_of(credit_card({}, table("credit-card", "history", "hoehe dt"), table("credit-card", "codes", "code")))
    found = decided(lake, columns=("hoehe",))
    assert found.columns == ("credit-card.credit_card.hoehe", "credit-card.history.hoehe")
    assert [kind for kind, *_ in kinds(found)] == ["Database", "Table", "Table", "TableWithColumns", "TableWithColumns"]
    only_one = decided(lake, columns=("hoehe",), table="history")
    assert only_one.columns == ("credit-card.history.hoehe",)


def test_one_table_of_a_product_is_granted_by_the_names_of_its_allowed_columns():
    found = decided(table="credit_card")
    assert kinds(found) == [("Database", "DESCRIBE"), ("Table", "DESCRIBE"), ("TableWithColumns", "SELECT")]
    assert found.entries[-1].resource["TableWithColumns"]["ColumnNames"] == ["hoehe", "laufkont"]
    assert len(found.left_out) == 2


def test_describe_of_a_table_by_name_shows_every_column_so_one_denied_denies_it():
    found = decided(table="credit_card", permission="DESCRIBE")
    assert found.effect == "deny"
    harmless = decided(lake_of(credit_card({})), table="credit_card", permission="DESCRIBE")
    assert kinds(harmless) == [("Database", "DESCRIBE"), ("Table", "DESCRIBE")]
    by_tags = decided(permission="DESCRIBE", purpose="marketing")
    assert (by_tags.effect, by_tags.rules, by_tags.tables) == ("allow", ("describe-internal",), ())
    assert kinds(by_tags) == [("LFTagPolicy", "DESCRIBE"), ("LFTagPolicy", "DESCRIBE")]


def test_rows_are_granted_by_a_filter_named_after_the_access():
    found = decided(rows="hoehe > 1000")
    assert found.row_filter == "hoehe > 1000"
    assert found.entries[-1].resource["DataCellsFilter"]["Name"] == "mesh-ac-0123456789ab"
    assert found.columns == ("credit-card.credit_card.laufkont", "credit-card.credit_card.hoehe")


@pytest.mark.parametrize("rows", ["alter > 3", 'hoehe > 1 and "ALTER" = 3', "coalesce(gastarb,1)=1", "(alter)>3"])
def test_filtering_by_a_hidden_column_would_reveal_its_values(rows):
    found = decided(rows=rows)
    assert found.effect == "deny"
    assert found.entries == ()


def test_filtering_by_a_column_that_needs_approval_needs_approval():
    lake = lake_of(credit_card({"alter": {"confidentiality": "confidential"}}))
    assert decided(lake, columns=("hoehe",)).effect == "allow"
    found = decided(lake, columns=("hoehe",), rows="alter > 30")
    assert (found.effect, found.approvers, found.columns) == (
        "require_approval",
        (PRODUCER,),
        ("credit-card.credit_card.hoehe",),
    )


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"product": "cards"}, NotInCatalog, "there is no data product 'cards'"),
        ({"table": "cards"}, NotInCatalog, "product credit-card has no table 'cards'"),
        ({"columns": ("hoehe", "height")}, NotInCatalog, "credit-card.history: no column height"),
        ({"rows": "hoehe > 1"}, AmbiguousRequest, "rows belong to one table; credit-card has credit_card, history"),
    ],
)
def test_what_is_not_there_is_refused_by_name(asked, error, message):
    lake = lake_of(credit_card({}, table("credit-card", "history", "hoehe dt")))
    with pytest.raises(error) as caught:
        decided(lake, **asked)
    assert message in caught.value.message
    assert caught.value.remedy


def test_columns_of_a_product_without_data_are_refused_but_the_product_is_not():
    empty = lake_of(Database("credit-card", tags("credit-card")))
    with pytest.raises(NotInCatalog, match="has no columns yet"):
        decided(empty, columns=("hoehe",))
    found = decided(empty)
    assert (found.effect, found.rules, found.databases) == ("allow", ("public", "internal"), ("credit-card",))
    assert policies_of(found) == ["confidentiality=internal,public pii=none product=credit-card"]


def test_until_is_bounded_by_the_strictest_rule_and_the_rejection_names_the_limit():
    day, second = timedelta(days=1), timedelta(seconds=1)
    assert decided(until=NOW + 365 * day).effect == "allow"
    with pytest.raises(UntilTooFar, match="rule internal allows 2027-11-21T12:00:00") as caught:
        decided(until=NOW + 365 * day + second)
    assert caught.value.where["latest"] == "2027-11-21T12:00:00+00:00"
    with pytest.raises(UntilTooFar, match="rule personal allows 2027-02-19"):
        decided(purpose="audit", until=NOW + 91 * day)
    # What is denied has no end that could be too far.
    assert decided(columns=("alter",), until=NOW + 9999 * day).effect == "deny"


def two_products():
    loans = Database(
        "loans",
        tags("loans", "confidential", domain="risk"),
        {
            "loan": table("loans", "loan", "id amount", {"amount": {"confidentiality": "internal"}}),
            "debtor": table("loans", "debtor", "name", {"name": PERSONAL}),
        },
    )
    return lake_of(credit_card(), loans)


def test_an_expression_over_two_products_asks_the_owner_whose_data_needs_approval():
    lake = two_products()
    found = decided(lake, expression="pii=none")
    assert (found.effect, found.approvers) == ("require_approval", (OTHER,))
    assert set(found.columns) == reaches(found, lake)
    assert found.databases == ("credit-card", "loans")
    with_personal = decided(lake, expression="product=credit-card,loans")
    assert with_personal.left_out[0].startswith("credit-card.credit_card.alter, credit-card.credit_card.famges")


def test_a_database_without_an_owner_is_the_stewards_and_gets_no_link():
    lake = lake_of(Database("legacy", tags("legacy", "confidential"), {"t": table("legacy", "t", "a")}))
    found = decided(lake, expression="product=legacy")
    assert (found.effect, found.approvers, found.databases, found.tables) == ("require_approval", (CENTRAL,), (), ())
    assert found.columns == ("legacy.t.a",)


def test_an_expression_that_matches_nothing_today_is_decided_on_what_it_could_expose():
    found = decided(expression="domain=energy")
    assert (found.effect, found.rules, found.columns, found.databases) == ("allow", ("public", "internal"), (), ())
    assert found.why.startswith("Nothing matches today.")
    assert policies_of(found) == ["confidentiality=internal,public domain=energy pii=none"]
    assert any(line.startswith("confidentiality=confidential pii=none (rule confidential") for line in found.left_out)


def test_no_match_today_and_only_approvable_data_goes_to_the_steward():
    found = decided(expression="domain=energy confidentiality=confidential")
    assert (found.effect, found.rules, found.approvers) == ("require_approval", ("confidential",), (CENTRAL,))
    assert policies_of(found) == ["confidentiality=confidential domain=energy pii=none"]


def test_nothing_today_and_never_anything_is_denied():
    found = decided(expression="domain=energy pii=sensitive")
    assert (found.effect, found.entries, found.rules) == ("deny", (), ("sensitive",))


def test_what_could_be_too_many_classes_is_refused():
    # 22 domains, 4 confidentialities, 3 kinds of personal data, 51 products.
    rule = {"name": "all", "effect": "allow", "why": "w", "longest": "1d", "when": {"same_domain": True}}
    products = {"product": [f"p{number}" for number in range(51)]}
    named = {**rule, "name": "named", "when": {"tags": products}}
    with pytest.raises(InvalidExpression, match="13464 classifications"):
        decided(lake_of(), shipped(rules=[named, rule]), expression="pii=*")


def test_by_tags_nothing_is_granted_that_lacks_a_decisive_key_but_by_name_it_is():
    rule = {"name": "all", "effect": "allow", "why": "Anything.", "longest": "90d", "when": {}}
    lake = lake_of(Database("credit-card", UNCLASSIFIED, {"t": table("credit-card", "t", "a")}))
    found = decided(lake, shipped(rules=[rule]))
    assert (found.effect, found.rules) == ("deny", ("not-tagged",))
    assert "lacks the LF-Tag confidentiality, pii" in found.why
    assert decided(lake, shipped(rules=[rule]), columns=("a",)).effect == "allow"


def test_same_domain_pins_the_domain():
    rule = {"name": "own", "effect": "allow", "why": "Its own.", "longest": "90d", "when": {"same_domain": True}}
    found = decided(LAKE, shipped(rules=[rule]), domain="consumer-banking", expression="pii=none")
    assert policies_of(found) == ["confidentiality=internal domain=consumer-banking pii=none"]
    assert decided(LAKE, shipped(rules=[rule]), domain="risk").effect == "deny"


def test_withheld_databases_are_distinguished_by_product_only_where_needed():
    draft = Database("draft", tags("draft", "restricted", "sensitive"), {"t": table("draft", "t", "a")})
    retired = Database("retired", tags("retired"), {"t": table("retired", "t", "a")})
    drafts = lake_of(credit_card(), draft)
    harmless = decided(drafts, expression="pii=none,sensitive", withheld=["draft"])
    assert policies_of(harmless) == ["confidentiality=internal pii=none"]
    both = lake_of(credit_card(), draft, retired)
    found = decided(both, expression="pii=none", withheld=["draft", "retired"])
    assert policies_of(found) == ["confidentiality=internal pii=none product=credit-card"]
    assert reaches(found, both) == set(found.columns) == set(decided().columns)
    with pytest.raises(NotInCatalog, match="no data product 'retired'"):
        decided(both, product="retired", withheld=["retired"])


def test_where_all_that_matches_is_withheld_nothing_is_granted_on_what_may_come():
    retired = lake_of(Database("retired", tags("retired"), {"t": table("retired", "t", "a")}))
    found = decided(retired, expression="pii=none", withheld=["retired"])
    assert (found.effect, found.entries) == ("deny", ())
    assert "withheld" in found.why
    named = decided(retired, expression="product=retired,loans pii=none", withheld=["retired"])
    assert policies_of(named) == ["confidentiality=internal,public pii=none product=loans"]


classes = st.sampled_from(["public", "internal", "confidential", "restricted"])
levels = st.sampled_from(["none", "personal", "sensitive"])
own_tags = st.fixed_dictionaries({}, optional={"confidentiality": classes, "pii": levels})
waiting = st.fixed_dictionaries({"publication": st.sampled_from(["pending", "published"])})
column_marks = st.tuples(own_tags, waiting).map(lambda pair: {**pair[0], **pair[1]})


@given(
    own_tags,
    st.dictionaries(st.sampled_from("laufkont hoehe alter famges gastarb".split()), column_marks),
    st.booleans(),
)
def test_the_entries_expose_exactly_what_was_decided(database, column_tags, by_product):
    lake = lake_of(
        Database(
            "credit-card",
            {**UNCLASSIFIED, **database},
            {"credit_card": table("credit-card", "credit_card", "laufkont hoehe alter famges gastarb", column_tags)},
        )
    )
    asked = {} if by_product else {"expression": "product=credit-card,loans"}
    found = decided(lake, purpose="audit", **asked)
    assert reaches(found, lake) == set(found.columns)
    for name in found.columns:
        now = lake.tags("credit-card", "credit_card", name.rpartition(".")[2])
        assert (now["confidentiality"], now["pii"]) not in {("restricted", "sensitive"), ("public", "personal")}


def test_what_is_tagged_sensitive_after_the_grant_falls_out_of_it():
    found = decided(expression="domain=consumer-banking")
    after = LAKE.with_tag("pii", "sensitive", "credit-card", "credit_card", "hoehe")
    assert reaches(found, after) == {"credit-card.credit_card.laufkont"}


def test_growth_while_waiting_is_shown():
    before = decided(purpose="audit")
    assert grown(before, before) == ()
    wider = lake_of(credit_card({"gastarb": PERSONAL, "alter": PERSONAL, "famges": PERSONAL}))
    assert grown(before, decided(wider, purpose="audit")) == ("credit-card.credit_card.gastarb",)
    # The same column at another classification is not what the owner looked at.
    retagged = LAKE.with_tag("confidentiality", "public", "credit-card", "credit_card", "hoehe")
    assert grown(before, decided(retagged, purpose="audit")) == ("credit-card.credit_card.hoehe",)


def test_data_that_was_allowed_and_now_needs_approval_is_all_new():
    stricter = LAKE.with_tag("confidentiality", "confidential", "credit-card", "credit_card", "hoehe")
    now = decided(stricter)
    assert grown(decided(), now) == now.columns


def test_an_approval_may_cut_columns_and_end():
    found = decided(purpose="audit")
    cut = narrow_approval(found, ["credit_card.ALTER", "credit-card.credit_card.hoehe"], NOW, requested_until=LATER)
    assert cut.columns == ("credit-card.credit_card.hoehe", "credit-card.credit_card.alter")
    assert kinds(cut) == [("Database", "DESCRIBE"), ("Table", "DESCRIBE"), ("TableWithColumns", "SELECT")]
    assert cut.entries[-1].resource["TableWithColumns"]["ColumnNames"] == ["alter", "hoehe"]
    assert [(each.pii, each.count, each.columns) for each in cut.exposure[0].classes] == [
        ("none", 1, ("hoehe",)),
        ("personal", 1, ("alter",)),
    ]
    assert (cut.exposure[0].hidden, cut.tables[0].columns) == (3, ("hoehe", "alter"))
    assert "credit-card.credit_card.laufkont" in cut.left_out[-1]
    assert narrow_approval(found, found.columns, LATER, requested_until=LATER) is found
    assert narrow_approval(found, [], None, requested_until=LATER) is found
    assert grown(found, cut) == ()


def test_an_approval_cuts_wide_tables_by_their_true_classes():
    wide = " ".join(f"c{number}" for number in range(300))
    column_tags = {f"c{number}": PERSONAL for number in range(0, 300, 2)}
    lake = lake_of(Database("credit-card", tags("credit-card"), {"w": table("credit-card", "w", wide, column_tags)}))
    found = decided(lake, purpose="audit")
    assert [(each.count, len(each.columns)) for each in found.exposure[0].classes] == [(150, 100), (150, 100)]
    cut = narrow_approval(found, ["w.c298", "w.c299", "w.c297"], None, requested_until=LATER)
    assert {(each.pii, each.columns) for each in cut.exposure[0].classes} == {
        ("personal", ("c298",)),
        ("none", ("c297", "c299")),
    }


def test_an_approval_of_rows_keeps_the_filter():
    found = decided(rows="hoehe > 1000")
    cut = narrow_approval(found, ["credit_card.laufkont"], None, requested_until=LATER)
    assert (cut.entries, cut.row_filter) == (found.entries, found.row_filter)
    assert cut.columns == ("credit-card.credit_card.laufkont",)


@pytest.mark.parametrize(
    ("columns", "until", "message"),
    [
        (["credit_card.gastarb"], None, "'credit_card.gastarb' is not among the requested columns"),
        (["hoehe"], None, "'hoehe' is not among the requested columns"),
        (["loans.credit_card.hoehe"], None, "not among the requested columns"),
        ([], LATER + timedelta(seconds=1), "is later than"),
    ],
)
def test_an_approval_never_gives_more(columns, until, message):
    with pytest.raises(ExceedsRequest, match=message):
        narrow_approval(decided(), columns, until, requested_until=LATER)


def test_an_approval_of_describe_cannot_name_columns():
    with pytest.raises(ExceedsRequest, match="columns need SELECT"):
        narrow_approval(decided(permission="DESCRIBE"), ["credit_card.hoehe"], None, requested_until=LATER)


def test_an_approval_that_names_columns_of_two_products_is_ambiguous():
    other = Database("loans", tags("loans"), {"credit_card": table("loans", "credit_card", "hoehe")})
    found = decided(lake_of(credit_card(), other), expression="pii=none")
    with pytest.raises(AmbiguousRequest, match="several products"):
        narrow_approval(found, ["credit_card.hoehe"], None, requested_until=LATER)
    assert narrow_approval(found, ["loans.credit_card.hoehe"], None, requested_until=LATER).databases == ("loans",)
