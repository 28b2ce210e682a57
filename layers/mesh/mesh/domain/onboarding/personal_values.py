"""Values that are personal data by their pattern or their check digits, and how many it takes to believe it.

A rule holds for a column when `least` of its sampled distinct values match it, and at least `share` of all. A check
digit holds by chance: five values of five do so in one column of 100,000 of random digits (one of 10), of 160,000
(one of 11). Dates of birth are not recognised by value: those of contracts, buildings and share prices are as old.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from mesh.domain.onboarding import national_ids as ids

PERSONAL: Final = "personal"
SENSITIVE: Final = "sensitive"
_EMAIL: Final = re.compile(r"[^@\s,;]{1,64}@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,24}").fullmatch
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}").fullmatch
_CARD: Final = re.compile(r"[2-6][0-9]{12,18}").fullmatch
_PHONE: Final = re.compile(r"\+[0-9][0-9 ()/.-]{6,20}").fullmatch
_WORD: Final = r"[^\W\d_][\w'\u2019.-]*"
_STREET: Final = re.compile(
    rf"(?i:(?:{_WORD} ){{0,3}}(?:{_WORD}|(?<= ))"
    r"(?:stra(?:ße|sse)|str\.|weg|gasse|allee|platz|straat|laan|gatan|vägen|vej) ?[0-9]{1,4} ?[a-z]?)"
    rf"|[0-9]{{1,5}}[a-zA-Z]?,? (?i:(?:{_WORD} ){{1,3}}(?:street|st\.?|road|rd\.?|avenue|ave\.?|lane|drive|court))"
    rf"|[0-9]{{1,4}}(?: bis| ter)?,? (?i:rue|avenue|boulevard|chemin|impasse|allée) {_WORD}(?: {_WORD}){{0,4}}"
    rf"|(?i:calle|avenida|via|viale|piazza|plaza|corso|ulica|ul\.) {_WORD}(?: {_WORD}){{0,3}},? ?[0-9]{{1,4}}"
).fullmatch
_TOWN: Final = re.compile(
    r"(?:(?:[A-Z]{1,2}-)?[0-9]{5}|[0-9]{2}-[0-9]{3}|[0-9]{3} [0-9]{2}|[0-9]{4} [A-Z]{2}),?"
    r" [^\W\d_a-z][^\W\d_]+(?:[ -][^\W\d_]+){0,3}"
    r"|[^\W\d_a-z][^\W\d_]+(?: [^\W\d_]+){0,2},? [A-Z]{2} [0-9]{5}(?:-[0-9]{4})?"
).fullmatch
_PERSON: Final = re.compile(
    r"(?:[^\W\d_]\w+|[^\W\d_a-z]\.)(?:[ -](?:[^\W\d_]\w+|[^\W\d_a-z]\.|[^\W\d_]['\u2019]\w+)){1,3}"
).fullmatch
_TITLE: Final = re.compile(r"(?:(?:Mrs?|Ms|Herr|Frau|Mme|Sra?|Sig|Dr|Prof)\.?|M\.) (?=[^\W\d_a-z])").match
_GIVEN: Final = frozenset(
    """
    adam agnes alan albert alessandro alexander alice ana andrea andreas andrew andrzej angela ann anna anne anthony
    antonio barbara bernd bernard birgit brian carlos carmen carol caroline catherine charles christian christina
    christine christopher claire claudia daniel david deborah dennis diana dieter donald dorothy edward elena elisabeth
    elizabeth emily emma eric erik ernst eva fatima felix francesco francisco frank franz frederic gabriele george
    georg gerhard giovanni giulia giuseppe grace günter hans harald heike heinz helen helga henry horst ingrid isabel
    jacob jacques james jan jane janet jason javier jean jennifer jens jessica joan johann johannes john jonas jose
    josé joseph joshua juan julia julie jürgen karen karin karl katarzyna katharina katrin kenneth kevin klaus krzysztof
    lars laura lauren lea léa lena leon linda lisa louis luca lucas lucia luis lukas manfred manuel marc marco margaret
    maria marie mario mark markus marta martin martina mary matthew matthias max mia michael michel michelle miguel
    mohamed mohammed monika nadia nancy nathalie nicolas nicole nina noah olga oliver olivia pablo patricia patrick paul
    paula paulo pedro peter petra philip philippe pierre piotr rachel rainer ralf raymond rebecca renate richard robert
    roberto roger ronald rosa ruth ryan sabine samuel sandra sara sarah scott sebastian sharon sofia sophie stefan
    stephan stephanie stephen steven susan susanne sven sylvie teresa theresa thomas timothy tobias tomasz ulrich
    ursula ute uwe victor vincent walter werner william wolfgang yvonne
    """.split()
)


class ValueRule(NamedTuple):
    """`text`: a pattern of words, looked for in text columns alone."""

    what: str
    value: str
    matches: Callable[[str], bool]
    least: int = 5
    share: float = 0.8
    confidence: float = 0.95
    text: bool = False


def is_email(value: str) -> bool:
    """Whether it has the shape of an e-mail address."""
    return _EMAIL(value.strip()) is not None


def is_phone(value: str) -> bool:
    """Whether it is an international telephone number; national ones look like any other number."""
    return _PHONE(value.strip()) is not None


def is_iban(value: str) -> bool:
    """ISO 13616: country and check digits moved to the end, letters as numbers, modulo 97 gives 1."""
    compact = value.replace(" ", "").upper()
    if not _IBAN(compact):
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def is_card(value: str) -> bool:
    """ISO/IEC 7812: 13 to 19 digits whose Luhn sum is a multiple of 10."""
    digits = value.replace(" ", "").replace("-", "")
    return _CARD(digits) is not None and ids.luhn(digits)


def is_street(value: str) -> bool:
    """A street with its house number, as it is written in German, English, French, Spanish, Italian, Dutch, Polish or
    a Scandinavian language."""
    return len(value) <= _MAX_LINE and _STREET(value.strip()) is not None


def is_postal_town(value: str) -> bool:
    """A postcode of five digits (or as in Poland, Sweden, the Netherlands) and its town, or `Town, ST 12345`. Four
    digits alone before a word are as often a year."""
    return len(value) <= _MAX_LINE and _TOWN(value.strip()) is not None


def is_person(value: str) -> bool:
    """Two to four words of which the first, or the one behind a comma, is a frequent given name or a title."""
    if len(value) > _MAX_LINE:
        return False
    last, comma, first = value.strip().partition(", ")
    name = f"{first} {last}" if comma else last
    titled = _TITLE(name)
    name = name[titled.end() :] if titled else name
    given = re.split(r"[ -]", name)[0].lower() in _GIVEN
    return (given and _PERSON(name) is not None) or titled is not None


_MAX_LINE: Final = 80
VALUE_RULES: Final = (
    ValueRule("e-mail addresses", PERSONAL, is_email, least=1, share=0.6),
    ValueRule("telephone numbers", PERSONAL, is_phone, least=2, share=0.6),
    ValueRule("IBANs with right check digits", PERSONAL, is_iban, least=1, share=0.6),
    ValueRule("payment card numbers with right check digits", SENSITIVE, is_card, least=3),
    ValueRule("German tax numbers (Steuer-ID)", SENSITIVE, ids.is_steuer_id, least=4, confidence=0.9),
    ValueRule("Dutch citizen service numbers (BSN)", SENSITIVE, ids.is_bsn, confidence=0.85),
    ValueRule("Spanish identity numbers (DNI, NIE)", SENSITIVE, ids.is_dni, least=3),
    ValueRule("Italian tax codes (codice fiscale)", SENSITIVE, ids.is_codice_fiscale, least=2),
    ValueRule("British National Insurance numbers", SENSITIVE, ids.is_nino, least=3, confidence=0.8),
    ValueRule("US social security numbers", SENSITIVE, ids.is_ssn, least=3, confidence=0.8),
    ValueRule("French social security numbers (NIR)", SENSITIVE, ids.is_nir, least=3),
    ValueRule("Polish PESEL numbers", SENSITIVE, ids.is_pesel, least=4, confidence=0.9),
    ValueRule("Swedish personal identity numbers", SENSITIVE, ids.is_personnummer, least=4, confidence=0.9),
    ValueRule("Swiss AHV numbers", SENSITIVE, ids.is_ahv, least=3),
    ValueRule("streets with house numbers", PERSONAL, is_street, least=3, confidence=0.6, text=True),
    ValueRule("postcodes with towns", PERSONAL, is_postal_town, least=3, confidence=0.5, text=True),
    ValueRule("names of persons", PERSONAL, is_person, least=3, share=0.6, confidence=0.5, text=True),
)
