"""Whatever a member sends as an event is read, or refused as malformed; so are LF-Tag expressions in requests.

`HYPOTHESIS_PROFILE=long` tries more.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh.domain.access.request import normal_form
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    KINDS,
    AccessRequested,
    Envelope,
    EventRefused,
    MalformedEvent,
    Reason,
    metadata_of,
    read_event,
)
from mesh.domain.governance.expressions import InvalidExpression, parse_expression

from tests.unit.fuzzing import changed, in_time, json_values, long_texts, texts

EVENTS = Path(__file__).parents[2] / "events"
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def envelopes(node: Any) -> Iterator[dict[str, Any]]:
    """Events of the mesh within a sample."""
    if isinstance(node, dict) and node.get("detail-type") in KINDS:
        yield node
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for each in inner:
        yield from envelopes(each)


SAMPLES = {
    str(event["detail-type"]): event
    for path in sorted(EVENTS.glob("*/*.json"))
    if path.parent.name != "contracts"
    for event in envelopes(json.loads(path.read_text()))
}


def read(detail: object, kind: str) -> None:
    """As a function reads it: only `detail` is the sender's."""
    if not isinstance(detail, dict):
        return  # EventBridge takes objects alone
    envelope = Envelope.model_validate({**SAMPLES["AccessRequested"], "detail-type": kind, "detail": detail})
    assert metadata_of(envelope).id
    try:
        event = read_event(KINDS[kind], envelope)
        event.model_dump_json()
        if isinstance(event.data, AccessRequested):
            normal_form(event.data, reader="r", persona="", purposes={"risk-modelling"}, now=NOW).fingerprint()
    except Rejected as refusal:
        assert refusal.message
        EventRefused(event=kind, reason=Reason.model_validate(refusal.to_dict())).model_dump_json()


def test_there_are_samples_of_most_kinds() -> None:
    assert len(SAMPLES) > len(KINDS) / 2


@settings(max_examples=5 * settings().max_examples)
@given(
    st.sampled_from(sorted(SAMPLES)).flatmap(lambda kind: st.tuples(changed(SAMPLES[kind]["detail"]), st.just(kind)))
)
def test_events_with_something_else_in_a_place(sent: tuple[Any, str]) -> None:
    read(*sent)


@pytest.mark.parametrize("kind", ["RevocationRequested", "AccessRequested", "ProductQuarantined"])
@pytest.mark.parametrize("data", [{"reason": "\ud800"}, {"\udfff": 1}, {"objects": [{"key": ["\ud800"]}]}])
def test_half_a_character_is_malformed(kind: str, data: dict[str, Any]) -> None:
    """Found by fuzzing: it was taken, and failed whoever wrote it down."""
    sent = SAMPLES[kind]
    envelope = Envelope.model_validate(
        {**sent, "detail": {**sent["detail"], "data": {**sent["detail"]["data"], **data}}}
    )
    with pytest.raises(MalformedEvent, match="surrogate"):
        read_event(KINDS[kind], envelope)


@pytest.mark.parametrize("field", ["id", "correlation_id"])
def test_an_event_has_no_empty_id(field: str) -> None:
    """Found by fuzzing: two such events were one."""
    sent = SAMPLES["AccessRequested"]
    envelope = Envelope.model_validate(
        {**sent, "detail": {**sent["detail"], "metadata": {**sent["detail"]["metadata"], field: ""}}}
    )
    assert metadata_of(envelope).id == envelope.id
    with pytest.raises(MalformedEvent):
        read_event(AccessRequested, envelope)


@given(json_values, st.sampled_from(sorted(KINDS)))
def test_events_of_anything(detail: Any, kind: str) -> None:
    read(detail, kind)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_event_of_another_kind_is_malformed(kind: str) -> None:
    envelope = Envelope.model_validate({**SAMPLES["AccessRequested"], "detail": {"data": {"unknown": 1}}})
    with pytest.raises(MalformedEvent):
        read_event(KINDS[kind], envelope)


@given(
    texts
    | long_texts
    | st.lists(st.sampled_from(["a=b", "a=b,c", "A=*", "=", "a=", ",", "publication=x"])).map(" ".join)
)
def test_expressions(text: str) -> None:
    try:
        with in_time(2.0):
            found = parse_expression(text)
    except InvalidExpression as refusal:
        assert refusal.remedy
    else:
        assert parse_expression(str(found)) == found
