"""Products found by words, and their tables with types and effective LF-Tags."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.contracts.product import FormerOwner, Product, ProductVersion, TableSnapshot
from mesh.domain.events import ColumnRef
from typer.testing import CliRunner

from cli import output
from cli.app import app
from cli.contracts import products
from cli.output import CommandFailed
from cli.publishing.history import what_happened
from local.samples import credit
from tests.fakes import FakeAnnouncements

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
BUCKET = "credit-card-222222222222-us-east-1"


@pytest.fixture
def product(tmp_path):
    text = (credit.write_product(tmp_path, rows=2) / "contract.yaml").read_text()
    contract = read_contract(text, bucket=BUCKET, key="credit-card/contract.yaml")
    return Product(
        name="credit-card",
        owner="222222222222",
        domain=contract.domain,
        status="registered",
        bucket=BUCKET,
        location=f"s3://{BUCKET}/credit-card/data/",
        contract_version=contract.version,
        description=contract.summary,
        version=1,
        tags={"confidentiality": "internal"},
        contract=contract.model_dump(mode="json", exclude_defaults=True),
        updated=NOW,
    )


class FakeLake:
    """Answers as GetResourceLFTags: what is assigned to a column itself, beside what it inherits."""

    def get_resource_lf_tags(self, **_):
        def tag(key, value):
            return {"TagKey": key, "TagValues": [value]}

        return {
            "LFTagOnDatabase": [tag("product", "credit-card"), tag("pii", "none"), tag("publication", "pending")],
            "LFTagsOnTable": [tag("confidentiality", "internal")],
            "LFTagsOnColumns": [{"Name": "alter", "LFTags": [tag("pii", "personal"), tag("publication", "published")]}],
        }


class FakeSite:
    def __init__(self, product, versions=()):
        self._registry = SimpleNamespace(
            products=lambda: iter([product]),
            product=lambda name: product if name == product.name else None,
            versions=lambda _: iter(versions),
            subscribers=lambda _: iter(["333333333333"]),
        )

    def registry(self):
        return self._registry

    def announcements(self):
        return FakeAnnouncements()

    def client(self, account, service):
        assert (account, service) == ("central", "lakeformation")
        return FakeLake()

    def account_id(self, account):
        return {"central": "111111111111"}[account]


@pytest.fixture
def published():
    snapshot = TableSnapshot(
        table="credit_card",
        columns=(ColumnRef(name="alter", type="bigint"), ColumnRef(name="moral", type="bigint")),
        partition_keys=(ColumnRef(name="dt", type="string"),),
        rows=1200,
        rows_exact=False,
        bytes=50_000,
        objects=2,
        partitions=1,
    )
    return ProductVersion(
        product="credit-card",
        version=1,
        run="r",
        correlation_id="trace-1",
        contract_version="1.0.0",
        tables=(snapshot,),
        changes=(),
        published=NOW,
    )


@pytest.mark.parametrize(
    "words", [[], ["credit"], ["LAUFKONT"], ["employment", "banking"], ["confidentiality=internal"]]
)
def test_search_terms_match_names_tags_columns_and_meanings(product, words):
    assert products.matches(product, words)


def test_all_words_must_occur(product):
    assert not products.matches(product, ["credit", "weather"])


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "published"),
        ({"version": 0}, "registered"),
        ({"status": "claimed"}, "registering"),
        ({"draft": True}, "draft"),
    ],
)
def test_status_is_readable(product, changes, status):
    assert products.status_of(product.model_copy(update=changes)) == status


def test_a_columns_own_tag_wins_the_rest_is_inherited_and_the_meshs_own_is_not_shown(product, published):
    (table,) = products.describe(FakeSite(product, [published]), "credit-card")["tables"]
    tags = {column["name"]: column["tags"] for column in table["columns"]}
    inherited = {"product": "credit-card", "confidentiality": "internal", "pii": "none"}
    assert tags == {"alter": {**inherited, "pii": "personal"}, "moral": inherited, "dt": inherited}
    assert [column["partition_key"] for column in table["columns"]] == [False, False, True]
    assert table["columns"][0]["description"] == "Age in years"


def test_history_does_not_show_the_files_of_a_version():
    bare = TableSnapshot(table="t", columns=(), rows=1, bytes=1, objects=1)
    facts = {"product": "p", "version": 1, "run": "r", "correlation_id": "c", "contract_version": "1", "changes": ()}
    said = [
        list(what_happened(ProductVersion(**facts, published=NOW, tables=(table,))))
        for table in (bare, bare.model_copy(update={"metadata": "s3://b/p/published/t/iceberg/metadata/x.json"}))
    ]
    assert said == [[], []]


def test_an_unknown_product_is_refused(product):
    with pytest.raises(CommandFailed, match="product 'other' not found"):
        products.describe(FakeSite(product), "other")


@pytest.mark.parametrize("width", [80, 120])
def test_a_product_is_shown_within_the_terminal_and_its_query_unbroken(capsys, monkeypatch, product, published, width):
    monkeypatch.setattr(output.console, "width", width)
    products.render(products.describe(FakeSite(product, [published]), "credit-card"))
    said = capsys.readouterr().out
    assert "credit_card: about 1,200 rows, 48.8 KiB, 2 files, 3 columns, 1 partition" in said
    assert '  SELECT * FROM "rl_credit-card"."credit_card" LIMIT 10\n' in said
    assert ["dt", "string", "(partition)"] in [line.split() for line in said.splitlines()]
    assert max(map(len, said.splitlines())) <= width


def test_who_had_it_before_and_who_may_take_it_is_shown(capsys, product, published):
    former = FormerOwner(account="333333333333", bucket="b", contract_sequencer="1", until=NOW)
    offered = {**product.contract, "hand_over_to": "444444444444"}
    products.render(
        products.describe(FakeSite(product.evolve(former=(former,), contract=offered), [published]), "credit-card")
    )
    shown = capsys.readouterr().out
    assert "offered to   444444444444" in shown
    assert "before       333333333333 until 2026-11-21" in shown


def test_json_is_one_document_and_nothing_else(monkeypatch, product):
    monkeypatch.setattr(products, "mesh_context", lambda *_, **__: FakeSite(product))
    done = CliRunner().invoke(app, ["products", "credit", "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)["products"]
    assert [(item["name"], item["status"]) for item in found] == [("credit-card", "published")]


def test_no_findings_is_stated(monkeypatch, product):
    monkeypatch.setattr(products, "mesh_context", lambda *_, **__: FakeSite(product))
    assert CliRunner().invoke(app, ["products", "weather"]).stdout == "no products match weather\n"
