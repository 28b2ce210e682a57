"""Events as contracts: schemas in sync with the models, samples that every function can parse."""

import ast
import importlib
import inspect
import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mesh.domain.events import EVENT_TYPES, KINDS, Envelope, Event, EventData, LimitingData
from mesh.domain.lineage.orders import Orders
from mesh.domain.membership.authorisation import SENDERS
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.entry.s3_events import object_of
from mesh.usecases.access.end_access import Ending
from mesh.usecases.governance.settle_failure import Decision
from mesh.usecases.membership.relay_inbox import InboxMessage
from mesh.usecases.publishing.settle_pin import Due
from pydantic import BaseModel, ValidationError

from tests.contract.machines import function_folders
from tools import sample_events
from tools.event_contracts import contracts, differences
from tools.templates import ROOT

FUNCTIONS = function_folders()
SAMPLES = sorted((ROOT / "events").glob("*/*.json"))
# Samples of what is to be refused: they show the form of bad input, and are not events of the contract.
BAD = {"check_contract/forged_sender", "collect_uploads/not_an_s3_event", "relay_inbox/not_a_notice"}


METADATA = {"id": "i", "version": 1, "correlation_id": "c", "causation_id": None, "time": "2026-11-21T09:30:00Z"}


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Event's name → the schema that its model makes, made once: not to be changed."""
    return {name.removesuffix(".v1.json"): json.loads(text) for name, text in contracts().items()}


def of_functions() -> list[Path]:
    return [path for path in SAMPLES if path.parent.name != "contracts"]


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def validated_parts(function: str, event: Any) -> Iterator[BaseModel]:
    """Each `Model.model_validate(event…)` of the handler's own source, done on the sample."""
    module = importlib.import_module(f"functions.{FUNCTIONS[function]}.{function}.app")
    for node in ast.walk(ast.parse(inspect.getsource(module.lambda_handler))):
        match node:
            case ast.Call(func=ast.Attribute(attr="model_validate", value=ast.Name(id=model)), args=[argument]):
                source = ast.unparse(argument)
                if source == "event" or source.startswith("event["):
                    yield getattr(module, model).model_validate(eval(source, {"event": event}))
                elif source == "table":
                    yield from (getattr(module, model).model_validate(table) for table in event["tables"])


def bodies(event: Any) -> Iterator[Any]:
    """What SQS records hold."""
    return (json.loads(record["body"]) for record in event["Records"])


def inbox_message(body: Any) -> InboxMessage:
    kind = body["MessageAttributes"]["detail-type"]["Value"]
    return InboxMessage(topic_arn=body["TopicArn"], detail_type=kind, detail=json.loads(body["Message"]))


# Handlers that take their event apart without a model: what they look for.
BY_HAND: dict[str, Any] = {
    "collect_uploads": lambda event: [object_of(body) for body in bodies(event)],
    "declare_product": lambda event: [object_of(event)],
    "revoke_grants": lambda event: [Ending.model_validate(event["order"]["ending"])],
    "find_drift": lambda event: [event["dry_run"]],
    "govern_lake": lambda event: (
        [event["RequestType"], properties.get("Admins") or properties["Layer"], event["ResponseURL"]]
        if (properties := event.get("ResourceProperties"))
        else [event["detail-type"]]
    ),
    "keep_storage": lambda event: [event["ResourceType"], event["ResourceProperties"]["Name"], event["ResponseURL"]],
    "join_mesh": lambda event: [event.get("ResponseURL") or event["detail-type"]],
    "record_lineage": lambda event: [Orders.validate_python(body) for body in bodies(event)],
    "relay_inbox": lambda event: [inbox_message(body) for body in bodies(event)],
    "settle_failure": lambda event: (
        [event["detail-type"]] if "detail-type" in event else [Decision.model_validate(event)]
    ),
    "settle_pin": lambda event: [Due.model_validate(event["ending"])] if "ending" in event else [*envelopes(event)],
    "withdraw_versions": lambda event: (
        [event["retention"]] if "retention" in event else [Envelope.model_validate(event)]
    ),
    "resume_run": lambda event: [event["detail"].get("crawlerName") or [*envelopes(event)]],
}


def envelopes(value: Any) -> Iterator[dict[str, Any]]:
    """EventBridge envelopes of Meshwork's own events, wherever they stand in a sample."""
    if isinstance(value, dict):
        if value.get("source") == "meshwork":
            yield value
        for item in value.values():
            yield from envelopes(item)


def test_the_contracts_are_as_the_models_say():
    assert differences() == []


def test_a_difference_of_any_kind_is_found(tmp_path):
    for name, text in contracts().items():
        (tmp_path / name).write_text(text)
    assert differences(tmp_path) == []

    (tmp_path / "MemberJoined.v1.json").write_text("{}")
    (tmp_path / "VersionProposed.v1.json").unlink()
    (tmp_path / "Invented.v1.json").write_text("{}")

    assert len(differences(tmp_path)) == 3


def test_the_samples_are_as_the_models_say():
    assert sample_events.differences() == []


