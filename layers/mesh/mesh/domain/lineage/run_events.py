"""A run as its two events, START and COMPLETE or FAIL, within what a receiver takes.

Amazon DataZone takes at most 300,000 bytes an event (PostLineageEvent). Lists are cut until an event fits; the run's
parameters then say how many there were.
"""

import json
from collections.abc import Iterable
from datetime import UTC
from hashlib import sha256
from typing import Any, Final

from mesh.domain.lineage.facets import PRODUCER, SPEC, facet
from mesh.domain.lineage.model import Dataset, Facets, StepRun

MAX_BYTES: Final = 300_000
MAX_DATASETS: Final = 100
_SCHEMA_URL: Final = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_LARGE_FACETS: Final = ("columnLineage", "dataQualityMetrics", "dataQualityAssertions", "schema", "documentation")

type RunEvent = dict[str, Any]


def run_events(step: StepRun) -> list[RunEvent]:
    """START without datasets, then the end with all that is known."""
    start = _event(step, "START", 0, ())
    dropped: list[str] = []
    left = MAX_DATASETS
    while True:
        end = _event(step, step.outcome, left, dropped)
        if size_of(end) <= MAX_BYTES:
            return [start, end]
        if left > 1:
            left //= 2
        elif len(dropped) < len(_LARGE_FACETS):
            dropped.append(_LARGE_FACETS[len(dropped)])
        else:
            raise ValueError(f"the event of {step.job} does not fit into {MAX_BYTES} bytes")


def size_of(event: RunEvent) -> int:
    """Its bytes as they are sent."""
    return len(encoded(event))


def encoded(event: RunEvent) -> bytes:
    """The same event gives the same bytes."""
    return json.dumps(event, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def token_of(event: RunEvent) -> str:
    """The same event gives the same token, for receivers that take each once."""
    return sha256(encoded(event)).hexdigest()


def _parameters(step: StepRun, left: int, dropped: Iterable[str], *, started: bool) -> dict[str, str]:
    """The run's parameters; at its end they say what was cut."""
    parameters = dict(step.parameters)
    if started:
        return parameters
    for name, found in (("inputs", step.inputs), ("outputs", step.outputs)):
        if len(found) > left:
            parameters |= {f"{name}.count": str(len(found)), f"{name}.listed": str(left)}
    if cut := ", ".join(sorted(dropped)):
        parameters["facets.dropped"] = cut
    return parameters


def _event(step: StepRun, kind: str, left: int, dropped: Iterable[str]) -> RunEvent:
    """`left`: how many inputs, and outputs, are listed; `dropped`: facets that datasets go without."""
    started, gone = kind == "START", set(dropped)
    at = (step.began if started else step.ended).astimezone(UTC)
    return {
        "eventType": kind,
        "eventTime": at.isoformat().replace("+00:00", "Z"),
        "producer": PRODUCER,
        "schemaURL": _SCHEMA_URL,
        "run": {
            "runId": step.run_id,
            "facets": _run_facets(step, _parameters(step, left, gone, started=started), started=started),
        },
        "job": {"namespace": step.place.namespace, "name": step.job, "facets": {**_job_type(), **step.job_facets}},
        "inputs": [_dataset(one, "inputFacets", gone) for one in step.inputs[:left]],
        "outputs": [_dataset(one, "outputFacets", gone) for one in step.outputs[:left]],
    }


def _run_facets(step: StepRun, parameters: dict[str, str], *, started: bool) -> Facets:
    said = {} if started else dict(step.run_facets)
    if step.parent is not None:
        said["parent"] = _parent(step)
    if parameters:
        listed = [{"key": key, "value": value} for key, value in parameters.items()]
        said["executionParameters"] = facet("1-0-0", "ExecutionParametersRunFacet", parameters=listed)
    return said


def _job_type() -> Facets:
    name = "JobTypeJobFacet"
    return {"jobType": facet("2-0-4", name, processingType="BATCH", integration="MESHWORK", jobType="TASK")}


def _parent(step: StepRun) -> dict[str, Any]:
    run_id, job = step.parent or ("", "")
    named = {"namespace": step.place.namespace, "name": job}
    return facet("1-2-0", "ParentRunFacet", run={"runId": run_id}, job=named)


def _dataset(one: Dataset, role: str, dropped: set[str]) -> dict[str, Any]:
    facets = {name: content for name, content in one.facets.items() if name not in dropped}
    of_role = {name: content for name, content in one.role_facets.items() if name not in dropped}
    return {"namespace": one.namespace, "name": one.name, "facets": facets, role: of_role}
