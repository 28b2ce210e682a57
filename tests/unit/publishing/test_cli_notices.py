"""Notices as people read them."""

import pytest
import yaml
from mesh.domain.events import (
    EVENT_TYPES,
    AccessCheckRequested,
    ColumnRef,
    ContractChangeAnnounced,
    Event,
    FilesKept,
    MembersReason,
    Metadata,
    ProductQuarantined,
    ProductUpdated,
    ProposalSettled,
    QualitySummary,
    QuarantinedObject,
    Query,
    Reason,
    Rollback,
    RollbackRefused,
    ShortFinding,
    TableChange,
)
from mesh.domain.schema import TypeChange

from cli import output
from cli.publishing import notice_texts, notices
from tools.sample_events import FOLDER, SOURCE

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
    return as_notice(Event[ProductUpdated](metadata=Metadata(correlation_id="trace-1"), data=data), "ProductUpdated")


NOON = "2026-11-21T18:46:36+00:00"


def as_notice(event, detail_type):
    return {"time": NOON, "id": "e1", "detail_type": detail_type, "detail": event.model_dump(mode="json")}


WHY = {"code": "NotStaged", "message": "a staged file is missing", "remedy": "Upload it again."}
USUAL = yaml.safe_load((FOLDER / SOURCE).read_text())["usual"]["fields"]
FIELDS = USUAL | {
    "answer_by": "2026-12-01T00:00:00Z", "approvers": ["222222222222"], "by": "ann", "cause": "expired", "changes": [],
    "contact": "data@example.com", "contract": {}, "contract_version": "1.0.0", "decision": "approve", "exposure": [],
    "how": "mesh approve", "kept": [], "links": ["rl_credit-card.credit_card"], "location": "s3://b/credit-card/",
    "member": "333333333333",
    "new_owner": "444444444444", "objects": 1, "outcome": "published", "owner_account": "222222222222",
    "pin": "pin-0123456789ab", "queries": [],
    "reader": "DataAnalyst", "reason": "labels were flipped", "receiver_domains": ["risk"],
    "released": ["00001.metadata.json"],
    "request": "e-1", "role": "producer", "rule": "internal", "run": "00000003", "table": "credit_card",
    "tables": [], "version": 2, "versions": [1, 2],
    "repair": True, "asked": "2026-11-21T09:30:00Z", "what": "credit-card", "why": "Internal data is open.",
}  # fmt: skip
"""A value for each required field; WHY and PARTICULAR stand where a kind has another type or other values."""
PARTICULAR = {
    "ProductDeclared": {"contract": "name: credit-card"},
    "VersionProposed": {"tables": [{"name": "credit_card", "rows": 1, "bytes": 1, "files": 1}]},
    "QuarantineDecided": {"decision": "release"},
    "QuarantineClosed": {"outcome": "rejected"},
    "AccessRequested": {"product": "credit-card"},
    "WithdrawalRequested": {"versions": [1, 2], "reason": "labels were flipped"},
    "EventRefused": {"event": "a request"},
    "ContractChangeAnnounced": {
        "registered": "1.0.0", "contract_version": "2.0.0", "in_force": "2026-12-21T09:30:00Z", "domain": "retail",
        "product": "credit-card", "owner_account": "222222222222",
    },
    "TagsLoosened": {
        "contract_version": "2.0.0", "columns": ["loans.wage confidentiality: restricted → internal"], "count": 1,
        "product": "credit-card", "owner_account": "222222222222",
    },
}  # fmt: skip


def event_of(kind):
    names = [name for name, field in kind.model_fields.items() if field.is_required()]
    particular = PARTICULAR.get(kind.detail_type(), {})
    fields = {name: FIELDS[name] for name in names if name not in particular} | particular
    if "reason" in fields and kind.model_fields["reason"].annotation in (Reason, MembersReason):
        fields["reason"] = WHY
    return Event[kind](data=kind.model_validate(fields))


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_every_event_has_a_plain_sentence_and_none_is_shown_as_json(kind, capsys):
    notices.render(as_notice(event_of(kind), kind.detail_type()))
    said = capsys.readouterr().out
    assert kind.detail_type() not in said
    assert not set("{}") & set(said)


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ("published", "the proposed version is published as version 3"),
        ("held", "the proposed version is held back"),
        ("refused", "the proposed version was rejected"),
        ("rebase", "a newer version was published meanwhile; the batch is staged again"),
    ],
)
def test_the_answer_to_a_proposal_is_a_sentence_with_its_reason(outcome, sentence):
    settled = ProposalSettled(product="credit-card", proposal="00000001", outcome=outcome, version=3)
    assert notice_texts.headline(settled) == f"credit-card: {sentence}"
    assert list(notice_texts.lines(settled)) == []
    assert list(notice_texts.lines(settled.evolve(reason=Reason(**WHY)))) == [
        "NotStaged: a staged file is missing", "next: Upload it again.",
    ]  # fmt: skip


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
    assert list(notice_texts.what_changed(change)) == [
        "added score bigint",
        "1 new partition dt=2026-11-22",
        "200 rows, 2.0 KiB in 1 file",
    ]


