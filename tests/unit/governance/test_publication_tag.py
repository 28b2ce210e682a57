"""What is not published is read by nobody through LF-Tags: in expressions, decisions, and for the emulator as well."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.access.decision import grown
from mesh.domain.access.exposure import exposed_by, matched_by
from mesh.domain.access.grants import databases_by_tags, policy_entries
from mesh.domain.access.tag_expression_cover import pinned, size
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, Database, Grant, NotInCatalog, PolicyGrant
from mesh.domain.governance.expressions import Expression, InvalidExpression, parse_expression
from mesh.domain.governance.permissions import Evaluator
from mesh.domain.governance.publication_tag import as_requested, for_people, granted_as, is_published, waits

from local.lakeformation import evaluation as emulator
from tests.unit.access import states
from tests.unit.access.requests import CENTRAL, CONSUMER, PERSONAL, credit_card, decided, lake_of, table, tags
from tests.unit.access.test_decision import policies_of, reaches
from tests.unit.governance.test_permissions_properties import PLACES, emulated

PENDING, PUBLISHED = {"publication": "pending"}, {"publication": "published"}
COLUMNS = "laufkont hoehe alter famges gastarb".split()
READ = ("SELECT", "DESCRIBE")
marks = st.sampled_from([{}, PENDING, PUBLISHED])


@given(states.expressions, states.tags, marks)
def test_the_granted_expression_is_the_requested_one_on_published_data(asked, own, mark):
    found, there = granted_as(asked), {**own, **mark}
    assert found.matches(there) == (asked.matches(own) and is_published(there))
    assert (as_requested(found), granted_as(found), waits(found)) == (asked, found, True)
    assert not waits(asked)
    assert for_people(there) == own


def test_an_expression_that_matches_nothing_is_not_made_to_match_all_that_is_published():
    assert granted_as(Expression(())) == Expression(())


@pytest.mark.parametrize("asked", ["publication=published", "pii=none Publication=pending", "publication=*"])
def test_the_key_cannot_be_requested(asked):
    with pytest.raises(InvalidExpression, match="set by Meshwork itself") as caught:
        parse_expression(asked)
    assert "leave publication out" in caught.value.remedy


def test_grants_on_tables_wait_and_those_on_databases_do_not():
    asked = parse_expression("confidentiality=internal pii=none")
    database, tables = policy_entries([asked], databases_by_tags([asked], {}), CENTRAL, "SELECT")
    assert Expression.of_tags(database.resource["LFTagPolicy"]["Expression"]) == asked
    assert Expression.of_tags(tables.resource["LFTagPolicy"]["Expression"]) == granted_as(asked)


@pytest.mark.parametrize("length", range(868, 901))
def test_what_is_granted_keeps_to_900_bytes(length):
    """A value of one key that can be halved: the mesh's own 20 bytes count."""
    asked = Expression.of({"domain": ["x" * 50], "product": [f"{number:02}" + "p" * 38 for number in range(20)]})
    asked = Expression.of({**dict(asked.clauses), "tail": ["t" * (length - size(asked) - 4)]})
    assert size(asked) == length
    found = pinned(asked, (), {()})
    assert all(size(granted_as(each)) <= 900 for each in found)
    assert len(found) == (1 if length <= 880 else 2)


def with_pending(lake, *columns):
    database = lake.databases["credit-card"]
    tables = {
        name: replace(each, column_tags={**each.column_tags, **{c: PENDING for c in columns if c in each.columns}})
        for name, each in database.tables.items()
    }
    return replace(lake, databases={**lake.databases, "credit-card": replace(database, tables=tables)})


def test_of_a_product_what_is_not_published_is_not_exposed_and_grows_when_it_is():
    whole = lake_of(credit_card({}))
    before, after = decided(with_pending(whole, "alter")), decided(whole)
    assert before.columns == tuple(f"credit-card.credit_card.{name}" for name in COLUMNS if name != "alter")
    assert before.exposure[0].hidden == 1
    assert before.entries == after.entries
    assert grown(before, after) == ("credit-card.credit_card.alter",)
    assert reaches(before, with_pending(whole, "alter")) == set(before.columns)


