"""Everything comes away again, step by step; what one step cannot remove keeps no other from its work.

Only what carries the prefix, what the templates name, and what central makes for members is removed; what was there
before is never touched (docs/guides/platform-engineer.md, "Remove what is kept").
"""

import contextlib
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from botocore.exceptions import ClientError, WaiterError

from tools.verify_aws.accounts import Account
from tools.verify_aws.commands import CommandFailed, Commands
from tools.verify_aws.deployment import administrate
from tools.verify_aws.inventory import Inventory, grant_text, grants, inventory, listed, more_than, pages
from tools.verify_aws.names import AccountName, Names
from tools.verify_aws.precheck import fixed_names, mesh_tags
from tools.verify_aws.progress import Progress, TookTooLong, until
from tools.verify_aws.state import Before, State, settings_of

_GONE_SECONDS: Final = 120.0
"""Lists follow deletions after a while."""
_GRANT_MEMBERS: Final = ("Principal", "Resource", "Permissions", "PermissionsWithGrantOption")

type Left = dict[AccountName, Inventory]


def remove(commands: Commands, state: State, progress: Progress) -> list[str]:
    """Deletes stacks, then what they keep, then puts the settings back. What went wrong, a line each."""
    accounts = commands.accounts
    wrong: list[str] = []
    with progress.step("stacks deleted"), ThreadPoolExecutor(len(accounts)) as threads:
        for problem in threads.map(lambda account: _delete_stack(commands, account), accounts.values()):
            wrong += problem
    with progress.step("what they keep removed"):
        for name, account in accounts.items():
            for step, what in _steps(commands, account, state[name]):
                try:
                    step()
                except ClientError as error:
                    wrong.append(f"{name}: {what}: {error}")
    return wrong


def left(commands: Commands, state: State) -> Left:
    """What came since and did not go, looked for again for a while."""
    found: Left = {}

    def nothing() -> bool:
        for name, account in commands.accounts.items():
            found[name] = more_than(state[name].inventory, inventory(account))
        return not any(found.values())

    with contextlib.suppress(TookTooLong):
        until(nothing, "nothing is left", _GONE_SECONDS)
    return {name: kinds for name, kinds in found.items() if kinds}


def _delete_stack(commands: Commands, account: Account) -> list[str]:
    """By sam; by CloudFormation where sam knows no way on, as with a stack that was never made whole."""
    name, cloudformation = commands.names.stack(account.name), account.client("cloudformation")
    try:
        if not _is_there(cloudformation, name):
            return []
        commands.sam(account, "delete", "--stack-name", name, "--no-prompts")
    except CommandFailed:
        cloudformation.delete_stack(StackName=name)
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name)
    except WaiterError as error:
        return [f"{name}: {error}"]
    return []


def _is_there(cloudformation: Any, name: str) -> bool:  # noqa: ANN401 - a client
    try:
        cloudformation.describe_stacks(StackName=name)
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return False
    return True


def _steps(commands: Commands, account: Account, before: Before) -> Iterator[tuple[Callable[[], None], str]]:
    """In an order in which each finds what it needs: grants before what they are on, settings last."""
    names, central = commands.names, commands.accounts["central"].number
    others = {each.number for each in commands.accounts.values()} - {account.number}
    ours = {names.prefix, *fixed_names(account, names)["roles"], *others}
    yield lambda: administrate(account), "administrator for the removal"
    yield lambda: _revoke(account, account.number, ours, before), "grants"
    if account.number != central:
        yield lambda: _revoke(account, central, ours, before), "grants that it passed on"
    yield lambda: _delete_databases(account, names, before), "databases"
    if account.name == "central":
        yield lambda: _delete_tags(account), "LF-Tags"
        yield lambda: _deregister(account, names), "locations"
        yield lambda: _delete_topics(account), "topics"
        yield lambda: _delete_schedules(account), "schedules"
    yield lambda: delete_what_checks_made(account, names), "what checks made"
    for table in fixed_names(account, names)["tables"]:
        yield lambda table=table: _delete_table(account, table), f"table {table}"  # type: ignore[misc]
    for bucket in fixed_names(account, names)["buckets"]:
        yield lambda bucket=bucket: _delete_bucket(account, bucket), f"bucket {bucket}"  # type: ignore[misc]
    yield lambda: _restore(account, before), "data lake settings"


