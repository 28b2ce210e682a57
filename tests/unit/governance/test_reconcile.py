"""`find_drift` and `repair_drift`: every kind of difference, what is fixed, and what is left to people."""

import dataclasses
import json
from datetime import datetime, timedelta

import pytest
from mesh.adapters.lakeformation.grants_format import parse_grants
from mesh.adapters.lakeformation.lake import LakeFormationRefused
from mesh.domain.access.fix_commands import resource_of
from mesh.domain.access.grants import grants_digest
from mesh.domain.access.personas import parse_personas
from mesh.domain.access.policy import parse_policies
from mesh.domain.access.record import Answer, ReaderCheck
from mesh.domain.contracts.product import Throttled
from mesh.domain.events import GrantEntry, ReadableTable, Reason
from mesh.domain.governance.catalog_snapshot import ColumnsGrant, DatabaseGrant, Grant, PolicyGrant, TableGrant
from mesh.domain.governance.drift import Drift, Drifts, Look, Repaired, fitting
from mesh.domain.governance.ontology import parse_ontology
from mesh.domain.governance.product_rights import fill_rights, grant_entry, owner_rights
from mesh.domain.governance.publication_tag import as_requested
from mesh.domain.governance.renewal import ProductRoles
from mesh.domain.membership.entrances import bus_statements
from mesh.ports import Target
from mesh.usecases.access_ends import Endings, warned_at
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.carry_out_renames import Renaming
from mesh.usecases.governance.compare_entrances import Entrances
from mesh.usecases.governance.compare_products import Foundation
from mesh.usecases.governance.compare_readers import MAX_LOOKS
from mesh.usecases.governance.compare_rights import RightsThere
from mesh.usecases.governance.find_drift import MAX_BYTES, MAX_LISTED, find_drift
from mesh.usecases.governance.govern_lake import merge_settings
from mesh.usecases.governance.repair_drift import Order, Repairing, repair_drift
from mesh.usecases.named_accesses import NamedAccesses

from tests.builders import a_member, a_product, an_access
from tests.fakes import (
    BUS_ARN,
    NOON,
    FakeAccessRegistry,
    FakeBusPermissions,
    FakeCatalogState,
    FakeClock,
    FakeExecutions,
    FakeGovernanceRecord,
    FakeLakeFormation,
    FakeLocks,
    FakeMemberTopics,
    FakePrincipals,
    FakeRegistry,
    FakeSchedules,
    FakeStackPolicies,
    FakeTrace,
    topic_of,
)
from tests.unit.access import requests
from tests.unit.governance.renamed_world import renamed_documents

ID = "ac-0123456789ab"
RUN = "arn:aws:states:us-east-1:111111111111:execution:reconcile:5b1f7c7e-9d2b-4d54-a1f1-3c8f0f3f2a10"
HAND_MADE = Grant(
    requests.CONSUMER, TableGrant("credit-card", "credit_card"), frozenset({"DESCRIBE"}), grantor=requests.CENTRAL
)


ADMIN = f"arn:aws:iam::{requests.CENTRAL}:role/RepairDrift"
AT_END = Target("arn:aws:states:::revoke-access", "arn:aws:iam::111111111111:role/Schedules", "arn:aws:sqs:::dlq")
LOCATION_ROLE = f"arn:aws:iam::{requests.CENTRAL}:role/Location"
ONTOLOGY = parse_ontology(requests.document("ontology"))


