"""What people changed by hand in an account of the mesh, where central may not look."""

import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from mesh.adapters.dynamodb.uploads import DynamoUploads
from mesh.domain.governance.drift import Drift, Kind
from mesh.usecases.governance.govern_lake import admins_of
from mesh.usecases.onboarding.prepare_product import crawler_definition

from cli import output
from cli.governance.checks import Check, Checks, Look, Operator, resources
from cli.mesh_context import MeshContext, default_role, is_denied, stack_name
from cli.output import CommandFailed
from cli.session import Account, SessionError
from local.accounts import Kind as AccountKind
from local.accounts import kind_of

_LEAST_CROSS_ACCOUNT_VERSION: Final = 3
_POLICIES: Final = {"AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"}
_DRIFTED: Final = {"MODIFIED", "DELETED"}
_SAME: Final = "IN_SYNC"


def settings_checks(where: MeshContext, account: Account) -> Checks:
    """IAM-only defaults off, cross-account version, the default role among the admins."""
    settings = where.client(account, "lakeformation").get_data_lake_settings()["DataLakeSettings"]
    redeploy = f"sam deploy --config-env {kind_of(account)}: its custom resource sets this"
    defaults = [
        name for name in ("CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions") if settings.get(name)
    ]
    yield Check(
        account, "default permissions", not defaults, ", ".join(defaults) or "off", redeploy if defaults else ""
    )
    version = str((settings.get("Parameters") or {}).get("CROSS_ACCOUNT_VERSION", "1"))
    good = version.isdigit() and int(version) >= _LEAST_CROSS_ACCOUNT_VERSION
    yield Check(account, "cross-account version", good, version, "" if good else redeploy)
    admins = admins_of(settings)
    good = any(admin.endswith(f":role/{default_role(account)}") for admin in admins)
    found = f"{default_role(account)} is {'a' if good else 'not a'} data lake admin"
    yield Check(account, "data lake admins", good, found, "" if good else redeploy)


def policy_checks(where: MeshContext, account: Account) -> Checks:
    """Policies of the stack's queues, topics and buckets are as it was deployed: CloudFormation compares them.

    Central's bus, queues and members' topics are compared by `mesh reconcile`; nobody else may look at a member's."""
    stack = stack_name(account)
    found = {
        name: _drift(where.client(account, "cloudformation"), stack, name)
        for name, kind, _ in resources(where, account)
        if kind in _POLICIES
    }
    changed = {name: drift for name, drift in found.items() if drift["StackResourceDriftStatus"] in _DRIFTED}
    for name, drift in changed.items():
        places = [place["PropertyPath"] for place in drift.get("PropertyDifferences", ())]
        what = f"{name} was changed by hand: {', '.join(places) or 'it is gone'}"
        remedy = (
            f"put back what aws cloudformation describe-stack-resource-drifts --stack-name {stack} shows as expected"
        )
        yield Check(account, "policies", False, what, remedy)
    unknown = [name for name, drift in found.items() if drift["StackResourceDriftStatus"] not in {*_DRIFTED, _SAME}]
    if unknown:
        yield Check(account, "policies", None, f"CloudFormation does not compare {', '.join(unknown)}")
    elif not changed:
        yield Check(
            account, "policies", True, f"as deployed ({output.amount(len(found), 'policy', plural='policies')})"
        )


def _drift(formation: Any, stack: str, name: str) -> dict[str, Any]:  # noqa: ANN401 - CloudFormation's client
    """A resource's drift; a type that CloudFormation cannot compare is refused as invalid, or not checked."""
    try:
        answer = formation.detect_stack_resource_drift(StackName=stack, LogicalResourceId=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return {"StackResourceDriftStatus": "NOT_CHECKED"}
    return dict(answer["StackResourceDrift"])


def crawler_checks(where: MeshContext, account: Account) -> Checks:
    """The crawler of each product that has one is there, and as it was made."""
    uploads, ids = DynamoUploads(where.table(account)), {name: what for name, _, what in resources(where, account)}
    role = f"arn:aws:iam::{where.account_id(account)}:role/{ids['CrawlerRole']}"
    crawled = {
        name: facts for name in uploads.products() if (facts := uploads.product(name) or {}).get("crawl") == "glue"
    }
    good = 0
    for product, facts in crawled.items():
        wanted = crawler_definition(product, ids["DataBucket"], facts["link"], facts["catalog_id"], role)
        if changed := _changed(where.client(account, "glue"), facts["crawler"], wanted):
            remedy = f"upload the contract of {product} again: it is then made as it was"
            yield Check(account, "crawlers", False, f"{facts['crawler']}: {changed}", remedy)
        else:
            good += 1
    if good == len(crawled):
        yield Check(account, "crawlers", True, f"as they were made ({output.amount(good, 'crawler')})")


def _changed(glue: Any, name: str, wanted: Mapping[str, Any]) -> str:  # noqa: ANN401 - Glue's client
    """What somebody changed of a crawler by hand; empty: nothing."""
    try:
        found = glue.get_crawler(Name=name)["Crawler"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityNotFoundException":
            raise
        return "it is gone"
    differing = [key for key, value in wanted.items() if _plain(key, found.get(key)) != _plain(key, value)]
    return f"changed by hand: {', '.join(differing)}" if differing else ""


def _plain(key: str, value: Any) -> Any:  # noqa: ANN401 - a crawler's fields
    """Glue gives roles with or without their ARN, kinds of targets that it has not, and JSON as it was written."""
    match key:
        case "Role":
            return str(value).rpartition("/")[2]
        case "Targets":
            return [target.get("Path") for kind in (value or {}).values() for target in kind]
        case "Configuration":
            return json.loads(value or "{}")
        case _:
            return value


_SPOKE: Final[tuple[tuple[Kind, Look], ...]] = (("settings", settings_checks), ("policy", policy_checks))
_OF_MEMBERS: Final[dict[AccountKind, tuple[tuple[Kind, Look], ...]]] = {
    "central": (),
    "producer": (*_SPOKE, ("crawler", crawler_checks)),
    "consumer": _SPOKE,
}


def drift_of_members(where: MeshContext) -> tuple[list[Drift], list[Account]]:
    """What differs in members' own accounts, and the accounts where these credentials may not look."""
    operator, found, unseen = Operator.of(where), list[Drift](), list[Account]()
    for account in where.names():
        try:
            number = operator.account_id(account)
            found += [
                Drift(kind=kind, principal=number, what=check.found, remedy=check.remedy, ours=False)
                for kind, look in _OF_MEMBERS[kind_of(account)]
                for check in look(operator, account)
                if check.ok is False
            ]
        except (SessionError, CommandFailed, BotoCoreError):
            unseen.append(account)
        except ClientError as error:
            if not is_denied(error):
                raise
            unseen.append(account)
    return found, unseen
