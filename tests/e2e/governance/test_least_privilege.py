"""With all permissions in place no call is denied, and every function has used the role it was given."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from cli.governance.reconcile import reconcile
from cli.membership.members import admit, expel
from cli.mesh_context import mesh_context
from local.accounts import ACCOUNTS, FIRST, REGION
from tests.access_driver import AccessDriver
from tests.mesh_commands import mesh_command
from tests.mesh_conditions import with_environment
from tests.mesh_driver import STRANGER, MeshDriver, contract
from tests.publishing_driver import PublishingDriver, csv, one_table_contract
from tests.role_policies import attached_policies, own_policies
from tests.staged_tables import COLUMNS, Stager

DENIED = ("AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden", "AuthorizationError")
AGAIN: Final[dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]]] = {
    "central": ("WithdrawVersionsFunction", {"retention": True}, "ReconcileArn", {"dry_run": True}),
    "producer": ("JoinMeshFunction", {}, "OnboardUploadArn", {"product": "least-back", "correlation_id": "again"}),
    "consumer": ("JoinMeshFunction", {}, "ReleaseShareArn", {"detail": {}}),
}
"""By account, what changes nothing when it comes again: a function and its event, a machine and its input."""
EXPECTED_DENIALS: frozenset[tuple[str, str]] = frozenset()
"""(principal's role, service:action) of calls that are denied on purpose, and handled: none."""


@pytest.fixture(scope="module")
def calls(deployed_mesh: MeshDriver) -> list[dict[str, Any]]:
    """Everything that was called while each kind of flow ran once: both crawls, a draft, what is refused, a notice."""
    mesh, since = deployed_mesh, time.time()
    mesh.clear_faults()
    glue = [{"property": "crawlerPrefix", "value": "least-glue"}, {"property": "crawl", "value": "glue"}]
    mesh.put_contract("least-glue", customProperties=glue)
    mesh.put_contract("least-express")
    mesh.put_object("least-draft/data/t1/a.csv", "id,email\n1,a@example.com\n")
    mesh.put_contract("least-rejected", contract("least-rejected", domain="payments"))
    mesh.put_contract("least-broken", "a: [")
    mesh.put_object("stray-of-least.csv", "a,b\n1,2\n")
    for product in ("least-glue", "least-express"):
        assert mesh.wait_for_run("prepare-product", product).status == "SUCCEEDED"
        mesh.subscribe(product)
        mesh.upload(product, {f"{product}/data/t1/dt=2026-11-21/a.csv": "id,email\n1,a@example.com\n"})
        mesh.upload(product, {f"{product}/data/t1/dt=2026-11-22/b.csv": "id,email,c\n1,a@example.com,2\n"})
        mesh.upload(product, {f"{product}/data/t1/dt=2026-11-22/bad.csv": ""})
        mesh.wait_for_notice(product, version=2)
    _use_recipe(mesh, "least-express")
    _use_quarantine(mesh, "least-glue")
    mesh.wait_for_notice("least-draft", "producer")
    for product in ("least-rejected", "least-broken"):
        mesh.until(lambda name=product: mesh.reports(f"{name}/reports/"), f"report on {product}")  # type: ignore[misc]
    mesh.put_event("SubscriptionEnded", {"product": "least-glue"}, by="consumer")
    joined = {"role": "consumer", "domains": ["risk"], "contact": "risk-data@example.com"}
    mesh.put_event("MemberJoined", joined, by="consumer")
    for product in ("least-glue", "least-express", "least-draft", "least-rejected"):
        mesh.settled(product)
    _use_members(mesh)
    _use_versions(mesh, AccessDriver(mesh))
    _use_proposals(Stager(mesh, "least-staged"))
    _use_uploads(PublishingDriver(mesh, "least-published"))
    _use_contracts(PublishingDriver(mesh, "least-announced"))
    _use_pins(mesh, AccessDriver(mesh), "least-express")
    _use_accesses(mesh, AccessDriver(mesh))
    for account in FIRST:
        _use_failures(mesh, account)
    return mesh.record(since)


def _use_failures(mesh: MeshDriver, account: str) -> None:
    """A function's event and a failed run that are processed again; a message that is discarded."""
    function, event, machine, given = AGAIN[account]
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNTS[account]}:function:{mesh.physical_id(account, function)}:$LATEST"
    record = {"requestContext": {"functionArn": arn}, "requestPayload": event, "responsePayload": {}}
    run = {"executionArn": "arn", "stateMachineArn": mesh.output(account, machine), "name": f"least-{time.time()}",
           "status": "FAILED", "input": json.dumps(given)}  # fmt: skip
    ended = {"detail-type": "Step Functions Execution Status Change", "detail": run}
    sqs = mesh.client(account, "sqs")
    for queue, body, command in (
        ("EventDlq", record, ("replay",)), ("FailedRunsQueue", ended, ("replay",)),
        ("EventDlq", {"detail-type": "Nonsense"}, ("discard", "--reason", "a test")),
    ):  # fmt: skip
        sent = sqs.send_message(QueueUrl=mesh.physical_id(account, queue), MessageBody=json.dumps(body))
        code, _ = mesh_command(mesh, "dlq", command[0], sent["MessageId"], *command[1:])
        assert code == 0, body


