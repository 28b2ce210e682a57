"""Tags: set before a version is announced, and never laxer in between."""

import pytest
from mesh.adapters.lakeformation.lake import LakeFormationRefused
from mesh.domain.contracts.product import ProductVersion, TableSnapshot
from mesh.domain.events import ColumnRef, PersonalDataFinding
from mesh.domain.governance.column_findings import known_from
from mesh.usecases.named_accesses import NamedAccesses
from mesh.usecases.publishing.tag_pins import Tagging
from mesh.usecases.publishing.tag_tables import Loosening, assign_tags, plan_tags, present_tags, tag_product

from tests.builders import (
    CONTRACT,
    PRODUCT,
    TABLE,
    a_contract,
    a_glue_table,
    a_member,
    a_product,
    a_registration,
    an_ontology,
)
from tests.fakes import (
    NOON,
    FakeAccessRegistry,
    FakeCatalog,
    FakeExecutions,
    FakeLakeFormation,
    FakeMemberTopics,
    FakeRegistry,
)

LAX = CONTRACT.replace("confidentiality: internal", "confidentiality: public")
STRICT = CONTRACT.replace("confidentiality: internal", "confidentiality: restricted")
OPEN_COLUMN = CONTRACT.replace(
    "logicalType: integer}",
    "logicalType: integer, customProperties: [{property: lfTags, value: {confidentiality: public}}]}",
)


STEWARD = "arn:of:the-stewards-topic"


def snapshot(*columns):
    refs = tuple(ColumnRef(name=name, type="string") for name in columns or ("laufkont", "email"))
    return TableSnapshot(table=TABLE, columns=refs)


class World:
    """Central, with the product of a contract in the registry."""

    def __init__(self, text=CONTRACT):
        self.ontology = an_ontology()
        self.lake = FakeLakeFormation({**self.ontology.tag_values(), "product": [PRODUCT]})
        self.registry, self.catalog = FakeRegistry(a_member()), FakeCatalog()
        self.tagging = Tagging(self.catalog, self.lake, self.registry, self.ontology)
        self.accesses, self.endings = FakeAccessRegistry(), FakeExecutions()
        self.topics = FakeMemberTopics()
        self.loosening = Loosening(self.registry.trace, self.topics, STEWARD)
        self.named = NamedAccesses(self.registry, self.accesses, self.ontology, self.endings)
        self.crawl("laufkont", "email")
        self.declare(text)

    def crawl(self, *columns):
        """The columns that the catalog has."""
        self.catalog.tables[PRODUCT, TABLE] = a_glue_table(dict.fromkeys(columns, "string"))

    def declare(self, text):
        self.contract = a_contract(text)
        self.registry.products[PRODUCT] = a_product(self.contract)

    def tag_product(self, *, after_draft=False, **tags):
        registration = a_registration(self.contract, after_draft=after_draft)
        registration = registration.model_copy(update={"tags": {**registration.tags, **tags}})
        return tag_product(registration, tagging=self.tagging, named=self.named, loosening=self.loosening)

    def tag_tables(self, *tables):
        found = tables or (snapshot(),)
        present = present_tags(PRODUCT, found, self.lake)
        plan = plan_tags(
            PRODUCT, self.contract, found, present, findings=self.registry.findings(PRODUCT), registered={},
            ontology=self.ontology,
        )  # fmt: skip
        return assign_tags(PRODUCT, plan, found, present, self.lake)

    def partitioned(self, partition):
        """The table with a partition key."""
        return snapshot().model_copy(update={"partition_keys": (ColumnRef(name=partition, type="string"),)})

    def found(self, *findings):
        self.registry.add_findings(PRODUCT, TABLE, known_from(findings, "0000000a", NOON))

    def publish(self, *tables):
        version = ProductVersion(
            product=PRODUCT,
            version=1,
            run="r",
            correlation_id="c",
            contract_version="1",
            tables=tables or (snapshot(),),
            changes=(),
            published=NOON,
        )
        self.registry.recorded[PRODUCT] = [version]

    def published(self, *columns):
        """Which of the table's columns are published, as their grants see it."""
        names = columns or ("laufkont", "email")
        return [name for name in names if self.effective(name, "publication") == "published"]

    def effective(self, column, key="confidentiality"):
        return self.lake.effective(PRODUCT, TABLE, column).get(key)


