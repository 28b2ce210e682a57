"""The policies: who is allowed or denied what, and what requires approval (the format is explained in
governance/policies.yaml)."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from mesh.domain.access.personas import Personas
from mesh.domain.errors import Rejected
from mesh.domain.events import AccountId
from mesh.domain.governance.expressions import Tags
from mesh.domain.governance.ontology import CONFIDENTIALITY, DOMAIN, MAX_CHARACTERS, PII, Ontology
from mesh.domain.governance.renamed_from import NewName, RenamedFrom, new_names, rename_faults
from mesh.domain.model import Model

type Permission = Literal["SELECT", "DESCRIBE"]
type Fault = tuple[str, str, str]
"""Rule (empty: none), field, what is wrong with it."""

_DURATION: Final = re.compile(r"([1-9]\d{0,4})([hd])")
_SETS: Final = ("purposes", "personas", "accounts", "domains", "permissions")
_FLAGS: Final = ("same_domain", "whole_account")


class PoliciesInvalid(Rejected):
    """`governance/policies.yaml` is invalid, by its format, the ontology or the personas; `where`: rule, field,
    violations."""


def _duration(text: object) -> object:
    if isinstance(text, timedelta):
        return text
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is not a duration: use hours or days, such as 12h or 90d")
    return timedelta(hours=int(found[1])) if found[2] == "h" else timedelta(days=int(found[1]))


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Names = Annotated[frozenset[str], Field(min_length=1)]


@dataclass(frozen=True)
class Facts:
    """The properties of a request that rules match, apart from the data's tags. `persona` is empty for other roles."""

    purpose: str
    persona: str
    account: str
    domains: frozenset[str]
    permission: Permission
    whole_account: bool


class Condition(Model):
    """When a rule matches: all given conditions hold; `None` matches everything."""

    tags: dict[str, Names] = Field(default_factory=dict)
    purposes: Names | None = None
    personas: Names | None = None
    accounts: Annotated[frozenset[AccountId], Field(min_length=1)] | None = None
    domains: Names | None = None
    permissions: Annotated[frozenset[Permission], Field(min_length=1)] | None = None
    same_domain: bool | None = None
    whole_account: bool | None = None

    def suits(self, facts: Facts) -> bool:
        """Whether it can match this request, whatever the data."""
        own = (facts.purpose, facts.persona, facts.account, facts.permission)
        purpose, persona, account, permission = (frozenset({value}) for value in own)
        given = (purpose, persona, account, facts.domains, permission)
        wanted: tuple[frozenset[str] | None, ...] = tuple(getattr(self, name) for name in _SETS)
        if any(values is not None and values.isdisjoint(has) for has, values in zip(given, wanted, strict=True)):
            return False
        return self.whole_account in (None, facts.whole_account)

    def covers(self, tags: Tags, domains: Collection[str]) -> bool:
        """Whether it matches data with these effective tags, requested by an account of these domains."""
        if any(tags.get(key) not in values for key, values in self.tags.items()):
            return False
        return self.same_domain in (None, tags.get(DOMAIN) in domains)

    @property
    def keys(self) -> frozenset[str]:
        """The LF-Tag keys that it uses."""
        return frozenset(self.tags) | ({DOMAIN} if self.same_domain is not None else frozenset())

    def within(self, other: "Condition") -> bool:
        """Whether the other condition matches whenever this one does."""
        for key, values in other.tags.items():
            if key not in self.tags or not self.tags[key] <= values:
                return False
        for name in _SETS:
            own, wider = getattr(self, name), getattr(other, name)
            if wider is not None and (own is None or not own <= wider):
                return False
        return all(getattr(other, name) in (None, getattr(self, name)) for name in _FLAGS)


Effect = Literal["allow", "require_approval", "deny"]
"""The effect of a rule, and so of a decision."""
type Course = Literal["allow", "require_approval", "deny"]
"""What `grant-access` does for an effect: it branches on that."""


class EffectMeaning(NamedTuple):
    """`label` is for people."""

    course: Course
    label: str


EFFECTS: Final[dict[Effect, EffectMeaning]] = {
    "allow": EffectMeaning("allow", "allowed at once"),
    "require_approval": EffectMeaning("require_approval", "requires approval"),
    "deny": EffectMeaning("deny", "denied"),
}
"""From the least strict on: where rules of several effects let data through, the strictest of these holds."""