def _use_members(mesh: MeshDriver) -> None:
    """An account that is admitted, is no consumer any more, and is expelled."""
    where = mesh_context(port=urlsplit(mesh.endpoint).port, acting="central", role="DataMeshOwner")
    for role in ("both", "producer"):
        admit(where, STRANGER, role, ("risk",))
    expel(where, STRANGER, "a test")


def _use_recipe(mesh: MeshDriver, product: str) -> None:
    """Raw data before their recipe, a recipe that is refused, one that is taken; raw data that are broken, that are
    for a job."""
    mesh.put_object(f"{product}/raw/t1/dt=2026-11-23/c.csv", "ident,email\n3,c@example.com\n")
    mesh.until(lambda: mesh.items("producer", f"HELD#{product}"), "raw data that wait")
    mesh.put_object(f"{product}/recipe.json", "{")
    mesh.until(lambda: f"{product}/recipe.json" in mesh.reports(f"{product}/reports/"), "a report on the recipe")
    rename = {"Operation": "RENAME", "Parameters": {"sourceColumn": "ident", "targetColumn": "id"}}
    mesh.put_object(f"{product}/recipe.json", json.dumps([{"Action": rename}]))
    _published_by(mesh, product, "CurateBatch")
    bad = f"{product}/raw/t1/dt=2026-11-23/bad.csv"
    mesh.put_object(bad, "ident,email\n3\n")
    mesh.until(lambda: bad in mesh.held(product), "raw data held back")
    with with_environment(mesh, "producer", "CurateBatchFunction", CURATE_MAX_BYTES="0"):
        mesh.put_object(f"{product}/raw/t1/dt=2026-11-23/large.csv", "ident,email\n4,d@example.com\n")
        _published_by(mesh, product, "RunJobs")
    mesh.client("producer", "s3").delete_object(Bucket=mesh.bucket, Key=f"{product}/raw/t1/dt=2026-11-23/c.csv")
    mesh.until(lambda: not mesh.pending(product), "the deletion")
    mesh.settled(product)


def _published_by(mesh: MeshDriver, product: str, state: str) -> None:
    def look() -> bool:
        runs = mesh.runs("onboard-upload", product)
        return any(state in run.states and run.outcome == "published" for run in runs)

    mesh.until(look, f"a version by way of {state}")


