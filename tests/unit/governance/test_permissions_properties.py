"""The evaluator against a naive oracle, and against the emulator's evaluation: a second, independent implementation."""

import json

import pytest
from hypothesis import given
from mesh.domain.governance.catalog_snapshot import ColumnsGrant, DatabaseGrant, PolicyGrant, TableGrant
from mesh.domain.governance.permissions import Evaluator

from local.lakeformation import evaluation as emulator
from local.lakeformation import resources as r
from local.lakeformation.store import Grant as EmulatedGrant
from local.lakeformation.store import State
from tests.unit.access.states import CENTRAL, COLUMNS, READERS, STEWARD, lakes

PLACES = [(database, table) for database in ("d1", "d2") for table in ("t1", "t2")]


def naive_columns(lake, who, database, table, permission="SELECT"):
    """Cell by cell, as one would say it: a column is read if some path gives it, and its path is intact."""
    return {column for column in COLUMNS if _may(lake, who, database, table, column)}


def _may(lake, who, database, table, column):
    def given(names, grantor=None, option=False):
        return any(
            grant.principal in names
            and grantor in (None, grant.grantor)
            and "SELECT" in (grant.grantable if option else grant.permissions)
            and _reaches(lake, grant.resource, database, table, column)
            for grant in lake.grants
        )

    group = {f"{who.account}:IAMPrincipals"}
    if who.account == CENTRAL:
        return given({who.arn, "IAM_ALLOWED_PRINCIPALS"} | group)
    if lake.shares.get(who.account) != "accepted":
        return False
    if given({who.arn} | group, CENTRAL):
        return True
    if who.admin or who.arn == who.account:
        return given({who.account})
    return given({who.arn} | group, who.account) and given({who.account}, option=True)


def _reaches(lake, resource, database, table, column):
    match resource:
        case TableGrant():
            return resource.database == database and resource.table in ("", table)
        case ColumnsGrant(names=None):
            return (resource.database, resource.table) == (database, table) and column not in resource.excluded
        case ColumnsGrant():
            return (resource.database, resource.table) == (database, table) and column in resource.names
        case PolicyGrant(kind="TABLE"):
            tags = {}
            found = lake.databases[database]
            for level in (found.tags, found.tables[table].tags, found.tables[table].column_tags.get(column, {})):
                tags.update(level)
            return all(
                key in tags and (tags[key] in values or "*" in values) for key, values in resource.expression.clauses
            )
    return False


@given(lakes())
def test_it_reads_what_the_naive_oracle_reads(lake):
    evaluator = Evaluator(lake)
    for who in READERS:
        for place in PLACES:
            assert evaluator.rights(who, *place).readable == naive_columns(lake, who, *place), (who, place)


class Emulated(State):
    """The emulator's state with tables that need no Glue."""

    def columns(self, database, table):
        return list(COLUMNS)


def emulated(lake):
    state = Emulated(CENTRAL, "us-east-1")
    state.grants.clear()
    state.settings["DataLakeAdmins"] = [{"DataLakePrincipalIdentifier": arn} for arn in lake.admins]
    for database in lake.databases.values():
        state.assigned[database.name, "", ""] = dict(database.tags)
        for table in database.tables.values():
            state.assigned[database.name, table.name, ""] = dict(table.tags)
            for column, tags in table.column_tags.items():
                state.assigned[database.name, table.name, column] = dict(tags)
    for grant in lake.grants:
        for resource in _emulated_resources(grant.resource):
            key = (grant.principal, resource)
            held = state.grants.setdefault(key, EmulatedGrant(*key, set(), set(), grant.grantor))
            held.permissions |= grant.permissions
            held.grantable |= grant.grantable
    return emulator.Lake(state, lambda account, _kind: lake.accepted(account))


def _emulated_resources(resource):
    match resource:
        case DatabaseGrant(name):
            return [r.Database(CENTRAL, name)]
        case TableGrant(database, table):
            return [r.Table(CENTRAL, database, table)]
        case ColumnsGrant(names=None):
            return [r.Columns(CENTRAL, resource.database, resource.table, excluded=tuple(sorted(resource.excluded)))]
        case ColumnsGrant(names=names):
            return [r.Columns(CENTRAL, resource.database, resource.table, name) for name in sorted(names)]
        case PolicyGrant(kind, expression):
            return [r.TagPolicy(CENTRAL, kind, r.parse_expression(expression.to_tags()))]


def _unmixed(lake):
    """The emulator keeps one grantor for each principal and column: leave out where two accounts grant the same."""
    seen = {}
    for grant in lake.grants:
        for resource in _emulated_resources(grant.resource):
            if seen.setdefault((grant.principal, resource), grant.grantor) != grant.grantor:
                return False
    return True


@given(lakes().filter(_unmixed))
def test_it_agrees_with_the_emulator(lake):
    evaluator, twin = Evaluator(lake), emulated(lake)
    for who in READERS:
        for place in PLACES:
            ours = evaluator.rights(who, *place)
            theirs = emulator.table_rights(twin, emulator.Principal(who.arn, who.account, who.admin), *place)
            assert ours.readable == theirs.columns, (who, place)
            assert ours.passable == theirs.grantable_columns, (who, place)
            assert ("DESCRIBE" in ours.permissions) == ("DESCRIBE" in theirs.permissions), (who, place)


@given(lakes())
def test_an_administrator_sees_and_passes_on_everything_and_reads_nothing_by_it(lake):
    if STEWARD not in lake.admins:
        return
    found = Evaluator(lake).rights(READERS[0], "d1", "t1")
    assert (found.visible, found.passable) == (set(COLUMNS), set(COLUMNS))
    assert found.readable == naive_columns(lake, READERS[0], "d1", "t1")


@pytest.mark.parametrize("column", ["", "a"])
@given(lakes())
def test_a_tag_that_is_set_is_the_one_that_counts(column, lake):
    changed = lake.with_tag("K1", "V2", "d1", "t1", column)
    assert changed.tags("d1", "t1", column)["k1"] == "v2"
    assert changed.tags("d2", "t1") == lake.tags("d2", "t1")
    assert json.dumps(lake.tags("d1")) == json.dumps(changed.tags("d1"))