class World:
    """One live access of the consumer, and a catalog in which exactly its grants are made."""

    def __init__(self, **given):
        self.found = requests.decided(**given)
        self.registry = FakeRegistry(a_member(requests.CONSUMER), a_member(requests.PRODUCER))
        self.registry.products["credit-card"] = a_product(
            name="credit-card", owner=requests.PRODUCER, draft=False, status="claimed"
        )
        self.accesses, self.lake, self.endings = FakeAccessRegistry(), FakeLakeFormation(), FakeExecutions()
        self.topics, self.restored, self.stack = FakeMemberTopics(), [], FakeStackPolicies()
        self.bus, self.schedules, self.record = FakeBusPermissions(), FakeSchedules(), FakeGovernanceRecord()
        for account in (requests.CONSUMER, requests.PRODUCER):
            self.bus.allow(account)
        for statement in bus_statements(BUS_ARN, requests.CENTRAL).values():
            self.bus.restore(statement)
        self.govern(self.lake)
        self.access = self.add(ID, **given)
        self.catalog = FakeCatalogState(
            dataclasses.replace(requests.LAKE, grants=self.grants(), shares={requests.CONSUMER: "accepted"})
        )
        self.clock, self.policies = FakeClock(NOON), requests.POLICIES
        self.values = ONTOLOGY.tag_values()

    def govern(self, lake):
        self.lake = lake
        lake.data_lake_settings = merge_settings({}, [ADMIN], (), gone=lambda _: False)

    @property
    def context(self):
        return CentralContext(requests.CENTRAL, self.registry, self.accesses, FakeTrace(), self.clock)

    def add(self, number, status="live", **changes):
        changes = {"status": status, "granted": True, "decided": self.found, **changes}
        self.accesses.open(an_access(number, product="credit-card", expression="product=credit-card", **changes))
        return self.accesses.access(number)

    def grants(self):
        entries = [
            {
                "Principal": {"DataLakePrincipalIdentifier": requests.CONSUMER},
                "Resource": entry.resource,
                "Permissions": list(entry.permissions),
                "PermissionsWithGrantOption": list(entry.permissions),
                "LastUpdatedBy": f"arn:aws:iam::{requests.CENTRAL}:role/GrantAccess",
            }
            for entry in self.found.entries
        ]
        return tuple(parse_grants(entries, requests.CENTRAL, dict, dict))

    def have(self, *grants):
        self.catalog.at = dataclasses.replace(self.catalog.at, grants=grants)

    def drifts(self, before=None, run=""):
        return find_drift(
            before or Repaired(),
            run=run,
            context=self.context,
            catalog=self.catalog,
            policies=self.policies,
            foundation=lambda: self.foundation,
            entrances=self.entrances,
            stack=self.stack,
            record=self.record,
        )

    @property
    def foundation(self):
        return Foundation(
            ontology=ONTOLOGY,
            locations=self.lake.locations(),
            settings=self.lake.settings(),
            admins=(ADMIN,),
            location_role=LOCATION_ROLE,
            rights=RightsThere(beside={}, roles=ProductRoles(registrar=ADMIN, committers=())),
            values=self.values,
        )

    @property
    def entrances(self):
        return Entrances(BUS_ARN, self.bus, self.topics)

    def kinds(self):
        return [drift.kind for drift in self.drifts().drifts]

    def repair(self, found=None):
        return repair_drift(found or self.drifts(), run=RUN, order=Order(), asked=False, using=self.using)

    def answered(self, *accounts):
        """All of these have approved."""
        said = {"decision": "approve", "reason": "yes", "at": NOON}
        answers = tuple(Answer(account=account, event_id=f"e-{account}", **said) for account in accounts)
        self.accesses.save(self.access.evolve(answers=answers))

    def told(self):
        """(account, data) of what members were told."""
        return [
            (topic[-12:], json.loads(detail)["data"])
            for topic, kind, detail in self.topics.published
            if kind == "AccessExpiring"
        ]

    @property
    def using(self):
        return Repairing(
            context=self.context,
            lake=self.lake,
            locks=FakeLocks(),
            named=NamedAccesses(self.registry, self.accesses, ONTOLOGY, self.endings),
            endings=Endings(timedelta(days=14), AT_END, self.schedules),
            entrances=self.entrances,
            principals=FakePrincipals(),
            restore_tags=self.restored.append,
            location_role=LOCATION_ROLE,
            admins=lambda: (ADMIN,),
            renaming=Renaming(
                context=self.context,
                policies=self.policies,
                record=self.record,
                catalog=self.catalog,
                lake=self.lake,
                locks=FakeLocks(),
                topics=self.topics,
            ),
        )


def test_correct_grants_are_counted_and_left_alone():
    world = World()

    found = world.drifts()

    assert (found.accesses, found.grants, found.total, found.drifts) == (1, 2, 0, ())


def test_a_missing_grant_is_restored():
    world = World()
    world.have(*world.grants()[1:])

    repaired = world.repair()

    assert [(drift.kind, drift.access) for drift in repaired.repaired] == [("missing", ID)]
    assert [grant["Resource"] for grant in world.lake.grants] == [world.found.entries[0].resource]
    assert world.lake.grants[0]["PermissionsWithGrantOption"] == ["DESCRIBE"]


def test_what_an_access_does_not_consist_of_any_more_is_not_granted_again():
    """Seen: another run had carried out a rename since all was compared, and the old name was granted again."""
    world = World()
    world.have(*world.grants()[1:])
    found = world.drifts()
    world.accesses.save(world.access.evolve(decided=world.found.evolve(entries=world.found.entries[1:])))

    repaired = world.repair(found)

    assert ([drift.kind for drift in repaired.left], repaired.repaired, world.lake.grants) == (["missing"], (), [])


@pytest.mark.parametrize(("crawl", "granted"), [("glue", 1), ("express", 0)])
def test_an_owner_is_granted_only_what_its_contract_gives_by_now(crawl, granted):
    """Seen: a contract that gave up the Glue crawler while a run compared; its owner could alter tables again."""
    world = World()
    known = world.registry.products["credit-card"]
    contract = {**known.contract, "crawl": crawl}
    world.registry.products["credit-card"] = known.evolve(status="registered", contract=contract)
    fills = fill_rights(requests.CENTRAL, "credit-card", known.bucket)[1]
    entry = GrantEntry(resource=fills[0], permissions=("ALTER",))
    drift = Drift(
        kind="rights", principal=requests.PRODUCER, database="credit-card", what="it lacks ALTER", entry=entry
    )

    repaired = world.repair(Drifts(accesses=1, grants=2, total=1, drifts=(drift,)))

    assert (len(repaired.repaired), len(world.lake.grants)) == (granted, granted)


def test_a_grant_of_an_access_that_ended_is_revoked():
    world = World()
    world.accesses.save(world.access.moved("ended", NOON, "ended"))
    world.lake.grant(
        [
            {
                "Principal": {"DataLakePrincipalIdentifier": requests.CONSUMER},
                "Resource": entry.resource,
                "Permissions": list(entry.permissions),
                "PermissionsWithGrantOption": list(entry.permissions),
            }
            for entry in world.found.entries
        ]
    )

    repaired = world.repair()

    assert {drift.kind for drift in repaired.repaired} == {"surplus"}
    assert repaired.left == ()
    assert world.lake.grants == []