def _use_quarantine(mesh: MeshDriver, product: str) -> None:
    """A batch that repeats an object is held back, and released."""
    again = "id,email,c\n" + "".join(f"{number},{number}@example.com,2\n" for number in range(100))
    for day in ("24", "25"):
        mesh.upload(product, {f"{product}/data/t1/dt=2026-11-{day}/d.csv": again})
    held = [json.loads(item["body"]) for item in mesh.items("producer", "QUARANTINE")]
    [batch] = [one for one in held if (one["product"], one["reason"]["code"]) == (product, "SameObjectAgain")]
    decision = {"product": product, "run": batch["run"], "decision": "release", "reason": "twice", "by": "a steward"}
    entry = {"EventBusName": mesh.output("producer", "OwnBusName"), "Source": "meshwork",
             "DetailType": "QuarantineDecided", "Detail": json.dumps({"data": decision})}  # fmt: skip
    assert mesh.client("producer", "events", "ProducerSteward").put_events(Entries=[entry])["FailedEntryCount"] == 0
    mesh.wait_for_notice(product, version=4)
    mesh.settled(product)


def _use_versions(mesh: MeshDriver, access: AccessDriver) -> None:
    """Back to an earlier version, and to one that never was; one of Hive tables."""
    product, request = "least-back", {"product": "least-back", "version": 1, "reason": "labels were flipped"}
    mesh.prepare(product)
    for version, body in enumerate(("id,email\n1,a@example.com\n", "id,email\n2,b@example.com\n"), start=1):
        mesh.upload(product, {f"{product}/data/t1/a.csv": body})
        mesh.wait_for_notice(product, "producer", version=version)
    mesh.subscribe(product)
    mesh.wait_for_notice(product, version=2)
    access.send("RollbackRequested", request, by="producer")
    mesh.wait_for_notice(product, "producer", version=3)
    mesh.settled(product)
    access.send("RollbackRequested", request | {"version": 9}, by="producer")
    mesh.until(lambda: mesh.notices(product, "producer", "RollbackRefused"), "the refusal")
    access.send("WithdrawalRequested", {"product": product, "versions": [2], "reason": "not ours"}, by="producer")
    second = {"pk": {"S": f"PRODUCT#{product}"}, "sk": {"S": f"VERSION#{2:08d}"}}

    def released() -> bool:
        ended = json.loads((mesh.item("central", second) or {})["body"]["S"])["ended"]
        return bool(ended and ended.get("released"))

    mesh.until(released, "the end of what version 2 alone had")
    product = "least-glue"
    access.send("RollbackRequested", request | {"product": product}, by="producer")
    mesh.until(lambda: mesh.notices(product, "producer", "RollbackRefused"), "NeedsExpress")


def _use_contracts(product: PublishingDriver) -> None:
    """A contract whose readers are told first, another in its place, and one that withdraws it and loosens a tag."""
    mesh, name = product.mesh, product.name

    def declared(version: str, confidentiality: str, **columns: str) -> dict[str, Any]:
        document = one_table_contract(name, columns or COLUMNS, version=version)
        tags = {"property": "lfTags", "value": {"confidentiality": confidentiality}}
        document["schema"][0]["properties"][0]["customProperties"] = [tags]
        return document

    promise = [{"property": "noticePeriod", "value": 1, "unit": "h"}]
    mesh.put_contract(name, declared("1.1.0", "restricted") | {"slaProperties": promise})
    product.upload("a.csv", csv((1, 1)))
    for outcome, document in (
        ("Announced", declared("2.0.0", "restricted", id="string")),
        ("Announced", declared("2.0.1", "restricted", id="string")),
        ("Registered", declared("1.2.0", "internal")),
    ):
        before = mesh.runs("register-product", name)
        mesh.put_contract(name, document)
        assert mesh.wait_for_run("register-product", name, after=before).states[-1] == outcome


def _use_proposals(stager: Stager) -> None:
    """Two versions that are committed, a proposal on a base that moved, and one that would break readers."""
    stager.mesh.prepare(stager.product)
    first = stager.stage()
    stager.publish(first)
    stager.publish(
        stager.stage(
            "SELECT 1::BIGINT AS id, 1::BIGINT AS amount, 'x' AS label", columns={**COLUMNS, "label": "string"}
        )
    )
    assert stager.propose(stager.proposal(first)).outcome == "rebase"
    narrower = stager.stage("SELECT 2::BIGINT AS id", columns={"id": "bigint"})
    assert stager.propose(stager.proposal(narrower)).outcome == "held"


