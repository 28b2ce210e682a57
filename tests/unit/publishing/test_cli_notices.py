"""Notices in words."""

import pytest
from mesh.domain.events import (
    ColumnRef,
    Event,
    Metadata,
    ProductQuarantined,
    ProductUpdated,
    QualitySummary,
    QuarantinedObject,
    Query,
    Reason,
    Rollback,
    ShortFinding,
    TableChange,
)
from mesh.domain.schema import TypeChange

from cli import output
from cli.publishing import notices

QUERY = Query(
    catalog_id="111111111111",
    database="credit-card",
    table="credit_card",
    resource_link="rl_credit-card",
    sql='SELECT * FROM "rl_credit-card"."credit_card" LIMIT 10',
)


def updated(change, version=2, **more):
    data = ProductUpdated(
        product="credit-card",
        version=version,
        domain="consumer-banking",
        owner_account="222222222222",
        contract_version="1.0.0",
        changes=(change,),
        queries=(QUERY,),
        **more,
    )
    return as_notice(Event[ProductUpdated](metadata=Metadata(correlation_id="story-1"), data=data), "ProductUpdated")


def as_notice(event, detail_type):
    time = "2026-11-21T18:46:36+00:00"
    return {"time": time, "id": "e1", "detail_type": detail_type, "detail": event.model_dump(mode="json")}


def test_a_new_column_and_a_new_partition_are_named_and_nothing_else():
    change = TableChange(
        table="credit_card",
        added_columns=(ColumnRef(name="score", type="bigint"),),
        added_partitions=("dt=2026-11-22",),
        added_partitions_count=1,
        rows=200,
        bytes=2048,
        objects=1,
    )
    assert list(notices.what_changed(change.model_dump())) == [
        "added score bigint",
        "1 new partition dt=2026-11-22",
        "200 rows, 2.0 KiB in 1 file",
    ]


def test_a_new_table_says_how_wide_it_is_and_estimates_say_so():
    change = TableChange(table="t", new_table=True, columns=21, rows=1000, rows_exact=False, objects=2)
    assert list(notices.what_changed(change.model_dump())) == [
        "new table with 21 columns",
        "about 1,000 rows, 0 bytes in 2 files",
    ]


def test_partitions_beyond_those_listed_are_counted_and_types_tell_both():
    change = TableChange(
        table="t",
        removed_columns=("old",),
        changed_types=(TypeChange(name="n", before="int", after="bigint"),),
        added_partitions=("dt=1", "dt=2"),
        added_partitions_count=40,
    )
    assert list(notices.what_changed(change.model_dump()))[:3] == [
        "removed old",
        "n is bigint, was int",
        "40 new partitions dt=1, dt=2 and 38 more",
    ]


def test_a_notice_shows_version_change_query_and_trace(capsys):
    notices.render(updated(TableChange(table="credit_card", new_table=True, columns=21, rows=1000, objects=1)))
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-21 18:46:36  credit-card version 2 can be read",
        "  credit_card: new table with 21 columns; 1,000 rows, 0 bytes in 1 file",
        '  SQL    SELECT * FROM "rl_credit-card"."credit_card" LIMIT 10',
        "  contract 1.0.0",
        "  trace  story-1",
        "",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_rollback_says_whose_wish_it_was_and_what_is_less(capsys, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    rollback = Rollback(version=1, request="r", requested_by="222222222222", reason="labels were flipped")
    quality = QualitySummary(
        scores={"validity": 0.98}, warnings=1,
        findings=(ShortFinding(code="DistributionShifted", table="credit_card", column="amount", message="PSI 0.2"),),
    )  # fmt: skip
    change = TableChange(
        table="credit_card", removed_columns=("score",), rows=1000, objects=1, rows_total=1000, rows_delta=-200,
        compatibility="backward", quality=quality,
    )  # fmt: skip
    notices.render(
        updated(
            change,
            version=3,
            follows=2,
            severity="breaking",
            compatibility="backward",
            rollback=rollback,
            warnings=quality.findings,
        )
    )
    said = capsys.readouterr().out.splitlines()
    assert max(map(len, said)) <= width
    text = " ".join(line.strip() for line in said)
    for part in (
        "credit-card version 3 can be read (breaking, version 1 again)",
        "requested by 222222222222: labels were flipped",
        "removed score; 1,000 rows (-200, now 1,000)",
        "validity 0.980; 1 warning",
        "warning DistributionShifted: credit_card.amount: PSI 0.2",
        "contract 1.0.0; mesh diff credit-card 2 3",
    ):
        assert part in text


def test_a_refused_rollback_says_why_and_what_to_do(capsys):
    reason = {"code": "VersionGone", "message": "1 of 2 objects do not exist any more", "remedy": "mesh history"}
    data = {"product": "credit-card", "version": 1, "request": "r", "reason": reason}
    assert notices.headline("RollbackRefused", data) == "credit-card: no rollback to version 1"
    assert list(notices.lines("RollbackRefused", data)) == [
        "VersionGone: 1 of 2 objects do not exist any more", "next: mesh history",
    ]  # fmt: skip


def test_a_quarantine_names_each_object_its_reason_and_the_remedy(capsys):
    reason = Reason(code="EmptyFile", message="the file is empty", remedy="Upload it again.")
    data = ProductQuarantined(
        product="credit-card",
        reason=reason,
        objects=(QuarantinedObject(key="credit-card/data/t/a.csv", reason=reason),),
        objects_count=1,
    )
    notices.render(as_notice(Event[ProductQuarantined](data=data), "ProductQuarantined"))
    said = capsys.readouterr().out
    assert "credit-card: 1 object did not pass" in said
    assert "  credit-card/data/t/a.csv: the file is empty\n    next: Upload it again.\n" in said


def test_a_refused_contract_is_told_by_its_reason_alone():
    reason = {"code": "ContractNotYaml", "message": "line 3: not YAML", "where": {}, "remedy": ""}
    assert list(notices.lines("ProductQuarantined", {"reason": reason, "objects": []})) == ["line 3: not YAML"]
