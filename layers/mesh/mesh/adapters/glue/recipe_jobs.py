"""AWS Glue DataBrew: recipes, datasets and jobs, made as they are needed and removed again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError, ParamValidationError

from mesh.adapters.aws import code_of, message_of, transient_errors
from mesh.domain.onboarding.curation.errors import RecipeNotForJobs
from mesh.domain.onboarding.curation.jobs import JobOrder, JobRun

NODES: Final = 5
"""DataBrew's own default, and the least of a job: four processors and 16 GB each."""
TIMEOUT_MINUTES: Final = 120
_GONE: Final = frozenset({"ResourceNotFoundException"})
_THERE: Final = frozenset({"ConflictException"})
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""A run that has not got its time yet is the newest."""
_FULL: Final = frozenset({"ServiceQuotaExceededException"})


class DataBrewJobs:
    """Implements `ports.RecipeJobs`. Jobs act as `role_arn`, and read and write `bucket`."""

    def __init__(self, client: Any, bucket: str, role_arn: str) -> None:  # noqa: ANN401 - boto3's own client
        self._client, self._bucket, self._role_arn = client, bucket, role_arn

    def newest(self, order: JobOrder) -> JobRun | None:
        """See the port."""
        try:
            with transient_errors():
                runs = self._client.list_job_runs(Name=order.name)["JobRuns"]
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            return None
        if not runs:
            return None
        latest = max(runs, key=lambda run: run.get("StartedOn") or _NEVER)
        return JobRun(latest["State"], latest.get("ErrorMessage", ""), len(runs))

    def start(self, order: JobOrder, steps: Sequence[Any]) -> bool:
        """See the port. A run that goes on already, of a call whose answer was lost, is one that was started."""
        try:
            version = self._publish(order.recipe, steps)
            self._create(self._client.create_dataset, **self._dataset(order))
            self._create(self._client.create_recipe_job, **self._job(order, version))
            self._create(self._client.start_job_run, Name=order.name)
        except ClientError as error:
            if code_of(error) not in _FULL:
                raise
            return False
        return True

    def remove(self, order: JobOrder) -> None:
        """See the port."""
        _unless(_GONE, self._client.delete_job, Name=order.name)
        _unless(_GONE, self._client.delete_dataset, Name=order.name)

    def remove_recipe(self, name: str) -> None:
        """See the port. `LATEST_WORKING` goes last, and only with all others."""
        while version := self._published(name):
            if _unless(_THERE | _GONE, self._client.delete_recipe_version, Name=name, RecipeVersion=version):
                return
        _unless(_THERE | _GONE, self._client.delete_recipe_version, Name=name, RecipeVersion="LATEST_WORKING")

    def _publish(self, name: str, steps: Sequence[Any]) -> str:
        """The recipe's published version. Jobs run no other; each publishing makes a further one."""
        version = self._published(name)
        if version is None:
            try:
                self._create(self._client.create_recipe, Name=name, Steps=list(steps))
            except (ClientError, ParamValidationError) as error:
                raise _refused(name, error) from error
            with transient_errors():
                self._client.publish_recipe(Name=name)
            version = self._published(name)
        return version or "LATEST_PUBLISHED"

    def _published(self, name: str) -> str | None:
        try:
            with transient_errors():
                described = self._client.describe_recipe(Name=name, RecipeVersion="LATEST_PUBLISHED")
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            return None
        return str(described["RecipeVersion"])

    def _create(self, call: Callable[..., Any], **arguments: Any) -> None:  # noqa: ANN401 - boto3's own
        """What is there already has the same name, and so the same content."""
        _unless(_THERE, call, **arguments)

    def _dataset(self, order: JobOrder) -> dict[str, Any]:
        options = {"Csv": {"Delimiter": order.delimiter, "HeaderRow": True}}
        return {
            "Name": order.name,
            "Format": order.format.upper(),
            "FormatOptions": options if order.format == "csv" else {"Json": {"MultiLine": False}},
            "Input": {"S3InputDefinition": {"Bucket": self._bucket, "Key": order.source}},
        }

    def _job(self, order: JobOrder, version: str) -> dict[str, Any]:
        output = {
            "Format": order.format.upper(),
            "Location": {"Bucket": self._bucket, "Key": order.output},
            "Overwrite": True,
            "MaxOutputFiles": 1,
        }
        return {
            "Name": order.name,
            "DatasetName": order.name,
            "RecipeReference": {"Name": order.recipe, "RecipeVersion": version},
            "Outputs": [output | ({"FormatOptions": {"Csv": {"Delimiter": ","}}} if order.format == "csv" else {})],
            "RoleArn": self._role_arn,
            "EncryptionMode": "SSE-S3",
            "LogSubscription": "ENABLE",
            "MaxCapacity": NODES,
            "MaxRetries": 0,
            "Timeout": TIMEOUT_MINUTES,
        }


def _unless(codes: frozenset[str], call: Callable[..., Mapping[str, Any]], **arguments: Any) -> bool:  # noqa: ANN401
    """Whether the call was answered with one of these codes."""
    try:
        with transient_errors():
            call(**arguments)
    except ClientError as error:
        if code_of(error) not in codes:
            raise
        return True
    return False


def _refused(name: str, error: ClientError | ParamValidationError) -> Exception:
    """DataBrew's rejection of a recipe as a reason; re-raises any other error."""
    if isinstance(error, ClientError) and code_of(error) != "ValidationException":
        return error
    said = message_of(error) if isinstance(error, ClientError) else str(error)
    return RecipeNotForJobs(
        f"DataBrew does not take the recipe: {said}"[:1500],
        recipe=name,
        remedy="Correct the recipe: objects that are small enough for a function do without DataBrew.",
    )
