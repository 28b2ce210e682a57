"""OpenLineage's own client library as the judge of our events.

Each event is built anew through the library's generated classes, member by member, with every facet's class found by
its schema's URL; what the library then says the event is must be what we said.
"""

import enum
import importlib
import pkgutil
import re
import types
import typing
from functools import cache
from typing import Any

import attr
from openlineage.client import generated
from openlineage.client.generated import base
from openlineage.client.serde import Serde

_ROLES = {
    "run": base.RunFacet,
    "job": base.JobFacet,
    "inputFacets": base.InputDatasetFacet,
    "outputFacets": base.OutputDatasetFacet,
    "facets": base.DatasetFacet,
}


@cache
def facet_classes() -> dict[str, type]:
    """Schema URL → class, of all that the library knows."""
    found = {}
    for module in pkgutil.iter_modules(generated.__path__):
        loaded = importlib.import_module(f"{generated.__name__}.{module.name}")
        for kind in vars(loaded).values():
            if isinstance(kind, type) and issubclass(kind, base.BaseFacet) and kind.__module__ == loaded.__name__:
                found[kind._get_schema()] = kind
    return found


def check(event: dict[str, Any]) -> None:
    """Raises AssertionError, or whatever the library raises, for an event that is none of OpenLineage."""
    built = base.RunEvent(
        eventType=base.EventType(event["eventType"]),
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=base.Run(event["run"]["runId"], _facets(event["run"]["facets"], "run")),
        job=base.Job(event["job"]["namespace"], event["job"]["name"], _facets(event["job"]["facets"], "job")),
        inputs=[_dataset(base.InputDataset, one, "inputFacets") for one in event["inputs"]],
        outputs=[_dataset(base.OutputDataset, one, "outputFacets") for one in event["outputs"]],
    )
    assert _bare(Serde.to_dict(built)) == _bare(event)


def _dataset(kind: type, one: dict[str, Any], role: str) -> Any:
    assert set(one) == {"namespace", "name", "facets", role}
    facets = {"facets": _facets(one["facets"], "facets"), role: _facets(one[role], role)}
    return kind(one["namespace"], one["name"], **facets)


def _facets(facets: dict[str, Any], role: str) -> dict[str, Any]:
    return {name: _facet(name, content, _ROLES[role]) for name, content in facets.items()}


def _facet(name: str, content: dict[str, Any], root: type) -> Any:
    kind = facet_classes()[content["_schemaURL"]]
    assert issubclass(kind, root), f"{name} is a {kind.__mro__[1].__name__}"
    assert name == _key_of(kind)
    return _build(kind, content)


def _key_of(kind: type) -> str:
    """Under which key the specification wants a facet."""
    bare = re.sub(r"(InputDataset|OutputDataset|Dataset|Run|Job)Facet$", "", kind.__name__)
    return {"DatasetVersion": "version"}.get(bare, bare[:1].lower() + bare[1:])


def _build(kind: type, content: dict[str, Any]) -> Any:
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in attr.fields(kind)}
    assert set(content) <= set(fields), f"{kind.__name__} has no {set(content) - set(fields)}"
    given = {name: _value(hints[name], value) for name, value in content.items() if fields[name].init}
    return kind(**{name.lstrip("_"): value for name, value in given.items()})


def _value(hint: Any, value: Any) -> Any:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return _value(next(part for part in parts if part is not type(None)), value)
    if origin is list:
        assert isinstance(value, list)
        return [_value(parts[0], item) for item in value]
    if origin is dict:
        return {key: _value(parts[1], item) for key, item in value.items()}
    if isinstance(hint, type) and attr.has(hint):
        return _build(hint, value)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    if hint is not Any:
        numbers = (int, float) if hint is float else (hint,)
        assert isinstance(value, numbers), f"{value!r} is not {hint}"
    return value


def _bare(value: Any) -> Any:
    """Without what is not said: None, and empty lists and maps, which the library adds or leaves out."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dict):
        pruned = {key: _bare(item) for key, item in value.items()}
        return {key: item for key, item in pruned.items() if item not in (None, {}, [])}
    return [_bare(item) for item in value] if isinstance(value, list) else value