def test_what_its_account_has_as_the_owner_by_now_is_not_revoked():
    """Seen: a product was handed over to an account whose access to it had ended, while a run compared: the new owner
    lost what registration had just granted."""
    world = World()
    of_owner = [
        GrantEntry(resource=resource, permissions=tuple(permissions))
        for resource, permissions in owner_rights(requests.CENTRAL, "credit-card", "", "express")
    ]
    found = world.found.evolve(entries=tuple(of_owner))
    world.accesses.save(world.access.moved("ended", NOON, "ended").evolve(decided=found))
    rows = [grant_entry(requests.CONSUMER, each.resource, list(each.permissions), grantable=True) for each in of_owner]
    by_central = {"LastUpdatedBy": f"arn:aws:iam::{requests.CENTRAL}:role/GrantAccess"}
    world.have(*parse_grants([row | by_central for row in rows], requests.CENTRAL, dict, dict))
    world.lake.grant(rows)
    drifts = world.drifts()
    assert {drift.kind for drift in drifts.drifts} == {"surplus"}
    known = world.registry.products["credit-card"]
    world.registry.products["credit-card"] = known.evolve(owner=requests.CONSUMER)

    repaired = world.repair(drifts)

    assert (repaired.repaired, len(world.lake.grants)) == ((), 2)


def test_a_grant_that_another_live_access_needs_is_not_surplus():
    world = World()
    world.add("ac-00000000000b")
    world.accesses.save(world.access.moved("ended", NOON, "ended"))

    assert world.kinds() == []


@pytest.mark.parametrize("status", ["granting", "sharing", "ending"])
def test_what_is_in_flight_is_neither_missing_nor_surplus(status):
    world = World()
    world.accesses.save(world.access.moved(status, NOON, status))
    assert world.kinds() == []

    world.have()
    assert world.kinds() == []


def test_manual_grants_are_reported_and_stay():
    world = World()
    world.have(*world.grants(), HAND_MADE)

    repaired = world.repair()

    assert [(drift.kind, drift.what) for drift in repaired.left] == [
        ("foreign", "DESCRIBE on Table credit-card.credit_card")
    ]
    assert (repaired.repaired, world.lake.calls) == ((), [])


@pytest.mark.parametrize(
    ("principal", "permission", "found"),
    [
        (f"arn:aws:iam::{requests.CONSUMER}:role/Other", "DESCRIBE", ["foreign"]),
        (f"{requests.CONSUMER}:IAMPrincipals", "SELECT", ["foreign"]),
        ("arn:aws:organizations::111111111111:organization/o-abc", "SELECT", ["foreign"]),
        (f"arn:aws:iam::{requests.CENTRAL}:role/Somebody", "SELECT", ["foreign"]),
        (f"arn:aws:iam::{requests.CENTRAL}:role/Somebody", "DESCRIBE", []),
        (ADMIN, "SELECT", []),
    ],
)
def test_a_grant_to_a_role_a_group_or_an_organization_is_reported_and_covers_no_accounts(principal, permission, found):
    """Seen: it was taken for its account's, which hid it, and hid that the account's own was gone."""
    world = World()
    by_hand = [
        dataclasses.replace(grant, principal=principal, permissions=frozenset({permission})) for grant in world.grants()
    ]
    world.have(*world.grants(), *by_hand)
    assert sorted(set(world.kinds())) == found
    assert {drift.principal for drift in world.drifts().drifts} == ({principal} if found else set())
    world.have(*by_hand)
    assert "missing" in world.kinds()


def test_a_grant_to_a_role_that_outlives_its_accounts_access_is_not_said_to_be_revoked():
    world = World()
    role = f"arn:aws:iam::{requests.CONSUMER}:role/Other"
    world.have(*(dataclasses.replace(grant, principal=role) for grant in world.grants()))
    world.accesses.save(world.access.moved("ended", NOON, "ended"))
    done = world.repair()
    assert (done.repaired, {drift.kind for drift in done.left}) == ((), {"foreign"})


def test_what_is_repaired_is_listed_before_what_is_only_reported():
    """Seen: a hundred grants of somebody else's kept everything behind them from being repaired, day after day."""
    world = World()
    by_hand = [
        dataclasses.replace(HAND_MADE, resource=TableGrant("credit-card", f"t{number}")) for number in range(MAX_LISTED)
    ]
    world.have(*by_hand, *world.grants()[1:])
    world.access = world.accesses.save(world.access.evolve(until=NOON - timedelta(days=1)))
    found = world.drifts()
    assert found.total == MAX_LISTED + 2
    assert [drift.kind for drift in found.drifts[:2]] == ["missing", "overdue"]


def test_a_hundred_that_fail_in_every_run_keep_no_others_from_being_repaired():
    """Seen: an account that could not be granted anything any more lacked a hundred grants, which came first each day;
    what went round every LF-Tag stayed."""
    world = World()
    for number in range(MAX_LISTED + 20):
        place = {"Table": {"CatalogId": requests.CENTRAL, "DatabaseName": "credit-card", "Name": f"t{number}"}}
        lacking = world.found.evolve(entries=(GrantEntry(resource=place, permissions=("DESCRIBE",)),))
        world.add(f"ac-{number:012x}", decided=lacking)
    open_to_all = Grant(
        "IAM_ALLOWED_PRINCIPALS", DatabaseGrant("credit-card"), frozenset({"ALL"}), grantor=requests.CENTRAL
    )
    world.have(*world.grants(), open_to_all)

    found = world.drifts()

    assert (found.total, len(found.drifts)) == (MAX_LISTED + 21, MAX_LISTED)
    assert [drift.kind for drift in found.drifts] == ["missing"] * (MAX_LISTED - 1) + ["iam-allowed"]


