"""A catalog, its grants and a consumer's account, in which renames are carried out: every write is checked for what the
reader can read after it, and any may be the last before a crash."""

import copy
import dataclasses
import json
from collections.abc import Mapping, Sequence

from mesh.adapters.lakeformation.grants_format import parse_grants
from mesh.domain.access.grants import normal
from mesh.domain.access.personas import parse_personas
from mesh.domain.access.policy import parse_policies
from mesh.domain.events import AccessCheckRequested, GrantEntry
from mesh.domain.governance.expressions import Expression
from mesh.domain.governance.ontology import parse_ontology
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.carry_out_renames import Renaming, carry_out
from mesh.usecases.governance.find_renames import find_renames

from tests.builders import a_member, a_product, an_access
from tests.fakes import (
    NOON,
    FakeAccessRegistry,
    FakeCatalogState,
    FakeClock,
    FakeGovernanceRecord,
    FakeLocks,
    FakeMemberTopics,
    FakeRegistry,
    FakeTrace,
)
from tests.unit.access import requests

ACCOUNT, ROLE = requests.CONSUMER, f"arn:aws:iam::{requests.CONSUMER}:role/DataAnalyst"
UNTIL = "2099-12-31"


class CrashError(Exception):
    """The function ends here."""


def renamed_documents(*renames):
    """The shipped ontology and policies with values of LF-Tags renamed: (key, old, new) each."""
    ontology, policies = copy.deepcopy(requests.document("ontology")), copy.deepcopy(requests.document("policies"))
    for key, old, new in renames:
        values = ontology["keys"][key]["values"]
        entry = values[old] if isinstance(values[old], dict) else {"meaning": values[old]}
        changed = {**entry, "renamed_from": {old: UNTIL}}
        ontology["keys"][key]["values"] = {
            new if n == old else n: changed if n == old else v for n, v in values.items()
        }
        if ontology["keys"][key].get("default") == old:
            ontology["keys"][key]["default"] = new
        for found in ontology["keys"].values():
            for value in (found.get("values") or {}).values():
                if isinstance(value, dict) and value.get("implies", {}).get(key) == old:
                    value["implies"][key] = new
        for rule in policies["rules"]:
            tags = rule["when"].get("tags", {})
            if key in tags:
                tags[key] = [new if value == old else value for value in tags[key]]
    return ontology, policies


