"""An ask that matches nothing today, decided on every classification that it could come to expose."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import product
from math import prod
from typing import Final

from mesh.domain.access.expressions import ANY_VALUE, Expression, InvalidExpression
from mesh.domain.access.granting import databases_by_tags, policy_entries
from mesh.domain.access.judging import Judge, denied, told
from mesh.domain.access.narrowing import Point, boxes, pinned
from mesh.domain.access.policy import Rule
from mesh.domain.access.record import Decided
from mesh.domain.access.resolving import listed
from mesh.domain.ontology import PRODUCT

MAX_CLASSES: Final = 10_000
_NOTHING: Final = "Nothing matches today."
_WITHHELD: Final = "All that matches today is withheld, and no product is named that it could be told apart by."


def foresee(judge: Judge, *, owners: Mapping[str, str], central: str, catalog: str, now: datetime) -> Decided:
    """Kept is what is allowed; only if nothing is, what can be asked for: of a product's owner, else of the steward.

    Raises UntilTooFar, InvalidExpression (more than 10,000 classifications).
    """
    by_rule = _rules(judge)
    allowed = [rule for rule in by_rule if rule.effect == "allow"]
    kept = allowed or [rule for rule in by_rule if rule.effect == "ask"]
    left_out = tuple(
        f"{_classes(judge, points)} (rule {rule.name}: {rule.why})"
        for rule, points in by_rule.items()
        if rule not in kept
    )
    if not by_rule:
        return denied((), _WITHHELD, ())
    if not kept:
        return denied(by_rule, f"{_NOTHING} {told(by_rule, 'deny')}", left_out)
    judge.check_until(kept, now)
    ask = judge.ask
    # Nobody owns yet what an expression may come to expose: no product, so the steward's.
    effect, approvers = judge.approval(dict.fromkeys(kept, (ask.product,)), owners, central)
    expressions = pinned(ask.tags, judge.keys, [point for rule in kept for point in by_rule[rule]])
    reaching = (ask.tags,) if ask.product else expressions
    return Decided(
        effect=effect,
        rules=tuple(rule.name for rule in kept),
        why=f"{_NOTHING} {told(kept, effect)}",
        exposure=(),
        left_out=left_out,
        approvers=approvers,
        entries=policy_entries(expressions, databases_by_tags(reaching, {}), catalog, ask.permission),
        databases=(ask.product,) if ask.product else (),
        tables=(),
    )


def _rules(judge: Judge) -> dict[Rule, list[Point]]:
    """Each rule with the points (a value for each decisive key) that it decides on."""
    clauses = dict(judge.ask.tags.clauses)
    axes = [_values(judge, key, clauses.get(key)) for key in judge.keys]
    if prod(map(len, axes)) > MAX_CLASSES:
        raise InvalidExpression(
            f"it could come to expose {prod(map(len, axes))} classifications; at most {MAX_CLASSES} are looked at",
            expression=judge.ask.expression,
            remedy=f"restrict one of: {', '.join(judge.keys)}",
        )
    found: dict[Rule, list[Point]] = {}
    for point in product(*axes):
        found.setdefault(judge.rule(dict(zip(judge.keys, point, strict=True))), []).append(point)
    return found


def _values(judge: Judge, key: str, asked: frozenset[str] | None) -> tuple[str, ...]:
    values = judge.policies.values(key) if asked is None or ANY_VALUE in asked else sorted(asked)
    barred = judge.withheld_products if key == PRODUCT else frozenset()
    return tuple(value for value in values if value not in barred)


def _classes(judge: Judge, points: Iterable[Point]) -> str:
    """`confidentiality=internal,public pii=none`, or several of it."""
    found = [str(Expression.of(dict(zip(judge.keys, box, strict=True)))) for box in boxes(list(points))]
    return listed(found, most=5)
