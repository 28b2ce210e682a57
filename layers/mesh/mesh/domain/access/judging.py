"""The policies asked about one request: a rule for each classification, and what the rules together come to."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from mesh.domain.access.asking import Ask
from mesh.domain.access.exposure import ExposedTable
from mesh.domain.access.expressions import Tags
from mesh.domain.access.matching import TagSet
from mesh.domain.access.policy import Condition, Facts, Policies, Rule
from mesh.domain.access.record import Decided
from mesh.domain.access.resolving import by_name
from mesh.domain.errors import Rejected
from mesh.domain.ontology import PRODUCT

type Effect = Literal["allow", "ask", "deny"]


class UntilTooFar(Rejected):
    """Access was asked until later than a rule lets it be; `where["latest"]` is until when it may be asked."""


@dataclass(frozen=True)
class Asker:
    """The account that asks, and its line of business."""

    account: str
    domain: str


class Judge:
    """One request and the policies. What was worked out for a tag set is kept."""

    def __init__(self, ask: Ask, asker: Asker, policies: Policies, withheld: Iterable[ExposedTable] = ()) -> None:
        """`withheld`: what the ask's expression matches and nobody is granted, whatever the rules say."""
        self.ask, self.policies, self._withheld = ask, policies, tuple(withheld)
        self.facts = Facts(
            purpose=ask.purpose,
            persona=ask.persona,
            account=asker.account,
            domain=asker.domain,
            permission=ask.permission,
            whole_account=not ask.reader,
        )
        self._known: dict[TagSet, Rule] = {}

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The LF-Tag keys that expressions have to name, so that they mean what was decided and no more."""
        keys = self.policies.decisive_keys(self.facts)
        columns = (column for each in self._withheld for column in each.columns)
        if any(self.policies.rule(column.tags, self.facts).effect != "deny" for column in columns):
            # Classification alone does not tell it from what is granted: its product does.
            return tuple(sorted({*keys, PRODUCT}))
        return keys

    @cached_property
    def withheld_products(self) -> frozenset[str]:
        """Values of the product tag that no grant may name."""
        columns = (column for each in self._withheld for column in each.columns)
        return frozenset(column.tags[PRODUCT] for column in columns if PRODUCT in column.tags)

    def rule(self, tags: Tags) -> Rule:
        """What decides on data with these effective tags. By tags only what has every decisive key can be granted."""
        tag_set = frozenset(tags.items())
        if tag_set not in self._known:
            rule = self.policies.rule(tags, self.facts)
            lacking = [key for key in self.keys if key not in tags]
            if rule.effect != "deny" and lacking and not by_name(self.ask):
                rule = _untagged(lacking)
            self._known[tag_set] = rule
        return self._known[tag_set]

    def label(self, where: ExposedTable, column: str) -> str:
        """For people: `table.column` of the product that was asked for, else with its database."""
        place = where.table if where.database == self.ask.product else f"{where.database}.{where.table}"
        return f"{place}.{column}"

    def check_until(self, rules: Iterable[Rule], now: datetime) -> None:
        """Raises UntilTooFar naming the latest moment that all these rules allow."""
        limits = [(rule.longest, rule.name) for rule in rules if rule.longest is not None]
        longest, name = min(limits, default=(timedelta.max, ""))
        if self.ask.until - now > longest:
            latest = (now + longest).replace(microsecond=0).isoformat()
            raise UntilTooFar(
                f"{self.ask.until.isoformat()} is too far: rule {name} allows {latest} at the latest",
                latest=latest,
                rule=name,
                remedy=f"ask until {latest} at the latest, and again before that is over",
            )

    def approval(
        self, rules: Mapping[Rule, Collection[str]], owners: Mapping[str, str], central: str
    ) -> tuple[Effect, tuple[str, ...]]:
        """Allow or ask, and who has to agree: the owners of databases (`rules`: rule → databases), the steward.

        A database without an owner is the steward's, who sits in central.
        """
        found = set()
        for rule, databases in rules.items():
            if "owner" in rule.approvers:
                found |= {owners.get(database, central) for database in databases}
            if "steward" in rule.approvers:
                found.add(central)
        return ("ask" if any(rule.effect == "ask" for rule in rules) else "allow"), tuple(sorted(found))


def _untagged(keys: Collection[str]) -> Rule:
    why = f"It lacks the LF-Tag {', '.join(keys)}, without which no grant by tags can single it out."
    return Rule(name="not-tagged", effect="deny", why=why, when=Condition())


def told(rules: Iterable[Rule], effect: Effect, *, about: str = "") -> str:
    """Why, for the asker: the rules that settled the effect first, each with its name."""
    ordered = sorted(dict.fromkeys(rules), key=lambda rule: rule.effect != effect)
    why = " ".join(f"{rule.why} (rule {rule.name})" for rule in ordered)
    return f"{about}: {why}" if about else why


def denied(rules: Iterable[Rule], why: str, left_out: tuple[str, ...]) -> Decided:
    """A denial: nothing exposed, nothing granted, nobody asked."""
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