@pytest.mark.parametrize("status", ["sharing", "ending"])
def test_an_access_that_nothing_goes_on_with_is_ended(status):
    world = World()
    world.accesses.save(world.access.moved(status, NOON, status))
    world.clock.move(timedelta(hours=23))
    assert world.kinds() == []
    world.clock.move(timedelta(hours=2))
    assert [drift.kind for drift in world.repair().repaired] == ["overdue"]
    [order] = [json.loads(each)["ending"] for each in world.endings.started.values()]
    assert (order["access"], order["cause"]) == (ID, "failed")


@pytest.mark.parametrize("status", ["live", "ended"])
def test_an_access_that_somebody_went_on_with_since_it_was_compared_is_not_ended(status):
    """Seen: an access that had just gone live was ended as one that had failed."""
    world = World()
    world.accesses.save(world.access.moved("sharing", NOON, "sharing"))
    world.clock.move(timedelta(hours=25))
    found = world.drifts()
    world.accesses.save(world.accesses.access(ID).moved(status, world.clock.now(), status))

    repaired = world.repair(found)

    assert ([drift.kind for drift in repaired.left], repaired.repaired) == (["overdue"], ())
    assert world.endings.started == {}


def test_lf_tags_and_values_that_somebody_deleted_are_made_again():
    world = World()
    world.values = {key: some[1:] for key, some in world.values.items() if key != "pii"}
    [drift] = world.drifts().drifts
    assert (drift.kind, drift.principal) == ("settings", "LF-Tags")
    assert "pii=" in drift.what
    assert [each.kind for each in world.repair().repaired] == ["settings"]
    assert {key: tuple(world.lake.tag_values(key)) for key in ("pii", "confidentiality")} == {
        key: tuple(ONTOLOGY.tag_values()[key]) for key in ("pii", "confidentiality")
    }


def test_what_registration_gave_a_producer_is_not_foreign():
    world = World()
    rights = Grant(requests.PRODUCER, world.grants()[0].resource, frozenset({"DESCRIBE"}), grantor=requests.CENTRAL)
    world.have(*world.grants(), rights)

    assert world.kinds() == []


def test_what_an_account_passed_on_is_its_own_matter():
    world = World()
    reader = f"arn:aws:iam::{requests.CONSUMER}:role/DataAnalyst"
    passed_on = dataclasses.replace(world.grants()[1], principal=reader, grantor=requests.CONSUMER)
    world.have(*world.grants(), passed_on)

    assert world.kinds() == []


def test_iam_allowed_principals_are_revoked():
    world = World()
    world.have(*world.grants(), Grant("IAM_ALLOWED_PRINCIPALS", DatabaseGrant("credit-card"), frozenset({"ALL"})))
    world.lake.grants.append(
        {
            "Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"},
            "Resource": {"Database": {"CatalogId": requests.CENTRAL, "Name": "credit-card"}},
            "Permissions": ["ALL"],
            "PermissionsWithGrantOption": [],
        }
    )

    assert [drift.kind for drift in world.repair().repaired] == ["iam-allowed"]
    assert world.lake.grants == []


def test_what_is_granted_on_somebody_elses_database_is_reported_and_left():
    world = World()
    mine = world.catalog.at.databases["credit-card"]
    world.catalog.at = dataclasses.replace(
        world.catalog.at, databases={"credit-card": dataclasses.replace(mine, marked=False)}
    )
    everybody = Grant("IAM_ALLOWED_PRINCIPALS", DatabaseGrant("credit-card"), frozenset({"ALL"}))
    world.have(*world.grants(), everybody)
    before = list(world.lake.grants)
    done = world.repair()
    assert done.repaired == ()
    assert {drift.kind for drift in done.left} >= {"iam-allowed"}
    assert {drift.database for drift in done.left if not drift.ours} == {"credit-card"}
    assert world.lake.grants == before


def test_an_access_whose_end_was_missed_is_ended():
    world = World()
    world.clock.move(timedelta(days=31))

    repaired = world.repair()

    assert [drift.kind for drift in repaired.repaired] == ["overdue"]
    assert ID in next(iter(world.endings.started))


@pytest.mark.parametrize("state", ["pending", "rejected", "expired"])
def test_a_share_that_did_not_arrive_is_reported(state):
    world = World()
    world.catalog.at = dataclasses.replace(world.catalog.at, shares={requests.CONSUMER: state})

    repaired = world.repair()

    assert [(drift.kind, drift.what) for drift in repaired.left] == [("share", f"its RAM share is {state}")]


