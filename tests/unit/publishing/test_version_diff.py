"""What changed between two versions, and what of it may be published."""

import pytest
from mesh.domain.contracts.product import ProductVersion, TableSnapshot
from mesh.domain.events import ColumnRef, QualitySummary, TableChange
from mesh.domain.publishing.version_diff import (
    BreakingSchemaChange,
    diff_snapshots,
    diff_versions,
    new_major,
    require_compatible,
    severity,
)

from tests.fakes import NOON


def snapshot(columns, keys=None, **facts):
    return TableSnapshot(
        table="t1",
        columns=tuple(ColumnRef(name=name, type=type_) for name, type_ in columns.items()),
        partition_keys=tuple(ColumnRef(name=name, type=type_) for name, type_ in (keys or {}).items()),
        **facts,
    )


OLD = {"id": "bigint", "amount": "bigint"}


@pytest.mark.parametrize(
    ("new", "compatibility"),
    [
        ({**OLD, "note": "string"}, "full"),
        ({"id": "bigint", "amount": "double"}, "backward"),
    ],
)
def test_what_readers_can_go_on_with_is_published(new, compatibility):
    diff = diff_snapshots(snapshot(OLD), snapshot(new))

    require_compatible("loans", diff.changes, "1.0.0")
    assert diff.compatibility == compatibility


@pytest.mark.parametrize(
    ("new", "keys", "columns"),
    [
        ({"id": "bigint"}, {}, ["t1.amount"]),
        ({"id": "bigint", "amount": "string"}, {}, ["t1.amount"]),
        ({"id": "bigint", "amount": "int"}, {}, ["t1.amount"]),
        ({"id": "bigint", "amount_": "bigint"}, {}, ["t1.amount"]),
        (OLD, {"dt": "string"}, ["t1."]),
    ],
)
def test_what_breaks_readers_is_not_and_names_their_columns(new, keys, columns):
    diff = diff_snapshots(snapshot(OLD), snapshot(new, keys))

    with pytest.raises(BreakingSchemaChange) as raised:
        require_compatible("loans", diff.changes, "1.0.0")
    assert raised.value.where["columns"] == columns
    assert raised.value.where["contract"] == "1.0.0"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [("1.2.0", "1.3.0", False), ("1.2.0", "2.0.0", True), ("0.1.0", "0.2.0", True), ("draft", "1.0.0", True)],
)
def test_a_new_major_lets_anything_pass(old, new, expected):
    assert new_major(old, new) is expected


def test_the_severity_of_a_version():
    quiet, widened = TableChange(table="t1"), TableChange(table="t1", compatibility="backward")
    warned = TableChange(table="t1", quality=QualitySummary(warnings=2))

    assert severity([quiet], broken=False, rollback=False) == "info"
    assert severity([quiet], broken=False, rollback=True) == "warning"
    assert severity([quiet, widened], broken=False, rollback=False) == "warning"
    assert severity([warned], broken=False, rollback=False) == "warning"
    assert severity([widened], broken=True, rollback=False) == "breaking"


def version(number, contract, *tables):
    return ProductVersion(
        product="loans", version=number, run=f"r{number}", correlation_id="c", contract_version=contract,
        tables=tables, changes=(), published=NOON,
    )  # fmt: skip


def test_any_two_versions_are_compared_table_by_table():
    old = version(1, "1.0.0", snapshot(OLD, rows=10, objects=1))
    new = version(4, "1.1.0", snapshot({**OLD, "note": "string"}, rows=12, objects=2))

    found = diff_versions(old, new)

    assert (found.versions, found.contract, found.compatibility) == ((1, 4), ("1.0.0", "1.1.0"), "full")
    [table] = found.tables
    assert (table.rows, table.objects, table.partitions) == ((10, 12), (1, 2), (0, 0))
    assert [change.text for change in table.changes] == ["t1.note: added (string)"]


def test_a_table_that_only_one_version_has_is_shown():
    [there] = diff_versions(version(1, "1.0.0"), version(2, "1.0.0", snapshot(OLD, rows=3))).tables
    assert (there.rows, there.changes[0].kind) == ((None, 3), "table_added")

    back = diff_versions(version(2, "1.0.0", snapshot(OLD)), version(3, "1.0.0"))
    assert (back.tables[0].changes[0].kind, back.compatibility) == ("table_removed", "backward")