class RenamedWorld:
    """One live access by LF-Tags to a product with columns of several classes, and a pinned table of it."""

    def __init__(self, *renames, **given):
        ontology, policies = renamed_documents(*renames)
        self.renames = renames
        self.ontology = parse_ontology(ontology)
        self.policies = parse_policies(policies, self.ontology, parse_personas(requests.document("personas")))
        pinned = requests.table(
            "credit-card", "credit_card__v1", "laufkont hoehe alter famges gastarb", requests.CLASSIFIED
        )
        self.catalog = FakeCatalogState(requests.lake_of(requests.credit_card(requests.CLASSIFIED, pinned)))
        self.catalog.known = {
            key: tuple(found) for key, found in parse_ontology(requests.document("ontology")).tag_values().items()
        }
        for key, _, new in renames:
            self.catalog.known[key] += (new,)  # as a deployment does
        self.record = FakeGovernanceRecord()
        self.record.pending = frozenset((key, old) for key, old, _ in renames)
        self.registry, self.accesses = (
            FakeRegistry(a_member(ACCOUNT), a_member(requests.PRODUCER)),
            FakeAccessRegistry(),
        )
        self.registry.products["credit-card"] = a_product(name="credit-card", owner=requests.PRODUCER)
        self.topics, self.writes, self.left = FakeMemberTopics(), 0, None
        found = requests.decided(self.catalog.at, **given)
        self.access = self.accesses.open(
            an_access(
                status="live", product="credit-card", expression="product=credit-card", decided=found, granted=True
            )
        )
        self.central: list[GrantEntry] = list(found.entries)
        self.local: list[GrantEntry] = list(found.entries)
        self.expected = self.readable()
        self.run = "run-0"

    # --- the lake's port ---------------------------------------------------------------------------------------------

    def tag_values(self, key):
        return self.catalog.known.get(key)

    def remove_tag_values(self, key: str, values: Sequence[str]):
        assert not any(tags.get(key) in values for tags in self.all_tags()), "Update not allowed"
        self.catalog.known[key] = tuple(value for value in self.catalog.known[key] if value not in values)
        self.written()

    def tag_database(self, database: str, tags: Mapping[str, str]):
        self.tagged(tags, database)

    def tag_table(self, database: str, table: str, tags: Mapping[str, str]):
        self.tagged(tags, database, table)

    def tag_columns(self, database: str, table: str, columns: Sequence[str], tags: Mapping[str, str]):
        for column in columns:
            self.tagged(tags, database, table, column)

    def tagged(self, tags, *place):
        for key, value in tags.items():
            assert value in self.catalog.known[key]
            self.catalog.at = self.catalog.at.with_tag(key, value, *place)
        self.written()

    def grant(self, grants):
        recorded = [entry.resource for entry in self.accesses.access(self.access.id).decided.entries]
        for each in grants:
            assert each["Resource"] in recorded, "what is granted is recorded before"
            self.central.append(GrantEntry(resource=each["Resource"], permissions=tuple(each["Permissions"])))
            self.written()

    def revoke(self, grants):
        for each in grants:
            self.central = without(self.central, each["Resource"])
            self.written()

    # --- what can be seen --------------------------------------------------------------------------------------------

    def readable(self):
        """`table.column` that both the account's and the reader's grants reach."""
        names = {
            (table.name, column): self.catalog.at.tags("credit-card", table.name, column)
            for table in self.catalog.at.databases["credit-card"].tables.values()
            for column in table.columns
        }
        return {place for place, tags in names.items() if reaches(self.central, tags) and reaches(self.local, tags)}

    def all_tags(self):
        for database in self.catalog.at.databases.values():
            yield database.tags
            for table in database.tables.values():
                yield table.tags
                yield from table.column_tags.values()

    def written(self):
        assert self.readable() == self.expected
        self.writes += 1
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise CrashError

    # --- the machine -------------------------------------------------------------------------------------------------

    @property
    def context(self):
        return CentralContext(requests.CENTRAL, self.registry, self.accesses, FakeTrace(), FakeClock(NOON))

    def find(self, run):
        entries = [
            {
                "Principal": {"DataLakePrincipalIdentifier": who},
                "Resource": entry.resource,
                "Permissions": list(entry.permissions),
                "LastUpdatedBy": f"arn:aws:iam::{requests.CENTRAL}:role/GrantAccess",
            }
            for who, held in ((ACCOUNT, self.central), (ROLE, self.local))
            for entry in held
        ]
        grants = tuple(parse_grants(entries, requests.CENTRAL, dict, dict))
        return list(
            find_renames(
                dataclasses.replace(self.catalog.at, grants=grants),
                list(self.accesses.newest()),
                run=run,
                context=self.context,
                policies=self.policies,
                record=self.record,
                values=self.catalog.tag_values,
            )
        )

    @property
    def renaming(self):
        return Renaming(self.context, self.policies, self.record, self.catalog, self, FakeLocks(), self.topics)

    def repair(self, drifts, run):
        using = self.renaming
        for drift in drifts:
            if drift.step:
                carry_out(drift, run, using)

    def answer(self):
        """What the consumer's account does when it is told: grant, revoke the rest, say so."""
        told, self.topics.published = list(self.topics.published), []
        for _, kind, detail in told:
            assert kind == "AccessCheckRequested"
            order = AccessCheckRequested.model_validate(json.loads(detail)["data"])
            for entry in order.entries:
                self.local.append(entry)
                self.written()
            self.local = list(order.entries)
            self.written()
            access = self.accesses.access(order.access)
            self.accesses.save(access.evolve(passed_on=order.grants))

    def carry_out(self, run="run-1", rounds=12):
        """As the machine `reconcile` does; how many rounds it took."""
        for number in range(rounds):
            drifts = self.find(run if number else "")
            if not drifts:
                return number
            self.repair(drifts, run)
            self.answer()
        raise AssertionError(drifts)


def reaches(entries, tags):
    policies = [entry.resource["LFTagPolicy"] for entry in entries if "LFTagPolicy" in entry.resource]
    return any(p["ResourceType"] == "TABLE" and Expression.of_tags(p["Expression"]).matches(tags) for p in policies)


def without(entries, resource):
    return [entry for entry in entries if normal(entry.resource) != normal(resource)]