class Rule(Model):
    """One rule. `longest` is the longest time from now; it and `approvers` go with the effects that need them."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    effect: Effect
    why: str = Field(min_length=1, max_length=500)
    when: Condition
    longest: Duration | None = None
    approvers: tuple[Literal["owner", "steward"], ...] = ()

    @property
    def course(self) -> Course:
        """What follows from its effect."""
        return EFFECTS[self.effect].course

    def __hash__(self) -> int:
        return hash(self.name)


NO_RULE: Final = Rule(name="no-rule", effect="deny", why="No rule covers this data for this purpose.", when=Condition())
"""The rule that applies where no other matches."""


class ApprovalTimes(Model):
    """How long a request waits for its approvers, each counted from the request."""

    remind_after: Duration
    escalate_after: Duration
    deny_after: Duration

    def rounds(self) -> tuple[int, int, int]:
        """Seconds to wait for an answer: before the reminder, from there to escalation, from there to denial."""
        marks = (timedelta(), self.remind_after, self.escalate_after, self.deny_after)
        first, second, third = (int((marks[n + 1] - marks[n]).total_seconds()) for n in range(3))
        return first, second, third


class Purpose(Model):
    """What data may be used for. In the file it may be the meaning alone."""

    meaning: str = Field(min_length=1)
    renamed_from: RenamedFrom = Field(default_factory=dict)


class Policies(Model):
    """The policies, with the ontology and the personas that they were checked against."""

    purposes: dict[str, Purpose] = Field(min_length=1)
    approval: ApprovalTimes
    ends_after: Duration = timedelta(days=14)
    """How long an access lasts that the rules no longer allow, from when its holder is told."""
    rules: tuple[Rule, ...] = Field(min_length=1)
    ontology: Ontology
    personas: Personas

    @field_validator("purposes", mode="before")
    @classmethod
    def _short_form(cls, purposes: object) -> object:
        if not isinstance(purposes, dict):
            return purposes
        return {name: {"meaning": each} if isinstance(each, str) else each for name, each in purposes.items()}

    @property
    def old_purposes(self) -> dict[str, RenamedFrom]:
        """Purpose → its old names."""
        return {name: purpose.renamed_from for name, purpose in self.purposes.items()}

    @property
    def renamed_purposes(self) -> Mapping[str, NewName]:
        """Old name → purpose."""
        return self._renamed_purposes

    @cached_property
    def _renamed_purposes(self) -> dict[str, NewName]:
        return new_names(self.old_purposes)

    def rule(self, tags: Tags, facts: Facts) -> Rule:
        """The first rule that matches data with these effective tags; `NO_RULE`, a denial, where none does."""
        holding = (rule for rule in self.rules if rule.when.suits(facts) and rule.when.covers(tags, facts.domains))
        return next(holding, NO_RULE)

    def decisive_keys(self, facts: Facts) -> tuple[str, ...]:
        """The LF-Tag keys whose values can change the decision on this request; sorted."""
        keys = frozenset({CONFIDENTIALITY, PII}).union(*(r.when.keys for r in self.rules if r.when.suits(facts)))
        return tuple(sorted(keys))

    def values(self, key: str) -> tuple[str, ...]:
        """The possible values of a decisive key: the ontology's; for an open key those that rules name."""
        named = {value for rule in self.rules for value in rule.when.tags.get(key, ())}
        return tuple(dict.fromkeys([*self.ontology.keys[key].values, *sorted(named)]))


def parse_policies(document: Mapping[str, Any], ontology: Ontology, personas: Personas) -> Policies:
    """The policies of a YAML document, checked. Raises `PoliciesInvalid` naming the first fault's rule and field."""
    try:
        checked_against = {"ontology": ontology, "personas": personas}
        found = Policies.model_validate({**document, **checked_against}, extra="forbid")
    except ValidationError as error:
        faults = [_located(fault["loc"], fault["msg"], document) for fault in error.errors()]
    else:
        faults = list(_faults(found))
        if not faults:
            return found
    rule, field, _ = faults[0]
    texts = [f"rule {name!r}, {place}: {what}" if name else f"{place}: {what}" for name, place, what in faults]
    raise PoliciesInvalid(
        f"the policies are invalid: {texts[0]}",
        rule=rule or None,
        field=field,
        violations=texts[:20],
        remedy="Correct governance/policies.yaml.",
    )


