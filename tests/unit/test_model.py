"""Copies of models are validated like the models themselves."""

import json

import pytest
from mesh.domain.events import (
    KINDS,
    Envelope,
    Event,
    LimitingData,
    MalformedEvent,
    Metadata,
    SubscriptionEnded,
    read_event,
)
from pydantic import ValidationError

from tests.unit.test_fuzzed_events import SAMPLES

METADATA = Metadata(id="e-1", correlation_id="c-1")


def test_a_copy_has_the_other_values_and_the_rest_as_before():
    changed = METADATA.evolve(id="e-2")
    assert (changed.id, changed.correlation_id, changed.time) == ("e-2", "c-1", METADATA.time)
    assert METADATA.id == "e-1"


@pytest.mark.parametrize("values", [{"identifier": "e-2"}, {"id": None}, {"id": "e" * 129}, {"version": 2}])
def test_an_unknown_field_or_a_value_of_a_wrong_type_is_refused(values):
    with pytest.raises(ValidationError):
        METADATA.evolve(**values)


def test_an_unknown_field_is_refused_when_made_and_ignored_when_read():
    with pytest.raises(ValidationError):
        Metadata(id="e-1", unknown=1)
    read = {"metadata": {"id": "e-1", "newer": 1}, "data": {"product": "p1", "newer": {"a": 1}}, "newer": []}
    for event in (
        Event[SubscriptionEnded].model_validate(read),
        Event[SubscriptionEnded].model_validate_json(json.dumps(read)),
    ):
        assert (event.metadata.id, event.data.product, "newer" in event.model_dump_json()) == ("e-1", "p1", False)


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_each_event_is_read_with_fields_of_a_later_release_unless_one_could_be_a_limit(kind):
    sent = json.loads(json.dumps(SAMPLES[kind]))
    sent["detail"]["data"]["newer"] = 1
    envelope = Envelope.model_validate(sent)
    if issubclass(KINDS[kind], LimitingData):
        with pytest.raises(MalformedEvent) as refused:
            read_event(KINDS[kind], envelope)
        assert refused.value.where["field"] == "data.newer"
    else:
        assert read_event(KINDS[kind], envelope) == read_event(KINDS[kind], Envelope.model_validate(SAMPLES[kind]))


def test_fields_with_an_alias_are_given_by_their_name():
    envelope = Envelope.model_validate(
        {"id": "1", "account": "1" * 12, "source": "s", "detail-type": "A", "detail": {"data": 1}}
    )
    assert envelope.evolve(detail_type="B").model_dump(by_alias=True)["detail-type"] == "B"
