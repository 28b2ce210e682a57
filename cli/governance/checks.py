"""What `mesh doctor` says of one thing, and what it looks at."""

from collections.abc import Iterator
from dataclasses import dataclass

from cli.mesh_context import MeshContext, stack_name
from cli.session import Account


@dataclass(frozen=True)
class Check:
    """`ok` is None where it cannot be told: these credentials are not sufficient, or AWS does not compare it."""

    account: str
    name: str
    ok: bool | None
    found: str
    remedy: str = ""


type Checks = Iterator[Check]


def resources(where: MeshContext, account: Account) -> list[tuple[str, str, str]]:
    """(logical id, type, physical id) of all resources of the account's stack."""
    pages = where.client(account, "cloudformation").get_paginator("list_stack_resources")
    return [
        (item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId", ""))
        for page in pages.paginate(StackName=stack_name(account))
        for item in page["StackResourceSummaries"]
    ]