def test_a_new_table_shows_its_number_of_columns_and_estimates_are_marked():
    change = TableChange(table="t", new_table=True, columns=21, rows=1000, rows_exact=False, objects=2)
    assert list(notice_texts.what_changed(change)) == [
        "new table with 21 columns",
        "about 1,000 rows, 0 bytes in 2 files",
    ]


def test_further_partitions_are_counted_and_a_changed_type_shows_both():
    change = TableChange(
        table="t",
        removed_columns=("old",),
        changed_types=(TypeChange(name="n", before="int", after="bigint"),),
        added_partitions=("dt=1", "dt=2"),
        added_partitions_count=40,
    )
    assert list(notice_texts.what_changed(change))[:3] == [
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
        "  trace  trace-1",
        "",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_rollback_says_who_requested_it_and_what_was_removed(capsys, monkeypatch, width):
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


def test_a_rejected_rollback_shows_reason_and_remedy(capsys):
    reason = Reason(code="VersionGone", message="1 of 2 objects do not exist any more", remedy="mesh history")
    refused = RollbackRefused(product="credit-card", version=1, request="r", reason=reason)
    assert notice_texts.headline(refused) == "credit-card: no rollback to version 1"
    assert list(notice_texts.lines(refused)) == [
        "VersionGone: 1 of 2 objects do not exist any more", "next: mesh history",
    ]  # fmt: skip


def test_a_quarantine_names_each_object_with_its_reason_and_remedy(capsys):
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


def test_a_rejected_contract_is_shown_with_its_reason_alone():
    reason = Reason(code="ContractNotYaml", message="line 3: not YAML")
    rejected = ProductQuarantined(product="credit-card", reason=reason)
    assert list(notice_texts.lines(rejected)) == ["line 3: not YAML"]


@pytest.mark.parametrize(
    ("detail_type", "data"), [("ProductUpdated", {"product": "credit-card"}), ("ProductPraised", {"stars": 5})]
)
def test_a_notice_of_another_version_of_meshwork_is_shown_by_its_kind_and_trace(capsys, detail_type, data):
    detail = {"metadata": {"correlation_id": "trace-1"}, "data": data}
    notices.render({"time": NOON, "id": "e1", "detail_type": detail_type, "detail": detail})
    said = capsys.readouterr().out
    assert detail_type in said
    assert "trace-1" in said


@pytest.mark.parametrize("kind", [AccessCheckRequested, FilesKept])
def test_what_the_accounts_machines_answer_is_not_for_people(capsys, kind):
    assert notices.show_all(iter([as_notice(event_of(kind), kind.detail_type())])) == f"{NOON}#e1"
    assert capsys.readouterr().out == ""


def test_an_announced_change_says_what_breaks_when_whose_access_reads_it_and_how_to_keep_the_data(capsys):
    event = ContractChangeAnnounced(
        product="credit-card", domain="retail", owner_account="222222222222", registered="1.4.0",
        contract_version="2.0.0", changes_count=3, version=7, in_force="2026-12-21T09:30:00Z",
        changes=({"table": "loans", "column": "wage", "text": "loans.wage: removed (int)"},), accesses_count=1,
        accesses=(
            {"access": "ac-3f6a2c81d05b", "reader": "DataAnalyst", "columns": ["loans.wage"], "columns_count": 2},
        ),
    )  # fmt: skip

    notices.render(as_notice(Event[ContractChangeAnnounced](data=event), "ContractChangeAnnounced"))

    said = capsys.readouterr().out
    assert "credit-card: contract 2.0.0 breaks readers of 1.4.0" in said
    for line in (
        "data may follow it from 2026-12-21 09:30:00 UTC",
        "loans.wage: removed (int)",
        "and 2 further changes",
        "ac-3f6a2c81d05b of DataAnalyst reads loans.wage and 1 more",
        "mesh pin credit-card 7",
    ):
        assert line in said


def test_a_withdrawn_change_is_said_to_be_none(capsys):
    event = ContractChangeAnnounced(
        product="credit-card", domain="retail", owner_account="222222222222", registered="1.4.0",
        contract_version="2.0.0", version=7, in_force="2026-12-21T09:30:00Z", withdrawn=True,
    )  # fmt: skip

    notices.render(as_notice(Event[ContractChangeAnnounced](data=event), "ContractChangeAnnounced"))

    said = capsys.readouterr().out
    assert "contract 2.0.0, which was announced, does not come" in said
    assert "mesh pin" not in said