def _use_uploads(product: PublishingDriver) -> None:
    """Objects that are published as Iceberg: new, replaced, replaced by bad ones, deleted, the same bytes again."""
    product.upload("a.csv", csv((1, 10)))
    product.upload("a.csv", csv((2, 20)))
    assert product.upload("a.csv", csv((2, "many"))).output["held"] == 1
    product.upload("b.csv", csv((3, 30)))
    product.work(lambda: product.delete("b.csv"))
    assert product.versions() == 4


def _use_pins(mesh: MeshDriver, access: AccessDriver, product: str) -> None:
    """A version is kept, and then no longer; one that never was is not."""
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    request = {"product": product, "version": 1, "until": until, "reason": "an audit"}

    def status() -> str:
        found = [item for item in mesh.items("central", f"PRODUCT#{product}") if item["sk"] == "PINS"]
        pins = json.loads(found[0]["body"])["pins"] if found else []
        return str(pins[0]["status"]) if pins else "none"

    access.send("PinRequested", request, by="central")
    mesh.until(lambda: status() == "ready", "a pinned version")
    access.send("PinRequested", request | {"version": 99}, by="central")
    access.send("UnpinRequested", {"product": product, "version": 1}, by="central")
    mesh.until(lambda: status() == "none", "its end")


def _use_accesses(mesh: MeshDriver, access: AccessDriver) -> None:
    """Asked and approved, warned of its end and expired; denied; with a row filter; a drift fixed; retired."""
    denied = access.request("least-nowhere")
    access.notified(denied, "AccessDenied")
    asked = {"purpose": "marketing", "table": "t1", "rows": "id > 0", "reader": "data-scientist"}
    filtered = access.waiting("least-express", **asked)
    access.decide(filtered)
    access.wait(filtered, "live")
    lost = next(each for each in access.grants() if "DataCellsFilter" in each["resource"])
    principal = {"DataLakePrincipalIdentifier": ACCOUNTS["consumer"]}
    mesh.client("central", "lakeformation").revoke_permissions(
        Principal=principal, Resource=lost["resource"], Permissions=["SELECT"], PermissionsWithGrantOption=["SELECT"]
    )
    found = reconcile(mesh_context(urlsplit(mesh.endpoint).port), dry_run=False)
    assert [drift["access"] for drift in found["repaired"]] == [filtered]
    brief = (datetime.now(UTC) + timedelta(seconds=40)).isoformat()  # live within it on a busy machine, too
    expiring = access.live("least-express", until=brief)  # after readers were asked: it may end while they look
    access.wait(expiring, "ended", seconds=90)
    access.notified(expiring, "AccessExpiring")
    access.end(filtered, by="producer")
    access.send("RetirementRequested", {"product": "least-glue", "reason": "replaced"}, by="producer")
    mesh.until(lambda: access.notices("producer", "ProductRetired"), "ProductRetired")


def test_no_call_was_denied(calls: list[dict[str, Any]]) -> None:
    denied = {
        (call["principal"].rpartition("/")[2], f"{call['service']}:{call['action']}", call["resource"], call["error"])
        for call in calls
        if call["status"] in (401, 403) or any(word in call["error"] for word in DENIED)
    }
    assert {call for call in denied if call[:2] not in EXPECTED_DENIALS} == set()


def test_the_record_would_show_a_denied_call(mesh: MeshDriver) -> None:
    since = time.time()
    steward = mesh.client("consumer", "s3", "ConsumerAdmin")
    with pytest.raises(Exception, match=r"AccessDenied|Forbidden|403"):
        steward.delete_bucket(Bucket="not-its-own")
    assert [call["status"] for call in mesh.record(since) if call["action"] == "DeleteBucket"] == [403]


