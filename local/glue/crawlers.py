"""Crawlers and classifiers: their definitions, their runs, and their events."""

import contextvars
import json
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ministack.core.responses import request_scope

from local.glue.crawl import Run, StoppedError, Summary, crawl
from local.lakeformation import identity
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json, Operation, invalid_input, not_found, page

if TYPE_CHECKING:
    from collections.abc import Mapping

CLASSIFIERS = ("GrokClassifier", "XMLClassifier", "JsonClassifier", "CsvClassifier")
DEFINITION = (
    "Role",
    "DatabaseName",
    "Description",
    "Targets",
    "Schedule",
    "Classifiers",
    "TablePrefix",
    "SchemaChangePolicy",
    "RecrawlPolicy",
    "LineageConfiguration",
    "LakeFormationConfiguration",
    "Configuration",
    "CrawlerSecurityConfiguration",
)
_running: dict[tuple[str, str, str], threading.Event] = {}
_start_seconds = 0.05


def configure(*, start_seconds: float) -> None:
    """How long a run takes to start (on AWS a minute or more)."""
    global _start_seconds  # noqa: PLW0603
    _start_seconds = start_seconds


def reset() -> None:
    """Tell every run to stop."""
    for stop in _running.values():
        stop.set()
    _running.clear()


def create_crawler(caller: Identity, params: Json) -> Json:
    name = params["Name"]
    _iam(caller, "CreateCrawler", name)
    if name in _crawlers(caller):
        raise AwsError("AlreadyExistsException", f"Crawler with name {name} already exists")
    definition = _definition(caller, params)
    now = int(time.time())
    record = {"State": "READY", "CrawlElapsedTime": 0, "CreationTime": now, "LastUpdated": now, "Version": 1}
    defaults: Json = {
        "Classifiers": [],
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        "SchemaChangePolicy": {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DEPRECATE_IN_DATABASE"},
        "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
        "LakeFormationConfiguration": {"UseLakeFormationCredentials": False, "AccountId": ""},
    }
    _put(caller, {"Name": name} | defaults | definition | record)
    return {}


def update_crawler(caller: Identity, params: Json) -> Json:
    """Change what is given. A crawler that runs cannot be changed."""
    _iam(caller, "UpdateCrawler", params["Name"])
    record = _idle(caller, params["Name"])
    changed = {"LastUpdated": int(time.time()), "Version": record["Version"] + 1}
    _put(caller, record | _definition(caller, params, record) | changed)
    return {}


def get_crawler(caller: Identity, params: Json) -> Json:
    _iam(caller, "GetCrawler", params["Name"])
    return {"Crawler": _shown(_crawler(caller, params["Name"]))}


def get_crawlers(caller: Identity, params: Json) -> Json:
    _iam(caller, "GetCrawlers")
    items, rest = page([_shown(record) for _, record in sorted(_crawlers(caller).items())], params)
    return {"Crawlers": items} | rest


def list_crawlers(caller: Identity, params: Json) -> Json:
    _iam(caller, "ListCrawlers")
    items, rest = page(sorted(_crawlers(caller)), params)
    return {"CrawlerNames": items} | rest


def delete_crawler(caller: Identity, params: Json) -> Json:
    from ministack.services import glue  # noqa: PLC0415

    _iam(caller, "DeleteCrawler", params["Name"])
    _idle(caller, params["Name"])
    glue._crawlers.pop_scoped(caller.account, caller.region, params["Name"])
    return {}


def start_crawler(caller: Identity, params: Json) -> Json:
    """Start a run; the answer is empty: there is no run id.

    Raises:
        AwsError: `CrawlerRunningException`: the run there is may have listed before the caller's object arrived.
    """
    _iam(caller, "StartCrawler", params["Name"])
    record = _idle(caller, params["Name"])
    stop = threading.Event()
    role = identity.role_identity(_role_arn(caller, record["Role"]), caller.region, "AWS-Crawler")
    run = Run(dict(record), [_csv_classifier(caller, name) for name in record.get("Classifiers") or ()], role, stop)
    _running[caller.account, caller.region, record["Name"]] = stop
    record |= {"State": "RUNNING", "CrawlElapsedTime": 0}
    _put(caller, record)
    inherited = contextvars.copy_context()
    threading.Thread(target=lambda: inherited.run(_run, run), name=f"crawler-{record['Name']}", daemon=True).start()
    return {}


def stop_crawler(caller: Identity, params: Json) -> Json:
    _iam(caller, "StopCrawler", params["Name"])
    record = _crawler(caller, params["Name"])
    if record["State"] == "STOPPING":
        raise AwsError("CrawlerStoppingException", f"Crawler with name {record['Name']} is stopping")
    if record["State"] != "RUNNING":
        raise AwsError("CrawlerNotRunningException", f"Crawler with name {record['Name']} isn't running")
    _put(caller, record | {"State": "STOPPING"})
    _running[caller.account, caller.region, record["Name"]].set()
    return {}


def create_classifier(caller: Identity, params: Json) -> Json:
    kind, given = _classifier_given(params)
    _iam(caller, "CreateClassifier")
    if given["Name"] in _classifiers(caller):
        raise AwsError("AlreadyExistsException", f"Classifier {given['Name']} already exists")
    now = int(time.time())
    _put_classifier(caller, kind, given | {"CreationTime": now, "LastUpdated": now, "Version": 1})
    return {}


def update_classifier(caller: Identity, params: Json) -> Json:
    kind, given = _classifier_given(params)
    _iam(caller, "UpdateClassifier")
    existing = _classifier(caller, given["Name"])
    if kind not in existing:
        raise invalid_input(f"Classifier {given['Name']} is not a {kind}")
    record = existing[kind]
    changed = {"LastUpdated": int(time.time()), "Version": record["Version"] + 1}
    _put_classifier(caller, kind, record | given | changed)
    return {}


def get_classifier(caller: Identity, params: Json) -> Json:
    _iam(caller, "GetClassifier")
    return {"Classifier": _classifier(caller, params["Name"])}


def delete_classifier(caller: Identity, params: Json) -> Json:
    from ministack.services import glue  # noqa: PLC0415

    _iam(caller, "DeleteClassifier")
    _classifier(caller, params["Name"])
    glue._classifiers.pop_scoped(caller.account, caller.region, params["Name"])
    return {}


def resource_arn(root: str, operation: str, params: Json) -> str:
    """IAM's resource: the crawler; lists of crawlers, and classifiers, have none of their own.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html
    """
    if "Classifier" in operation or operation in ("GetCrawlers", "ListCrawlers"):
        return "*"
    return f"{root}:crawler/{params.get('Name') or '*'}"


def _definition(caller: Identity, params: Json, existing: Json | None = None) -> Json:
    """The definition's given members, checked: role, classifiers, targets."""
    given: Json = {member: params[member] for member in DEFINITION if params.get(member) is not None}
    if role := given.get("Role"):
        arn = _role_arn(caller, role)
        caller.pass_role(arn, "glue.amazonaws.com")
        if not identity.trusts(arn, "glue.amazonaws.com"):
            raise invalid_input("Service is unable to assume provided role. Please verify role's TrustPolicy")
        given["Role"] = arn.partition(":role/")[2]
    for name in given.get("Classifiers") or ():
        _classifier(caller, name)
    if schedule := given.get("Schedule"):
        given["Schedule"] = {"ScheduleExpression": schedule, "State": "SCHEDULED"}
    _check_targets((existing or {}) | given)
    try:
        json.loads(given.get("Configuration") or "{}")
    except ValueError as error:
        raise invalid_input(f"Configuration is not JSON: {error}") from error
    return given


def _check_targets(definition: Json) -> None:
    paths = [target.get("Path") or "" for target in definition["Targets"].get("S3Targets") or ()]
    if not paths or not all(path.startswith("s3://") for path in paths):
        raise invalid_input("A crawler needs S3 targets, each with a path that starts with s3://")
    lake = (definition.get("LakeFormationConfiguration") or {}).get("UseLakeFormationCredentials")
    if lake and len({path.split("/")[2] for path in paths}) > 1:
        raise invalid_input("With Lake Formation credentials all targets must lie in one bucket")


def _role_arn(caller: Identity, role: str) -> str:
    return role if role.startswith("arn:") else f"arn:aws:iam::{caller.account}:role/{role.lstrip('/')}"


def _iam(caller: Identity, action: str, name: str = "") -> None:
    resource = resource_arn(f"arn:aws:glue:{caller.region}:{caller.account}", action, {"Name": name})
    caller.require(f"glue:{action}", resource, service="glue")


def _crawlers(caller: Identity) -> dict[str, Json]:
    from ministack.services import glue  # noqa: PLC0415

    return dict(glue._crawlers.items_scoped(caller.account, caller.region))


def _crawler(caller: Identity, name: str) -> Json:
    if (record := _crawlers(caller).get(name)) is None:
        raise not_found(f"Crawler with name {name} does not exist")
    return record


def _idle(caller: Identity, name: str) -> Json:
    record = _crawler(caller, name)
    if record["State"] != "READY":
        raise AwsError("CrawlerRunningException", f"Crawler with name {name} has already started")
    return record


def _put(caller: Identity, record: Json) -> None:
    from ministack.services import glue  # noqa: PLC0415

    glue._crawlers.set_scoped(caller.account, caller.region, record["Name"], record)


def _shown(record: Json) -> Json:
    return {member: value for member, value in record.items() if value not in (None, "")}


def _classifiers(caller: Identity) -> dict[str, Json]:
    from ministack.services import glue  # noqa: PLC0415

    return dict(glue._classifiers.items_scoped(caller.account, caller.region))


def _classifier(caller: Identity, name: str) -> Json:
    if (record := _classifiers(caller).get(name)) is None:
        raise not_found(f"Classifier {name} does not exist")
    return record


def _csv_classifier(caller: Identity, name: str) -> Json:
    classifier: Json = _classifier(caller, name).get("CsvClassifier") or {}
    if not classifier:
        raise invalid_input(f"Classifier {name} is not a CSV classifier: no other kind is emulated")
    return classifier


def _classifier_given(params: Json) -> tuple[str, Json]:
    given = [(kind, params[kind]) for kind in CLASSIFIERS if params.get(kind)]
    if len(given) != 1:
        raise invalid_input("Exactly one classifier must be given")
    return given[0]


def _put_classifier(caller: Identity, kind: str, record: Json) -> None:
    from ministack.services import glue  # noqa: PLC0415

    glue._classifiers.set_scoped(caller.account, caller.region, record["Name"], {kind: record})


def _run(run: Run) -> None:
    """The thread of one run: RUNNING, then STOPPING, then READY with what became of it in `LastCrawl`."""
    started = time.time()
    name, owner = run.crawler["Name"], run.role
    _emit(owner, {"crawlerName": name, "state": "Started", "message": "Crawler Started", "startTime": _iso(started)})
    run.stop.wait(_start_seconds)
    status, message, summary = "SUCCEEDED", "", Summary()
    try:
        summary = crawl(run)
    except StoppedError:
        status, message = "CANCELLED", "The crawler was stopped"
    except AwsError as error:
        status, message = "FAILED", f"{error.message} (Service: AWSGlue; Status Code: {error.status}; {error.code})"
    except Exception as error:
        status, message = "FAILED", f"Internal Service Exception: {type(error).__name__}: {error}"
    last = {
        "Status": status,
        "LogGroup": "/aws-glue/crawlers",
        "LogStream": name,
        "MessagePrefix": str(uuid.uuid4()),
        "StartTime": started,
    }
    _finish(owner, name, last | ({"ErrorMessage": message} if message else {}), started)
    _emit(owner, _ended(name, status, message, summary, started))


def _finish(owner: Identity, name: str, last: Json, started: float) -> None:
    record = _crawlers(owner).get(name)
    if record is None:
        return
    _put(owner, record | {"State": "STOPPING"})
    elapsed = {"CrawlElapsedTime": int((time.time() - started) * 1000)}
    _running.pop((owner.account, owner.region, name), None)
    _put(owner, record | {"State": "READY", "LastCrawl": last} | elapsed)


def _ended(name: str, status: str, message: str, summary: Summary, started: float) -> "Mapping[str, str]":
    """The event of a run's end. Counts are strings.

    https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
    """
    if status != "SUCCEEDED":
        return {"crawlerName": name, "state": "Failed", "message": "Crawler Failed", "errorMessage": message}
    return {
        "crawlerName": name,
        "state": "Succeeded",
        "message": "Crawler Succeeded",
        "warningMessage": "; ".join(summary.unread) or "N/A",
        "tablesCreated": str(summary.tables_created),
        "tablesUpdated": str(summary.tables_updated),
        "tablesDeleted": "0",
        "partitionsCreated": str(summary.partitions_created),
        "partitionsUpdated": "0",
        "partitionsDeleted": "0",
        "runningTime (sec)": str(int(time.time() - started)),
        "completionDate": _iso(time.time()),
    }


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _emit(owner: Identity, detail: "Mapping[str, str]") -> None:
    """Tell the account's default bus, as AWS itself does."""
    from ministack.services import eventbridge  # noqa: PLC0415

    entry = {
        "Source": "aws.glue",
        "DetailType": "Glue Crawler State Change",
        "Detail": json.dumps({"accountId": owner.account, **detail}),
        "EventBusName": "default",
    }
    with request_scope(owner.account, owner.region):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


OPERATIONS: dict[str, Operation[Identity]] = {
    "CreateCrawler": create_crawler,
    "UpdateCrawler": update_crawler,
    "GetCrawler": get_crawler,
    "GetCrawlers": get_crawlers,
    "ListCrawlers": list_crawlers,
    "DeleteCrawler": delete_crawler,
    "StartCrawler": start_crawler,
    "StopCrawler": stop_crawler,
    "CreateClassifier": create_classifier,
    "UpdateClassifier": update_classifier,
    "GetClassifier": get_classifier,
    "DeleteClassifier": delete_classifier,
}
