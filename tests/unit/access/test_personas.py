"""Which role a reader is, and what a personas file may not say."""

import pytest
from mesh.domain.access.personas import PersonasInvalid, parse_personas

from tests.unit.access.requests import document

SHIPPED = parse_personas(document("personas"))


@pytest.mark.parametrize(
    ("reader", "role_and_persona"),
    [
        ("analyst", ("DataAnalyst", "analyst")),
        ("consumer-admin", ("ConsumerAdmin", "consumer-admin")),
        ("DataScientist", ("DataScientist", "data-scientist")),
        ("dataanalyst", ("DataAnalyst", "analyst")),
        ("nightly-report", ("nightly-report", "")),
        ("analist", ("analist", "")),
        ("", ("", "")),
        (None, ("", "")),
    ],
)
def test_a_reader_is_a_persona_or_a_role(reader, role_and_persona):
    assert SHIPPED.role_of(reader) == role_and_persona


@pytest.mark.parametrize(
    ("personas", "message"),
    [
        ({}, "personas: Dictionary should have at least 1 item"),
        ({"Analyst": {"role": "A", "meaning": "m"}}, "personas.Analyst.[key]: String should match pattern"),
        ({"analyst": {"role": "A B", "meaning": "m"}}, "personas.analyst.role: String should match pattern"),
        ({"analyst": {"role": "A"}}, "personas.analyst.meaning: Field required"),
        ({"analyst": {"role": "A", "meaning": "m", "arn": "x"}}, "personas.analyst.arn: Extra inputs"),
        (
            {"one": {"role": "Reader", "meaning": "m"}, "two": {"role": "reader", "meaning": "m"}},
            "two.role: reader is also the role of one",
        ),
        (
            {"one": {"role": "two", "meaning": "m"}, "two": {"role": "Reader", "meaning": "m"}},
            "one.role: two is the name of another persona",
        ),
    ],
)
def test_personas_that_could_mean_two_things_are_refused(personas, message):
    with pytest.raises(PersonasInvalid) as caught:
        parse_personas({"personas": personas})
    assert message in caught.value.message
