"""Writes of a table: one by one and together, and what AWS says of those that it does not make."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from mesh.adapters.dynamodb.items import MOST_AT_ONCE, delete, put, put_new, update
from mesh.domain.contracts.product import ConcurrentChange, Throttled


def item(number, **more):
    return {"pk": "A", "sk": f"{number:03d}", **more}


def present(table):
    return [found["sk"] for found in table.query("A")]


@pytest.fixture
def refusing(table, monkeypatch):
    """Calls of a transaction are answered with these reasons, one list each, and then as they should be."""
    monkeypatch.setattr("mesh.adapters.dynamodb.items.time", SimpleNamespace(sleep=lambda _: None))
    transact = table.client.transact_write_items

    def install(*answers):
        left = list(answers)

        def answering(**arguments):
            if not left:
                return transact(**arguments)
            reasons = [{"Code": code} for code in left.pop(0)]
            error = {
                "Error": {"Code": "TransactionCanceledException", "Message": "why"},
                "CancellationReasons": reasons,
            }
            raise ClientError(error, "TransactWriteItems")

        monkeypatch.setattr(table.client, "transact_write_items", answering)

    return install


def test_all_of_the_writes_are_made_or_none(table):
    assert table.write(put_new(item(1)), put(item(2)))
    assert not table.write(put(item(3)), put_new(item(1)), delete("A", "002"))
    assert present(table) == ["001", "002"]
    assert table.write(delete("A", "001"), update("A", "002", "SET n = :n", {":n": 1}, "attribute_exists(pk)"))
    assert [found["n"] for found in table.query("A")] == [1]


def test_writes_whose_condition_does_not_hold_are_left_out(table):
    known = [put_new(item(number)) for number in (0, 7, 130)]
    assert table.write_what_holds(*known) == []

    writes = [put_new(item(number)) for number in range(2 * MOST_AT_ONCE)]
    assert table.write_what_holds(*writes) == known
    assert len(present(table)) == 2 * MOST_AT_ONCE
    assert table.write_what_holds() == []


@pytest.fixture
def losing(table, monkeypatch):
    """The answer of the next call is lost after its effect: the SDK makes the same call again."""

    def install(operation):
        call = getattr(table.client, operation)

        def twice(**arguments):
            monkeypatch.setattr(table.client, operation, call)
            call(**arguments)
            return call(**arguments)

        monkeypatch.setattr(table.client, operation, twice)

    return install


@pytest.mark.parametrize(
    ("operation", "write"),
    [
        ("put_item", put_new(item(2))),
        ("put_item", put(item(1, n=1), "n = :seen", {":seen": 0})),
        ("update_item", update("A", "001", "SET n = :n", {":n": 1, ":seen": 0}, "n = :seen")),
        ("delete_item", delete("A", "001", "n = :seen", {":seen": 0})),
    ],
)
def test_a_repeated_call_meets_its_own_effect(table, losing, operation, write):
    table.write(put(item(1, n=0)))
    losing(operation)

    assert table.write(write)
    assert table.write(write) == (operation == "delete_item"), "another writer's, with another token"


def test_what_another_wrote_is_not_taken_for_the_own_effect(table):
    assert table.write(put_new(item(1, by="one")))
    assert not table.write(put_new(item(1, by="two")))
    assert not table.write(update("A", "001", "SET n = :n", {":n": 1}, "attribute_not_exists(pk)"))
    assert not table.write(delete("A", "001", "n = :n", {":n": 1}))
    assert table.get("A", "001")["by"] == "one"


def test_a_transaction_keeps_its_token_while_it_is_tried(table, refusing, monkeypatch):
    refusing(["TransactionConflict", "None"])
    tokens, transact = [], table.client.transact_write_items
    monkeypatch.setattr(
        table.client,
        "transact_write_items",
        lambda **arguments: tokens.append(arguments["ClientRequestToken"]) or transact(**arguments),
    )

    assert table.write(put_new(item(1)), put(item(2)))
    assert table.write(put_new(item(3)), put(item(4)))
    assert tokens[0] == tokens[1] != tokens[2]


def test_a_transaction_that_meets_another_is_tried_again(table, refusing):
    refusing(["None", "TransactionConflict"], ["TransactionConflict", "None"])
    assert table.write(put_new(item(1)), put(item(2)))
    assert present(table) == ["001", "002"]


@pytest.mark.parametrize(
    ("reasons", "error"),
    [
        ([["None", "TransactionConflict"]] * 5, ConcurrentChange),
        ([["ThrottlingError", "None"]], Throttled),
        ([["None", "ValidationError"]], ClientError),
    ],
)
def test_other_errors_are_not_taken_for_a_failed_condition(table, refusing, reasons, error):
    refusing(*reasons)
    with pytest.raises(error):
        table.write(put_new(item(1)), put(item(2)))
    assert present(table) == []
