"""What `mesh doctor` says of one thing, and what it looks at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from cli.mesh_context import OWN_CREDENTIALS, MeshContext, is_denied, stack_name
from cli.output import CommandFailed
from cli.session import Account, SessionError


@dataclass(frozen=True)
class Check:
    """`ok` is None where it cannot be told: these credentials are not sufficient, or AWS does not compare it."""

    account: str
    name: str
    ok: bool | None
    found: str
    remedy: str = ""


type Checks = Iterator[Check]
type Look = Callable[[MeshContext, Account], Checks]


class Operator(MeshContext):
    """Runs with the accounts' own credentials: an operator's."""

    @classmethod
    def of(cls, where: MeshContext) -> Self:
        """In the same accounts."""
        return cls(where.accounts, role=OWN_CREDENTIALS)

    def role_in(self, account: Account) -> str | None:
        """Always None."""
        return None


def resources(where: MeshContext, account: Account) -> list[tuple[str, str, str]]:
    """(logical id, type, physical id) of all resources of the account's stack."""
    pages = where.client(account, "cloudformation").get_paginator("list_stack_resources")
    return [
        (item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId", ""))
        for page in pages.paginate(StackName=stack_name(account))
        for item in page["StackResourceSummaries"]
    ]


def guarded(account: str, name: str, look: Callable[[], Checks]) -> Checks:
    """The check's findings; a check that may not look reports that instead of ending the others."""
    try:
        yield from look()
    except SessionError as error:
        yield Check(account, "credentials", False, str(error), "see the message")
    except CommandFailed as error:
        yield Check(account, name, False, error.message, error.remedy)
    except ClientError as error:
        if is_denied(error):
            yield Check(account, name, None, f"not allowed to check: {error}", "run it with an operator's credentials")
        else:
            yield Check(account, name, False, str(error), "see the message")
    except BotoCoreError as error:
        yield Check(account, name, False, str(error), "check profile, region and network")
