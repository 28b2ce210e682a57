"""One run of a recipe job: it reads and writes S3 as the job's role, and sends an event to the account's bus when it
ends."""

import contextvars
import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from ministack.core.responses import request_scope

from local import faults
from local.databrew import files
from local.databrew.curating import JobFailedError, curate
from local.lakeformation import identity
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json

_stops: dict[str, threading.Event] = {}
_start_seconds = 0.05


@dataclass(frozen=True)
class Work:
    """A job and its dataset as they were when the run began; `run` is what the API shows of it."""

    job: Json
    dataset: Json
    steps: list[Json]
    run: Json


class StoppedError(Exception):
    """StopJobRun was called during the run."""


def configure(*, start_seconds: float) -> None:
    """How long a run takes to start (on AWS a minute or more)."""
    global _start_seconds  # noqa: PLW0603
    _start_seconds = start_seconds


def reset() -> None:
    """Tell every run to stop."""
    for event in _stops.values():
        event.set()
    _stops.clear()


def stop(run_id: str) -> None:
    """The run ends as STOPPED before it writes."""
    if event := _stops.get(run_id):
        event.set()


def begin(owner: Identity, work: Work) -> None:
    """In a thread of its own."""
    event = _stops[work.run["RunId"]] = threading.Event()
    inherited = contextvars.copy_context()
    name = f"databrew-{work.job['Name']}"
    threading.Thread(target=lambda: inherited.run(_run, owner, work, event), name=name, daemon=True).start()


def _run(owner: Identity, work: Work, stopped: threading.Event) -> None:
    began = time.monotonic()
    state, message = "SUCCEEDED", ""
    try:
        stopped.wait(_start_seconds)
        if not stopped.is_set():
            work.run["State"] = "RUNNING"
        _meet_faults(owner, work, stopped)
        _work(owner, work, stopped)
    except StoppedError:
        state = "STOPPED"
    except (JobFailedError, AwsError) as error:
        state, message = "FAILED", str(error)
    except Exception as error:
        state, message = "FAILED", f"Internal service error: {type(error).__name__}: {error}"
    ended = {"CompletedOn": datetime.now(UTC), "ExecutionTime": int(time.monotonic() - began)}
    work.run.update(ended | ({"ErrorMessage": message} if message else {}))
    work.run["State"] = state
    _stops.pop(work.run["RunId"], None)
    _emit(owner, work, state, message)


def _meet_faults(owner: Identity, work: Work, stopped: threading.Event) -> None:
    where = faults.Where("databrew", "JobRun", owner.account, work.job["Name"])
    if fault := faults.take("delay", where):
        stopped.wait(fault.seconds)
    if fault := faults.take("job_failure", where):
        raise JobFailedError(fault.message)


def _work(owner: Identity, work: Work, stopped: threading.Event) -> None:
    role = identity.role_identity(work.job["RoleArn"], owner.region, "AWSGlueDataBrew")
    place, target = work.dataset["Input"]["S3InputDefinition"], work.job["Outputs"][0]
    body = files.read(role, place["Bucket"], place["Key"])
    kind = target.get("Format", "CSV")
    written = curate(body, work.steps, bucket=place["Bucket"], key=place["Key"], kind=kind)
    if stopped.is_set():
        raise StoppedError
    folder = target["Location"].get("Key", "")
    prefix = f"{folder.rstrip('/')}/" if folder else ""
    name = f"{work.job['Name']}_{time.strftime('%d%b%Y')}_{int(time.time() * 1000)}"
    if target.get("Overwrite"):
        files.clear(role, target["Location"]["Bucket"], prefix)
        name = work.job["Name"]
    else:
        prefix += f"{name}/"
    files.write(role, target["Location"]["Bucket"], f"{prefix}{name}_part00000.{kind.lower()}", written)


def _emit(owner: Identity, work: Work, state: str, message: str) -> None:
    """https://docs.aws.amazon.com/databrew/latest/dg/monitoring.eventbridge.html"""
    from ministack.services import eventbridge  # noqa: PLC0415

    detail = {
        "jobName": work.job["Name"],
        "severity": "INFO" if state == "SUCCEEDED" else "ERROR",
        "state": state,
        "jobRunId": work.run["RunId"],
        "message": message or f"Job run {state.lower()}",
    }
    entry = {
        "Source": "aws.databrew",
        "DetailType": "DataBrew Job State Change",
        "Detail": json.dumps(detail),
        "EventBusName": "default",
    }
    with request_scope(owner.account, owner.region):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
