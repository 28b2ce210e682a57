"""What a handler answers is JSON, and refusals are told from failures."""

import json
from datetime import UTC, datetime

import pytest
from mesh.domain.events import MalformedEvent
from mesh.domain.model import Model
from mesh.entry.observability import entry_point
from pydantic import Field


class Answer(Model):
    at: datetime
    names: tuple[str, ...] = Field(default=(), alias="names-of")


ANSWER = Answer.model_validate({"at": datetime(2026, 1, 2, tzinfo=UTC), "names-of": ("a",)})
WRITTEN = {"at": "2026-01-02T00:00:00Z", "names": ["a"]}


@pytest.mark.parametrize(
    ("answered", "written"),
    [(ANSWER, WRITTEN), ([ANSWER, None], [WRITTEN, None]), ({"one": ANSWER}, {"one": WRITTEN}), (None, None)],
)
def test_models_are_written_out_wherever_they_are(answered, written):
    said = entry_point(lambda event, context: answered)({}, None)

    assert json.loads(json.dumps(said)) == written


def test_input_that_is_no_event_is_named_as_such():
    with pytest.raises(MalformedEvent, match="at"):
        entry_point(lambda event, context: Answer.model_validate(event))({}, None)