def _revoke(account: Account, catalog: str, ours: Collection[str], before: Before) -> None:
    """Grants that came since, to or on what is named by one of `ours`."""
    known = set(before.inventory.get("grants", ()))
    lake = account.client("lakeformation")
    for grant in list(grants(account, catalog)):
        text = grant_text(grant)
        if text in known or not any(name in text for name in ours):
            continue
        entry = {member: grant[member] for member in _GRANT_MEMBERS if grant.get(member)}
        with _gone("InvalidInputException", "EntityNotFoundException"):
            lake.revoke_permissions(**entry)


def _delete_databases(account: Account, names: Names, before: Before) -> None:
    known = before.inventory.get("databases", ())
    made = {"default"} if account.name == "consumer" else set()  # for its readers, where it was missing
    ours = [name for name in _databases(account) if names.prefix in name or name in made]
    glue, lake = account.client("glue"), account.client("lakeformation")
    for name in ours:
        if name in known:
            continue
        lake.grant_permissions(
            Principal={"DataLakePrincipalIdentifier": account.principal},
            Resource={"Database": {"Name": name}},
            Permissions=["DROP"],
        )
        with _gone("EntityNotFoundException"):
            glue.delete_database(Name=name)


def _databases(account: Account) -> list[str]:
    return [item["Name"] for page in pages(account, "glue", "get_databases") for item in page["DatabaseList"]]


def _delete_tags(account: Account) -> None:
    lake = account.client("lakeformation")
    for key in mesh_tags():
        with _gone("EntityNotFoundException"):
            lake.delete_lf_tag(TagKey=key)


def _deregister(account: Account, names: Names) -> None:
    lake = account.client("lakeformation")
    for page in pages(account, "lakeformation", "list_resources"):
        for resource in page["ResourceInfoList"]:
            if names.prefix in resource["ResourceArn"]:
                lake.deregister_resource(ResourceArn=resource["ResourceArn"])


def _delete_topics(account: Account) -> None:
    sns = account.client("sns")
    for page in pages(account, "sns", "list_topics"):
        for topic in page["Topics"]:
            if ":mesh-to-" in topic["TopicArn"]:
                sns.delete_topic(TopicArn=topic["TopicArn"])


def _delete_schedules(account: Account) -> None:
    scheduler = account.client("scheduler")
    for page in pages(account, "scheduler", "list_schedules", NamePrefix="mesh-"):
        for schedule in page["Schedules"]:
            scheduler.delete_schedule(Name=schedule["Name"])


def delete_what_checks_made(account: Account, names: Names) -> None:
    """Each check removes what it made, unless the run was killed meanwhile."""
    begins, events = f"{names.prefix}-", account.client("events")
    for rule in _named(account, "rules", begins):
        targets = [target["Id"] for target in events.list_targets_by_rule(Rule=rule)["Targets"]]
        if targets:
            events.remove_targets(Rule=rule, Ids=targets)
        events.delete_rule(Name=rule)
    for bus in _named(account, "buses", begins):
        events.delete_event_bus(Name=bus)
    for url in _named(account, "queues", f"/{begins}"):
        account.client("sqs").delete_queue(QueueUrl=url)
    for topic in _named(account, "topics", f":{begins}"):
        account.client("sns").delete_topic(TopicArn=topic)
    if alarms := _named(account, "alarms", begins):
        account.client("cloudwatch").delete_alarms(AlarmNames=alarms)
    for role in _named(account, "roles", begins):
        _delete_role(account, role)


def _delete_role(account: Account, role: str) -> None:
    iam = account.client("iam")
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
    iam.delete_role(RoleName=role)


def _named(account: Account, kind: str, part: str) -> list[str]:
    return [name for name in listed(account, kind) if part in name]


def _delete_table(account: Account, name: str) -> None:
    with _gone("ResourceNotFoundException"):
        account.client("dynamodb").delete_table(TableName=name)


def _delete_bucket(account: Account, name: str) -> None:
    """With all versions of all objects."""
    s3 = account.client("s3")
    with _gone("NoSuchBucket"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions]
            if objects:
                s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
        s3.delete_bucket(Bucket=name)


def _restore(account: Account, before: Before) -> None:
    """As they were, but for the cross-account version, which Lake Formation does not take back."""
    now = settings_of(account).get("Parameters", {})
    parameters = {**before.settings.get("Parameters", {})}
    if version := now.get("CROSS_ACCOUNT_VERSION"):
        parameters["CROSS_ACCOUNT_VERSION"] = version
    settings: dict[str, Any] = {**before.settings, "Parameters": parameters}
    account.client("lakeformation").put_data_lake_settings(DataLakeSettings=settings)


@contextlib.contextmanager
def _gone(*codes: str) -> Iterator[None]:
    """What is not there any more is what was wanted."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise
