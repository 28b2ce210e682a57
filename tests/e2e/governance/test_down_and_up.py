"""Deploy, use, delete, deploy again: each of the three stacks, with the real sam, on a mesh of its own.

What is left in between is what docs/guides/platform-engineer.md lists, and nothing else. Each test leaves the mesh as
it found it: deployed, with an access that is live.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from mesh.domain.access.record import OVER

from local.accounts import ACCOUNTS, REGION
from tests import mesh_fixtures
from tests.access_driver import AccessDriver
from tests.consumer_accesses import COLUMNS, publish
from tests.mesh_commands import mesh_command
from tests.mesh_deployments import delete, deploy, governed_by
from tests.mesh_driver import MeshDriver, contract

pytestmark = [pytest.mark.mesh, pytest.mark.timeout(600)]

CENTRAL, PRODUCER, CONSUMER = (ACCOUNTS[name] for name in ("central", "producer", "consumer"))
PRODUCT: Final = "loans"
NOBODYS: Final = {
    "roles": {"Admin"},
    "buses": {"default"},
    "workgroups": {"primary"},
    "buckets": {"aws-sam-cli-managed"},
}
"""What an account has before a mesh is deployed; sam's own bucket is kept for its next deployment."""
LEFT: Final[dict[str, dict[str, set[str]]]] = {
    "central": {
        "tables": {"meshwork-central"},
        "databases": {PRODUCT},
        "topics": {f"mesh-to-{PRODUCER}", f"mesh-to-{CONSUMER}"},
        "subscriptions": {"meshwork-producer-InboxQueue", "meshwork-consumer-InboxQueue"},
        "schedules": {"mesh-ac-end", "mesh-ac-warn"},
        "LF-Tags": {"confidentiality", "domain", "pii", "product", "publication"},
        "locations": {f"credit-card-{PRODUCER}-{REGION}/{PRODUCT}/published"},
        "shares": {"LakeFormation-V"},
        # Members, what they passed on, and central's own roles.
        "grantees": {PRODUCER, CONSUMER, "CheckObjectsFunctionRole", "ProposeVersionFunctionRole", "DataAnalyst",
                     "CommitVersionFunctionRole", "RegisterProductFunctionRole", "SettlePinFunctionRole"},
    },
    "producer": {
        "buckets": {f"credit-card-{PRODUCER}-{REGION}", f"mesh-work-{PRODUCER}-{REGION}"},
        "tables": {"meshwork-producer"},
        "databases": {f"rl_{PRODUCT}"},
        "grantees": {"CheckObjectsFunctionRole", "PrepareProductFunctionRole", "ProposeVersionFunctionRole"},
    },
    "consumer": {
        "buckets": {f"{CONSUMER}-{REGION}-athena-logs"},
        "tables": {"meshwork-consumer"},
        "databases": {"default", f"rl_{PRODUCT}"},
        "grantees": {"AcceptShareFunctionRole", "DataAnalyst"},
    },
}  # fmt: skip
_GENERATED: Final = re.compile(r"^(?:meshwork-[a-z]+-)?(\w+Role)-[0-9A-Z]{13}$")


@pytest.fixture(scope="module")
def used() -> Iterator[MeshDriver]:
    """A mesh with a product, and an access to it."""
    with mesh_fixtures.tested_mesh() as driver:
        publish(driver, PRODUCT)
        driver.subscribe(PRODUCT)
        AccessDriver(driver).live(PRODUCT)
        assert rows(driver) == 2
        yield driver


@pytest.fixture
def mesh(used: MeshDriver) -> MeshDriver:
    """What it knows of stacks, roles and machines is of those that are there now."""
    return again(used)


def again(mesh: MeshDriver) -> MeshDriver:
    return MeshDriver(mesh.endpoint, mesh.builds)


def layers_in_use(mesh: MeshDriver) -> set[str]:
    """Versions of the governance layer that functions of central have."""
    pages = mesh.client("central", "lambda").get_paginator("list_functions").paginate()
    layers = [layer["Arn"] for page in pages for each in page["Functions"] for layer in each.get("Layers", ())]
    return {arn for arn in layers if ":GovernanceLayer" in arn}


