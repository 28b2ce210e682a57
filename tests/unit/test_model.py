"""Copies of models are validated like the models themselves."""

import pytest
from mesh.domain.events import Envelope, Metadata
from pydantic import ValidationError

METADATA = Metadata(id="e-1", correlation_id="c-1")


def test_a_copy_has_the_other_values_and_the_rest_as_before():
    changed = METADATA.evolve(id="e-2")
    assert (changed.id, changed.correlation_id, changed.time) == ("e-2", "c-1", METADATA.time)
    assert METADATA.id == "e-1"


@pytest.mark.parametrize("values", [{"identifier": "e-2"}, {"id": None}, {"id": "e" * 129}, {"version": 2}])
def test_an_unknown_field_or_a_value_of_a_wrong_type_is_refused(values):
    with pytest.raises(ValidationError):
        METADATA.evolve(**values)


def test_fields_with_an_alias_are_given_by_their_name():
    envelope = Envelope.model_validate(
        {"id": "1", "account": "1" * 12, "source": "s", "detail-type": "A", "detail": {"data": 1}}
    )
    assert envelope.evolve(detail_type="B").model_dump(by_alias=True)["detail-type"] == "B"
