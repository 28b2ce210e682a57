"""Against a naive oracle: rows valid under one schema are read under the other."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.contracts.contract_diff import diff_contracts

from tests.unit.contracts.contracts import column, contract

RANGE = 40  # values that the oracle tries: -RANGE to RANGE
SIZES = {"tinyint": 10, "int": 25, "bigint": RANGE}  # toy widths: each type holds -size to size
NAMES = "abcd"


@st.composite
def columns(draw):
    name = draw(st.sampled_from(NAMES))
    options = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "minimum": st.integers(-5, 5),
                "exclusiveMinimum": st.integers(-5, 5),
                "maximum": st.integers(6, 15),
                "exclusiveMaximum": st.integers(6, 15),
                "multipleOf": st.sampled_from([1, 2, 3, 6]),
            },
        )
    )
    facts = {"physicalType": draw(st.sampled_from(list(SIZES))), "required": draw(st.booleans())}
    if draw(st.booleans()):
        facts["enum"] = [{"value": value} for value in sorted(draw(st.sets(st.integers(0, 6), min_size=1)))]
    return column(name, **facts, **({"logicalTypeOptions": options} if options else {}))


def contracts(size=3):
    return st.lists(columns(), min_size=1, max_size=size, unique_by=lambda item: item["name"]).map(
        lambda found: contract(*found)
    )


def allows(promise, value):
    """Whether a column may hold the value, word by word of the standard."""
    if value is None:
        return not promise.required
    options = promise.options
    step = options.get("multipleOf")
    return (
        abs(value) <= SIZES[promise.hive_type]
        and (not promise.enum or value in promise.enum)
        and value >= options.get("minimum", value)
        and value <= options.get("maximum", value)
        and value > options.get("exclusiveMinimum", value - 1)
        and value < options.get("exclusiveMaximum", value + 1)
        and (step is None or value % step == 0)
    )


def can_read(written, reader, *, names_may_be_missing):
    """Whether each row that the writer may write is one that the reader was promised."""
    for name in {c.name for c in (*written.columns, *reader.columns)}:
        theirs, mine = written.column(name), reader.column(name)
        if mine is None:
            continue  # a reader takes the columns that it names
        if theirs is None:
            if not names_may_be_missing or not allows(mine, None):
                return False
        elif any(allows(theirs, v) and not allows(mine, v) for v in (None, *range(-RANGE, RANGE + 1))):
            return False
    return True


def oracle(old, new):
    """(backward, forward): files keep what they were written with, the catalog has the new columns alone."""
    before, after = old.tables[0], new.tables[0]
    return (
        can_read(before, after, names_may_be_missing=True),
        can_read(after, before, names_may_be_missing=False),
    )


CLAIMS = {"full": (True, True), "backward": (True, False), "forward": (False, True), "breaking": (False, False)}


@given(contracts(), contracts())
def test_what_is_called_compatible_is_so(old, new):
    """Sound: parts are compared one by one, so two that cancel out may be called worse than they are, never better."""
    claimed, true = CLAIMS[diff_contracts(old, new).compatibility], oracle(old, new)
    assert all(not claim or fact for claim, fact in zip(claimed, true, strict=True))


@given(st.sampled_from(["required", "minimum", "maximum", "physicalType", "gone"]), st.data())
def test_of_a_single_change_it_is_exactly_what_the_rows_say(part, data):
    """Complete: with one promise changed, and nothing else that could cancel it out, label and rows agree."""
    base = {"a": 1, "physicalType": "int"}
    values = {"required": st.booleans(), "minimum": st.integers(-5, 5), "maximum": st.integers(6, 15),
              "physicalType": st.sampled_from(list(SIZES)), "gone": st.booleans()}[part]  # fmt: skip

    def made(value):
        facts = {"physicalType": value if part == "physicalType" else base["physicalType"]}
        if part == "required":
            facts["required"] = value
        if part in {"minimum", "maximum"}:
            facts["logicalTypeOptions"] = {part: value}
        return contract(column("a"), *([] if part == "gone" and value else [column("b", **facts)]))

    # `a` has a type that the toy widths know.
    old, new = (_known(made(data.draw(values))) for _ in range(2))
    assert CLAIMS[diff_contracts(old, new).compatibility] == oracle(old, new)


def _known(found):
    table = found.tables[0]
    kept = tuple(c if c.hive_type in SIZES else c.model_copy(update={"hive_type": "int"}) for c in table.columns)
    return found.model_copy(update={"tables": (table.model_copy(update={"columns": kept}),)})


@given(contracts())
def test_a_contract_does_not_differ_from_itself(found):
    assert diff_contracts(found, found).changes == ()


MIRROR = {"added": "removed", "removed": "added", "widened": "narrowed", "narrowed": "widened"}
LABEL = {"backward": "forward", "forward": "backward", "full": "full", "breaking": "breaking"}


def mirrored(change):
    base, _, direction = change.kind.rpartition("_")
    kind = f"{base}_{MIRROR.get(direction, direction)}"
    name = change.before if change.kind == "column_renamed" else change.column
    # Coming and going differ for readers, who name their columns: only their labels do not mirror.
    one_sided = direction in {"added", "removed", "renamed"}
    return (kind, name, str(change.after), str(change.before), "" if one_sided else LABEL[change.compatibility])


def plain(change):
    one_sided = change.kind.endswith(("added", "removed", "renamed"))
    return (
        change.kind,
        change.column,
        str(change.before),
        str(change.after),
        "" if one_sided else change.compatibility,
    )


@given(contracts(), contracts())
def test_the_way_back_is_the_way_mirrored(old, new):
    there, back = diff_contracts(old, new).changes, diff_contracts(new, old).changes
    renamed = {change.column: change.before for change in there if change.kind == "column_renamed"}
    expected = []
    for change in there:
        kind, name, *rest = mirrored(change)
        expected.append((kind, renamed.get(name, name) if change.kind != "column_renamed" else name, *rest))
    assert sorted(expected) == sorted(plain(change) for change in back)


def test_the_oracle_itself_knows_each_label():
    a, required = column("a", physicalType="int"), column("a", physicalType="int", required=True)
    cases = {"full": (a, a), "backward": (required, a), "forward": (a, required)}
    for label, (old, new) in cases.items():
        assert oracle(contract(old), contract(new)) == CLAIMS[label]
    assert len(set(itertools.chain.from_iterable(CLAIMS.values()))) == 2