def rows(mesh: MeshDriver) -> int:
    """How many the analyst sees."""
    athena = mesh.client("consumer", "athena", "DataAnalyst")
    query = athena.start_query_execution(
        QueryString=f'SELECT * FROM "rl_{PRODUCT}".t1', WorkGroup="consumer-workgroup"
    )["QueryExecutionId"]

    def ended() -> Any:
        found = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        return found if found["State"] in {"SUCCEEDED", "FAILED"} else None

    status = mesh.until(ended, "the query")
    assert status["State"] == "SUCCEEDED", status
    return len(athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]) - 1


def left_in(mesh: MeshDriver, account: str) -> dict[str, set[str]]:
    """What the account's services list: generated endings of names cut off, and without what was there before."""

    def all_of(service: str, operation: str, member: str, key: str, **arguments: Any) -> set[str]:
        client = mesh.client(account, service)
        answers = (
            client.get_paginator(operation).paginate(**arguments)
            if client.can_paginate(operation)
            else [getattr(client, operation)(**arguments)]
        )
        return {item[key] if key else item for answer in answers for item in answer.get(member, ())}

    keys = mesh.client(account, "kms")
    found: dict[str, set[str]] = {
        "stacks": {
            item["StackName"]
            for item in mesh.client(account, "cloudformation").list_stacks()["StackSummaries"]
            if item["StackStatus"] != "DELETE_COMPLETE" and item["StackName"].startswith("meshwork")
        },
        "buckets": all_of("s3", "list_buckets", "Buckets", "Name"),
        "tables": all_of("dynamodb", "list_tables", "TableNames", ""),
        "roles": all_of("iam", "list_roles", "Roles", "RoleName"),
        "policies": all_of("iam", "list_policies", "Policies", "PolicyName", Scope="Local"),
        "functions": all_of("lambda", "list_functions", "Functions", "FunctionName"),
        "mappings": all_of("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
        "layers": all_of("lambda", "list_layers", "Layers", "LayerName"),
        "machines": all_of("stepfunctions", "list_state_machines", "stateMachines", "name"),
        "queues": all_of("sqs", "list_queues", "QueueUrls", ""),
        "topics": all_of("sns", "list_topics", "Topics", "TopicArn"),
        "subscriptions": all_of("sns", "list_subscriptions", "Subscriptions", "Endpoint"),
        "buses": {bus["Name"] for bus in mesh.client(account, "events").list_event_buses()["EventBuses"]},
        "rules": all_of("events", "list_rules", "Rules", "Name"),
        "schedules": all_of("scheduler", "list_schedules", "Schedules", "Name"),
        "logs": all_of("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "alarms": all_of("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        "dashboards": all_of("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        "keys": {
            key
            for key in all_of("kms", "list_keys", "Keys", "KeyId")
            if keys.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingDeletion"
        },
        "workgroups": {group["Name"] for group in mesh.client(account, "athena").list_work_groups()["WorkGroups"]},
        "databases": all_of("glue", "get_databases", "DatabaseList", "Name"),
        "crawlers": all_of("glue", "get_crawlers", "Crawlers", "Name"),
        "LF-Tags": all_of("lakeformation", "list_lf_tags", "LFTags", "TagKey"),
        "locations": all_of("lakeformation", "list_resources", "ResourceInfoList", "ResourceArn"),
        "shares": all_of("ram", "get_resource_shares", "resourceShares", "name", resourceOwner="SELF"),
        "grantees": set(grantees(mesh, account)) - {"IAM_ALLOWED_PRINCIPALS"},
    }  # fmt: skip
    settings = mesh.client(account, "lakeformation").get_data_lake_settings()["DataLakeSettings"]
    found["administrators"] = {admin["DataLakePrincipalIdentifier"] for admin in settings["DataLakeAdmins"]} - {
        f"arn:aws:iam::{ACCOUNTS[account]}:role/Admin"
    }
    told = {kind: {_plain(kind, name) for name in names} - NOBODYS.get(kind, set()) for kind, names in found.items()}
    return {kind: names for kind, names in told.items() if names}


def grantees(mesh: MeshDriver, account: str) -> Iterator[str]:
    """Who holds permissions of Lake Formation's in the account."""
    lake, more = mesh.client(account, "lakeformation"), {}
    while True:
        answer = lake.list_permissions(**more)
        for grant in answer["PrincipalResourcePermissions"]:
            yield grant["Principal"]["DataLakePrincipalIdentifier"]
        if not answer.get("NextToken"):
            return
        more = {"NextToken": answer["NextToken"]}


def _plain(kind: str, name: str) -> str:
    shapes: dict[str, Callable[[str], str]] = {
        "buckets": lambda text: "aws-sam-cli-managed" if text.startswith("aws-sam-cli-managed-") else text,
        "topics": lambda text: text.rpartition(":")[2],
        "subscriptions": lambda text: text.rpartition(":")[2].rpartition("-")[0],
        "schedules": lambda text: re.sub(r"-[0-9a-f]{12}-", "-", text),
        "shares": lambda text: text[: len("LakeFormation-V")],
        "locations": lambda text: text.removeprefix("arn:aws:s3:::"),
        "grantees": lambda text: _GENERATED.sub(r"\1", text.rpartition("/")[2]),
    }
    return shapes.get(kind, str)(name)


def publishes(mesh: MeshDriver, name: str) -> None:
    """A new file is a new version, of which the consumer is notified, and which it can read."""
    before, versions = rows(mesh), len(mesh.notices(PRODUCT))
    assert mesh.upload(PRODUCT, {f"{PRODUCT}/data/t1/{name}.csv": "id,amount\n7,70\n"}).outcome == "published"
    mesh.until(lambda: len(mesh.notices(PRODUCT)) > versions, f"the notice of {name}")
    assert rows(mesh) == before + 1


def fire(mesh: MeshDriver, name: str) -> None:
    """The schedule as it was kept, but for its time, which is now."""
    scheduler = mesh.client("central", "scheduler")
    kept = scheduler.get_schedule(Name=name)
    soon = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")
    members = ("FlexibleTimeWindow", "Target", "ActionAfterCompletion")
    scheduler.update_schedule(
        Name=name, ScheduleExpression=f"at({soon})", **{member: kept[member] for member in members if member in kept}
    )


def declared_again(mesh: MeshDriver) -> None:
    """The contract as it is in the bucket: the roles of the new stack get their grants."""
    before = mesh.runs("prepare-product", PRODUCT)
    mesh.put_contract(PRODUCT, contract(PRODUCT, "t1", COLUMNS))
    assert mesh.wait_for_run("prepare-product", PRODUCT, after=before).status == "SUCCEEDED"


INVALID: Final = {"policies": ("      purposes: [regulatory-reporting,", "      purposes: [no-such-purpose,")}
IN_USE: Final = {"ontology": ("      consumer-banking: ", "      private-banking: ")}


@pytest.mark.parametrize(
    ("changes", "why"),
    [(INVALID, "'no-such-purpose' is unknown"), (IN_USE, f"{PRODUCT}: it could not be published any more")],
)
def test_a_governance_that_breaks_something_is_refused_and_the_one_before_stays_in_force(
    mesh: MeshDriver, tmp_path: Path, changes: dict[str, tuple[str, str]], why: str
) -> None:
    before = layers_in_use(mesh)
    with governed_by(tmp_path / "layer", **changes) as template:
        deploy(mesh, "central", template, fails=True)

    formation = mesh.client("central", "cloudformation")
    events = formation.describe_stack_events(StackName="meshwork-central")["StackEvents"]
    [failed] = [each for each in events if each["ResourceStatus"] == "UPDATE_FAILED"][:1]
    assert failed["LogicalResourceId"] == "Governance"
    assert why in failed["ResourceStatusReason"]
    [stack] = formation.describe_stacks(StackName="meshwork-central")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert layers_in_use(mesh) == before
    access = AccessDriver(mesh)
    access.end(access.live(PRODUCT, purpose="research"))
    publishes(mesh, f"after-{tmp_path.name}")


def test_an_access_that_tightened_rules_do_not_allow_is_announced_to_end_and_ends(
    mesh: MeshDriver, tmp_path: Path
) -> None:
    access = AccessDriver(mesh)
    [live] = [one.id for one in access.all() if one.status == "live"]
    tighter = {"policies": ("[marketing]}", "[marketing, risk-modelling]}")}
    with governed_by(tmp_path / "layer", **tighter) as template:
        deploy(mesh, "central", template)
    assert rows(mesh) > 0

    code, found = mesh_command(mesh, "reconcile")
    assert (code, [each["kind"] for each in found["repaired"]]) == (0, ["not-allowed"])
    [told] = access.notices("consumer", "AccessExpiring", live)
    assert access.notices("producer", "AccessExpiring", live) == [told]
    assert told["reason"]["message"] == f"the rules no longer allow it: it would need the approval of {PRODUCER}"
    assert timedelta(days=13) < access.record(live).until - datetime.now(UTC) <= timedelta(days=14)
    assert mesh_command(mesh, "reconcile")[1]["outcome"] == "in order"
    fire(mesh, f"mesh-{live}-end")
    access.wait(live, *OVER)
    access.nothing_left(live, PRODUCT)

    deploy(mesh, "central")
    mesh.subscribe(PRODUCT)
    access.live(PRODUCT)
    publishes(mesh, "after-tightening")


def test_consumer(mesh: MeshDriver) -> None:
    """Its accesses hold: the table says what was passed on to whom, and it is taken back when they end."""
    delete(mesh, "consumer")
    assert left_in(mesh, "consumer") == LEFT["consumer"]

    deploy(mesh, "consumer")

    mesh = again(mesh)
    publishes(mesh, "after-consumer")
    access = AccessDriver(mesh)
    [live] = [one.id for one in access.all() if one.status == "live"]
    access.end(live)
    access.nothing_left(live, PRODUCT)
    mesh.subscribe(PRODUCT)
    access.live(PRODUCT)
    publishes(mesh, "again-after-consumer")


def test_producer(mesh: MeshDriver) -> None:
    """Nobody reads while the bucket has no policy; then all is as it was, and what is published is not published
    again."""
    delete(mesh, "producer")
    assert left_in(mesh, "producer") == LEFT["producer"]

    deploy(mesh, "producer")

    mesh = again(mesh)
    assert rows(mesh) > 0
    declared_again(mesh)
    same = mesh.upload(PRODUCT, {f"{PRODUCT}/data/t1/a.csv": "id,amount\n1,10\n2,20\n"})
    assert (same.outcome, same.output["same"]) == ("nothing", 1)
    publishes(mesh, "after-producer")


def test_central(mesh: MeshDriver) -> None:
    """Members, products and accesses are known, new versions are committed, and an access ends when it was to."""
    delete(mesh, "central")
    assert left_in(mesh, "central") == LEFT["central"]

    # Lake Formation does not know a role that was just made, nor an administrator that was just set.
    unknown = {"code": "InvalidInputException", "message": "Invalid principal", "count": 2}
    mesh.inject("throttle", "lakeformation", "PutDataLakeSettings", **unknown)
    denied = "Insufficient Lake Formation permission(s): Required Describe on confidentiality"
    mesh.inject("throttle", "lakeformation", "GetLFTag", code="AccessDeniedException", message=denied, count=2)
    deploy(mesh, "central")
    assert mesh.faults() == []

    mesh = again(mesh)
    publishes(mesh, "after-central")
    declared_again(mesh)
    publishes(mesh, "again-after-central")
    access = AccessDriver(mesh)
    [live] = [one.id for one in access.all() if one.status == "live"]
    fire(mesh, f"mesh-{live}-end")
    access.wait(live, *OVER)
    access.nothing_left(live, PRODUCT)
