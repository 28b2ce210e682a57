"""Expressions for exactly what was kept: on random tag sets, and at Lake Formation's limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.access.tag_expression_cover import MAX_CLAUSE_VALUES, boxes, narrowed, pinnable, pinned, size
from mesh.domain.governance.expressions import MAX_BYTES, Expression, InvalidExpression, parse_expression

KEYS = ("k1", "k2", "k3")
VALUES = ("v1", "v2", "v3")
OTHER = "free"
tag_sets = st.dictionaries(st.sampled_from([*KEYS, OTHER]), st.sampled_from(VALUES))
expressions = st.dictionaries(
    st.sampled_from([*KEYS, OTHER]), st.frozensets(st.sampled_from([*VALUES, "*"]), min_size=1), min_size=1
).map(Expression.of)
points = st.frozensets(st.tuples(*(st.sampled_from(VALUES) for _ in KEYS)))


def any_matches(found, tags):
    return any(expression.matches(tags) for expression in found)


@given(expressions, st.lists(tag_sets), st.lists(tag_sets), st.integers(0, len(KEYS)))
def test_every_kept_tag_set_matches_and_no_excluded_one(expression, kept, excluded, number):
    keys = KEYS[:number]
    found = narrowed(expression, kept, excluded, keys)
    barred = [tags for tags in excluded if expression.matches(tags)]
    for tags in excluded:
        assert not any_matches(found, tags)
    for tags in kept:
        alike = any(all(tags.get(key) == other.get(key) for key in keys) for other in barred)
        assert any_matches(found, tags) is (expression.matches(tags) and pinnable(tags, keys) and not alike)


@given(expressions, st.lists(tag_sets, min_size=1), tag_sets)
def test_what_is_tagged_tomorrow_matches_only_at_a_classification_that_was_kept(expression, kept, later):
    found = narrowed(expression, kept, [], KEYS)
    known = {tuple(tags[key] for key in KEYS) for tags in kept if pinnable(tags, KEYS) and expression.matches(tags)}
    if any_matches(found, later):
        assert tuple(later[key] for key in KEYS) in known
        assert expression.matches(later)


@given(points)
def test_boxes_hold_each_point_once_and_no_other(given_points):
    from itertools import product

    held = [point for box in boxes(given_points) for point in product(*box)]
    assert sorted(held) == sorted(given_points)


def test_two_that_differ_in_one_key_are_one():
    assert boxes([("public", "none"), ("internal", "none")]) == [
        (frozenset({"public", "internal"}), frozenset({"none"}))
    ]
    assert len(boxes([(a, b, c) for a in VALUES for b in VALUES for c in VALUES])) == 1
    assert len(boxes([("public", "none"), ("internal", "personal")])) == 2
    assert boxes([]) == []


def test_which_key_merges_first_does_not_cost_expressions():
    # A column of three, and a neighbour of its foot: along the other key first there would be three boxes.
    assert len(boxes([("v1", "v1"), ("v1", "v2"), ("v1", "v3"), ("v2", "v1")])) == 2
    assert len(boxes([("v1", "v1"), ("v2", "v1"), ("v3", "v1"), ("v1", "v2")])) == 2


def test_the_requests_clauses_stay_and_decisive_keys_become_explicit():
    kept = [{"domain": "risk", "confidentiality": "internal", "pii": "none"}]
    excluded = [{"domain": "risk", "confidentiality": "confidential", "pii": "personal"}]
    found = narrowed(parse_expression("domain=risk,finance"), kept, excluded, ("confidentiality", "pii"))
    assert [str(each) for each in found] == ["confidentiality=internal domain=finance,risk pii=none"]


def test_a_tag_set_without_a_decisive_key_is_never_exposed_by_leaving_the_key_out():
    lacking = {"domain": "risk", "confidentiality": "internal"}
    sensitive = {**lacking, "pii": "sensitive"}
    assert narrowed(parse_expression("domain=risk"), [lacking], [sensitive], ("confidentiality", "pii")) == ()


def test_51_values_and_900_bytes_are_split_into_expressions_that_mean_the_same():
    values = [f"value-{number:03}-{'x' * 30}" for number in range(51)]
    whole = Expression.of({"product": values, "domain": ["risk"]})
    found = pinned(whole, ("pii",), {("none",)})
    assert len(found) > 1
    assert all(size(each) <= MAX_BYTES for each in found)
    for value in values:
        assert sum(each.matches({"product": value, "domain": "risk", "pii": "none"}) for each in found) == 1
        assert not any_matches(found, {"product": value, "domain": "risk", "pii": "personal"})


def test_51_short_values_are_split_as_well():
    found = pinned(Expression.of({"p": [f"{number}" for number in range(51)]}), ("pii",), {("none",)})
    values = [dict(each.clauses)["p"] for each in found]
    assert all(len(each) <= MAX_CLAUSE_VALUES for each in values)
    assert sorted(map(len, values)) == [25, 26]
    assert len(frozenset().union(*values)) == 51


def test_what_cannot_be_split_is_refused():
    keys = {f"{number:02}{'k' * 43}": ["v" * 45] for number in range(10)}
    with pytest.raises(InvalidExpression, match="Lake Formation takes 900"):
        pinned(Expression.of(keys), ("pii",), {("none",)})
