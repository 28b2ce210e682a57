"""Personal data by value: what matches, what nearly does, and what only looks like it."""

import random
from datetime import date, timedelta

import pytest
from mesh.domain.onboarding import national_ids as ids
from mesh.domain.onboarding.personal_values import VALUE_RULES, is_person, is_postal_town, is_street
from mesh.domain.onboarding.sensitivity import find_personal
from mesh.domain.schema import Column

from local.samples import credit, credit_english

COLUMNS_TRIED = 1500
TRUE = {
    ids.is_steuer_id: ["86095742719", "47036892816", "65929970489", "86 095 742 719"],
    ids.is_bsn: ["111222333", "123456782"],
    ids.is_dni: ["12345678Z", "12345678-z", "X1234567L"],
    ids.is_codice_fiscale: ["RSSMRA85T10A562S", "MRTMTT91D08F205J", "rssmra80a01h501u"],
    ids.is_nino: ["AB123456C", "AB 12 34 56 C"],
    ids.is_ssn: ["123-45-6789", "899-01-0001"],
    ids.is_nir: ["255081416802538", "2 55 08 14 168 025 38"],
    ids.is_pesel: ["44051401359", "02070803628"],
    ids.is_personnummer: ["811218-9876", "19811218-9876", "8112189876"],
    ids.is_ahv: ["756.9217.0769.85", "7569217076985"],
    is_street: ["Hauptstraße 12", "Am Alten Markt-Platz 3", "Lange Str. 7a", "10 Downing Street", "221B Baker St.",
                "12 rue de la Paix", "Calle Mayor 5", "Via Roma, 10", "Prinsengracht-straat 263"],
    is_postal_town: ["10115 Berlin", "D-80331 München", "75001 Paris", "00-950 Warszawa", "1012 AB Amsterdam",
                     "Springfield, IL 62701", "114 55 Stockholm"],
    is_person: ["Anna Schmidt", "Schmidt, Anna", "Dr. Müller", "Jean-Pierre Dupont", "Mary J. O'Brien",
                "Maria da Silva"],
}  # fmt: skip
NEAR = {
    ids.is_steuer_id: ["86095742718", "06095742719", "12345678903", "8609574271", "8609574271x", ""],
    ids.is_bsn: ["111222334", "000000000", "12345678", "1112223330"],
    ids.is_dni: ["12345678A", "1234567Z", "W1234567L", "X12345678L"],
    ids.is_codice_fiscale: ["RSSMRA85T10A562T", "RSSMRA85T10A562", "RSSMRA85F10A562S"],
    ids.is_nino: ["BG123456C", "AB123456E", "DB123456A", "AB12345C"],
    ids.is_ssn: ["123456789", "000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "078-05-1120"],
    ids.is_nir: ["255081416802539", "955081416802538", "255131416802538", "2550814168025"],
    ids.is_pesel: ["44051401358", "44053201359", "4405140135"],
    ids.is_personnummer: ["811218-9875", "811318-9876", "811218-987"],
    ids.is_ahv: ["756.9217.0769.84", "755.9217.0769.85", "756.9217.0769"],
    is_street: ["Order 12", "12 items", "Version 3", "Street", "0 to 200 DM", "car (new)", "Room 5"],
    is_postal_town: ["2020 Report", "1000 Units", "10115", "Berlin", "12345 units", "0 to 200 DM"],
    is_person: ["New York", "Savings Account", "anna", "Anna", "Credit Risk", "skilled employee", "Deutsche Bank"],
}
SENT = [(rule, value) for rule, values in TRUE.items() for value in values]
UNSENT = [(rule, value) for rule, values in NEAR.items() for value in values]


def find(values, type_="string"):
    return next(iter(find_personal([Column(name="c1", type=type_)], {"c1": values})), None)


@pytest.mark.parametrize(("rule", "value"), SENT, ids=lambda case: getattr(case, "__name__", case))
def test_true_values(rule, value):
    assert rule(value)


@pytest.mark.parametrize(("rule", "value"), UNSENT, ids=lambda case: getattr(case, "__name__", case))
def test_near_misses(rule, value):
    assert not rule(value)


def test_each_rule_has_true_values_and_near_misses():
    tested = {rule for rule in TRUE if rule.__name__ != "is_card"}
    checked_elsewhere = {"is_email", "is_phone", "is_iban", "is_card"}
    assert (
        {rule.matches for rule in VALUE_RULES if rule.matches.__name__ not in checked_elsewhere}
        == tested
        == NEAR.keys()
    )


def test_a_corsican_number():
    number = "1800620" + "2A" + "123456"
    assert not ids.is_nir(number)
    body = "180062A123456"
    key = 97 - int(body.replace("2A", "19")) % 97
    assert ids.is_nir(f"{body}{key:02}")
    assert not ids.is_nir(f"{body}{key % 97 + 1:02}")


def of(check, make, count=5):
    """Values that hold, of those that are made one after the other."""
    return [value for value in map(make, range(100_000)) if check(value)][:count]


@pytest.mark.parametrize(
    ("check", "make"),
    [
        (ids.is_bsn, lambda n: f"{123400000 + n}"),
        (ids.is_steuer_id, lambda n: f"{86095700000 + 7 * n}"),
        (ids.is_pesel, lambda n: f"440514{n:05}"),
        (ids.is_personnummer, lambda n: f"811218-{n % 10000:04}"),
        (ids.is_ahv, lambda n: f"75692170{n:05}"),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_a_column_of_such_numbers_is_sensitive_and_some_of_them_are_chance(check, make):
    values = of(check, make)
    found = find(values, "bigint" if values[0].isdigit() else "string")
    assert (found.value, found.confidence >= 0.85) == ("sensitive", True)
    assert values[0] not in found.reason
    assert find(values[:2]) is None
    assert find([*values, *(str(n) for n in range(8))]) is None


def test_patterns_are_less_certain_than_checksums_and_looked_for_in_texts_alone():
    streets = ["Hauptstraße 1", "Ringweg 22", "Lange Straße 3"]
    assert (find(streets).value, find(streets).confidence) == ("personal", 0.6)
    assert find(streets, "binary") is None
    assert find(["Anna Schmidt", "Peter Lustig", "Maria Huber", "Qwert Zuiop"]).confidence == 0.5
    assert find(["10115 Berlin", "20095 Hamburg", "50667 Köln"]).confidence == 0.5


@pytest.mark.parametrize("digits", range(6, 17))
def test_random_integers_are_not_personal(digits):
    """Five values, as a profile keeps of a column with many: the hardest case."""
    dice = random.Random(digits)
    low, high = 10 ** (digits - 1), 10**digits - 1
    found = [find([str(dice.randint(low, high)) for _ in range(5)], "bigint") for _ in range(COLUMNS_TRIED)]
    assert [finding.reason for finding in found if finding] == []


def test_consecutive_integers_are_not_personal():
    for start in range(100_000_000, 999_999_999, 3_333_333):
        for step in (1, 10, 11, 97, 100):
            assert find([str(start + step * n) for n in range(5)], "bigint") is None


def test_no_value_of_the_credit_data_is_somebody():
    for rows in (credit.generate(1000, 7), english()):
        values = {}
        for row in rows:
            for name, value in row.items():
                values.setdefault(name, {})[str(value)] = None
        for sample in values.values():
            assert find(list(sample)[:50]) is None


def english():
    for row in credit.generate(1000, 7):
        for name, to in credit_english.TRANSLATIONS.items():
            yield {to.name: to.meanings.get(row[name], row[name])}


@pytest.mark.parametrize(
    "values",
    [
        [str(date(1955, 1, 1) + timedelta(days=371 * n)) for n in range(40)],
        [f"2026{month:02}{day:02}1200" for month in range(1, 13) for day in (1, 9, 17, 28)],
        [f"{1_700_000_000 + 86_400 * n}" for n in range(40)],
        [f"{1_700_000_000_000 + 86_400_000 * n}" for n in range(40)],
        [f"AB-{n:06}-X" for n in range(40)],
        ["Red Wine", "Blue Cheese", "White Bread", "Green Tea", "Black Coffee"],
        ["Savings Account", "Current Account", "Fixed Deposit", "Credit Card"],
        ["Berlin", "Hamburg", "New York", "San Francisco", "Den Haag"],
        ["Room 12", "Gate 5", "Line 7", "Platform 9", "Version 3"],
        ["2020 Report", "2021 Report", "2022 Report"],
    ],
    ids=lambda values: values[0],
)
def test_ordinary_values_are_not_personal(values):
    assert find(values) is None
