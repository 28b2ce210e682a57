"""What an account holds, by kind: before, so that nothing of it is touched, and after, so that nothing is left."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from tools.verify_aws.accounts import Account

type Inventory = dict[str, list[str]]

_LISTS: Final[dict[str, tuple[str, str, str, str]]] = {
    "buckets": ("s3", "list_buckets", "Buckets", "Name"),
    "tables": ("dynamodb", "list_tables", "TableNames", ""),
    "roles": ("iam", "list_roles", "Roles", "RoleName"),
    "functions": ("lambda", "list_functions", "Functions", "FunctionName"),
    "event source mappings": ("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    "layers": ("lambda", "list_layers", "Layers", "LayerName"),
    "machines": ("stepfunctions", "list_state_machines", "stateMachines", "name"),
    "queues": ("sqs", "list_queues", "QueueUrls", ""),
    "topics": ("sns", "list_topics", "Topics", "TopicArn"),
    "subscriptions": ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    "buses": ("events", "list_event_buses", "EventBuses", "Name"),
    "rules": ("events", "list_rules", "Rules", "Name"),
    "schedules": ("scheduler", "list_schedules", "Schedules", "Name"),
    "log groups": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "alarms": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "dashboards": ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    "work groups": ("athena", "list_work_groups", "WorkGroups", "Name"),
    "databases": ("glue", "get_databases", "DatabaseList", "Name"),
    "crawlers": ("glue", "get_crawlers", "Crawlers", "Name"),
    "LF-Tags": ("lakeformation", "list_lf_tags", "LFTags", "TagKey"),
    "locations": ("lakeformation", "list_resources", "ResourceInfoList", "ResourceArn"),
}
"""Kind → service, operation, member of the answer, key in each (none: it is a string)."""


def inventory(account: Account) -> Inventory:
    """Names by kind, sorted; kinds of which there is nothing are left out."""
    lists: dict[str, Callable[[], Iterator[str]]] = {
        kind: lambda kind=kind: listed(account, kind)  # type: ignore[misc]
        for kind in _LISTS
    }
    lists |= {
        "stacks": lambda: _stacks(account),
        "policies": lambda: _listed(account, "iam", "list_policies", "Policies", "PolicyName", Scope="Local"),
        "keys": lambda: _keys(account),
        "shares": lambda: _shares(account),
        "grants": lambda: (grant_text(grant) for grant in grants(account)),
    }
    for service, *_ in _LISTS.values():
        account.client(service)  # before there are threads: a session makes one client at a time
    with ThreadPoolExecutor(4) as threads:
        found = dict(zip(lists, threads.map(lambda each: sorted(set(each())), lists.values()), strict=True))
    return {kind: names for kind, names in found.items() if names}


def listed(account: Account, kind: str) -> Iterator[str]:
    """Names, URLs or ARNs of one of `inventory`'s kinds that a single call lists."""
    return _listed(account, *_LISTS[kind])


def more_than(before: Inventory, after: Inventory) -> Inventory:
    """What came since, by kind."""
    found = {kind: [name for name in names if name not in before.get(kind, ())] for kind, names in after.items()}
    return {kind: names for kind, names in found.items() if names}


def pages(account: Account, service: str, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - an operation's
    """All answers of a list, whatever its pages are called."""
    client = account.client(service)
    if client.can_paginate(operation):
        yield from client.get_paginator(operation).paginate(**arguments)
        return
    answer = getattr(client, operation)(**arguments)
    while True:
        yield answer
        if not answer.get("NextToken"):
            return
        answer = getattr(client, operation)(**arguments, NextToken=answer["NextToken"])


def grants(account: Account, catalog: str = "") -> Iterator[dict[str, Any]]:
    """What Lake Formation lists to the account as granted in its catalog, or in that of another account."""
    for page in pages(account, "lakeformation", "list_permissions", CatalogId=catalog or account.number):
        yield from page["PrincipalResourcePermissions"]


def grant_text(grant: dict[str, Any]) -> str:
    """One line that tells a grant from all others."""
    who = grant["Principal"]["DataLakePrincipalIdentifier"]
    return f"{who}: {','.join(sorted(grant['Permissions']))} on {json.dumps(grant['Resource'], sort_keys=True)}"


def _listed(
    account: Account,
    service: str,
    operation: str,
    member: str,
    key: str,
    **arguments: Any,  # noqa: ANN401 - an operation's
) -> Iterator[str]:
    for page in pages(account, service, operation, **arguments):
        for item in page.get(member, ()):
            yield str(item[key] if key else item)


def _stacks(account: Account) -> Iterator[str]:
    for page in pages(account, "cloudformation", "describe_stacks"):
        yield from (stack["StackName"] for stack in page["Stacks"] if stack["StackStatus"] != "DELETE_COMPLETE")


def _keys(account: Account) -> Iterator[str]:
    """Without those that wait for their deletion: they cost nothing, and go by themselves."""
    keys = account.client("kms")
    for key in _listed(account, "kms", "list_keys", "Keys", "KeyId"):
        if keys.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingDeletion":
            yield key


def keys_that_go(account: Account) -> list[str]:
    """Keys that wait for their deletion."""
    keys = account.client("kms")
    return sorted(
        key
        for key in _listed(account, "kms", "list_keys", "Keys", "KeyId")
        if keys.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    )


def _shares(account: Account) -> Iterator[str]:
    for page in pages(account, "ram", "get_resource_shares", resourceOwner="SELF"):
        yield from (share["resourceShareArn"] for share in page["resourceShares"] if share["status"] == "ACTIVE")