@pytest.mark.parametrize("account", FIRST)
def test_every_function_used_its_role(mesh: MeshDriver, calls: list[dict[str, Any]], account: str) -> None:
    """From the deployment on: some functions work only then."""
    roles = {mesh.physical_id(account, f"{name}Role") for name in _functions(mesh, account)}
    assert roles

    def unused() -> set[str]:
        mine = f"arn:aws:iam::{ACCOUNTS[account]}:role/"
        return roles - {each.rpartition("/")[2] for each in mesh.used() if each.startswith(mine)}

    mesh.until(lambda: not unused(), f"calls by {unused()}", seconds=10)


@pytest.mark.parametrize("account", FIRST)
def test_no_function_has_a_wildcard_action(mesh: MeshDriver, account: str) -> None:
    for name in _functions(mesh, account):
        for document in _documents(mesh, account, mesh.physical_id(account, f"{name}Role")):
            assert [action for action in _actions(document) if action in {"*"} or action.endswith(":*")] == []


BY_LAKE_FORMATION: Final = frozenset({
    "glue:PutResourcePolicy", "glue:DeleteResourcePolicy", "lakeformation:GrantPermissions",
    "lakeformation:RevokePermissions", "organizations:DescribeAccount", "organizations:DescribeOrganization",
    "ram:AssociateResourceShare", "ram:AssociateResourceSharePermission", "ram:CreateResourceShare",
    "ram:DeleteResourceShare", "ram:DisassociateResourceShare", "ram:GetPermission", "ram:GetResourcePolicies",
    "ram:GetResourceShareAssociations", "ram:GetResourceShares", "ram:ListPermissionAssociations",
    "ram:ListPermissionVersions", "ram:ListPermissions", "ram:ListPrincipals", "ram:ListResourceSharePermissions",
    "ram:ListResourceTypes", "ram:ListResources", "ram:UpdateResourceShare",
})  # fmt: skip
"""What Lake Formation does in the name of whoever grants to another account ("Cross-account data sharing prerequisites"
in its guide; AWSLakeFormationCrossAccountManager), each grant of a batch among it."""
BY_LAMBDA: Final = frozenset({"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"})
"""What Lambda does in the name of a function that reads a queue."""
OF_WHAT_IS_GRANTED: Final = frozenset({
    "DecideAccess", "FindDrift", "GovernLake", "GrantAccess", "RegisterProduct", "RepairDrift", "RetireProduct",
    "RevokeGrants", "SettlePin",
})  # fmt: skip
"""They grant and tag: Lake Formation looks in the catalog, in their name, at what they name (glue:GetDatabase and
glue:GetTable)."""
PROOF: Final = frozenset({
    "athena:GetWorkGroup", "athena:StartQueryExecution", "glue:GetDatabase", "glue:GetPartitions", "glue:GetTable",
    "lakeformation:ListPermissions", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucketMultipartUploads",
    "s3:ListMultipartUploadParts", "s3:PutObject",
})  # fmt: skip
"""VerifyAccess's own, where no role of the account is the reader; Athena asks for all but two of them."""
EXCUSED: Final = {
    "s3:ListBucket": "without it S3 answers a missing object with AccessDenied",
    "s3:AbortMultipartUpload": "a large file that goes up in parts, and fails",
    "s3:PutObjectTagging": "asked for by S3 where an object is written, or copied, with tags",
    "lakeformation:GetDataAccess": "asked for by Lake Formation, of whom a table is shared with",
    "sqs:SendMessage": "Lambda's own, for events of which every attempt failed",
    "DraftContract s3:PutObject": "what cannot be read: it has no contract to wait for, and is held back",
    "DraftContract dynamodb:UpdateItem": "a product that was declared before: its owner's contract came meanwhile",
    "RunRecipeJobs iam:PassRole": "asked for by DataBrew, to which the role of the jobs is passed",
    "RunRecipeJobs s3:GetObjectTagging": "asked for by S3 where an object that is copied has tags",
    "RunRecipeJobs s3:GetObjectVersionTagging": "asked for by S3 where an object that is copied has tags",
    "CheckObjects glue:GetDatabase": "Glue asks for it where a table is found through a resource link",
    "ProposeVersion glue:GetDatabase": "Glue asks for it where a table is found through a resource link",
    "CommitVersion glue:GetDatabase": "Glue asks for it where a table is made",
    "CommitVersion dynamodb:Query": "tables that go back, since one of several moved; pins that follow the tags",
    "CommitVersion states:StartExecution": "an access by name to a column that became stricter ends",
    "RegisterProduct states:StartExecution": "an access by name to a column that became stricter ends",
    "RegisterProduct lakeformation:BatchRevokePermissions": "the former owner of a product that was handed over",
    "ProposeVersion dynamodb:GetItem": "a proposal that is repeated: was the product handed over meanwhile?",
    "ChangeSubscription sns:Publish": "the sender of an event that is refused is told",
    "CheckContract sns:Publish": "the sender of an event that is refused is told",
    "VerifyProposal sns:Publish": "the sender of an event that is refused is told",
    "SettleFailure dynamodb:GetItem": "the sender of an event that no state machine takes is told",
    "TakeBatch dynamodb:UpdateItem": "a run that waited for further uploads, and then found a contract on its way",
    "ProposeVersion dynamodb:DeleteItem": "the token of a proposal that could not be sent",
    "CollectUploads dynamodb:BatchGetItem": "an object that was uploaded before",
    "CollectUploads dynamodb:DeleteItem": "raw data that waited for a recipe, in a transaction",
    "DecideQuarantine dynamodb:DeleteItem": "raw data that are released wait for a recipe no more",
    "DenyAccess dynamodb:DeleteItem": "a request that was recorded before it was denied",
    "GovernLake lakeformation:BatchGrantPermissions": "products that are there when central is deployed again",
    "GovernLake lakeformation:GrantPermissions": "products that are there when central is deployed again",
    "GovernLake dynamodb:GetItem": "settings that somebody changed by hand",
    "GovernLake iam:GetRole": "an administrator of the data lake that is not the stack's",
    "GovernLake iam:GetUser": "an administrator of the data lake that is a user",
    "RequestApproval dynamodb:DeleteItem": "an access that was decided, or ended, before its question",
    "RetireProduct dynamodb:DeleteItem": "subscribers of the product",
    "RequestApproval states:SendTaskSuccess": "an access that was decided, or ended, before its question",
    "EndAccess states:SendTaskSuccess": "an access that ends while its run waits",
    "RetireProduct states:StartExecution": "accesses to the product that are live",
    "RepairDrift lakeformation:GetLFTag": "a value that is being renamed: has Lake Formation the old one?",
    "RepairDrift lakeformation:UpdateLFTag": "the old name of a value, which nothing has any more",
    "RepairDrift lakeformation:CreateLFTag": "an LF-Tag that somebody deleted",
    "RepairDrift glue:GetDatabases": "a value that is being renamed: what has the old one?",
    "RepairDrift glue:GetTables": "a value that is being renamed: what has the old one?",
    "RepairDrift states:StartExecution": "an access whose end was missed",
    "RepairDrift lakeformation:BatchRevokePermissions": "a grant that no access explains",
    "RepairDrift lakeformation:AddLFTagsToResource": "LF-Tags that were changed by hand",
    "RepairDrift lakeformation:GetResourceLFTags": "LF-Tags that were changed by hand",
    "RepairDrift lakeformation:GetDataLakeSettings": "an administrator that was removed by hand",
    "RepairDrift lakeformation:PutDataLakeSettings": "an administrator that was removed by hand",
    "RepairDrift lakeformation:RegisterResource": "a location that was deregistered by hand",
    "RepairDrift iam:PassRole": "asked for by Lake Formation where a location is registered under a role, by Scheduler",
    "RepairDrift scheduler:CreateSchedule": "an access that the rules no longer allow ends sooner",
    "RepairDrift scheduler:UpdateSchedule": "an access that the rules no longer allow ends sooner",
    "RepairDrift iam:GetRole": "an administrator that was removed by hand: are the others there?",
    "RepairDrift iam:GetUser": "an administrator that is a user",
    "RepairDrift events:DescribeEventBus": "a denial of the bus that was taken out by hand",
    "RepairDrift events:PutPermission": "a member that was taken off the bus by hand",
    "RepairDrift events:RemovePermission": "an account that was let onto the bus by hand",
    "RepairDrift sns:CreateTopic": "a member's topic that was deleted or changed by hand",
    "RepairDrift sns:SetTopicAttributes": "a member's topic that was deleted or changed by hand",
    "AcceptShare dynamodb:Query": "a reader's role that is gone: what its other accesses need",
    "AcceptShare lakeformation:BatchRevokePermissions": "a reader's role that is gone",
    "DeclareProduct states:StartExecution": "data that waited for a contract which is refused here",
    "ReceiveVerdict states:StartExecution": "data that waited for a contract which central refused",
    "SettleFailure sqs:ChangeMessageVisibility": "other messages of the queue, which it looks through",
    "SettleFailure sns:Publish": "what could not be published to people, or as a warning before an access ends",
    "SettleFailure kms:Decrypt": "asked for by SNS, whose topics for people are encrypted",
    "SettleFailure kms:GenerateDataKey": "asked for by SNS, whose topics for people are encrypted",
    "CollectUploads states:DescribeExecution": "uploads that wait while a run holds the lease: is it at work?",
    "CollectUploads dynamodb:UpdateItem": "the lease of a run that ended without a word",
    "DecideAccess states:DescribeExecution": "a request that is delivered again: is its first run at work?",
    "DecideAccess lakeformation:ListLFTags": "a request by an expression of LF-Tags",
    "FindDrift lakeformation:GetLFTagExpression": "a grant by a named expression",
    "GrantAccess lakeformation:UpdateDataCellsFilter": "a filter that an attempt before made",
    "RegisterProduct lakeformation:GetResourceLFTags": "a contract's later revision, of a product with versions",
    "CheckContract dynamodb:Query": "a contract's later revision that breaks: who is subscribed?",
    "RegisterProduct dynamodb:DeleteItem": "a name that is somebody else's: the product's claims are given back",
    "RegisterProduct dynamodb:PutItem": "a name that is somebody else's: the refusal is recorded",
    "PrepareProduct glue:GetCrawler": "a crawler that is there: is it the product's?",
    "SetMembership states:StartExecution": "a consumer with accesses that is none any more",
    "RegisterProduct glue:UpdateDatabase": "a database that is there: by a contract's later revision",
    "PrepareProduct glue:GetDatabase": "a link that is there: by a contract's later revision",
    "PrepareProduct glue:UpdateCrawler": "a crawler that is there: by a contract's later revision",
    "GovernLake lakeformation:UpdateLFTag": "an ontology that was changed",
    "GovernLake lakeformation:ListPermissions": "a value gets a name that Lake Formation has already: is it granted?",
    "GovernLake lakeformation:SearchTablesByLFTags": "a value that an ontology has no more: is it on any table?",
    "ReceiveJoin dynamodb:PutItem": "an account that members.yaml admits when it asks",
    "ReceiveJoin events:PutPermission": "an account that members.yaml admits when it asks",
    "ReceiveJoin sns:CreateTopic": "an account that members.yaml admits when it asks",
    "ReceiveJoin sns:SetTopicAttributes": "an account that members.yaml admits when it asks",
    "JoinMesh events:PutEvents": "an account that is not admitted yet",
    "ReceiveAnswer sns:Publish": "a rejection: the sender of a rejected answer is notified",
    "RequestPin sns:Publish": "a rejection: a requester other than central is notified",
    "WithdrawVersions sns:Publish": "a rejection: a requester other than central is notified",
    "WithdrawVersions s3:GetObject": "a withdrawal by object, which looks into the versions' indexes",
    "RequestPin dynamodb:Query": "whether a requester other than owner and central has a live access",
    "RequestPin scheduler:UpdateSchedule": "a pin whose end is moved",
    "GrantAccess lakeformation:GetResourceLFTags": "columns that are granted by name: are they stricter by now?",
    "GrantAccess scheduler:UpdateSchedule": "a schedule that an attempt before made",
    "CheckContract iam:PassRole": "asked for by EventBridge Scheduler, to which its role is passed",
    "RequestPin iam:PassRole": "asked for by EventBridge Scheduler, to which its role is passed",
    "GrantAccess iam:PassRole": "asked for by EventBridge Scheduler, to which its role is passed",
    "PrepareProduct iam:PassRole": "asked for by Glue, to which the crawler's role is passed",
    "RegisterProduct iam:GetRole": "asked for by Lake Formation, to which the location's role is passed",
    "RegisterProduct iam:PassRole": "asked for by Lake Formation, to which the location's role is passed",
    "RequestApproval kms:Decrypt": "asked for by SNS, whose topic for stewards is encrypted",
    "RegisterProduct kms:Decrypt": "asked for by SNS, whose topic for stewards is encrypted",
    "RequestApproval kms:GenerateDataKey": "asked for by SNS, whose topic for stewards is encrypted",
    "RegisterProduct kms:GenerateDataKey": "asked for by SNS, whose topic for stewards is encrypted",
    "ReleaseFiles s3:DeleteObjectVersion": "asked for by S3 where versions are deleted, many in one call",
    "AcceptShare ram:AcceptResourceShareInvitation": "an account outside of the organization",
    "PrepareProduct ram:AcceptResourceShareInvitation": "an account outside of the organization",
}
"""Actions that are allowed, and not called when all goes well: of all functions, or of one."""
EITHER: Final = {"s3:GetObjectVersion": "s3:GetObject", "s3:GetObject": "s3:GetObjectVersion"}
"""Reading by version and without is one call, and two actions."""


