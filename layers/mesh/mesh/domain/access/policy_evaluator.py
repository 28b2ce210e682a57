"""The policies applied to one request: a rule for each classification that it exposes, or may expose later."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import product
from math import prod
from typing import Final

from mesh.domain.access.exposure import ExposedTable, by_name, listed
from mesh.domain.access.grants import databases_by_tags, policy_entries
from mesh.domain.access.policy import EFFECTS, Condition, Effect, Facts, Policies, Rule
from mesh.domain.access.record import Decided
from mesh.domain.access.request import AccessRequest
from mesh.domain.access.tag_expression_cover import Point, boxes, pinned
from mesh.domain.errors import Rejected
from mesh.domain.governance.expressions import ANY_VALUE, Expression, InvalidExpression, Tags
from mesh.domain.governance.matching import TagSet
from mesh.domain.governance.ontology import PRODUCT


class UntilTooFar(Rejected):
    """Access was requested for longer than a rule allows; `where["latest"]` is the latest end allowed."""


@dataclass(frozen=True)
class Requester:
    """The requesting account, and its line of business."""

    account: str
    domains: frozenset[str]


class PolicyEvaluator:
    """One request and the policies. Results are cached by tag set."""

    def __init__(
        self, request: AccessRequest, requester: Requester, policies: Policies, withheld: Iterable[ExposedTable] = ()
    ) -> None:
        """`withheld`: what the request's expression matches and nobody is granted, whatever the rules say."""
        self.request, self.policies, self._withheld = request, policies, tuple(withheld)
        self.facts = Facts(
            purpose=request.purpose,
            persona=request.persona,
            account=requester.account,
            domains=requester.domains,
            permission=request.permission,
            whole_account=not request.reader,
        )
        self._known: dict[TagSet, Rule] = {}

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The LF-Tag keys that expressions have to name, so that they cover exactly what was decided."""
        keys = self.policies.decisive_keys(self.facts)
        columns = (column for each in self._withheld for column in each.columns)
        if any(self.policies.rule(column.tags, self.facts).course != "deny" for column in columns):
            # Its classification does not distinguish it from what is granted; its product does.
            return tuple(sorted({*keys, PRODUCT}))
        return keys

    @cached_property
    def withheld_products(self) -> frozenset[str]:
        """Values of the product tag that no grant may name."""
        columns = (column for each in self._withheld for column in each.columns)
        return frozenset(column.tags[PRODUCT] for column in columns if PRODUCT in column.tags)

    def rule(self, tags: Tags) -> Rule:
        """The rule for data with these effective tags. A grant by tags needs every decisive key."""
        tag_set = frozenset(tags.items())
        if tag_set not in self._known:
            rule = self.policies.rule(tags, self.facts)
            lacking = [key for key in self.keys if key not in tags]
            if rule.course != "deny" and lacking and not by_name(self.request):
                rule = _untagged(lacking)
            self._known[tag_set] = rule
        return self._known[tag_set]

    def label(self, where: ExposedTable, column: str) -> str:
        """For people: `table.column` of the product that was requested, else with its database."""
        place = where.table if where.database == self.request.product else f"{where.database}.{where.table}"
        return f"{place}.{column}"

    def check_until(self, rules: Iterable[Rule], now: datetime) -> None:
        """Raises UntilTooFar with the latest end that all these rules allow."""
        limits = [(rule.longest, rule.name) for rule in rules if rule.longest is not None]
        longest, name = min(limits, default=(timedelta.max, ""))
        if self.request.until - now > longest:
            latest = (now + longest).replace(microsecond=0).isoformat()
            raise UntilTooFar(
                f"{self.request.until.isoformat()} is too late: rule {name} allows {latest} at the latest",
                latest=latest,
                rule=name,
                remedy=f"request it until {latest} at the latest, and again before then",
            )

    def approval(
        self, rules: Mapping[Rule, Collection[str]], owners: Mapping[str, str], central: str
    ) -> tuple[Effect, tuple[str, ...]]:
        """The strictest effect, and whose approval it takes: the owners' of databases (`rules`: rule → databases), the
        steward's.

        For a database without an owner that is the steward, in central.
        """
        found = set()
        for rule, databases in rules.items():
            if "owner" in rule.approvers:
                found |= {owners.get(database, central) for database in databases}
            if "steward" in rule.approvers:
                found.add(central)
        given = {rule.effect for rule in rules}
        effect: Effect = next((each for each in reversed(EFFECTS) if each in given), "allow")
        return effect, tuple(sorted(found))


def _untagged(keys: Collection[str]) -> Rule:
    why = f"It lacks the LF-Tag {', '.join(keys)}, without which a grant by tags cannot select it."
    return Rule(name="not-tagged", effect="deny", why=why, when=Condition())


def with_reason(rules: Iterable[Rule], effect: Effect, *, about: str = "") -> str:
    """The reason for the requester: the deciding rules first, each with its name."""
    ordered = sorted(dict.fromkeys(rules), key=lambda rule: rule.effect != effect)
    why = " ".join(f"{rule.why} (rule {rule.name})" for rule in ordered)
    return f"{about}: {why}" if about else why


def denied(rules: Iterable[Rule], why: str, left_out: tuple[str, ...]) -> Decided:
    """A denial: nothing exposed, nothing granted, no approvers."""
    return Decided(
        effect="deny",
        rules=tuple(rule.name for rule in rules),
        why=why,
        exposure=(),
        left_out=left_out,
        approvers=(),
        entries=(),
        databases=(),
        tables=(),
    )


MAX_CLASSES: Final = 10_000
_NOTHING: Final = "Nothing matches today."
_WITHHELD: Final = "Everything that matches today is withheld, and the request names no product to distinguish it by."


def decide_hypothetically(
    evaluator: PolicyEvaluator, *, owners: Mapping[str, str], central: str, catalog: str, now: datetime
) -> Decided:
    """Grants what is allowed; only if nothing is, what can be approved: by a product's owner, else by the steward.

    Raises UntilTooFar, InvalidExpression (more than 10,000 classifications).
    """
    by_rule = _rules(evaluator)
    allowed = [rule for rule in by_rule if rule.course == "allow"]
    kept = allowed or [rule for rule in by_rule if rule.course == "require_approval"]
    left_out = tuple(
        f"{_classes(evaluator, points)} (rule {rule.name}: {rule.why})"
        for rule, points in by_rule.items()
        if rule not in kept
    )
    if not by_rule:
        return denied((), _WITHHELD, ())
    if not kept:
        return denied(by_rule, f"{_NOTHING} {with_reason(by_rule, 'deny')}", left_out)
    evaluator.check_until(kept, now)
    request = evaluator.request
    # Data that an expression may expose later has no owner yet: without a product the steward approves.
    effect, approvers = evaluator.approval(dict.fromkeys(kept, (request.product,)), owners, central)
    expressions = pinned(request.tags, evaluator.keys, [point for rule in kept for point in by_rule[rule]])
    reaching = (request.tags,) if request.product else expressions
    return Decided(
        effect=effect,
        rules=tuple(rule.name for rule in kept),
        why=f"{_NOTHING} {with_reason(kept, effect)}",
        exposure=(),
        left_out=left_out,
        approvers=approvers,
        entries=policy_entries(expressions, databases_by_tags(reaching, {}), catalog, request.permission),
        databases=(request.product,) if request.product else (),
        tables=(),
    )


def _rules(evaluator: PolicyEvaluator) -> dict[Rule, list[Point]]:
    """Each rule with the points (a value for each decisive key) that it decides on."""
    clauses = dict(evaluator.request.tags.clauses)
    axes = [_values(evaluator, key, clauses.get(key)) for key in evaluator.keys]
    if prod(map(len, axes)) > MAX_CLASSES:
        raise InvalidExpression(
            f"it could expose {prod(map(len, axes))} classifications; the limit is {MAX_CLASSES}",
            expression=evaluator.request.expression,
            remedy=f"restrict one of: {', '.join(evaluator.keys)}",
        )
    found: dict[Rule, list[Point]] = {}
    for point in product(*axes):
        found.setdefault(evaluator.rule(dict(zip(evaluator.keys, point, strict=True))), []).append(point)
    return found


def _values(evaluator: PolicyEvaluator, key: str, requested: frozenset[str] | None) -> tuple[str, ...]:
    values = evaluator.policies.values(key) if requested is None or ANY_VALUE in requested else sorted(requested)
    barred = evaluator.withheld_products if key == PRODUCT else frozenset()
    return tuple(value for value in values if value not in barred)


def _classes(evaluator: PolicyEvaluator, points: Iterable[Point]) -> str:
    """`confidentiality=internal,public pii=none`, or several of it."""
    found = [str(Expression.of(dict(zip(evaluator.keys, box, strict=True)))) for box in boxes(list(points))]
    return listed(found, most=5)
