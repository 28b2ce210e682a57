"""Which versions are kept, which end, and which files stay."""

from datetime import timedelta

import pytest
from mesh.domain.contracts.product import ProductVersion, TableSnapshot, VersionEnd
from mesh.domain.publishing.keeping import (
    MOST_VERSIONS,
    PresentVersion,
    Retention,
    VersionEnded,
    kept_files,
    outdated,
    released,
    require_kept,
    require_not_present,
)

from tests.builders import PRODUCT
from tests.fakes import NOON

RULE = Retention(versions=2, age=timedelta(days=90), grace=timedelta(hours=24))


def version(number, days=0, metadata=None, ended=None, **more):
    table = TableSnapshot(table="t", columns=(), metadata=metadata or f"v{number}", empty="e")
    return ProductVersion(
        product=PRODUCT, version=number, run=f"r{number}", correlation_id="c", contract_version="1.0.0",
        tables=more.get("tables", (table,)), changes=(), published=NOON - timedelta(days=days), ended=ended,
    )  # fmt: skip


def gone(status="expired", hours=0, **more):
    return VersionEnd(status=status, at=NOON - timedelta(hours=hours), **more)


def numbers(versions):
    return [each.version for each in versions]


def test_old_ones_end_beyond_the_newest():
    known = [version(5), version(4, 100), version(3, 200), version(2, 300), version(1, 400)]
    assert numbers(outdated(known, (), RULE, NOON)) == [3, 2, 1]
    assert numbers(outdated(known, (2,), RULE, NOON)) == [3, 1]
    assert outdated([], (), RULE, NOON) == ()


def test_young_ones_stay_however_many():
    assert outdated([version(number, 89) for number in range(9, 0, -1)], (), RULE, NOON) == ()


def test_of_very_many_the_newest_stay_however_young():
    known = [version(number, 1) for number in range(MOST_VERSIONS + 3, 0, -1)]
    assert numbers(outdated(known, (), RULE, NOON)) == [3, 2, 1]
    assert numbers(outdated(known, (2,), RULE, NOON)) == [3, 1]


def test_what_has_ended_does_not_count():
    known = [version(5, 100), version(4, 100, ended=gone("withdrawn")), version(3, 100), version(2, 100)]
    assert numbers(outdated(known, (), RULE, NOON)) == [2]


def test_what_the_present_version_repeats_stays():
    assert numbers(outdated([version(4, 91), version(3, 91), version(1, 91)], (), RULE, NOON)) == [1]
    assert outdated([version(4, 91, "v1"), version(3, 91), version(1, 91, "v1")], (), RULE, NOON) == ()


def test_versions_of_before_metadata_files_are_left_to_the_old_way():
    old = version(1, 400, tables=(TableSnapshot(table="t", columns=()),))
    assert outdated([version(3), version(2), old], (), RULE, NOON) == ()


def test_files_go_after_the_grace_but_at_once_when_withdrawn():
    known = [
        version(5),
        version(4, ended=gone(hours=23)),
        version(3, ended=gone(hours=24)),
        version(2, ended=gone("withdrawn")),
        version(1, ended=gone("withdrawn", released=NOON)),
    ]
    assert numbers(released(known, RULE, NOON)) == [3, 2]


def test_files_stay_that_anything_else_needs():
    known = [version(4, metadata="v2"), version(3), version(2), version(1, ended=gone(hours=1))]
    assert kept_files(known, {2, 3}, "t") == {"v2", "v1", "e"}, "a later version repeats v2; v1 may still be read"
    released_before = version(1, ended=gone(released=NOON))
    assert kept_files([*known[:3], released_before], {3}, "t") == {"v2", "e"}
    assert kept_files(known, {2}, "other") == set()


def test_ended_versions_are_marked():
    with pytest.raises(VersionEnded, match="version 1 of credit-card was withdrawn on 2026-11-21: another bank's rows"):
        require_kept(version(1, ended=gone("withdrawn", reason="another bank's rows")))
    require_kept(version(1))


def test_the_present_version_is_not_withdrawn_nor_what_it_repeats():
    last = version(3, metadata="v1")
    for wanted in (last, version(1)):
        with pytest.raises(PresentVersion):
            require_not_present([version(2), wanted], last)
    require_not_present([version(2)], last)