NOBODY_READS = [{"name": "nobody", "effect": "deny", "why": "Nobody reads.", "when": {}}]
ASKED_FIRST = [
    {
        "name": "asked-first", "effect": "require_approval", "why": "The owner decides.", "when": {}, "longest": "365d",
        "approvers": ["owner"],
    }
]  # fmt: skip
NOT_PERSONAL = [
    {"name": "internal", "effect": "allow", "why": "Internal.", "when": {"tags": {"pii": ["none"]}}, "longest": "365d"}
]
SHORT = [{"name": "short", "effect": "allow", "why": "For a week.", "when": {}, "longest": "7d"}]
TIGHTENED = {
    "denied": ({}, {"rules": NOBODY_READS}, "Nobody reads. (rule nobody)"),
    "denied-by-name": ({"columns": ("hoehe",), "table": "credit_card"}, {"rules": NOBODY_READS}, "Nobody reads."),
    "a class that its expression matches": (
        {"purpose": "audit"},
        {"rules": NOT_PERSONAL},
        "credit-card.credit_card.alter",
    ),
    "needs an approval": ({}, {"rules": ASKED_FIRST}, f"it would need the approval of {requests.PRODUCER}"),
    "too long": ({}, {"rules": SHORT}, "rule short allows 2026-11-28"),
    "the purpose is gone": (
        {},
        {"purposes": {"audit": "Audits."}, "rules": SHORT},
        "the purpose risk-modelling is gone",
    ),
}


@pytest.mark.parametrize("case", TIGHTENED)
def test_what_tightened_rules_do_not_allow_ends_in_the_time_that_they_state(case):
    given, rules, why = TIGHTENED[case]
    world = World(**given)
    world.answered(*world.found.approvers)
    assert world.kinds() == []
    world.policies = requests.shipped(**rules)
    [drift] = world.drifts().drifts
    assert (drift.kind, drift.access) == ("not-allowed", ID)
    assert why in drift.what

    repaired = world.repair()

    assert [each.kind for each in repaired.repaired] == ["not-allowed"]
    access, until = world.accesses.access(ID), world.clock.now() + timedelta(days=14)
    assert (access.status, access.until, access.cut_short.code) == ("live", until, "NoLongerAllowed")
    assert world.schedules.planned[f"{ID}-end"][:2] == (until, AT_END)
    warned, _, warning = world.schedules.planned[f"{ID}-warn"]
    assert (warned, json.loads(warning)["data"]["until"]) == (warned_at(access), f"{until:%Y-%m-%dT%H:%M:%SZ}")
    assert {account for account, _ in world.told()} == {requests.CONSUMER, requests.PRODUCER}
    assert all(drift.what in event["reason"]["message"] for _, event in world.told())
    assert world.kinds() == []


def test_an_end_that_was_moved_and_nobody_was_told_of_is_told_by_the_next_run():
    """The function died in between, and so did each attempt of its run."""
    world = World()
    world.policies = requests.shipped(rules=NOBODY_READS)
    world.topics.failures[topic_of(requests.CONSUMER)] = Throttled("busy")
    assert "not-allowed" in [each.kind for each in world.repair().left]
    until = world.accesses.access(ID).until

    world.topics.failures.clear()
    world.clock.move(timedelta(days=1))

    assert [each.kind for each in world.repair().repaired] == ["not-allowed"]
    assert world.accesses.access(ID).until == until
    assert (requests.CONSUMER, until) in [
        (account, datetime.fromisoformat(event["until"])) for account, event in world.told()
    ]
    assert world.kinds() == []


def test_an_approval_that_was_given_is_not_asked_for_again():
    world = World()
    world.answered(requests.PRODUCER)
    world.policies = requests.shipped(rules=ASKED_FIRST)

    assert world.kinds() == []


def test_a_column_by_name_that_is_gone_or_not_published_is_not_the_rules():
    world = World(columns=("hoehe",), table="credit_card")
    world.catalog.at = dataclasses.replace(
        world.catalog.at,
        databases={"credit-card": requests.credit_card({**requests.CLASSIFIED, "hoehe": {"publication": "pending"}})},
    )

    assert "not-allowed" not in world.kinds()


def test_an_access_that_gives_nothing_by_now_is_not_the_rules():
    """Its columns are not published yet, or all are classified: what the rules would decide, nobody has asked."""
    world = World()
    nothing = requests.credit_card(publication="pending")
    world.catalog.at = dataclasses.replace(world.catalog.at, databases={"credit-card": nothing})
    world.policies = requests.shipped(rules=ASKED_FIRST)

    assert "not-allowed" not in world.kinds()


def test_an_access_is_cut_short_once():
    world = World()
    world.policies = requests.shipped(rules=NOBODY_READS)
    found = world.drifts()
    world.repair(found)
    world.clock.move(timedelta(days=3))
    world.repair(found)

    assert world.accesses.access(ID).until == NOON + timedelta(days=14)


def by_name():
    """An access to a column by name, which somebody tags more strictly by hand."""
    world = World(columns=("hoehe",), table="credit_card")
    stricter = requests.lake_of(requests.credit_card({**requests.CLASSIFIED, "hoehe": requests.SENSITIVE}))
    world.catalog.at = dataclasses.replace(world.catalog.at, databases=stricter.databases)
    world.lake.on["credit-card", "credit_card", "hoehe"] = requests.SENSITIVE
    return world


def test_an_access_by_name_to_a_column_that_was_tagged_more_strictly_by_hand_is_ended():
    world = by_name()
    assert world.kinds() == ["stricter"]

    assert [drift.kind for drift in world.repair().repaired] == ["stricter"]

    [order] = [json.loads(each)["ending"] for each in world.endings.started.values()]
    assert (order["access"], order["why"]["code"]) == (ID, "BecameStricter")
    assert "credit-card.credit_card.hoehe" in order["why"]["message"]


