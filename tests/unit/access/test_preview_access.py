"""Previews: what an expression exposes, who gains and who loses by a tag; and why a role can or cannot read."""

import json
import shlex
from dataclasses import replace
from types import SimpleNamespace

import pytest
from mesh.domain.access.access_context import Home
from mesh.domain.governance.catalog_snapshot import (
    CatalogSnapshot,
    ColumnsGrant,
    Database,
    DatabaseGrant,
    Grant,
    NotInCatalog,
    PolicyGrant,
    Principal,
    Table,
    TableGrant,
)
from mesh.domain.governance.expressions import InvalidExpression, parse_expression
from mesh.domain.governance.ontology import UnknownLFTag
from mesh.domain.governance.publication_tag import granted_as
from mesh.usecases.access.explain_access import UnknownRole, explain_access
from mesh.usecases.access.preview_access import preview_expression, preview_tag, preview_tags

CENTRAL, CONSUMER, REGION = "111111111111", "333333333333", "us-east-1"
ANALYST = f"arn:aws:iam::{CONSUMER}:role/analyst"
STEWARD = f"arn:aws:iam::{CENTRAL}:role/steward"
ADMIN = f"arn:aws:iam::{CONSUMER}:role/admin"
OPEN = "confidentiality=internal product=credit"
PUBLISHED = {"product": "credit", "pii": "none", "publication": "published"}
PERSONAL = {"confidentiality": "confidential", "pii": "personal"}
KNOWN = {
    "product": ("credit", "other"),
    "confidentiality": ("public", "internal", "confidential"),
    "pii": ("none", "personal"),
}


def grant(principal, resource, *permissions, option=(), by=CENTRAL):
    return Grant(principal, resource, frozenset(permissions), frozenset(option), by)


def policy(text):
    return PolicyGrant("TABLE", parse_expression(text))


BOTH = ("SELECT", "DESCRIBE")
GLUE = {"glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"}
TO_ACCOUNT = grant(CONSUMER, policy(OPEN), *BOTH, option=BOTH)
TO_ROLE = grant(ANALYST, policy(OPEN), *BOTH, by=CONSUMER)
ON_LINK = grant(ANALYST, DatabaseGrant("rl_credit"), "DESCRIBE", by=CONSUMER)
ON_DEFAULT = grant(ANALYST, DatabaseGrant("default"), "DESCRIBE", by=CONSUMER)


class FakeState:
    """One account's state: central's catalog, or a member's part."""

    def __init__(
        self,
        *grants,
        links=("rl_credit",),
        on_link=(ON_LINK,),
        on_default=(ON_DEFAULT,),
        has_default=True,
        share="accepted",
        invitations=None,
        allowed=None,
        columns=None,
    ):
        tags = {"email": PERSONAL, **(columns or {})}
        names = ("id", "amount", "email")
        accounts = Table("credit", "accounts", names, {"confidentiality": "internal"}, tags, True)
        databases = {"credit": Database("credit", PUBLISHED, {"accounts": accounts})}
        self._lake = CatalogSnapshot(CENTRAL, databases, grants, shares={CONSUMER: share} if share else {})
        own = CatalogSnapshot(CONSUMER, {}, (*on_link, *on_default), frozenset({ADMIN}))
        self._home = Home(own, links, invitations or {}, (), has_default)
        self._allowed = allowed
        self.asked = {}

    def lake(self, databases=()):
        found = {name: found for name, found in self._lake.databases.items() if not databases or name in databases}
        return replace(self._lake, databases=found)

    def tag_values(self):
        return KNOWN

    def home(self, central, database):
        assert (central, database) == (CENTRAL, "credit")
        return self._home

    def passed_on(self, central):
        assert central == CENTRAL
        return (TO_ROLE,)

    def role_arn(self, name):
        return next((arn for arn in (ANALYST, ADMIN, STEWARD) if arn.endswith(f"/{name}")), None)

    def denied(self, role_arn, needs):
        self.asked = needs
        if self._allowed is None:
            return {}
        refused = {arn: tuple(a for a in actions if a not in self._allowed) for arn, actions in needs.items()}
        return {arn: actions for arn, actions in refused.items() if actions}


def ask(state, column="id", role="analyst", account=CONSUMER):
    resource = f"credit.accounts.{column}" if column else "credit.accounts"
    return explain_access(resource, role, account, region=REGION, catalog=state, member=state)


def missing(found):
    return [step.missing for step in found.steps if not step.ok]


def test_with_everything_in_place_the_role_can_read_and_each_step_shows_why():
    found = ask(FakeState(TO_ACCOUNT, TO_ROLE))
    assert (found.can_read, found.missing) == (True, "")
    assert [step.name for step in found.steps] == [
        "grant to the account", "RAM share", "resource link", "DESCRIBE on the link", "grant to the role",
        "DESCRIBE on default", "IAM",
    ]  # fmt: skip
    assert OPEN in found.steps[0].found
    assert (found.readable, found.hidden) == (("id", "amount"), ("email",))


