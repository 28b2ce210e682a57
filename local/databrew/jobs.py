"""Recipe jobs and their runs, as the API shows them; `running` does the work.

https://docs.aws.amazon.com/databrew/latest/dg/API_CreateRecipeJob.html and the pages of the other operations.
"""

import uuid
from datetime import UTC, datetime

from local import roles
from local.databrew import running
from local.databrew.recipes import version_of
from local.databrew.store import conflict, found, new, state
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json, Operation, page

SERVICE = "databrew.amazonaws.com"
MAX_CONCURRENT = 10
"""Runs of an account at a time. On AWS it is a service quota, which can be raised."""
_CHANGED = (
    "EncryptionKeyArn", "EncryptionMode", "LogSubscription", "MaxCapacity", "MaxRetries", "Outputs", "RoleArn",
    "Timeout",
)  # fmt: skip


def create_recipe_job(caller: Identity, params: Json) -> Json:
    name, jobs = params["Name"], state(caller).jobs
    if name in jobs:
        raise conflict(f"The job {name} already exists")
    if not params.get("DatasetName") or not params.get("RecipeReference") or not params.get("Outputs"):
        raise AwsError("ValidationException", "The local mesh knows jobs of a dataset, a recipe and S3 outputs alone")
    found(state(caller).datasets, "dataset", params["DatasetName"])
    reference = params["RecipeReference"]
    version = version_of(caller, reference["Name"], reference.get("RecipeVersion") or "LATEST_PUBLISHED")
    _check_role(caller, params["RoleArn"])
    named = {"Name": reference["Name"], "RecipeVersion": version["RecipeVersion"]}
    jobs[name] = new(caller, "job", params) | {"Type": "RECIPE", "RecipeReference": named}
    state(caller).runs[name] = []
    return {"Name": name}


def update_recipe_job(caller: Identity, params: Json) -> Json:
    """What a job writes and as whom; its dataset and recipe stay."""
    job = found(state(caller).jobs, "job", params["Name"])
    _check_role(caller, params["RoleArn"])
    changed = {member: params[member] for member in _CHANGED if member in params}
    state(caller).jobs[params["Name"]] = job | changed | {"LastModifiedDate": datetime.now(UTC)}
    return {"Name": params["Name"]}


def describe_job(caller: Identity, params: Json) -> Json:
    return found(state(caller).jobs, "job", params["Name"])


def list_jobs(caller: Identity, params: Json) -> Json:
    """All, or those of a dataset."""
    wanted = params.get("DatasetName")
    jobs = [job for _, job in sorted(state(caller).jobs.items()) if wanted in {None, job["DatasetName"]}]
    items, rest = page(jobs, params)
    return {"Jobs": items} | rest


def delete_job(caller: Identity, params: Json) -> Json:
    name = params["Name"]
    found(state(caller).jobs, "job", name)
    if any(_goes_on(run) for run in state(caller).runs[name]):
        raise conflict(f"The job {name} is running")
    del state(caller).jobs[name], state(caller).runs[name]
    return {"Name": name}


def start_job_run(caller: Identity, params: Json) -> Json:
    """Begin a run; one of a job at a time."""
    job = found(state(caller).jobs, "job", params["Name"])
    runs = state(caller).runs
    if any(_goes_on(run) for run in runs[job["Name"]]):
        raise conflict(f"The job {job['Name']} is running")
    if sum(_goes_on(run) for each in runs.values() for run in each) >= MAX_CONCURRENT:
        raise AwsError("ServiceQuotaExceededException", "The account's quota of concurrent jobs is used up", 402)
    run: Json = {
        "RunId": f"db_{uuid.uuid4().hex}{uuid.uuid4().hex}",
        "JobName": job["Name"],
        "State": "STARTING",
        "StartedOn": datetime.now(UTC),
        "StartedBy": caller.session,
        "Attempt": 0,
        "ExecutionTime": 0,
        **{
            member: job[member]
            for member in ("DatasetName", "RecipeReference", "Outputs", "LogSubscription")
            if member in job
        },
    }
    runs[job["Name"]].append(run)
    dataset = found(state(caller).datasets, "dataset", job["DatasetName"])
    steps = version_of(caller, job["RecipeReference"]["Name"], job["RecipeReference"]["RecipeVersion"])["Steps"]
    running.begin(caller, running.Work(dict(job), dict(dataset), steps, run))
    return {"RunId": run["RunId"]}


def describe_job_run(caller: Identity, params: Json) -> Json:
    return _run(caller, params)


def list_job_runs(caller: Identity, params: Json) -> Json:
    """The newest first."""
    found(state(caller).jobs, "job", params["Name"])
    items, rest = page(list(reversed(state(caller).runs[params["Name"]])), params)
    return {"JobRuns": items} | rest


def stop_job_run(caller: Identity, params: Json) -> Json:
    run = _run(caller, params)
    if _goes_on(run):
        run["State"] = "STOPPING"
        running.stop(run["RunId"])
    return {"RunId": run["RunId"]}


def _run(caller: Identity, params: Json) -> Json:
    found(state(caller).jobs, "job", params["Name"])
    by_id = {run["RunId"]: run for run in state(caller).runs[params["Name"]]}
    return found(by_id, "job run", params["RunId"])


def _goes_on(run: Json) -> bool:
    return run["State"] in {"STARTING", "RUNNING", "STOPPING"}


def _check_role(caller: Identity, role_arn: str) -> None:
    caller.pass_role(role_arn, SERVICE)
    try:
        roles.check_trust(role_arn, SERVICE)
    except (roles.CannotAssumeRoleError, IndexError) as error:
        raise AwsError("ValidationException", f"DataBrew cannot assume the role {role_arn}") from error


OPERATIONS: dict[str, Operation[Identity]] = {
    "CreateRecipeJob": create_recipe_job,
    "UpdateRecipeJob": update_recipe_job,
    "DescribeJob": describe_job,
    "ListJobs": list_jobs,
    "DeleteJob": delete_job,
    "StartJobRun": start_job_run,
    "DescribeJobRun": describe_job_run,
    "ListJobRuns": list_job_runs,
    "StopJobRun": stop_job_run,
}
