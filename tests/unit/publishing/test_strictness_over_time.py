"""Whatever happens in whatever order, no column becomes laxer without a recorded decision of its owner.

The sequences mix batches that are published, held, or die half-way; contracts that leave tables, columns and tags out;
released findings; and proposals delivered again.
"""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.contracts.contract import ContractColumn, ContractTable, ReleasedFinding
from mesh.domain.events import PersonalDataFinding
from mesh.domain.governance.column_findings import join, known_from
from mesh.domain.governance.tagging import database_tags, stated_keys
from mesh.domain.publishing.proposals import TableDetails
from mesh.usecases.publishing.commit_version import commit_version
from mesh.usecases.publishing.tag_pins import Tagging
from mesh.usecases.publishing.tag_tables import Loosening, tag_product, tighten_product

from tests.builders import PRODUCT, TABLE, a_contract, a_product, a_registration, an_ontology
from tests.fakes import NOON, FakeLocks, FakeMemberTopics
from tests.fakes.failures import dying_at
from tests.unit.publishing.test_proposals import World, verified

ONTOLOGY = an_ontology()
ORDER = {name: list(key.values) for name, key in ONTOLOGY.keys.items() if key.ordered}
NAMES = ("laufkont", "note", "wage")
CLASSES = st.sampled_from(["personal", "sensitive"])


def findings(names):
    return st.lists(
        st.builds(
            PersonalDataFinding, column=st.sampled_from(names), value=CLASSES,
            reason=st.sampled_from(["mail", "cards", "names"]), confidence=st.sampled_from([0.5, 0.9]),
        ),
        max_size=3,
    )  # fmt: skip


tags = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in ORDER.items()})
released = st.none() | st.builds(ReleasedFinding, pii=CLASSES, by=st.just("Ann"), reason=st.just("ours"))
nothing: st.SearchStrategy[dict[str, str]] = st.just({})
column = st.tuples(nothing | tags, st.none() | released)
columns = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, column))
contracts = st.tuples(tags, st.sampled_from([True, True, False]), nothing | tags, columns)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), findings(NAMES)),
        st.tuples(st.just("held"), findings(("note",))),
        st.tuples(st.just("dies"), findings(NAMES), st.integers(1, 4), st.none() | contracts),
        st.tuples(st.just("contract"), contracts),
        st.tuples(st.just("again"), st.integers(0, 20)),
        st.tuples(st.just("tighten")),
    ),
    min_size=3,
    max_size=10,
)


class Timeline(World):
    """Central, the decisions that its owner has recorded, and how strict each column was at its strictest since."""

    def __init__(self):
        super().__init__()
        self.number, self.made, self.seen, self.contract = 0, [], {}, a_contract()
        self.found = []

    @property
    def tagging(self):
        return Tagging(self.catalog, self.lake, self.registry, ONTOLOGY)

    def register(self, made):
        on_product, described, on_table, on_columns = made
        parts = tuple(ContractColumn(name=n, lf_tags=t, released=r) for n, (t, r) in on_columns.items())
        table = ContractTable(name=TABLE if described else "another", lf_tags=on_table, columns=parts)
        self.contract = self.contract.evolve(lf_tags=on_product, tables=(table,))
        before = self.registry.products[PRODUCT]
        tags = database_tags(self.contract, ONTOLOGY, PRODUCT, before.tags)
        self.registry.products[PRODUCT] = a_product(self.contract, version=before.version, tags=tags)
        registration = a_registration(self.contract).evolve(tags=tags)
        tag_product(
            registration,
            tagging=self.tagging,
            named=self.named,
            loosening=Loosening(self.trace, FakeMemberTopics(), "steward"),
        )

    def propose(self, found, *names):
        self.number += 1
        details = TableDetails(objects=1, rows=1, bytes=8, sources=1, findings=tuple(found))
        fields = self.fields(**dict.fromkeys(names or NAMES, "string"))
        proposal = self.proposal(self.stage(fields=fields, details=details), number=f"{self.number:08x}")
        self.made.append(proposal)
        self.found += found
        return proposal

    def publish(self, found):
        proposal = self.propose(found)
        self.verify(proposal)
        self.finish(proposal)

    def finish(self, proposal):
        version = commit_version(verified(proposal.proposal), using=self.committing)
        self.announce(version, proposal)

    def held(self, found):
        if self.pointer():
            answer = self.refused(self.propose(found, "note"))
            assert answer.outcome == "held"

    def dies(self, found, fails_at, then):
        """And is started again, after a contract perhaps."""
        proposal = self.propose(found)
        self.verify(proposal)
        swing, tag, dying = self.catalog.update_table, self.lake.tag_columns, dying_at(fails_at)
        self.catalog.update_table, self.lake.tag_columns = dying(swing), dying(tag)
        with suppress(ConnectionError):
            commit_version(verified(proposal.proposal), using=self.committing)
        self.catalog.update_table, self.lake.tag_columns = swing, tag
        self.look()
        if then:
            self.register(then)
            self.look()
        self.finish(proposal)

    def again(self, which):
        if self.made:
            self.verify(self.made[which % len(self.made)])

    def tighten(self):
        tighten_product(PRODUCT, batch="0000000b", tagging=self.tagging, named=self.named, locks=FakeLocks())

    def decided(self, column, key):
        """Whether the contract in force states it: at the column, or for what the column has from above."""
        table = self.contract.table(TABLE)
        described = table.column(column) if table else None
        if described is None:
            return False
        stated = stated_keys(described, ONTOLOGY)
        return bool(key in {*stated, *table.lf_tags, *self.contract.lf_tags} or "pii" in {*stated, *table.lf_tags})

    def look(self):
        for column in NAMES:
            now = self.lake.effective(PRODUCT, TABLE, column)
            if now.get("publication") != "published":
                continue
            for key, order in ORDER.items():
                before = self.seen.get((column, key), order[0])
                if order.index(now[key]) < order.index(before):
                    assert self.decided(column, key), (column, key, before, now[key])
                self.seen[column, key] = now[key]

    def require_findings(self):
        """All that was ever found is on the columns, but for what the owner has released."""
        tighten_product(PRODUCT, batch="0000000b", tagging=self.tagging, named=self.named, locks=FakeLocks())
        for each in self.found:
            now = self.lake.effective(PRODUCT, TABLE, each.column)
            table = self.contract.table(TABLE)
            described = table.column(each.column) if table else None
            order = ORDER["pii"]
            waived = described.released.pii if described and described.released else "none"
            if now.get("publication") == "published" and order.index(each.value) > order.index(waived):
                assert order.index(now["pii"]) >= order.index(each.value)


@given(steps)
def test_no_column_becomes_laxer_without_a_recorded_decision(actions):
    world = Timeline()
    world.publish([])
    for name, *arguments in actions:
        getattr(world, "register" if name == "contract" else name)(*arguments)
        world.look()
    if world.pointer():
        world.require_findings()


@given(st.lists(findings(NAMES), max_size=5), st.randoms())
def test_findings_are_joined_in_any_order_any_number_of_times(batches, random):
    known = [known_from(batch, f"{number:08x}", NOON) for number, batch in enumerate(batches)]
    shuffled = [*known, *known]
    random.shuffle(shuffled)
    one_by_one = ()
    for each in shuffled:
        one_by_one = join(one_by_one, each)
    assert one_by_one == join(*known)
    assert {(each.column, each.value) for each in one_by_one} == {
        (each.column, each.value) for batch in batches for each in batch
    }
