"""Versions of very many columns and tables, wherever AWS has a limit: what a state returns, an item, a message."""

import pytest
from mesh.domain.contracts.product import ProductVersion, TableSnapshot
from mesh.domain.events import (
    MAX_TABLES,
    ColumnRef,
    Event,
    ProductUpdated,
    QualitySummary,
    ShortFinding,
    TableChange,
)
from mesh.domain.publishing.proposals import MAX_VERSION, Commit, ProposalTooLarge, TableCommit
from mesh.usecases.publishing.notify_subscribers import MAX_BYTES, notice
from mesh.usecases.publishing.published_tables import MAX_LISTED

from tests.builders import CENTRAL, PRODUCT, a_product
from tests.fakes import NOON

ITEM, ROOM = 400 * 1024, 30_000
FINDING = ShortFinding(code="DistributionShifted", table="t", column="c", message="m" * 400)


def table(number: int, columns: int, kind: str, name: str) -> tuple[TableSnapshot, TableChange]:
    refs = tuple(ColumnRef(name=f"column_{n}", type=kind) for n in range(columns))
    quality = QualitySummary(scores={"validity": 1.0, "completeness": 0.99}, warnings=20, findings=(FINDING,) * 20)
    change = TableChange(
        table=f"{name}{number}", new_table=True, added_columns=refs[:MAX_LISTED], columns=columns, quality=quality
    )
    metadata = f"s3://bucket/{PRODUCT}/published/t/metadata/{number:05d}-2b1c3b8e.metadata.json"
    return TableSnapshot(table=f"{name}{number}", columns=refs, metadata=metadata, empty=metadata), change


def version(tables: int, columns: int, kind: str = "decimal(38,10)", name: str = "table_") -> ProductVersion:
    made = [table(number, columns, kind, name) for number in range(tables)]
    return ProductVersion(
        product=PRODUCT, version=1, run="r", correlation_id="c", contract_version="1.0.0",
        tables=tuple(snapshot for snapshot, _ in made), changes=tuple(change for _, change in made), published=NOON,
    )  # fmt: skip


LARGE = {
    "5,000 columns": version(1, 5_000),
    "100 tables": version(100, 50),
    "as many tables as a proposal has": version(MAX_TABLES, 300),
    "long names": version(MAX_TABLES, 5, name="t" * 250),
    "long types": version(1, 5, kind=f"struct<{','.join(f'field_{n}:string' for n in range(2_000))}>"),
}


@pytest.mark.parametrize("case", LARGE)
def test_a_version_fits_into_what_a_state_returns_and_into_an_item(case):
    text = LARGE[case].model_dump_json()
    assert len(text) < MAX_VERSION
    assert len(text) < ITEM - ROOM
    assert ProductVersion.model_validate_json(text) == LARGE[case]


def commit(large: ProductVersion) -> Commit:
    tables = tuple(TableCommit(name=each.table, snapshot=each) for each in large.tables)
    return Commit(
        product=PRODUCT, proposal="r", correlation_id="c", event_id="e", tables=tables, changes=large.changes,
        contract_version=large.contract_version,
    )  # fmt: skip


@pytest.mark.parametrize("case", LARGE)
def test_what_fits_is_committed_as_that_version(case):
    found = commit(LARGE[case])
    found.require_room()
    assert found.version(NOON, draft=False) == LARGE[case].evolve(
        tables=tuple(sorted(LARGE[case].tables, key=lambda each: each.table))
    )


def test_a_version_that_no_record_holds_is_refused_before_it_is_committed():
    kind = f"struct<{','.join(f'field_{n}_{n * 7919 % 10_007}:string' for n in range(2_000))}>"
    with pytest.raises(ProposalTooLarge, match="150 tables with 750 columns") as refused:
        commit(version(MAX_TABLES, 5, kind=kind)).require_room()
    assert "100,000 are possible" in refused.value.message
    assert refused.value.remedy.startswith("Divide the tables")


@pytest.mark.parametrize("case", LARGE)
def test_its_notice_fits_into_a_message_and_lists_what_fits(case):
    found = notice(LARGE[case], a_product(), CENTRAL)
    text = found.model_dump_json()
    assert len(text.encode()) <= MAX_BYTES
    assert Event[ProductUpdated].model_validate_json(text) == found
    assert found.data.tables == len(LARGE[case].changes)
    for change, whole in zip(found.data.changes, LARGE[case].changes, strict=False):
        assert change.added_columns == whole.added_columns[: found.data.listed]
        assert change.columns == whole.columns
        assert change.quality.warnings == 20
    queried = {query.table for query in found.data.queries}
    assert queried == {change.table for change in found.data.changes}


def test_a_notice_lists_a_hundred_names_where_they_fit():
    assert notice(LARGE["5,000 columns"], a_product(), CENTRAL).data.listed == MAX_LISTED
    assert notice(LARGE["100 tables"], a_product(), CENTRAL).data.listed < MAX_LISTED
