"""An explanation never contradicts the evaluator: the sum of its steps is what Lake Formation gives, on any state."""

from dataclasses import replace

from hypothesis import given
from mesh.domain.access.access_context import AccessContext, Home
from mesh.domain.access.explanation import explain
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, DatabaseGrant, Grant
from mesh.domain.governance.permissions import Evaluator

from tests.unit.access.states import ANALYST, CENTRAL, COLUMNS, CONSUMER, READERS, lakes

DESCRIBED = tuple(
    Grant(ANALYST, DatabaseGrant(name), frozenset({"DESCRIBE"}), grantor=CONSUMER) for name in ("rl_d1", "default")
)
LINKED = Home(CatalogSnapshot(CONSUMER, {}, DESCRIBED), links=("rl_d1",))
ROLES = [who for who in READERS if who.arn != who.account]


def situation(lake, who, column):
    home = None if who.account == CENTRAL else LINKED
    on_default = Grant(who.arn, DatabaseGrant("default"), frozenset({"DESCRIBE"}), grantor=who.account)
    lake = replace(lake, grants=(*lake.grants, on_default))
    return AccessContext(lake, "us-east-1", who, "d1", "t1", column, home, {})


@given(lakes())
def test_it_can_read_if_and_only_if_the_evaluator_allows_it(lake):
    evaluator = Evaluator(lake)
    for who in ROLES:
        rights = evaluator.rights(who, "d1", "t1")
        for column in COLUMNS:
            found = explain(situation(lake, who, column))
            expected = column in rights.readable and "DESCRIBE" in rights.permissions
            assert found.can_read == expected, (who, column, found)
            assert (found.missing is None) == found.can_read


@given(lakes())
def test_a_missing_setting_has_a_remedy(lake):
    for who in ROLES:
        for step in explain(situation(lake, who, "a")).steps:
            assert step.ok or step.remedy, step
            assert step.ok or step.commands or step.missing == "ShareNotAccepted", step