def test_an_access_is_ended_by_the_next_reconciliation_where_the_run_that_ends_it_has_failed():
    world = by_name()
    for run in ("run-1", "run-2", "run-2"):
        repair_drift(world.drifts(), run=run, order=Order(), asked=False, using=world.using)
    assert [name.endswith(run) for name, run in zip(world.endings.started, ("run-1", "run-2"), strict=True)] == [
        True
    ] * 2


def test_an_access_whose_column_is_as_it_was_decided_by_the_time_of_the_repair_is_left():
    world = by_name()
    drifts = world.drifts()
    world.lake.on["credit-card", "credit_card", "hoehe"] = {"confidentiality": "internal", "pii": "none"}

    repaired = repair_drift(drifts, run=RUN, order=Order(), asked=False, using=world.using)

    assert (repaired.repaired, world.endings.started) == ((), {})


def test_a_table_that_is_gone_exposes_nothing_by_name():
    world = by_name()
    database = world.catalog.at.databases["credit-card"]
    world.catalog.at = dataclasses.replace(
        world.catalog.at, databases={"credit-card": dataclasses.replace(database, tables={})}
    )
    assert "stricter" not in world.kinds()


def test_a_grant_by_tags_follows_the_tags_and_is_not_drift():
    world = World()
    stricter = requests.lake_of(requests.credit_card({**requests.CLASSIFIED, "hoehe": requests.SENSITIVE}))
    world.catalog.at = dataclasses.replace(world.catalog.at, databases=stricter.databases)

    assert world.kinds() == []


def test_what_is_in_order_by_the_time_of_the_repair_is_left():
    world = World()
    world.have(*world.grants()[1:])
    drifts = world.drifts()
    world.accesses.save(world.access.moved("ending", NOON, "ending"))

    repaired = repair_drift(drifts, run=RUN, order=Order(), asked=False, using=world.using)

    assert (repaired.repaired, world.lake.grants) == ((), [])


def test_a_manual_grant_of_unpublished_data_is_distinguished_from_ours():
    """As ours were made before there was the key: both are people's words, and the difference is said."""
    world = World()
    ours = world.grants()[1]
    asked = as_requested(ours.resource.expression)
    world.have(*world.grants(), dataclasses.replace(ours, resource=PolicyGrant("TABLE", asked)))

    [drift] = world.drifts().drifts

    assert drift.kind == "foreign"
    assert drift.what == f"DESCRIBE, SELECT on tables with LF-Tags {asked}, published or not"


def test_an_access_from_before_there_was_the_key_keeps_its_expression():
    """What it was granted is what its record says: nothing is missing, nothing surplus, until it is asked again."""
    world = World()
    database, ours = world.grants()
    before = PolicyGrant("TABLE", as_requested(ours.resource.expression))
    entries = [
        world.found.entries[0],
        GrantEntry(resource=resource_of(before, requests.CENTRAL), permissions=("SELECT", "DESCRIBE")),
    ]
    world.found = world.found.model_copy(update={"entries": tuple(entries)})
    world.accesses = FakeAccessRegistry()
    world.add(ID)

    world.have(database, dataclasses.replace(ours, resource=before))
    assert world.kinds() == []

    world.have(database, ours)
    assert sorted(world.kinds()) == ["foreign", "missing"]


class WithoutTable(FakeLakeFormation):
    """Lake Formation, after somebody dropped a table: whatever names it is refused."""

    def __init__(self, table):
        super().__init__()
        self.gone = table

    def put_filter(self, place, name, columns, rows):
        if place[1] == self.gone:
            raise LakeFormationRefused(f"EntityNotFoundException: Table not found: {place[1]}")
        super().put_filter(place, name, columns, rows)


def test_a_table_that_vanished_stops_no_other_repair():
    """Seen: the table of an access with row filters was dropped, and nothing else was repaired either."""
    world = World()
    rows = an_access(ID, product="credit-card", status="live", granted=True, decided=filtered(world.found))
    world.accesses = FakeAccessRegistry()
    world.accesses.open(rows)
    world.add("ac-00000000000b")
    world.govern(WithoutTable("credit_card"))
    world.have()

    done = world.repair()

    assert {drift.access for drift in done.repaired} == {"ac-00000000000b"}
    assert {drift.access for drift in done.left} == {ID}
    assert "Table not found: credit_card" in done.left[0].reason
    assert world.lake.grants


@pytest.mark.parametrize(
    ("changed", "found"), [({"rows": "TRUE"}, 1), ({"names": None}, 1), ({"rows": "hoehe  > 1"}, 0), ({}, 0)]
)
def test_a_data_cells_filter_that_somebody_widened_is_put_back(changed, found):
    """The grant names it, and stays as it was."""
    world = World()
    decided = filtered(world.found).evolve(columns=("credit-card.credit_card.hoehe",))
    world.access = world.accesses.save(world.access.evolve(decided=decided))
    there = ColumnsGrant("credit-card", "credit_card", frozenset({"hoehe"}), row_filter=f"mesh-{ID}", rows="hoehe > 1")
    held = Grant(
        requests.CONSUMER, dataclasses.replace(there, **changed), frozenset({"SELECT"}), grantor=requests.CENTRAL
    )
    world.have(held)
    done = world.repair()
    assert [drift.what for drift in done.repaired] == [
        f"DataCellsFilter credit-card.credit_card.mesh-{ID} was changed by hand"
    ] * found
    assert list(world.lake.filters) == [("credit-card", "credit_card", f"mesh-{ID}")] * found


