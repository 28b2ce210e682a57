"""DataBrew on the running server, through the product's own adapters: names, conflicts, rights of caller and role."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mesh.adapters.glue.recipe_jobs import DataBrewJobs
from mesh.adapters.s3.job_files import S3JobFiles
from mesh.adapters.s3.storage import ObjectGone
from mesh.domain.onboarding.curation.errors import RecipeNotForJobs
from mesh.domain.onboarding.curation.jobs import JobOrder, JobRun
from mesh.domain.onboarding.curation.scanning import read_raw_head
from mesh.domain.onboarding.formats.model import ObjectRef

from tests.local.running import RunningServer, allow, wait_until
from tests.unit.onboarding.curation.recipes import step

ACCOUNT, SERVICE, REGION = "111111111111", "databrew.amazonaws.com", "us-east-1"
BUCKET, WORK = "brew-data", "brew-work"
RAW = "a;n\nx;1\ny;2\n"
STEPS = [step("RENAME", sourceColumn="a", targetColumn="b"), step("UPPER_CASE", sourceColumn="b")]


class Brewery:
    """One object after another, each with a job of its own."""

    def __init__(self, server: RunningServer, role_arn: str) -> None:
        self.s3, self.brew = server.client("s3", ACCOUNT), server.client("databrew", ACCOUNT)
        self.jobs, self.files = DataBrewJobs(self.brew, WORK, role_arn), S3JobFiles(self.s3, WORK)
        self.role_arn = role_arn
        self.server = server

    def order(self, name: str, body: str = RAW, recipe: str = "") -> JobOrder:
        """Upload an object; what is asked for it."""
        key = f"p/raw/t/{name}.csv"
        version = self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]
        shape = read_raw_head(body.encode(), len(body), bucket=BUCKET, key=key)
        return JobOrder(
            ref=ObjectRef(bucket=BUCKET, key=key, size=len(body), version_id=version),
            key=f"runs/p/00000001/curated/{name}.csv",
            name=f"mesh-p-{name}",
            recipe=recipe or f"mesh-p-{name}",
            folder=f"jobs/p/{name}/",
            format=shape.format,
            compression=shape.compression,
            delimiter=shape.delimiter,
            columns=("b", "n"),
            lineage={},
        )

    def run(self, order: JobOrder, steps: list[Any] = STEPS) -> JobRun:
        """Stage, start, and wait."""
        self.files.stage(order.ref, order.source)
        assert self.jobs.start(order, steps)
        return self.ended(order)

    def ended(self, order: JobOrder) -> JobRun:
        def look() -> JobRun | None:
            found = self.jobs.newest(order)
            return found if found and not found.goes_on else None

        found: JobRun = wait_until(look)
        return found

    def fault(self, kind: str, name: str, **more: Any) -> None:
        rule = {"kind": kind, "service": "databrew", "action": "JobRun", "resource": name, **more}
        self.server.control("POST", "/_mesh/faults", rule)


@pytest.fixture(scope="module")
def role(server: RunningServer) -> str:
    return server.make_role(
        ACCOUNT, "brewer", SERVICE,
        allow("s3:GetObject", resource=f"arn:aws:s3:::{WORK}/jobs/*"),
        allow("s3:PutObject", "s3:DeleteObject", resource=f"arn:aws:s3:::{WORK}/jobs/*/out/*"),
        allow("s3:ListBucket", resource=f"arn:aws:s3:::{WORK}"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def brewery(server: RunningServer, role: str) -> Brewery:
    made = Brewery(server, role)
    for bucket in (BUCKET, WORK):
        made.s3.create_bucket(Bucket=bucket)
        made.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return made


def test_a_job_from_the_first_call_to_the_last(brewery: Brewery) -> None:
    order = brewery.order("whole")
    assert brewery.jobs.newest(order) is None

    run = brewery.run(order)

    assert run == JobRun("SUCCEEDED", "", 1)
    [part] = brewery.files.parts(order.output)
    assert b"".join(brewery.files.chunks(part.key)) == brewery.files.head(part.key) == b"b,n\nX,1\nY,2\n"
    brewery.files.deliver(part.key, order.key, "text/csv")
    found = brewery.s3.get_object(Bucket=WORK, Key=order.key)
    assert (found["Body"].read(), found["ContentType"]) == (b"b,n\nX,1\nY,2\n", "text/csv")

    brewery.jobs.remove(order)
    brewery.jobs.remove_recipe(order.recipe)
    brewery.files.clear(order.folder)
    assert brewery.jobs.newest(order) is None
    assert brewery.files.parts(order.folder) == []
    for call, arguments in [
        (brewery.brew.describe_job, {"Name": order.name}),
        (brewery.brew.describe_dataset, {"Name": order.name}),
        (brewery.brew.describe_recipe, {"Name": order.recipe, "RecipeVersion": "LATEST_WORKING"}),
    ]:
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            call(**arguments)
    brewery.jobs.remove(order)  # what is gone is success
    brewery.jobs.remove_recipe(order.recipe)


def test_what_was_begun_before_is_taken_up(brewery: Brewery) -> None:
    order = brewery.order("again")
    brewery.brew.create_recipe(Name=order.recipe, Steps=STEPS)  # a crash before it was published
    brewery.files.stage(order.ref, order.source)
    brewery.fault("delay", order.name, seconds=2)

    assert brewery.jobs.start(order, STEPS)
    assert brewery.jobs.start(order, STEPS), "the answer was lost: a job that runs is one that was started"

    assert brewery.ended(order) == JobRun("SUCCEEDED", "", 1)
    versions = brewery.brew.describe_recipe(Name=order.recipe)["RecipeVersion"]
    assert versions == "1.0", "published once"
    job = brewery.brew.describe_job(Name=order.name)
    assert job["RecipeReference"] == {"Name": order.recipe, "RecipeVersion": "1.0"}
    assert (job["MaxCapacity"], job["EncryptionMode"], job["Outputs"][0]["MaxOutputFiles"]) == (5, "SSE-S3", 1)


def test_the_requested_version_is_staged_once(brewery: Brewery) -> None:
    order = brewery.order("pinned")
    brewery.s3.put_object(Bucket=BUCKET, Key=order.ref.key, Body="a;n\nnewer;9\n")

    for _ in range(2):
        brewery.files.stage(order.ref, order.source)

    assert brewery.files.head(order.source) == RAW.encode()
    assert len(brewery.s3.list_object_versions(Bucket=WORK, Prefix=order.source)["Versions"]) == 1
    with pytest.raises(ObjectGone):
        brewery.files.stage(order.ref.model_copy(update={"key": "p/raw/t/none.csv", "version_id": None}), "jobs/p/none")


def test_a_step_that_fails_ends_the_job_with_its_reason(brewery: Brewery) -> None:
    run = brewery.run(brewery.order("broken"), [step("DELETE", sourceColumn="zz")])

    assert (run.state, "zz" in run.error) == ("FAILED", True)
    assert run.error.startswith("RecipeColumnMissing: step 1 (DELETE)")


def test_a_failed_run_is_repeated_in_the_same_job(brewery: Brewery) -> None:
    order = brewery.order("repeat")
    brewery.fault("job_failure", order.name, message="Rate exceeded")
    assert brewery.run(order) == JobRun("FAILED", "Rate exceeded", 1)

    assert brewery.run(order) == JobRun("SUCCEEDED", "", 2)


def test_a_job_can_do_what_its_role_can(server: RunningServer, brewery: Brewery) -> None:
    blind = server.make_role(ACCOUNT, "blind", SERVICE, allow("s3:PutObject", resource=f"arn:aws:s3:::{WORK}/*"))
    other = Brewery(server, blind)
    run = other.run(other.order("blind"))

    assert run.state == "FAILED"
    assert "s3:GetObject" in run.error


def test_a_role_has_to_trust_databrew_and_the_caller_has_to_be_allowed_to_pass_it(
    server: RunningServer, brewery: Brewery, role: str
) -> None:
    stranger = server.make_role(ACCOUNT, "stranger", "glue.amazonaws.com")
    with pytest.raises(ClientError, match="cannot assume the role"):
        Brewery(server, stranger).run(brewery.order("untrusting"))

    server.make_role(ACCOUNT, "caller", f"arn:aws:iam::{ACCOUNT}:root", allow("databrew:*", resource="*"))
    caller = DataBrewJobs(server.client("databrew", ACCOUNT, "caller"), WORK, role)
    with pytest.raises(ClientError, match="iam:PassRole"):
        caller.start(brewery.order("unpassed"), STEPS)


def test_rights_are_checked_by_name(server: RunningServer, brewery: Brewery) -> None:
    root = f"arn:aws:iam::{ACCOUNT}:root"
    arn = f"arn:aws:databrew:{REGION}:{ACCOUNT}:job/mesh-*"
    server.make_role(ACCOUNT, "starter-of-ours", root, allow("databrew:ListJobRuns", resource=arn))
    limited = server.client("databrew", ACCOUNT, "starter-of-ours")

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        limited.list_job_runs(Name="mesh-none")
    with pytest.raises(ClientError, match="AccessDenied"):
        limited.list_job_runs(Name="others")
    with pytest.raises(ClientError, match="AccessDenied"):
        limited.start_job_run(Name="mesh-none")


@pytest.mark.parametrize(
    "steps",
    [
        [step("REPLACE_TEXT", sourceColumn="a", pattern="x", value="")],  # botocore knows the least length
        [step("DELETE", sourceColumn="a")] * 101,
        [step("REMOVE_VALUES", [{"Condition": "IS", "Value": "v" * 1025, "TargetColumn": "a"}], sourceColumn="a")],
    ],
)
def test_a_recipe_that_databrew_does_not_take(brewery: Brewery, steps: list[Any]) -> None:
    with pytest.raises(RecipeNotForJobs) as refused:
        brewery.jobs.start(brewery.order("refused"), steps)

    assert refused.value.remedy


def test_an_account_that_is_full_is_waited_for(brewery: Brewery) -> None:
    orders = [brewery.order(f"full{number}", recipe="mesh-p-full") for number in range(11)]
    for order in orders:
        brewery.files.stage(order.ref, order.source)
        brewery.fault("delay", order.name, seconds=4)

    assert [brewery.jobs.start(order, STEPS) for order in orders] == [True] * 10 + [False]

    brewery.brew.stop_job_run(Name=orders[0].name, RunId=_run_id(brewery, orders[0]))
    assert brewery.ended(orders[0]).state == "STOPPED"
    assert brewery.jobs.start(orders[10], STEPS)
    with pytest.raises(ClientError, match="ConflictException"):
        brewery.brew.delete_job(Name=orders[1].name)
    assert [brewery.ended(order).state for order in orders[1:]] == ["SUCCEEDED"] * 10
    brewery.jobs.remove_recipe("mesh-p-full")
    assert brewery.brew.describe_recipe(Name="mesh-p-full")["RecipeVersion"] == "1.0", "jobs use it"


def _run_id(brewery: Brewery, order: JobOrder) -> str:
    return str(brewery.brew.list_job_runs(Name=order.name)["JobRuns"][0]["RunId"])


def test_the_end_of_a_run_is_an_event_on_the_default_bus(server: RunningServer, brewery: Brewery) -> None:
    events, sqs = server.client("events", ACCOUNT), server.client("sqs", ACCOUNT)
    url = sqs.create_queue(QueueName="brewed")["QueueUrl"]
    pattern = {"source": ["aws.databrew"], "detail-type": ["DataBrew Job State Change"]}
    rule = events.put_rule(Name="brewed", EventPattern=json.dumps(pattern))["RuleArn"]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:brewed"
    allowed = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
               "Resource": queue, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}  # fmt: skip
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allowed]})}
    )
    events.put_targets(Rule="brewed", Targets=[{"Id": "q", "Arn": queue}])
    brewery.run(brewery.order("told"))

    [message] = wait_until(lambda: sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"))
    detail = json.loads(message["Body"])["detail"]
    assert (detail["jobName"], detail["state"], detail["severity"]) == ("mesh-p-told", "SUCCEEDED", "INFO")


def test_a_job_s_output_and_role_may_be_changed_its_recipe_not(brewery: Brewery, role: str) -> None:
    order = brewery.order("changed")
    brewery.run(order)
    elsewhere = {"Location": {"Bucket": WORK, "Key": "jobs/p/changed/out/more"}, "Format": "CSV"}
    brewery.brew.update_recipe_job(Name=order.name, Outputs=[elsewhere], RoleArn=role)

    brewery.brew.start_job_run(Name=order.name)
    brewery.ended(order)

    [part] = brewery.files.parts("jobs/p/changed/out/more/")
    assert part.key.endswith("_part00000.csv"), "without Overwrite a folder of the run's own"
    assert part.key.count("/") == 6
    latest = brewery.brew.describe_job_run(Name=order.name, RunId=_run_id(brewery, order))
    assert (latest["State"], latest["Outputs"]) == ("SUCCEEDED", [elsewhere])
