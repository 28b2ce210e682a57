"""Columns that look like personal data: by their name, in several languages, and by their values
(`mesh.domain.onboarding.personal_values`).

A heuristic that errs towards caution: it makes a column stricter until the owner's contract releases the finding, and
it never makes one laxer. Reasons name the rule, never a value.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from mesh.domain.events import PersonalDataFinding
from mesh.domain.onboarding.personal_values import PERSONAL, SENSITIVE, VALUE_RULES
from mesh.domain.schema import Column

_NAME_CONFIDENCE: Final = 0.7
_MIN_TEXT: Final = 3
_FLAGS: Final = frozenset({"yes", "true", "false", "none", "nein", "oui", "non"})
"""Longer words for "has one" and "has none"."""


class _NameRule(NamedTuple):
    """`words` match whole parts of a name, `stems` the beginning of a part. `text`: values are words or numbers of some
    length, so that a column of one-digit codes is not meant (a flag "has a telephone" is not a telephone). `letters`: a
    number is none. `beside`: what other parts the name may have; None for any that is not of things."""

    what: str
    value: str
    words: frozenset[str]
    stems: tuple[str, ...] = ()
    text: bool = False
    letters: bool = False
    beside: frozenset[str] | None = None


def _rule(
    what: str, value: str, words: str, stems: str = "", *, text: bool = False, letters: bool = False, beside: str = ""
) -> _NameRule:
    others = frozenset(beside.split()) | _PERSON_PARTS if beside else None
    return _NameRule(what, value, frozenset(words.split()), tuple(stems.split()), text, letters, others)


# `name` alone is a person's; product_name is not.
_PERSON_PARTS: Final = frozenset({
    "customer", "client", "kunde", "user", "person", "personal", "contact", "employee", "first", "last", "full",
    "middle", "given", "family", "applicant", "owner", "holder", "patient", "member", "guest", "passenger", "account",
    "sur", "maiden",
})  # fmt: skip
_STATISTICS: Final = frozenset({
    "avg", "average", "capita", "count", "counts", "mean", "median", "pct", "per", "percent", "percentage", "rate",
    "ratio", "share", "births",
})  # fmt: skip
"""Parts of a name that say: a figure about many, and not about one person."""
_OF_THINGS: Final = frozenset({"brand", "domain", "model", "os", "provider", "type", "vendor", "version"})
"""Parts that name the kind of a thing that a person has, not the thing itself."""


_NAME_RULES: Final = (
    _rule("e-mail address", PERSONAL, "mail correo courriel", "email emailaddress", text=True),
    _rule("telephone number", PERSONAL, "tel telef handy movil cellphone", "phone telefon telephone telefono mobile",
          text=True),
    _rule("bank account", PERSONAL, "iban kontonummer kontonr", "bankaccount accountnumber accountno", text=True),
    _rule("name of a person", PERSONAL, "vorname nachname familienname prenom nombre apellido apellidos nom cognome",
          "firstname lastname fullname surname givenname familyname maidenname forename", text=True, letters=True),
    _rule("birth", PERSONAL, "dob gebdat gebdatum", "birth geburt naissance nacimiento nascita"),
    _rule("age", PERSONAL, "age alter edad eta idade leeftijd", "lebensalter",
          beside="at band bracket class current entry group in jahre of range year years yrs"),
    _rule("address", PERSONAL, "address adresse anschrift strasse street zip zipcode plz postcode direccion indirizzo",
          "postalcode homeaddress streetaddress postleitzahl", text=True),
    _rule("network address", PERSONAL, "ip ipaddress ipaddr ipv4 ipv6", "", text=True),
    _rule("sex or gender", PERSONAL, "sex gender geschlecht sexe sexo genero geslacht anrede salutation"),
    _rule("marital status", PERSONAL, "famges familienstand marital", "personalstatus maritalstatus familienstand"),
    _rule("income", PERSONAL, "salary income gehalt einkommen lohn salaire salario", "salary"),
    _rule("origin", SENSITIVE, "gastarb race ethnicity nationality citizenship herkunft foreignworker migrant",
          "nationalit staatsangeh ethnic foreignwork gastarbeit nacionalidad"),
    _rule("health", SENSITIVE, "health diagnosis disability icd icd10 krankheit",
          "diagnos behinderung disabilit medical"),
    _rule("belief or orientation", SENSITIVE, "religion konfession faith", "religi sexualorientation politicalopinion"),
    _rule("biometry or genes", SENSITIVE, "fingerprint dna", "biometr genetic genom"),
    _rule("identity document", SENSITIVE, "ssn passport ausweis steuerid dni nif nin", "passport socialsecurity taxid "
          "nationalid personalausweis sozialversicherung identitycard", text=True),
    _rule("payment card", SENSITIVE, "pan cvv cvc creditcardnumber cardnumber", "creditcardn cardnum kartennummer",
          text=True),
    _rule("secret", SENSITIVE, "password passwort secret pin", "password passwort", text=True),
)  # fmt: skip


def find_personal(columns: Sequence[Column], samples: Mapping[str, Sequence[str]]) -> list[PersonalDataFinding]:
    """At most one finding per column: the more sensitive, then the more certain.

    `samples`: column → a few distinct values as text; a column without any is judged by its name alone.
    """
    findings = []
    for column in columns:
        values = [value for value in samples.get(column.name, ()) if value]
        found = [*_by_value(column, values), *_by_name(column.name, values)]
        if found:
            findings.append(max(found, key=_strictness))
    return findings


def _strictness(finding: PersonalDataFinding) -> tuple[bool, float]:
    return finding.value == SENSITIVE, finding.confidence


def _by_name(name: str, values: Sequence[str]) -> Iterable[PersonalDataFinding]:
    parts = [part for part in re.split(r"[^a-z0-9]+", name.lower()) if part]
    joined = "".join(parts)
    if _STATISTICS & set(parts):
        return
    for rule in _NAME_RULES:
        if rule.text and values and all(len(value) < _MIN_TEXT or value.lower() in _FLAGS for value in values):
            continue
        if rule.letters and values and not any(any(map(str.isalpha, value)) for value in values):
            continue
        if not _is_of_a_person(rule, parts):
            continue
        hit = any(part in rule.words or part.startswith(rule.stems or ("\0",)) for part in parts)
        if hit or joined in rule.words or joined.startswith(rule.stems or ("\0",)):
            yield _finding(name, rule.value, f"the name says: {rule.what}", _NAME_CONFIDENCE)
    if "name" in parts and (len(parts) == 1 or _PERSON_PARTS & set(parts)):
        yield _finding(name, PERSONAL, "the name says: name of a person", _NAME_CONFIDENCE)


def _is_of_a_person(rule: _NameRule, parts: Sequence[str]) -> bool:
    """`age_of_building` is not a person's age, `phone_model` no number."""
    if rule.beside is None:
        return not _OF_THINGS & set(parts)
    return all(part in rule.words or part.startswith(rule.stems) or part in rule.beside for part in parts)


def _by_value(column: Column, values: Sequence[str]) -> Iterable[PersonalDataFinding]:
    text = column.type.startswith(("string", "varchar", "char"))
    for rule in VALUE_RULES:
        if rule.text and not text:
            continue
        hits = sum(map(rule.matches, values))
        if hits >= rule.least and hits >= rule.share * len(values):
            yield _finding(column.name, rule.value, f"the values are: {rule.what}", rule.confidence)


def _finding(column: str, value: str, reason: str, confidence: float) -> PersonalDataFinding:
    return PersonalDataFinding(column=column, value=value, reason=reason, confidence=confidence)