@pytest.mark.parametrize("account", FIRST)
def test_every_allowed_action_is_used_or_has_a_reason(
    mesh: MeshDriver, calls: list[dict[str, Any]], account: str
) -> None:
    """From the deployment on, by all that ran on this mesh."""
    used = mesh.used()
    unused: dict[str, set[str]] = {}
    for name in _functions(mesh, account):
        role = mesh.physical_id(account, f"{name}Role")
        allowed = {action for document in _documents(mesh, account, role) for action in _actions(document)}
        mine = used.get(f"arn:aws:iam::{ACCOUNTS[account]}:role/{role}", set())
        function = name.removesuffix("Function")
        left = {action for action in allowed if not {action, EITHER.get(action, action)} & mine}
        left -= BY_LAKE_FORMATION | BY_LAMBDA
        left -= {"glue:GetDatabase", "glue:GetTable"} if function in OF_WHAT_IS_GRANTED else set()
        left -= PROOF if function == "VerifyAccess" else set()
        left = {action for action in left if not EXCUSED.keys() & {action, f"{function} {action}"}}
        if left:
            unused[function] = left
    assert not unused, "\n".join(f"{function}: {', '.join(sorted(left))}" for function, left in unused.items())


def _functions(mesh: MeshDriver, account: str) -> list[str]:
    """Logical ids of the account's functions."""
    pages = mesh.client(account, "cloudformation").get_paginator("list_stack_resources").paginate(
        StackName=f"meshwork-{account}"
    )  # fmt: skip
    resources = [item for page in pages for item in page["StackResourceSummaries"]]
    return [item["LogicalResourceId"] for item in resources if item["ResourceType"] == "AWS::Lambda::Function"]


def _documents(mesh: MeshDriver, account: str, role: str) -> list[dict[str, Any]]:
    return [*own_policies(mesh, account, role).values(), *attached_policies(mesh, account, role).values()]


def _actions(document: dict[str, Any]) -> Iterable[str]:
    for statement in document["Statement"]:
        actions = statement["Action"]
        yield from actions if isinstance(actions, list) else [actions]
