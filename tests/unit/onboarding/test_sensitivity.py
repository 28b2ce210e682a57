"""Personal data by name and by value, and what only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.onboarding.personal_values import is_card, is_email, is_iban, is_phone
from mesh.domain.onboarding.sensitivity import find_personal
from mesh.domain.schema import Column


def find(name, values=()):
    return next(iter(find_personal([Column(name=name, type="string")], {name: tuple(values)})), None)


@pytest.mark.parametrize(
    "name",
    [
        "email", "customer_email", "e_mail", "mail", "phone_number", "telefon", "iban", "vorname", "first_name", "name",
        "customer_name", "birth_date", "geburtsdatum", "dob", "age", "alter", "address", "street", "plz", "sex",
        "gender", "geschlecht", "famges", "personal_status_sex", "marital_status", "salary", "ip_address",
    ],
)  # fmt: skip
def test_names_of_personal_data(name):
    assert find(name).value == "personal"


@pytest.mark.parametrize(
    "name",
    ["gastarb", "foreign_worker", "nationality", "religion", "ethnic_group", "diagnosis", "passport_no", "ssn", "cvv"],
)
def test_names_of_sensitive_data(name):
    assert find(name).value == "sensitive"


@pytest.mark.parametrize(
    "name",
    [
        "product_name", "file_name", "amount", "page", "stage", "average", "usage", "storage", "message", "status",
        "laufzeit", "verwalter", "region", "quantity", "created_at", "sku", "panel", "tellers", "shipment",
        "description",
        "hotel", "kredit", "hoehe", "wohnzeit", "trace_id", "trip_id", "image", "manage", "essex", "rate", "beruf",
    ],
)  # fmt: skip
def test_names_of_other_data(name):
    assert find(name) is None


def test_a_flag_about_a_telephone_is_not_a_telephone_number():
    assert find("telefon", ["1", "2"]) is None
    assert find("telephone", ["yes", "no"]) is None
    assert find("telephone", ["None", "yes"]) is None
    assert find("telefon", ["030 123456"]).value == "personal"


def test_values_reveal_what_a_name_hides():
    assert find("c1", ["a.b@example.org", "x@y.co.uk"]).value == "personal"
    assert find("c1", ["+49 30 1234567", "+1 (555) 010-9999"]).value == "personal"
    assert find("c1", ["DE89 3704 0044 0532 0130 00"]).value == "personal"
    assert find("c1", ["4111111111111111", "5500005555555559", "340000000000009"]).value == "sensitive"
    assert find("c1", ["a@b.de", "x", "y"]) is None
    assert find("c1", ["4111111111111111"]) is None


def test_the_more_sensitive_finding_wins_and_no_reason_holds_a_value():
    found = find("email", ["4111111111111111", "5500005555555559", "340000000000009"])
    assert found.value == "sensitive"
    assert "4111" not in found.reason


def test_checksums():
    assert is_iban("GB82WEST12345698765432")
    assert not is_iban("GB83WEST12345698765432")
    assert is_card("4111-1111-1111-1111")
    assert not is_card("4111111111111112")
    assert is_email("a@b.de")
    assert not is_email("a@b")
    assert not is_phone("1234567")


@given(st.text(max_size=60))
def test_no_text_breaks_the_patterns(text):
    find_personal([Column(name=text, type="string")], {text: [text]})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("births", ["9083", "8006"]), ("metacritic_user_nom", ["1330", "249"]), ("sex_ratio", ["0.98", "1.02"]),
        ("median_household_income", ["42278", "67629"]), ("age_of_building", ["30", "40"]), ("age_days", ["3", "9"]),
        ("phone_model", ["Model 7", "Model 8"]), ("email_domain", ["example.com", "example.org"]),
        ("avg_age", ["41.5"]), ("building_age", ["80"]), ("phone_type", ["mobile phone"]), ("birth_rate", ["1.4"]),
        ("salary_per_capita", ["52000"]), ("count_of_customer_emails", ["12"]), ("address_type", ["home address"]),
    ],
)  # fmt: skip
def test_figures_about_many_and_kinds_of_things_are_not_personal(name, values):
    assert find_personal([Column(name=name, type="string")], {name: values}) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("age", ["41"]), ("customer_age", ["41"]), ("age_group", ["40-49"]), ("age_in_years", ["41"]),
        ("alter", ["41"]),
        ("birth_date", ["1980-01-01"]), ("user_nom", ["Dupont"]), ("phone", ["+49 30 1234567"]), ("salary", ["52000"]),
        ("sex", ["f"]), ("work_email", ["ann@example.com"]), ("home_address", ["1 High Street"]),
    ],
)  # fmt: skip
def test_columns_about_one_person_are_personal(name, values):
    assert [found.column for found in find_personal([Column(name=name, type="string")], {name: values})] == [name]