def test_a_difference_of_a_sample_is_found(tmp_path):
    shutil.copytree(ROOT / "events", tmp_path, dirs_exist_ok=True)

    (tmp_path / "check_contract" / "unknown_tag.json").unlink()
    (tmp_path / "check_contract" / "declared.json").write_text("{}")
    (tmp_path / "find_drift" / "by_hand.json").write_text(json.dumps({"envelope": {"source": "meshwork"}}))

    assert [fault.partition(":")[0] for fault in sample_events.differences(tmp_path)] == [
        "check_contract/unknown_tag.json",
        "check_contract/declared.json",
        "find_drift/by_hand.json",
    ]


def test_a_sample_has_every_field_of_its_event():
    usual = {"envelope": {"id": "1", "time": "t"}, "metadata": METADATA, "fields": {"product": "fees"}}

    event = sample_events.sample(
        {"event": "RollbackRequested", "by": "1", "data": {"version": 3, "reason": "wrong"}}, usual
    )

    assert set(event["detail"]["data"]) == set(KINDS["RollbackRequested"].model_fields)
    assert event["detail"]["data"] | {"product": "fees", "version": 3} == event["detail"]["data"]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_contract_accepts_fields_that_a_receiver_does_not_know_unless_one_could_be_a_limit(kind):
    schema = json.loads((ROOT / "events" / "contracts" / f"{kind}.v1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)

    parts = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    limits = issubclass(KINDS[kind], LimitingData)
    assert {part.get("additionalProperties", True) for part in parts} == {not limits}
    assert not {"account", "sender", "account_id"} & set(schema["$defs"][kind]["properties"])


@pytest.mark.parametrize("function", list(FUNCTIONS))
def test_each_function_has_a_sample_that_its_handler_parses(function):
    samples = [path for path in of_functions() if path.parent.name == function and name_of(path) not in BAD]
    assert samples

    for path in samples:
        event = json.loads(path.read_text())
        parsed = [*validated_parts(function, event), *BY_HAND.get(function, lambda _: [])(event)]
        assert parsed, f"{name_of(path)}: nothing of it is parsed"
        assert all(part is not None for part in parsed)


def test_samples_belong_to_functions():
    assert {path.parent.name for path in of_functions()} == set(FUNCTIONS)


@pytest.mark.parametrize("path", of_functions(), ids=name_of)
def test_an_event_in_a_sample_keeps_its_contract(path):
    for envelope in envelopes(json.loads(path.read_text())):
        schema = schemas()[envelope["detail-type"]]
        faults = list(jsonschema.Draft202012Validator(schema).iter_errors(envelope["detail"]))
        kind = KINDS[envelope["detail-type"]]
        if name_of(path) in BAD:
            with pytest.raises(ValidationError):
                Event[kind].model_validate(envelope["detail"], extra="forbid")
        else:
            assert faults == []
            read = Event[kind].model_validate(envelope["detail"], extra="forbid")
            assert Event[kind].model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize("name", sorted(BAD - {"check_contract/forged_sender"}))
def test_bad_records_cannot_be_parsed(name):
    function, case = name.split("/")
    event = json.loads((ROOT / "events" / function / f"{case}.json").read_text())

    with pytest.raises((ValueError, KeyError)):
        BY_HAND[function](event)


def test_an_s3_key_is_taken_as_it_is():
    event = json.loads((ROOT / "events" / "collect_uploads" / "two_products.json").read_text())

    refs = BY_HAND["collect_uploads"](event)

    assert all(isinstance(ref, ObjectRef) for ref in refs)
    assert refs[1].key == "loans/data/loans/part 1+1 %2F größe.csv"


# What a schema cannot say: `where` of a reason is checked by the model, a contract has the limits of docs/limits.md.
BOUNDED_ELSEWHERE = {"MembersReason.where", "ProductDeclared.contract"}


def endless(schema: dict[str, Any], place: str) -> Iterator[str]:
    """Texts, lists and objects of a schema that have no end."""
    for name, part in schema.get("properties", {}).items():
        yield from endless(part, f"{place}.{name}")
    for part in schema.get("anyOf", []):
        yield from endless(part, place)
    match schema:
        case {"$ref": _} | {"enum": _} | {"const": _}:
            pass
        case {"type": "string"} if schema.get("format") != "date-time" and "maxLength" not in schema:
            quantifiers = re.sub(r"\\.|\[[^\]]*\]", "x", schema.get("pattern", "*"))
            if re.search(r"[*+]|,\}", quantifiers):
                yield place
        case {"type": "array"}:
            if "maxItems" not in schema:
                yield place
            yield from endless(schema["items"], f"{place}[]")
        case {"type": "object"} if "properties" not in schema:
            yield place


@pytest.mark.parametrize("kind", sorted({*SENDERS, "MemberJoined", "QuarantineDecided"}))
def test_what_a_member_may_send_has_an_end(kind: str):
    """Central records it beside what it needs to write later, in an item of 400 KB."""
    schema = schemas()[kind]
    parts = {schema["title"]: schema, **schema["$defs"]}
    found = {place for name, part in parts.items() for place in endless(part, name)}
    assert found <= BOUNDED_ELSEWHERE


def test_the_sender_is_the_envelopes_and_no_events_field():
    assert Envelope.model_fields["account"].is_required()
    for kind in EVENT_TYPES:
        assert issubclass(kind, EventData)
        assert not {"account", "sender", "account_id"} & set(kind.model_fields)
