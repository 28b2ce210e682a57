"""`mesh diff`, `mesh history` and `mesh withdraw`, on central's own record."""

import json

import pytest
import typer
from mesh.domain.contracts.product import ProductVersion, TableSnapshot, VersionEnd
from mesh.domain.events import Metadata
from mesh.domain.publishing.proposals import TableRecord

from cli import output
from cli.output import CommandFailed
from cli.publishing import history, withdraw
from tests.builders import NOTE, PRODUCER, PRODUCT, SEQUENCER, a_product
from tests.fakes import NOON, FakeProposals, FakeRegistry

DAYS = [f"dt=2026-{1 + number // 28:02d}-{1 + number % 28:02d}" for number in range(150)]


def a_version(number, **tables):
    snapshots = tuple(
        TableSnapshot(
            table=name, columns=(), rows=sum(rows.values()), partitions=len(rows), metadata=f"{name}-v{number}"
        )
        for name, rows in tables.items()
    )
    return ProductVersion(
        product=PRODUCT, version=number, run=f"r{number}", correlation_id="c", contract_version="1.0.0",
        tables=snapshots, changes=(), published=NOON,
    )  # fmt: skip


class Site:
    """Central's registry behind a command, with versions of `t` by their partitions' rows."""

    def __init__(self, *versions, notes=()):
        self.known, self.kept, self.notes, self.sent = FakeRegistry(), FakeProposals(), list(notes), []
        self.known.products[PRODUCT] = a_product()
        for number, tables in enumerate(versions, 1):
            self.known.record_version(a_version(number, **tables), NOTE, contract=SEQUENCER)
            for name, rows in tables.items():
                record = TableRecord(
                    product=PRODUCT, table=name, metadata=f"{name}-v{number}", fields=(), partitions=rows
                )
                self.kept.tables[PRODUCT, name, record.metadata] = record

    def registry(self):
        return self.known

    def proposals(self):
        return self.kept

    def trace(self, account):
        return self

    def entries(self, correlation_id):
        return [{"what": what, "facts": facts} for what, facts in self.notes]


@pytest.fixture
def at(monkeypatch):
    def put(site):
        def send(where, account, request):
            site.sent.append((account, request))
            return Metadata(id="e-1", correlation_id="c-1")

        for module in (history, withdraw):
            monkeypatch.setattr(module, "mesh_context", lambda *_, **__: site)
        monkeypatch.setattr(withdraw, "send", send)
        monkeypatch.setattr(withdraw, "DEADLINE_SECONDS", 0.05)
        monkeypatch.setattr(withdraw, "_POLL_SECONDS", 0.01)
        monkeypatch.setattr(output.console, "width", 100)
        return site

    return put


def test_partitions_are_named_and_counted(at, capsys):
    at(Site({"t": {"dt=1": 5, "dt=2": 5, "dt=3": 1}}, {"t": {"dt=2": 5, "dt=3": 4, "dt=4": 9}}))
    history.diff_command(PRODUCT, 1, 2)
    said = capsys.readouterr().out
    assert "t: rows 11 → 18 (+7)" in said
    for line in ("1 partition added: dt=4", "1 partition removed: dt=1", "1 partition changed: dt=3"):
        assert line in said
    history.diff_command(PRODUCT, 2, 1, as_json=True)
    [table] = json.loads(capsys.readouterr().out)["tables"]
    assert (table["by_partition"]["added"], table["by_partition"]["removed_count"]) == (["dt=1"], 1)


def test_a_hundred_are_named_all_are_counted(at, capsys):
    at(Site({"t": {}}, {"t": dict.fromkeys(DAYS, 1)}))
    history.diff_command(PRODUCT, 1, 2, as_json=True)
    [table] = json.loads(capsys.readouterr().out)["tables"]
    assert (len(table["by_partition"]["added"]), table["by_partition"]["added_count"]) == (100, 150)
    history.diff_command(PRODUCT, 1, 2)
    assert "and 50 more" in capsys.readouterr().out


def test_a_table_that_a_version_lacks_has_no_partitions_there(at, capsys):
    at(Site({"t": {}}, {"t": {}, "u": {"dt=1": 2}}))
    history.diff_command(PRODUCT, 1, 2, as_json=True)
    tables = {table["table"]: table for table in json.loads(capsys.readouterr().out)["tables"]}
    assert tables["u"]["by_partition"]["added"] == ["dt=1"]


def test_unrecorded_partitions_are_not_made_up(at, capsys):
    site = at(Site({"t": {"dt=1": 5}}, {"t": {}}))
    site.kept.tables.clear()
    history.diff_command(PRODUCT, 1, 2, as_json=True)
    assert json.loads(capsys.readouterr().out)["tables"][0]["by_partition"] is None


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (VersionEnd(status="withdrawn", at=NOON, reason="not ours", by=PRODUCER), "withdrawn on 2026-11-21 by 2222"),
        (VersionEnd(status="expired", at=NOON), "dropped by retention on 2026-11-21"),
    ],
)
def test_what_has_ended_is_marked_and_compared_with_nothing(at, capsys, end, said):
    site = at(Site({"t": {}}, {"t": {}}))
    site.known.end_version(PRODUCT, 1, end)
    history.history_command(PRODUCT)
    assert said in " ".join(capsys.readouterr().out.split())
    history.history_command(PRODUCT, as_json=True)
    ended = [
        version["ended"] and version["ended"]["status"] for version in json.loads(capsys.readouterr().out)["versions"]
    ]
    assert ended == [None, end.status]
    for pair in ((1, 2), (2, 1)):
        with pytest.raises(CommandFailed) as refused:
            history.diff_command(PRODUCT, *pair)
        assert refused.value.code == "VersionEnded"


@pytest.mark.parametrize(("text", "numbers"), [("3", [3]), ("3-5", [3, 4, 5]), ("7, 3-4,4", [3, 4, 7])])
def test_versions_are_given_as_ranges(text, numbers):
    assert withdraw.parse_versions(text) == numbers


@pytest.mark.parametrize("text", ["", "x", "5-3", "0", "1-600", "-3", "3-"])
def test_an_invalid_range_is_rejected(text):
    with pytest.raises(typer.BadParameter):
        withdraw.parse_versions(text)


def test_a_withdrawal_is_followed_until_the_files_are_released(at, capsys):
    site = at(Site(notes=[("files released", {"files": 2})]))
    withdraw.withdraw_command(PRODUCT, versions="3-5", reason="not ours", account="central", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["versions"], found["files"]) == ("withdrawn", [3, 4, 5], 2)
    [(account, request)] = site.sent
    assert (account, request.versions) == ("central", (3, 4, 5))


@pytest.mark.parametrize("given", [{}, {"versions": "3", "key": "a"}])
def test_versions_or_an_object_are_given(at, given):
    at(Site())
    with pytest.raises(typer.BadParameter):
        withdraw.withdraw_command(PRODUCT, **given, reason="not ours")


def test_a_refused_withdrawal_is_an_error(at):
    at(Site(notes=[("refused", {"reason": {"code": "PresentVersion", "message": "now", "where": {}, "remedy": "r"}})]))
    with pytest.raises(CommandFailed) as refused:
        withdraw.withdraw_command(PRODUCT, versions="3", reason="not ours")
    assert refused.value.code == "PresentVersion"


def test_a_withdrawal_without_an_answer_is_not_reported_as_done(at):
    at(Site())
    with pytest.raises(CommandFailed, match="no answer within"):
        withdraw.withdraw_command(PRODUCT, versions="3", reason="not ours")