def filtered(decided):
    """The same decision, by a data cells filter."""
    cells = {
        "DataCellsFilter": {
            "TableCatalogId": requests.CENTRAL,
            "DatabaseName": "credit-card",
            "TableName": "credit_card",
            "Name": f"mesh-{ID}",
        }
    }
    entries = (GrantEntry(resource=cells, permissions=("SELECT",)),)
    return decided.model_copy(update={"entries": entries, "row_filter": "hoehe > 1"})


def test_those_that_a_run_has_asked_are_looked_at_by_it_again():
    """Seen: of more accesses than one run asks, it told of others that they had not answered."""
    world = World()
    world.accesses = FakeAccessRegistry()
    numbers = [f"ac-{number:012x}" for number in range(MAX_LOOKS + 20)]
    for number in numbers:
        world.add(number)
    first = world.drifts()
    asked = [look.access for look in first.looks]
    for number in asked:
        reason = Reason(code="ProofFailed", message="no") if number == asked[0] else None
        check = ReaderCheck(run="run-1", asked=NOON, reason=reason)
        world.accesses.save(world.accesses.access(number).evolve(checked=check))
    again = world.drifts(run="run-1")
    assert [look.access for look in again.looks] == asked
    assert [(drift.kind, drift.access) for drift in again.drifts] == [("reader", asked[0])]


# --- readers ---------------------------------------------------------------------------------------------------------


def answered(world, run, reason=None):
    check = ReaderCheck(run=run, asked=NOON, reason=reason)
    return world.accesses.save(world.accesses.access(ID).evolve(checked=check))


def found_after(world, run="run-1"):
    found = world.drifts(run=run)
    return [drift.kind for drift in found.drifts], found.waiting


def test_readers_of_live_accesses_are_asked_once_for_each_run():
    world = World()

    world.repair()
    repair_drift(world.drifts(), run=RUN, order=Order(), asked=True, using=world.using)

    [(_, kind, detail)] = world.topics.published
    data = json.loads(detail)["data"]
    assert (kind, data["access"], data["repair"], data["same_role"]) == ("AccessCheckRequested", ID, True, False)
    assert data["tables"][0]["columns"] == ["laufkont", "hoehe"]


def test_an_account_that_is_behind_is_told_what_the_access_consists_of():
    world = World()
    digest = grants_digest(world.found.entries)
    for passed_on, told in (("", digest), (digest, "")):
        world.topics.published.clear()
        access = world.accesses.access(ID).evolve(passing_on=f"run-0 {digest}", passed_on=passed_on)
        world.accesses.save(access)

        world.repair()

        data = json.loads(world.topics.published[0][2])["data"]
        assert (data["grants"], len(data["entries"])) == (told, len(world.found.entries) if told else 0)


def test_a_rename_goes_on_as_long_as_a_step_is_due():
    world = World()
    ontology, policies = renamed_documents(("confidentiality", "internal", "company"))
    found = parse_ontology(ontology)
    world.policies = parse_policies(policies, found, parse_personas(requests.document("personas")))
    world.catalog.known = {"confidentiality": ("public", "internal", "company", "confidential", "restricted")}
    world.lake.tags = world.catalog.known
    world.record.keep_pending([("confidentiality", "internal")])

    first = world.drifts()
    assert (set(kinds_of(first)), first.due) == ({"rename"}, True)
    world.repair(first)
    waiting = world.drifts(run=RUN[-36:])
    assert (waiting.due, waiting.waiting) == (False, True)


def test_a_renamed_purpose_ends_no_access_and_is_recorded_by_its_new_name():
    world = World()
    purposes = {**requests.document("policies")["purposes"]}
    purposes["models"] = {"meaning": purposes.pop("risk-modelling"), "renamed_from": {"risk-modelling": "2027-06-30"}}
    world.policies = requests.shipped(purposes=purposes)

    first = world.drifts()
    assert [(drift.kind, drift.step) for drift in first.drifts] == [("rename", "records")]
    assert world.repair(first).repaired == first.drifts

    assert world.accesses.access(ID).request.purpose == "models"
    assert world.kinds() == []


def kinds_of(found):
    return [drift.kind for drift in found.drifts]


def test_a_dry_run_asks_to_look_only_and_repairs_nothing():
    world = World()
    world.have()

    done = repair_drift(world.drifts(), run=RUN, order=Order(dry_run=True), asked=False, using=world.using)

    assert (done.repaired, world.lake.grants) == ((), [])
    assert not json.loads(world.topics.published[0][2])["data"]["repair"]


def test_in_order_is_what_the_readers_account_says_in_this_run():
    world = World()
    assert found_after(world, "") == ([], False)
    assert found_after(world) == (["reader"], True)
    answered(world, "an-earlier-run")
    assert found_after(world) == (["reader"], True)
    answered(world, "run-1")
    assert found_after(world) == ([], False)
    answered(world, "run-1", Reason(code="ProofFailed", message="no such table"))
    assert found_after(world) == (["reader"], False)