@pytest.mark.parametrize(
    ("state", "column", "code"),
    [
        (FakeState(TO_ROLE), "id", "NoGrant"),
        (FakeState(grant(CONSUMER, policy("product=other"), *BOTH, option=BOTH), TO_ROLE), "id", "NoGrant"),
        (FakeState(grant(CONSUMER, policy(OPEN.replace("credit", "other")), *BOTH, option=BOTH)), "id", "NoGrant"),
        (FakeState(grant(CONSUMER, policy(OPEN), *BOTH, option=("DESCRIBE",)), TO_ROLE), "id", "GrantOptionMissing"),
        (FakeState(TO_ACCOUNT, TO_ROLE), "email", "TagDiffers"),
        (FakeState(TO_ACCOUNT, TO_ROLE, share="pending"), "id", "ShareNotAccepted"),
        (FakeState(TO_ACCOUNT, TO_ROLE, share=None), "id", "ShareNotAccepted"),
        (FakeState(TO_ACCOUNT, TO_ROLE, links=()), "id", "LinkMissing"),
        (FakeState(TO_ACCOUNT, TO_ROLE, on_link=()), "id", "LinkDescribeMissing"),
        (FakeState(TO_ACCOUNT), "id", "LocalGrantMissing"),
        (FakeState(TO_ACCOUNT, TO_ROLE, on_default=()), "id", "DefaultDescribeMissing"),
        (FakeState(TO_ACCOUNT, TO_ROLE, allowed=GLUE), "id", "IamDenies"),
        (FakeState(TO_ACCOUNT, TO_ROLE, allowed={"lakeformation:GetDataAccess"}), "id", "IamDenies"),
        (FakeState(grant(CONSUMER, policy(OPEN), *BOTH), TO_ROLE), "id", "GrantOptionMissing"),
        (FakeState(grant(CONSUMER, policy(OPEN), "SELECT", option=("SELECT",)), TO_ROLE), "id", "DescribeMissing"),
    ],
)  # fmt: skip
def test_the_first_thing_missing_is_the_true_one(state, column, code):
    found = ask(state, column)
    assert (found.can_read, found.missing) == (False, code)
    step = next(step for step in found.steps if step.missing == code)
    assert step.remedy
    for command in step.commands:
        assert shlex.split(command)[0] == "aws"


def test_when_one_piece_is_missing_no_other_is_blamed():
    assert missing(ask(FakeState(TO_ACCOUNT, TO_ROLE, on_link=()))) == ["LinkDescribeMissing"]
    assert missing(ask(FakeState(TO_ACCOUNT))) == ["LocalGrantMissing"]
    assert missing(ask(FakeState(TO_ACCOUNT, TO_ROLE, on_default=()))) == ["DefaultDescribeMissing"]
    assert missing(ask(FakeState(TO_ACCOUNT, TO_ROLE, share="pending"))) == ["ShareNotAccepted"]


def test_the_database_default_is_created_where_there_is_none():
    state = FakeState(TO_ACCOUNT, TO_ROLE, on_default=(), has_default=False)
    [step] = [step for step in ask(state).steps if step.missing]
    assert [command.split()[2] for command in step.commands] == ["create-database", "grant-permissions"]


def test_a_tag_that_differs_is_named_with_its_value_and_what_was_wanted():
    step = ask(FakeState(TO_ACCOUNT, TO_ROLE), "email").steps[0]
    assert "requires confidentiality=internal; the column has confidentiality=confidential" in step.found
    [command] = step.commands
    resource = json.loads(shlex.split(command)[shlex.split(command).index("--resource") + 1])
    assert {"TagKey": "confidentiality", "TagValues": ["confidential"]} in resource["LFTagPolicy"]["Expression"]


def test_a_tag_that_is_not_there_at_all_is_to_be_set():
    wants = grant(CONSUMER, policy("product=credit domain=risk"), *BOTH, option=BOTH)
    step = ask(FakeState(wants, TO_ROLE)).steps[0]
    assert (step.missing, "the column has no domain" in step.found) == ("TagDiffers", True)
    assert step.commands[0].startswith("aws lakeformation add-lf-tags-to-resource")


def test_the_invitation_to_accept_is_named():
    state = FakeState(TO_ACCOUNT, TO_ROLE, share="pending", invitations={"arn:aws:ram::i/1": "PENDING"})
    [step] = [step for step in ask(state).steps if step.missing]
    assert step.commands == (
        "aws ram accept-resource-share-invitation --resource-share-invitation-arn arn:aws:ram::i/1",
    )