def test_the_products_own_tag_value_is_made_before_it_is_assigned():
    world = World()
    world.lake.tags["product"] = ("another",)

    world.tag_product()

    assert world.lake.tags["product"] == ("another", PRODUCT)
    assert world.lake.on[PRODUCT,]["product"] == PRODUCT


def test_a_classified_column_has_its_tags_and_the_others_inherit():
    world = World()
    world.tag_product()

    tagged = world.tag_tables()

    assert (tagged.tables, tagged.columns) == (0, 1)
    assert (world.effective("email", "pii"), world.effective("email")) == ("personal", "confidential")
    assert (world.effective("laufkont", "pii"), world.effective("laufkont")) == ("none", "internal")


def test_personal_data_that_was_found_is_tagged_though_the_contract_is_silent():
    world = World()
    world.tag_product()
    finding = PersonalDataFinding(column="laufkont", value="sensitive", reason="card numbers", confidence=1.0)

    world.found(finding)
    world.tag_tables()

    assert (world.effective("laufkont", "pii"), world.effective("laufkont")) == ("sensitive", "restricted")


def test_a_column_the_catalog_lacks_is_not_tagged():
    world = World()
    world.tag_product()

    assert world.tag_tables(snapshot("laufkont")).columns == 0


def test_a_draft_is_most_restrictive():
    world = World(CONTRACT.replace("status: active", "status: draft"))
    world.tag_product(confidentiality="restricted", pii="sensitive")

    world.tag_tables()

    assert (world.effective("laufkont"), world.effective("laufkont", "pii")) == ("restricted", "sensitive")


def test_two_first_products_make_the_tag_at_the_same_moment():
    """Each sees no tag; the second to create it finds that it exists, which is success and adds nothing."""
    world = World()
    world.lake.tags.pop("product", None)
    create = world.lake.create_tag

    def overtaken(key, values):
        if key not in world.lake.tags:
            create(key, ["another-product"])

    world.lake.create_tag = overtaken
    world.tag_product()

    assert set(world.lake.tags["product"]) == {"another-product", PRODUCT}


def test_a_database_that_becomes_laxer_never_exposes_a_column():
    """At each single call no column is laxer than both contracts, old and new, say."""
    world = World(STRICT)
    world.tag_product(confidentiality="restricted")
    world.tag_tables()
    world.publish()
    world.declare(LAX)
    order = list(world.ontology.keys["confidentiality"].values)
    seen = []
    assign = world.lake._assign

    def watched(place, tags):
        assign(place, tags)
        seen.append(world.effective("email"))

    world.lake._assign = watched

    world.tag_product(confidentiality="public")

    assert seen
    assert min(seen, key=order.index) == "confidential"
    assert world.effective("laufkont") == "public"


def test_a_tag_removed_from_the_contract_is_overwritten():
    """A column that was opened by the contract closes again with the next: it must not stay open for ever."""
    world = World(OPEN_COLUMN)
    world.tag_product()
    world.tag_tables()
    world.publish()
    assert world.effective("laufkont") == "public"
    world.declare(STRICT)

    world.tag_product(confidentiality="restricted")

    assert world.effective("laufkont") == "restricted"


def test_a_table_tag_removed_from_the_contract_is_overwritten():
    opened = CONTRACT.replace(
        "  - name: credit_card\n",
        "  - name: credit_card\n    customProperties: [{property: lfTags, value: {confidentiality: public}}]\n",
    )
    world = World(opened)
    world.tag_product()
    world.tag_tables()
    world.publish()
    assert world.effective("laufkont") == "public"
    world.declare(CONTRACT)

    world.tag_product()

    assert world.effective("laufkont") == "internal"