def test_a_suspended_access_is_told_in_every_run_and_before_it_is_asked():
    world = World()
    answered(world, "an-earlier-run", Reason(code="ReaderSuspended", message="gone"))

    assert found_after(world, "") == (["suspended"], False)
    assert found_after(world) == (["suspended"], True)


def test_who_confirmed_a_role_is_in_the_history_of_the_access():
    world = World()
    answered(world, "an-earlier-run", Reason(code="ReaderSuspended", message="gone"))

    repair_drift(world.drifts(), run=RUN, order=Order(same_role=(ID,)), asked=False, using=world.using)

    assert json.loads(world.topics.published[0][2])["data"]["same_role"]
    assert "said to be the same" in world.accesses.access(ID).history[-1].what


def test_a_suspended_access_is_resumed_though_it_is_not_its_turn_to_be_looked_at():
    """Seen: of more than a hundred accesses the one that was meant had just been asked, and nothing became of it."""
    world = World()
    answered(world, "an-earlier-run", Reason(code="ReaderSuspended", message="gone"))
    found = world.drifts().evolve(looks=())

    repair_drift(found, run=RUN, order=Order(dry_run=True, same_role=(ID,)), asked=False, using=world.using)
    assert world.topics.published == []
    repair_drift(found, run=RUN, order=Order(same_role=(ID,)), asked=False, using=world.using)

    assert json.loads(world.topics.published[0][2])["data"]["same_role"]


def test_an_account_that_cannot_be_asked_keeps_no_other_from_it():
    world = World()
    world.registry.put_member(a_member(requests.CONSUMER).evolve(status="expelled"))

    [left] = world.repair().left

    assert (left.kind, left.access, left.reason.partition(":")[0]) == ("reader", ID, "NotAMember")


# --- each by itself ------------------------------------------------------------------------------------------------


def test_a_comparison_that_fails_is_told_and_the_others_go_on():
    world = World()
    world.have(HAND_MADE)
    world.registry.product_names = lambda: iter(["credit-card", "broken"])
    known = world.registry.product
    world.registry.product = lambda name: 1 / 0 if name == "broken" else known(name)

    found = world.drifts()

    assert {drift.kind for drift in found.drifts} == {"not-compared", "foreign", "missing"}
    assert next(drift.reason for drift in found.drifts if drift.kind == "not-compared").startswith("ZeroDivisionError")


def test_repaired_is_what_is_not_found_any_more():
    world = World()
    world.have(*world.grants()[1:])
    done = world.repair()

    again = world.drifts(done.model_copy(update={"left": (done.repaired[0].evolve(reason="refused"),)}))

    assert (again.repaired, again.drifts[0].reason) == ((), "refused")
    world.have(*world.grants())
    assert found_after(world, "")[0] == []


PAYLOAD = 262_144
"""Bytes that a state passes on, at most."""


def wide(world, tables=1, columns=1_000):
    """The access exposes thousands of columns by name, and nothing of it is granted; its names are as long as Glue
    takes them."""
    place = {"CatalogId": requests.CENTRAL, "DatabaseName": "credit-card"}
    entries = [
        GrantEntry(
            resource={
                "TableWithColumns": {
                    **place,
                    "Name": f"t{table}",
                    "ColumnNames": [f"\u00fc{number:0254}" for number in range(columns)],
                }
            },
            permissions=("SELECT",),
        )
        for table in range(tables)
    ]
    decided = world.found.model_copy(update={"entries": tuple(entries)})
    world.accesses = FakeAccessRegistry()
    for number in range(20):
        world.add(f"ac-{number:012x}", decided=decided)


def test_differences_of_thousands_of_columns_fit_a_states_payload_round_by_round():
    """A state takes 262,144 bytes: one of them alone would be too large, and fail the run."""
    world = World()
    wide(world)
    before = Repaired()
    for number in range(2):
        found = world.drifts(before)
        assert found.drifts
        assert len(json.dumps(found.model_dump(mode="json"))) < PAYLOAD
        before = repair_drift(found, run=RUN, order=Order(), asked=number > 0, using=world.using)
        assert before.repaired
        assert len(json.dumps(before.model_dump(mode="json"))) < PAYLOAD
    granted = [grant["Resource"]["TableWithColumns"]["ColumnNames"] for grant in world.lake.grants]
    assert granted[0] == [f"\u00fc{number:0254}" for number in range(100)]
    assert found.total > len(found.drifts)


def test_as_many_as_are_listed_and_looked_at_fit_a_states_payload_with_their_reasons():
    look = Look(
        access=ID,
        table=ReadableTable(database="loans", table="loans", columns=tuple(f"{number:0255}" for number in range(10))),
    )
    drift = Drift(kind="missing", principal="333333333333", access=ID, what="x" * 2_000)
    listed = fitting([drift] * 200, MAX_LISTED, MAX_BYTES)
    again = tuple(each.evolve(reason="y" * 300) for each in listed)
    looked_at = fitting([look] * 200, MAX_LOOKS, MAX_BYTES // 2)
    found = Drifts(
        accesses=1, grants=1, total=1, drifts=again, repaired=fitting(listed, 100, MAX_BYTES // 2), looks=looked_at
    )
    assert 0 < len(looked_at) < len(listed) <= MAX_LISTED
    assert len(found.model_dump_json()) < PAYLOAD