def test_a_named_grant_without_the_column_is_reported():
    named = ColumnsGrant("credit", "accounts", None, frozenset({"email"}))
    found = ask(FakeState(grant(CONSUMER, named, "SELECT", option=("SELECT",)), TO_ROLE), "email")
    assert found.missing == "ColumnNotGranted"


def test_an_administrator_holds_what_its_account_was_granted():
    found = ask(FakeState(TO_ACCOUNT, on_link=()), role="admin")
    assert found.can_read
    assert "implicit" in found.steps[4].found


def test_a_grant_by_central_to_the_role_itself_needs_no_other():
    assert ask(FakeState(grant(ANALYST, policy(OPEN), *BOTH))).can_read


def test_describe_counts_by_whichever_grant_it_came():
    select = grant(CONSUMER, policy(OPEN), "SELECT", option=("SELECT",))
    sight = grant(ADMIN, TableGrant("credit", "accounts"), "DESCRIBE")
    assert ask(FakeState(select), role="admin").missing == "DescribeMissing"
    assert ask(FakeState(select, sight), role="admin").can_read


def test_in_central_there_is_neither_share_nor_link():
    on_default = grant(STEWARD, DatabaseGrant("default"), "DESCRIBE")
    state = FakeState(grant(STEWARD, TableGrant("credit", "accounts"), "SELECT"), on_default)
    found = ask(state, role="steward", account=CENTRAL)
    assert found.can_read
    assert [step.name for step in found.steps] == ["grant to the role", "DESCRIBE on default", "IAM"]
    assert not any(CONSUMER in arn for arn in state.asked)
    assert ask(FakeState(), role="steward", account=CENTRAL).missing == "NoGrant"


def test_iam_is_checked_for_link_target_and_data():
    state = FakeState(TO_ACCOUNT, TO_ROLE)
    ask(state)
    assert state.asked["*"] == ["lakeformation:GetDataAccess"]
    assert state.asked[f"arn:aws:glue:{REGION}:{CENTRAL}:table/credit/accounts"] == [
        "glue:GetTable",
        "glue:GetPartitions",
    ]
    assert f"arn:aws:glue:{REGION}:{CONSUMER}:database/rl_credit" in state.asked


def test_of_a_table_the_first_readable_column_is_explained():
    found = ask(FakeState(TO_ACCOUNT, TO_ROLE), column="")
    assert (found.can_read, found.hidden) == (True, ("email",))


@pytest.mark.parametrize("resource", ["other.t.c", "credit", "credit.other", "credit.accounts.other"])
def test_what_is_not_in_the_catalog_is_refused(resource):
    with pytest.raises(NotInCatalog):
        explain_access(resource, "analyst", CONSUMER, region=REGION, catalog=FakeState(), member=FakeState())


def test_a_role_that_does_not_exist_is_refused():
    with pytest.raises(UnknownRole, match="nobody"):
        ask(FakeState(), role="nobody")


REGISTRY = SimpleNamespace(product=lambda name: SimpleNamespace(owner="222222222222", contract={"owner": "cards@bank"}))


def test_a_preview_lists_columns_with_classification_owner_and_what_is_new():
    who = Principal(ANALYST, CONSUMER)
    state = FakeState(TO_ACCOUNT)
    text = "product=credit confidentiality=internal,confidential"
    [table] = preview_expression(text, catalog=state, registry=REGISTRY, who=who, passed_on=[TO_ROLE]).tables
    assert (table.owner, table.contact, table.hidden) == ("222222222222", "cards@bank", 0)
    found = [(column.name, column.confidentiality, column.pii, column.held) for column in table.columns]
    assert found == [
        ("id", "internal", "none", True),
        ("amount", "internal", "none", True),
        ("email", "confidential", "personal", False),
    ]


def test_a_preview_that_matches_nothing_today_is_allowed():
    assert preview_expression("product=other", catalog=FakeState(), registry=REGISTRY).tables == ()


@pytest.mark.parametrize("text", ["planet=mars", "confidentiality=secret", "confidentiality=internal,secret"])
def test_tags_that_do_not_exist_are_refused(text):
    with pytest.raises(UnknownLFTag):
        preview_expression(text, catalog=FakeState(), registry=REGISTRY)


def test_a_tag_preview_names_who_gains_and_who_loses_by_role_and_account():
    state = FakeState(TO_ACCOUNT, grant(STEWARD, policy("confidentiality=confidential"), "SELECT"))
    found = preview_tag("Confidentiality=Confidential", "credit.accounts.id", catalog=state, members={CONSUMER: state})
    assert found.before == "internal"
    assert {change.principal: (change.gains, change.loses) for change in found.changes} == {
        STEWARD: (("id",), ()),
        CONSUMER: ((), ("id",)),
        ANALYST: ((), ("id",)),
    }