def test_by_its_own_name_it_is_refused_as_not_published():
    """Policy would decide on tags that the column only inherits: laxer than its own may be."""
    lake = with_pending(lake_of(credit_card({})), "alter")
    for asked in ({"columns": ("alter",)}, {"columns": ("hoehe", "alter")}, {"rows": "alter > 30"}):
        with pytest.raises(NotInCatalog, match="not published yet, since central has not tagged it: alter") as caught:
            decided(lake, **asked)
        assert "mesh notices" in caught.value.remedy
    assert decided(lake, columns=("hoehe",)).columns == ("credit-card.credit_card.hoehe",)
    assert decided(lake, rows="hoehe > 30").effect == "allow"
    assert "alter" not in str(decided(lake, table="credit_card").entries)


def test_a_product_of_which_nothing_is_published_is_as_one_without_data():
    lake = with_pending(lake_of(credit_card({})), *COLUMNS)
    found = decided(lake)
    assert (found.effect, found.columns, found.databases) == ("allow", (), ("credit-card",))
    assert policies_of(found) == ["confidentiality=internal,public pii=none product=credit-card"]
    with pytest.raises(NotInCatalog, match="no columns yet that are published"):
        decided(lake, columns=("hoehe",))


def test_withheld_data_is_distinguished_published_or_not():
    own = {**tags("draft"), **PENDING}
    draft = Database("draft", own, {"t": table("draft", "t", "a")})
    found = decided(lake_of(credit_card({}), draft), expression="pii=none", withheld=["draft"])
    assert policies_of(found) == ["confidentiality=internal pii=none product=credit-card"]


def test_the_exposure_of_a_request_is_the_published_part_of_its_matches():
    lake = with_pending(lake_of(credit_card({"gastarb": PERSONAL})), "hoehe")
    asked = parse_expression("product=credit-card pii=none")
    names = [[column.name for each in found for column in each.columns] for found in
             (exposed_by(lake, asked), matched_by(lake, asked))]  # fmt: skip
    assert names == [["laufkont", "alter", "famges"], ["laufkont", "hoehe", "alter", "famges"]]


@st.composite
def waiting_lakes(draw):
    """Random catalogs in which every grant is as Meshwork makes it; databases are pending, columns marked at random."""
    lake = draw(states.lakes())
    databases = {}
    for name, database in lake.databases.items():
        tables = {
            each.name: replace(
                each, column_tags={c: {**each.column_tags.get(c, {}), **draw(marks)} for c in states.COLUMNS}
            )
            for each in database.tables.values()
        }
        databases[name] = replace(database, tags={**database.tags, **PENDING}, tables=tables)
    grants = [
        Grant(principal, PolicyGrant("TABLE", granted_as(draw(states.expressions))), *[frozenset(READ)] * 2, CENTRAL)
        for principal in (CONSUMER, states.STEWARD)
    ]
    passed_on = replace(grants[0], principal=states.ANALYST, grantable=frozenset(), grantor=CONSUMER)
    return CatalogSnapshot(CENTRAL, databases, (*grants, passed_on), shares={CONSUMER: "accepted"})


@given(waiting_lakes())
def test_unpublished_data_cannot_be_read_in_the_model_or_the_emulator(lake):
    evaluator, twin = Evaluator(lake), emulated(lake)
    for who in states.READERS:
        for place in PLACES:
            ours = evaluator.rights(who, *place)
            theirs = emulator.table_rights(twin, emulator.Principal(who.arn, who.account, who.admin), *place)
            assert ours.readable == theirs.columns
            assert all(is_published(lake.tags(*place, column)) for column in theirs.columns | theirs.visible)
            # The table itself never matches; what matches of its columns is read all the same.
            expected = {c for c in states.COLUMNS for g in lake.grants if g.grantor == CENTRAL
                        and g.principal in {who.account, who.arn} & {CONSUMER, states.STEWARD}
                        and as_requested(g.resource.expression).matches(for_people(lake.tags(*place, c)))
                        and is_published(lake.tags(*place, c))}  # fmt: skip
            assert set(ours.readable) == expected, (who, place)
