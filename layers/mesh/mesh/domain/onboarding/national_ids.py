"""National identity numbers, recognised by their check digits. Each takes a value as text, with its separators.

A check digit holds by chance in one of 10, 11, 23 or 97 random numbers of the right length: it takes several values
to believe one (`mesh.domain.onboarding.sensitivity`).
"""

import re
from collections import Counter
from datetime import date
from itertools import cycle
from typing import Final

_SEPARATORS: Final = str.maketrans("", "", " .-/")
_DNI: Final = re.compile(r"([XYZ]?)([0-9]{7,8})([A-Z])").fullmatch
_DNI_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_FISCALE: Final = re.compile(r"[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]").fullmatch
_FISCALE_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_NINO: Final = re.compile(
    r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]"
).fullmatch
_SSN: Final = re.compile(r"(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}").fullmatch
_PUBLISHED_SSN: Final = ("078-05-1120", "219-09-9999")
_NIR: Final = re.compile(
    r"([1-478])([0-9]{2})(0[1-9]|1[0-2]|[23][0-9]|4[0-2]|[5-9][0-9])([0-9]{2}|2[AB])([0-9]{8})"
).fullmatch
_PERSONNUMMER: Final = re.compile(r"(?:1[89]|20)?([0-9]{2})([0-9]{2})([0-9]{2})[-+]?([0-9]{4})").fullmatch
_CENTURIES: Final = {0: 1900, 20: 2000, 40: 2100, 60: 2200, 80: 1800}


def is_steuer_id(value: str) -> bool:
    """Germany: 11 digits, no leading 0; of the first ten one digit occurs two or three times, the others at most once
    (section 139b of the Abgabenordnung, and the Bundeszentralamt's digit rule); the last by ISO 7064 MOD 11,10."""
    digits = _digits(value, 11)
    if not digits or digits[0] == 0:
        return False
    repeated = [count for count in Counter(digits[:10]).values() if count > 1]
    if len(repeated) != 1 or repeated[0] > 3 or _thrice_in_a_row(digits[:10]):
        return False
    product = 10
    for digit in digits[:10]:
        product = 2 * ((digit + product) % 10 or 10) % 11
    return (11 - product) % 10 == digits[10]


def is_bsn(value: str) -> bool:
    """The Netherlands, burgerservicenummer: 9 digits weighted 9, 8, … 2, -1 sum to a multiple of 11 (`elfproef`)."""
    digits = _digits(value, 9)
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return any(digits) and _sum(digits, weights) % 11 == 0


def is_dni(value: str) -> bool:
    """Spain, DNI and NIE: the number modulo 23 gives the letter; X, Y, Z of a NIE stand for 0, 1, 2 (Real Decreto
    1553/2005, and Orden INT/2058/2008)."""
    found = _DNI(value.strip().upper().replace("-", ""))
    if found is None or len(found[1] + found[2]) != 8:
        return False
    first = str("XYZ".index(found[1])) if found[1] else ""
    return _DNI_LETTERS[int(first + found[2]) % 23] == found[3]


def is_codice_fiscale(value: str) -> bool:
    """Italy: 16 characters, the last from the tables of odd and even places (Decreto Ministeriale of 23 December 1976,
    section 8). Digits may be letters where two persons would have the same code."""
    code = value.strip().upper()
    if not _FISCALE(code):
        return False
    numbers = [int(sign) if sign.isdigit() else ord(sign) - ord("A") for sign in code]
    odd = sum(_FISCALE_ODD[number] for number in numbers[0:15:2])
    return (odd + sum(numbers[1:15:2])) % 26 == numbers[15]


def is_nino(value: str) -> bool:
    """United Kingdom, National Insurance number: two letters, six digits, A to D, without the prefixes that are never
    given (HMRC's manual NIM39110). It has no check digit."""
    return _NINO(value.strip().upper()) is not None


def is_ssn(value: str) -> bool:
    """United States: area, group and serial number as they are given (Social Security Administration, RM 10201.035:
    no area 000, 666, 900 to 999; no zeros alone), and with dashes alone: it has no check digit."""
    number = value.strip()
    return _SSN(number) is not None and number not in _PUBLISHED_SSN


def is_nir(value: str) -> bool:
    """France, numéro d'inscription au répertoire: 13 digits and 97 less their remainder modulo 97; Corsica's 2A and 2B
    count as 19 and 18 (INSEE; Code de la sécurité sociale, R115-1)."""
    number = value.upper().translate(_SEPARATORS)
    found = _NIR(number)
    if found is None:
        return False
    digits = number.replace("2A", "19", 1) if found[4] == "2A" else number.replace("2B", "18", 1)
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def is_pesel(value: str) -> bool:
    """Poland: a date of birth, whose month tells the century, and a last digit by the weights 1, 3, 7, 9 (Ustawa o
    ewidencji ludności, article 15)."""
    digits = _digits(value, 11)
    if not digits:
        return False
    year, month, day = (10 * digits[at] + digits[at + 1] for at in (0, 2, 4))
    century = month - month % 20
    if not _is_date(_CENTURIES[century] + year, month - century, day):
        return False
    return (
        _sum(digits[:10], tuple(n for n, _ in zip(cycle((1, 3, 7, 9)), range(10), strict=False))) + digits[10]
    ) % 10 == 0


def is_personnummer(value: str) -> bool:
    """Sweden: a date of birth (its day and 60 in a samordningsnummer), and a Luhn digit over the ten last digits
    (Folkbokföringslag 1991:481, section 18)."""
    found = _PERSONNUMMER(value.strip())
    if found is None:
        return False
    year, month, day = (int(part) for part in found.groups()[:3])
    if not _is_date(2000 + year, month, day - 60 if day > 60 else day):
        return False
    return luhn("".join(found.groups()))


def is_ahv(value: str) -> bool:
    """Switzerland, AHV number: 756 and ten more digits, with the check digit of EAN-13 (AHVV, article 133)."""
    digits = _digits(value, 13)
    if digits[:3] != (7, 5, 6):
        return False
    return _sum(digits, (1, 3) * 6 + (1,)) % 10 == 0


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: every second digit from the right doubled, the digits sum to a multiple of 10."""
    doubled = (int(digit) * (1 + position % 2) for position, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _digits(value: str, length: int) -> tuple[int, ...]:
    """Nothing where the value is not so many digits."""
    compact = value.translate(_SEPARATORS)
    right = len(compact) == length and compact.isascii() and compact.isdigit()
    return tuple(map(int, compact)) if right else ()


def _sum(digits: tuple[int, ...], weights: tuple[int, ...]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True))


def _thrice_in_a_row(digits: tuple[int, ...]) -> bool:
    return any(digits[at] == digits[at + 1] == digits[at + 2] for at in range(len(digits) - 2))


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