def test_tags_of_many_columns_are_previewed_as_one():
    state = FakeState(TO_ACCOUNT, grant(STEWARD, policy("confidentiality=confidential"), "SELECT"))
    one = preview_tag("confidentiality=confidential", "credit.accounts.id", catalog=state, members={CONSUMER: state})
    tags = {"accounts": {"id": {"confidentiality": "confidential"}, "gone": {"pii": "none"}}, "gone": {"id": {}}}

    assert preview_tags("credit", tags, catalog=state, members={CONSUMER: state}) == one.changes
    assert preview_tags("never-registered", tags, catalog=state, members={}) == ()


@pytest.mark.parametrize(
    ("tag", "error"),
    [
        ("confidentiality", InvalidExpression),
        ("confidentiality=internal,public", UnknownLFTag),
        ("confidentiality=*", UnknownLFTag),
        ("confidentiality=internal pii=none", UnknownLFTag),
    ],
)
def test_a_tag_is_one_key_and_one_value(tag, error):
    with pytest.raises(error):
        preview_tag(tag, "credit", catalog=FakeState(), members={})


WAITING = PolicyGrant("TABLE", granted_as(parse_expression(OPEN)))
GIVEN = grant(CONSUMER, WAITING, *BOTH, option=BOTH)
PASSED = grant(ANALYST, WAITING, *BOTH, by=CONSUMER)
PENDING = {"publication": "pending"}


def unpublished(*grants, **column):
    return FakeState(*grants, columns={"amount": {**column, **PENDING}})


def test_an_untagged_column_is_reported_as_not_published_and_nothing_else_is_blamed():
    found = ask(unpublished(GIVEN, PASSED), "amount")
    assert (found.can_read, missing(found)) == (False, ["NotPublished"])
    step = found.steps[0]
    assert (step.account, step.found) == (CENTRAL, "not published yet: central has not tagged this column")
    assert "mesh history credit" in step.remedy
    assert step.commands == ()
    assert found.readable == ("id",)
    assert "publication" not in found.tags
    assert "publication=" not in json.dumps(found.model_dump(mode="json"))


def test_further_missing_steps_are_shown_after_it():
    assert missing(ask(unpublished(GIVEN), "amount")) == ["NotPublished", "LocalGrantMissing"]
    stricter = unpublished(GIVEN, PASSED, confidentiality="confidential")
    assert missing(ask(stricter, "amount"))[:2] == ["NotPublished", "TagDiffers"]
    assert missing(ask(unpublished(), "amount"))[0] == "NoGrant"


def test_once_published_the_same_grants_allow_reading_it():
    found = ask(FakeState(GIVEN, PASSED), "amount")
    assert found.can_read
    assert found.steps[0].found == f"DESCRIBE, SELECT by LF-Tags {OPEN}"


def test_a_grant_by_name_does_not_wait():
    columns = ColumnsGrant("credit", "accounts", frozenset({"amount"}))
    named = [grant(who, columns, "SELECT", option=option, by=by)
             for who, option, by in ((CONSUMER, ("SELECT",), CENTRAL), (ANALYST, (), CONSUMER))]  # fmt: skip
    seen = [grant(who, TableGrant("credit", "accounts"), "DESCRIBE", option=option, by=by)
            for who, option, by in ((CONSUMER, ("DESCRIBE",), CENTRAL), (ANALYST, (), CONSUMER))]  # fmt: skip
    assert ask(unpublished(*named, *seen), "amount").can_read


def test_the_command_that_is_proposed_grants_what_is_published_alone():
    [step] = [each for each in ask(FakeState(TO_ROLE)).steps if each.missing == "NoGrant"]
    tables, database = ([*shlex.split(command)] for command in step.commands)
    assert '"TagKey":"publication","TagValues":["published"]' in " ".join(tables)
    assert "publication" not in " ".join(database)


def test_a_preview_shows_what_is_published_and_not_the_key():
    found = preview_expression(OPEN, catalog=unpublished(), registry=REGISTRY)
    assert [[column.name for column in each.columns] for each in found.tables] == [["id"]]
    assert (found.expression, found.tables[0].hidden) == (OPEN, 2)
    assert all("publication" not in column.tags for column in found.tables[0].columns)


@pytest.mark.parametrize("ask_about", ["expression", "tag"])
def test_the_key_is_not_to_be_previewed(ask_about):
    with pytest.raises(InvalidExpression, match="set by Meshwork itself"):
        if ask_about == "tag":
            preview_tag("publication=published", "credit.accounts", catalog=FakeState(), members={})
        else:
            preview_expression("publication=published", catalog=FakeState(), registry=REGISTRY)