def _located(place: tuple[int | str, ...], what: str, document: Mapping[str, Any]) -> Fault:
    """A format error, with the rule's name instead of its number where it has one."""
    what = what.removeprefix("Value error, ")
    match place:
        case ("rules", int(number), *rest):
            rule = document["rules"][number]
            name = rule.get("name") if isinstance(rule, dict) else None
            return str(name or f"number {number + 1}"), ".".join(map(str, rest)) or "rule", what
        case _:
            return "", ".".join(map(str, place)), what


def _faults(policies: Policies) -> Iterator[Fault]:
    yield from (("", f"purposes.{name}", what) for name, what in rename_faults(policies.old_purposes))
    approval = policies.approval
    if not approval.remind_after < approval.escalate_after < approval.deny_after:
        yield "", "approval", "remind_after, escalate_after and deny_after must be in ascending order"
    for number, rule in enumerate(policies.rules):
        earlier = policies.rules[:number]
        if any(rule.name == other.name for other in earlier):
            yield rule.name, "name", "another rule has that name"
        for check in (_effect_faults, _tag_faults):
            yield from ((rule.name, field, what) for field, what in check(rule, policies.ontology))
        yield from ((rule.name, field, what) for field, what in _unknown(rule.when, policies))
        hiding = next((other for other in earlier if rule.when.within(_widest(other.when, policies))), None)
        if hiding is not None:
            yield (
                rule.name,
                "when",
                f"is never reached: the earlier rule {hiding.name!r} matches whenever this one does",
            )


def _effect_faults(rule: Rule, _: Ontology) -> Iterator[tuple[str, str]]:
    if rule.course == "require_approval" and not rule.approvers:
        yield "approvers", f"a rule with effect {rule.effect} needs them: [owner] or [owner, steward]"
    if rule.course != "require_approval" and rule.approvers:
        yield "approvers", f"a rule with effect {rule.effect} has none"
    if rule.course != "deny" and rule.longest is None:
        yield "longest", f"a rule with effect {rule.effect} needs it, 365d for instance"
    if rule.course == "deny" and rule.longest is not None:
        yield "longest", "a denial has no end"
    if rule.when.whole_account and rule.when.personas:
        yield "when", "can never match: an account as a whole has no persona"


def _tag_faults(rule: Rule, ontology: Ontology) -> Iterator[tuple[str, str]]:
    for key, values in rule.when.tags.items():
        field, known = f"when.tags.{key}", ontology.keys.get(key)
        if known is None:
            yield field, f"there is no LF-Tag key {key!r}; there is: {', '.join(ontology.keys)}"
            continue
        is_value: Callable[[str], bool] = _fits if known.open else known.values.__contains__
        for value in sorted(value for value in values if not is_value(value)):
            hint = "" if known.open else f"; {_there(value, known.values, known.renamed)}"
            yield field, f"the LF-Tag {key!r} cannot be {value!r}{hint}"


def _unknown(when: Condition, policies: Policies) -> Iterator[tuple[str, str]]:
    domains = policies.ontology.keys[DOMAIN]
    known: dict[str, tuple[Collection[str], Mapping[str, NewName]]] = {
        "purposes": (policies.purposes, policies.renamed_purposes),
        "personas": (policies.personas.personas, policies.personas.renamed),
        "domains": (domains.values, domains.renamed),
    }
    for field, (names, renamed) in known.items():
        for name in sorted((getattr(when, field) or frozenset()) - set(names)):
            yield f"when.{field}", f"{name!r} is unknown; {_there(name, names, renamed)}"


def _there(name: str, names: Collection[str], renamed: Mapping[str, NewName]) -> str:
    return f"write {renamed[name].name}, its new name" if name in renamed else f"there is: {', '.join(names)}"


def _fits(value: str) -> bool:
    """An open key takes any value that Lake Formation allows."""
    return 0 < len(value) <= MAX_CHARACTERS and value == value.lower().strip()


def _widest(when: Condition, policies: Policies) -> Condition:
    """The same without lists that name every possible value: every request has a purpose and a permission."""
    every = {"purposes": frozenset(policies.purposes), "permissions": frozenset({"SELECT", "DESCRIBE"})}
    return when.evolve(**{name: None for name, all_ in every.items() if getattr(when, name) == all_})