def test_what_is_inherited_is_not_assigned_again():
    world = World()
    world.tag_product()
    world.tag_tables()
    before = list(world.lake.calls)

    world.declare(CONTRACT.replace("1.0.0", "1.0.1"))
    world.tag_tables()

    assert [call for call in world.lake.calls[len(before) :] if call[-1] == "laufkont"] == []


def test_columns_are_published_each_by_itself_and_nothing_above_them():
    world = World()
    world.tag_product()
    assert world.published() == []

    tagged = world.tag_tables()

    assert (tagged.published, world.published()) == (2, ["laufkont", "email"])
    assert world.lake.on[PRODUCT,]["publication"] == "pending"
    assert "publication" not in world.lake.on.get((PRODUCT, TABLE), {})
    assert world.effective("a-column-to-come", "publication") == "pending"


def test_partition_keys_are_published_as_well():
    world = World()
    world.tag_product()
    key = (ColumnRef(name="dt", type="string"),)

    world.tag_tables(snapshot().model_copy(update={"partition_keys": key}))

    assert world.published("dt") == ["dt"]


def test_nothing_new_costs_no_call_and_one_column_one():
    world = World()
    world.tag_product()
    world.tag_tables()
    calls = []
    tag_columns = world.lake.tag_columns
    world.lake.tag_columns = lambda *args: (calls.append(args), tag_columns(*args))
    wanted = {"confidentiality": "confidential", "pii": "personal"}

    assert world.tag_tables().published == 0
    assert [call for call in calls if "publication" in call[-1]] == []
    calls.clear()
    assert world.tag_tables(snapshot("laufkont", "email", "note")).published == 1
    assert [call[2:] for call in calls] == [(["email"], wanted), (["note"], {"publication": "published"})]


def test_a_column_is_published_last_so_never_with_a_tag_that_it_only_inherits():
    """At each single call: what is published has its own class."""
    world = World()
    world.tag_product()
    finding = PersonalDataFinding(column="laufkont", value="sensitive", reason="card numbers", confidence=1.0)
    seen = []
    assign = world.lake._assign

    def watched(place, tags):
        assign(place, tags)
        seen.append([(name, world.effective(name, "pii")) for name in world.published()])

    world.lake._assign = watched

    world.found(finding)
    world.tag_tables()

    final = {"laufkont": "sensitive", "email": "personal"}
    assert seen[-1] == list(final.items())
    assert all(final[name] == pii for found in seen for name, pii in found)


def test_what_could_not_be_tagged_is_not_published():
    world = World()
    world.tag_product()
    world.lake.tags["pii"] = ("none",)

    with pytest.raises(LakeFormationRefused):
        world.tag_tables()

    assert world.published() == []


def test_a_new_contract_publishes_the_columns_of_the_last_version_and_no_others():
    """Of a mesh from before there was such a tag; the catalog has a column that was held back."""
    world = World()
    world.publish()
    world.crawl("laufkont", "email", "held")

    tagged = world.tag_product()

    assert (tagged.published, world.published("laufkont", "email", "held")) == (2, ["laufkont", "email"])


def test_a_column_that_the_catalog_lost_does_not_stop_the_contract_that_says_so():
    world = World()
    world.publish()
    world.crawl("laufkont")

    tagged = world.tag_product()

    assert (tagged.published, tagged.columns) == (1, 0)
    assert (PRODUCT, TABLE, "email") not in world.lake.on
    world.catalog.tables.clear()
    assert world.tag_product().published == 0


def test_a_table_that_somebody_published_as_a_whole_hands_nothing_down():
    world = World()
    world.tag_product()
    world.tag_tables()
    world.lake.tag_table(PRODUCT, TABLE, {"publication": "published"})
    assert world.published("to-come") == ["to-come"]

    world.tag_tables()

    assert (world.published("to-come"), world.published()) == ([], ["laufkont", "email"])
