"""From landing to readers: what is published, held, replaced, deleted, retyped."""

import json

import pytest
from mesh.domain.contracts.product import FormerOwner
from mesh.domain.lineage.model import Place
from mesh.domain.lineage.orders import PromoteOrder
from mesh.domain.membership.authorisation import NotOnTheBus
from mesh.domain.publishing.iceberg_table import MARKS
from mesh.usecases.onboarding.round_lineage import promotion_runs

from tests.builders import BUCKET, PRODUCER, PRODUCT, REGION
from tests.fakes import NOON
from tests.pipeline import Pipeline, contract_of

LOANS = {"id": "bigint", "amount": "double", "note": "string"}
GOOD = "id,amount,note\n1,10.5,x\n2,,y\n"


@pytest.fixture
def pipeline(aws):
    """One product without a contract."""
    return Pipeline(aws("s3", region_name=REGION))


@pytest.fixture
def loans(aws):
    """One product with a contract."""
    return Pipeline(aws("s3", region_name=REGION), contract_of(LOANS))


def ids(pipeline, tmp_path, column="id", **more):
    return sorted(row[column] for row in pipeline.rows(tmp_path, **more))


def test_what_passes_is_published_and_can_be_read(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n2,,y\n")
    settled = loans.run()
    assert (settled.outcome, settled.version, settled.accepted, settled.held) == ("published", 1, 1, 0)
    assert loans.types() == LOANS
    assert loans.rows(tmp_path) == [
        {"id": 1, "amount": 10.5, "note": "x"}, {"id": 2, "amount": None, "note": "y"},
    ]  # fmt: skip


def test_an_overwritten_object_replaces_its_rows(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n2,3,y\n")
    loans.put("b.csv", "id,amount,note\n3,1,z\n")
    loans.run()
    loans.put("a.csv", "id,amount,note\n9,1,x\n")
    loans.run()
    assert ids(loans, tmp_path) == [3, 9]
    assert (loans.version().tables[0].rows, loans.version().tables[0].objects) == (2, 2)


def test_a_bad_overwrite_is_held_and_the_good_rows_stay(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n2,3,y\n")
    loans.run()
    loans.put("a.csv", "id,amount,note\nbad,1,x\n")
    settled = loans.run()
    assert (settled.outcome, settled.held, loans.held()) == ("nothing", 1, {"a.csv": "ValueNotOfType"})
    assert ids(loans, tmp_path) == [1, 2]
    assert (loans.version().version, loans.version().tables[0].rows) == (1, 2)


def test_good_objects_are_published_without_the_bad_ones(loans, tmp_path):
    loans.put("good.csv", "id,amount,note\n1,10.5,x\n")
    loans.put("ragged.csv", "id,amount,note\n1,2,3,4,5\n")
    settled = loans.run()
    assert (settled.outcome, settled.accepted, settled.held) == ("published", 1, 1)
    assert (loans.held(), ids(loans, tmp_path)) == ({"ragged.csv": "RaggedRows"}, [1])
    assert settled.news.data.objects[0].key.endswith("/ragged.csv")


def test_a_deleted_object_takes_its_rows_along(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n")
    loans.put("b.csv", "id,amount,note\n2,1,z\n")
    loans.run()
    loans.delete("a.csv")
    settled = loans.run()
    assert (settled.outcome, ids(loans, tmp_path), loans.version().version) == ("published", [2], 2)
    assert loans.version().changes[0].rows_delta == -1


def test_a_table_may_lose_all_rows_and_get_new_ones(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n")
    loans.run()
    loans.delete("a.csv")
    loans.run()
    assert loans.rows(tmp_path) == []
    loans.put("a.csv", "id,amount,note\n5,10.5,x\n")
    loans.run()
    assert (ids(loans, tmp_path), loans.version().version) == ([5], 3)


def test_a_deletion_of_an_unpublished_object_makes_no_version(loans):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n")
    loans.run()
    loans.delete("other.csv")
    assert loans.run().outcome == "nothing"
    assert loans.version().version == 1


def test_a_late_deletion_event_uses_the_object_that_is_there_now(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n")
    loans.run()
    deletion = loans.delete("a.csv")
    loans.put("a.csv", "id,amount,note\n7,10.5,x\n")
    loans.landed = [deletion]  # the upload's own event is still on its way
    loans.run()
    assert ids(loans, tmp_path) == [7]


def test_a_table_that_a_new_major_drops_loses_its_rows_with_the_next_batch(loans, tmp_path):
    """And gets none but those that are uploaded to it later."""
    loans.put("a.csv", GOOD)
    loans.put("b.csv", "id,v\n1,2\n", table="other")
    loans.put("c.csv", "id,v\n3,4\n", table="gone")
    loans.run()
    loans.revise(contract_of(LOANS, version="2.0.0"), dropped=("gone", "never"))
    loans.put("d.csv", "id,amount,note\n3,1,z\n")
    assert loans.run().outcome == "published"
    assert (loans.rows(tmp_path, "gone"), ids(loans, tmp_path, table="other"), ids(loans, tmp_path)) == (
        [], [1], [1, 2, 3],
    )  # fmt: skip
    assert {change.table: change.rows_delta for change in loans.version().changes} == {"t": 1, "gone": -1}
    loans.put("e.csv", "id,v\n5,6\n", table="gone")
    loans.run()
    loans.put("f.csv", "id,amount,note\n4,1,z\n")
    loans.run()
    assert (ids(loans, tmp_path, table="gone"), ids(loans, tmp_path)) == ([5], [1, 2, 3, 4])


def test_a_table_that_its_new_owner_drops_loses_the_rows_that_the_former_owner_left(loans, tmp_path, monkeypatch):
    """Nothing of it lies in the new owner's bucket."""
    loans.put("a.csv", GOOD)
    loans.put("c.csv", "id,v\n3,4\n", table="gone")
    loans.run()
    loans.revise(contract_of(LOANS, version="2.0.0"), dropped=("gone",))
    bucket = f"taken-{BUCKET}"
    loans.s3.create_bucket(Bucket=bucket)
    loans.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    former = FormerOwner(account="444444444444", bucket=BUCKET, contract_sequencer="10", until=NOON)
    taken = {"bucket": bucket, "former": (former,), "dropped": ("gone",)}
    loans.registry.products[PRODUCT] = loans.registry.products[PRODUCT].evolve(**taken)
    monkeypatch.setattr("tests.pipeline.BUCKET", bucket)
    loans.put("d.csv", "id,amount,note\n7,1,z\n")
    assert loans.run().outcome == "published"
    assert (loans.rows(tmp_path, "gone"), ids(loans, tmp_path)) == ([], [7])
    assert {change.table: (change.rows_delta, change.dropped) for change in loans.version().changes} == {
        "t": (-1, False), "gone": (-1, True),
    }  # fmt: skip
    loans.put("e.csv", "id,amount,note\n8,1,z\n")
    loans.run()
    assert [change.table for change in loans.version().changes] == ["t"], "emptied once"


def test_the_same_bytes_again_change_nothing(loans):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n")
    loans.run()
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n")
    settled = loans.run()
    assert (settled.outcome, settled.held, loans.version().version) == ("nothing", 0, 1)


def test_the_same_bytes_after_others_are_news(loans, tmp_path):
    for body in ("1,10.5,x", "2,1,y", "1,10.5,x"):
        loans.put("a.csv", f"id,amount,note\n{body}\n")
        loans.run()
    assert (ids(loans, tmp_path), loans.version().version) == ([1], 3)


def test_two_uploads_of_one_key_in_a_batch_are_the_last(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n")
    loans.put("a.csv", "id,amount,note\n2,10.5,x\n")
    loans.run()
    assert ids(loans, tmp_path) == [2]


def test_a_deleted_object_is_not_an_error(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n")
    gone = loans.put("b.csv", "id,amount,note\n2,10.5,x\n")
    loans.s3.delete_object(Bucket=gone.bucket, Key=gone.key)
    settled = loans.run()
    assert (settled.outcome, settled.held, ids(loans, tmp_path)) == ("published", 0, [1])


def test_partitions_come_from_folders(pipeline, tmp_path):
    pipeline.put("dt=2026-11-01/a.csv", "id,v\n1,x\n")
    pipeline.put("dt=2026-11-02/b.csv", "id,v\n2,y\n")
    pipeline.run()
    assert pipeline.types() == {"id": "bigint", "v": "string", "dt": "string"}
    assert {row["id"]: row["dt"] for row in pipeline.rows(tmp_path)} == {1: "2026-11-01", 2: "2026-11-02"}
    pipeline.put("dt=2026-11-03/c.csv", "id,v\n3,x\n")
    pipeline.run()
    assert pipeline.version().tables[0].partitions == 3
    assert pipeline.version().changes[0].added_partitions == ("dt=2026-11-03",)


def test_several_tables_of_a_batch_are_one_version(pipeline, tmp_path):
    pipeline.put("a.csv", "id,v\n1,x\n", table="one")
    pipeline.put("a.csv", "id,w\n2,y\n", table="two")
    pipeline.run()
    assert [table.table for table in pipeline.version().tables] == ["one", "two"]
    assert (ids(pipeline, tmp_path, table="one"), ids(pipeline, tmp_path, table="two")) == ([1], [2])


def test_whole_numbers_that_get_decimals_are_rewritten_as_double(pipeline, tmp_path):
    pipeline.put("a.csv", "id,v\n1,5\n")
    pipeline.run()
    pipeline.put("b.csv", "id,v\n2,2.5\n")
    settled = pipeline.run()
    assert (settled.outcome, pipeline.types()["v"]) == ("published", "double")
    assert {row["id"]: row["v"] for row in pipeline.rows(tmp_path)} == {1: 5.0, 2: 2.5}


def test_numbers_that_turn_into_text_are_rewritten_as_text(pipeline, tmp_path):
    pipeline.put("a.csv", "id,v\n1,5\n")
    pipeline.run()
    text = pipeline.put("b.csv", "id,v\n2,many\n")
    pipeline.run()
    assert pipeline.held() == {"b.csv": "TypeBecameText"}
    pipeline.release(text)
    pipeline.run()
    assert {row["id"]: row["v"] for row in pipeline.rows(tmp_path)} == {1: "5", 2: "many"}


def test_a_column_of_nulls_takes_the_type_of_its_first_values(pipeline, tmp_path):
    pipeline.put("a.csv", "id,v\n1,\n")
    pipeline.run()
    assert pipeline.types()["v"] == "string"
    pipeline.put("b.csv", "id,v\n2,2.5\n")
    pipeline.run()
    assert pipeline.types()["v"] == "double"
    assert {row["id"]: row["v"] for row in pipeline.rows(tmp_path)} == {1: None, 2: 2.5}


def test_a_new_column_is_null_in_older_rows(pipeline, tmp_path):
    pipeline.put("a.csv", "id,v\n1,x\n")
    pipeline.run()
    pipeline.put("b.csv", "id,v,w\n2,y,z\n")
    pipeline.run()
    assert sorted((row["id"], row["w"]) for row in pipeline.rows(tmp_path)) == [(1, None), (2, "z")]


def test_sources_that_share_a_file_are_replaced_one_by_one(loans, tmp_path, monkeypatch):
    monkeypatch.setattr("mesh.domain.onboarding.file_plans.MAX_FILES", 2)
    monkeypatch.setattr("mesh.domain.onboarding.file_plans.SHARED", 4)
    for number in range(10):
        loans.put(f"{number}.csv", f"id,amount,note\n{number},1,x\n{number + 100},1,x\n")
    loans.run()
    assert len(ids(loans, tmp_path)) == 20
    loans.put("3.csv", "id,amount,note\n33,1,x\n")
    loans.delete("8.csv")
    loans.run()
    expected = [n for n in range(10) if n not in (3, 8)] + [33] + [n + 100 for n in range(10) if n not in (3, 8)]
    assert ids(loans, tmp_path) == sorted(expected)
    loans.put("4.csv", "id,amount,note\n44,1,x\n")
    loans.run()
    assert ids(loans, tmp_path) == sorted([n for n in expected if n not in (4, 104)] + [44])


def test_a_commit_that_meets_another_is_staged_again(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,1,x\n")
    loans.run()
    loans.put("b.csv", "id,amount,note\n2,1,x\n")
    loans.check()
    loans.stage()
    slow = loans.round
    loans.uploads.waiting.clear()  # the other run's batch is of c.csv alone
    loans.put("c.csv", "id,amount,note\n3,1,x\n")
    loans.run()
    loans.go_on(slow)
    answer = loans.propose()
    assert answer.outcome == "rebase"
    settled = loans.settle(answer)
    assert (settled.held, settled.accepted) == (0, 0)
    assert ids(loans, tmp_path) == [1, 3]


def test_a_proposal_that_cannot_be_sent_leaves_no_token(loans):
    """The run fails, and the next one proposes anew, under another id: nobody would take the token away."""
    loans.put("a.csv", "id,amount,note\n1,2.5,x\n")
    loans.check()
    loans.stage()
    loans.bus.closed = True
    with pytest.raises(NotOnTheBus):
        loans.propose()
    assert loans.uploads.tokens == {}


def test_a_repeated_proposal_gets_the_same_answer(loans):
    loans.put("a.csv", "id,amount,note\n1,1,x\n")
    loans.check()
    loans.stage()
    first, second = loans.propose(), loans.propose()
    assert first == second
    assert loans.version().version == 1


def test_each_attempt_sends_an_event_of_its_own_since_the_answer_to_the_one_before_resumes_nothing(loans):
    loans.put("a.csv", "id,amount,note\n1,1,x\n")
    loans.check()
    loans.stage()
    for token in ("t-1", "t-2", "t-2"):
        loans.propose(token=token)
    first, second, again = (json.loads(detail)["metadata"]["id"] for _, detail in loans.bus.events)
    assert (first != second, second == again) == (True, True)


def test_a_column_added_after_a_rollback_never_shows_a_forgotten_one(pipeline, tmp_path):
    pipeline.put("a.csv", "id,dt\n1,x\n")
    pipeline.run()
    first = pipeline.catalog.table(PRODUCT, "t")
    pipeline.put("b.csv", "id,dt,email\n2,y,someone@example.com\n")
    pipeline.run()
    marks = pipeline.catalog.table(PRODUCT, "t")["Parameters"][MARKS]
    # As a rollback leaves it: the earlier file and columns, the marks of all that was ever given.
    back = {name: first[name] for name in ("Name", "TableType", "PartitionKeys", "StorageDescriptor")}
    pipeline.catalog.update_table(PRODUCT, {**back, "Parameters": {**first["Parameters"], MARKS: marks}})
    pipeline.put("c.csv", "id,dt,country\n3,z,DE\n")
    assert pipeline.run().outcome == "published"
    assert sorted((row["id"], row["country"]) for row in pipeline.rows(tmp_path)) == [(1, None), (3, "DE")]


def test_more_than_a_hundred_tables(pipeline):
    for number in range(120):
        pipeline.put("a.csv", "id,v\n1,x\n", table=f"t{number}")
    settled = pipeline.run()
    assert (settled.outcome, len(pipeline.version().tables)) == ("published", 120)


@pytest.mark.parametrize("name", ["größe", "a.b", "1st", "x" * 255, "a b", 'say "x"'])
def test_names_of_all_kinds(pipeline, tmp_path, name):
    quoted = name.replace('"', '""')
    pipeline.put("a.csv", f'id,"{quoted}"\n1,x\n')
    settled = pipeline.run()
    if settled.outcome == "published":
        assert pipeline.rows(tmp_path) == [{"id": 1, name: "x"}]
    else:
        assert list(pipeline.held()) == ["a.csv"]


def test_lineage_leads_from_each_object_version_to_the_table(loans):
    good = loans.put("a.csv", "id,amount,note\n1,10.5,x\n2,1,y\n")
    loans.put("bad.csv", "id,amount,note\nnone,10.5,x\n")
    loans.run()
    order = PromoteOrder(
        kind="promote", product=PRODUCT, generation=1, work=loans.round.work, correlation_id="c", execution="run",
        began=NOON, ended=NOON, published=True,
    )  # fmt: skip
    table, _, held = promotion_runs(order, place=Place(PRODUCER, REGION), facts=loans.facts, work=loans.work)
    assert [(source.name, source.facets["version"]["datasetVersion"]) for source in table.inputs] == [
        (good.key, good.version_id)
    ]
    (output,) = table.outputs
    assert output.name == f"table/{PRODUCT}/t"
    assert list(output.facets["columnLineage"]["fields"]) == ["id", "amount", "note"]
    assert (held.outcome, [source.name for source in held.inputs]) == ("FAIL", [f"{PRODUCT}/data/t/bad.csv"])


def test_published_objects_are_marked_for_the_lifecycle_rule_and_nothing_else_is(loans):
    loans.expires = True
    good, bad = loans.put("good.csv", GOOD), loans.put("bad.csv", "id,amount,note\nbad,1,x\n")
    mine = [{"Key": f"own{n}", "Value": "mine"} for n in range(2)]
    loans.s3.put_object_tagging(Bucket=good.bucket, Key=good.key, VersionId=good.version_id, Tagging={"TagSet": mine})
    assert loans.run().held == 1
    assert loans.tags_of(good) == {"own0": "mine", "own1": "mine", "meshwork-published": "true"}
    assert loans.tags_of(bad) == {}

    again = loans.put("good.csv", GOOD)
    assert loans.run().same == 1
    assert loans.tags_of(again) == {"meshwork-published": "true"}


def test_an_object_that_went_or_has_all_its_tags_is_not_marked(loans):
    loans.expires = True
    gone, full = loans.put("gone.csv", GOOD), loans.put("full.csv", GOOD)
    loans.s3.put_object_tagging(
        Bucket=full.bucket, Key=full.key, VersionId=full.version_id,
        Tagging={"TagSet": [{"Key": f"own{n}", "Value": "mine"} for n in range(10)]},
    )  # fmt: skip
    loans.check()
    loans.s3.delete_object(Bucket=gone.bucket, Key=gone.key, VersionId=gone.version_id)
    loans.stage()
    assert loans.settle(loans.propose()).accepted == 2
    assert len(loans.tags_of(full)) == 10


def test_without_a_retention_no_tag_is_set(loans):
    good = loans.put("good.csv", GOOD)
    loans.run()
    assert loans.tags_of(good) == {}
