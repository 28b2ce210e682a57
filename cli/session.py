"""Who the command line acts as: a boto3 session for an account of the mesh.

On the laptop it comes from the mesh under `.mesh/`; on AWS from a profile per account (`--profile producer-2=NAME` or
`MESH_PROFILE_PRODUCER_2`). A profile given wins over a local mesh that happens to be up.
"""

import os
import re
from dataclasses import dataclass
from typing import Any, Final

import boto3
import typer
from botocore.exceptions import ClientError

from local import account_bootstrap, mesh
from local.accounts import ACCOUNTS, ADMIN_ROLE, FIRST, MOST, REGION, account_name, kind_of
from local.clients import botocore_session

Account = str
"""`central`, `producer`, `consumer`, and further ones by number: `producer-2`. Checked by `account_named`."""
_NAME: Final = re.compile(r"central|(?:producer|consumer)(?:-(?:[2-9]|[1-9][0-9]))?")
_PROFILE: Final = "MESH_PROFILE_"
_LAST: Final = (account_name("producer", MOST), account_name("consumer", MOST))


def account_named(text: str) -> Account:
    """The account that an option or argument names. Raises `BadParameter`."""
    if not _NAME.fullmatch(text):
        raise typer.BadParameter(
            f"{text!r} is not an account: central, producer, consumer; the second ones are producer-2, consumer-2"
        )
    return text


def variable_of(prefix: str, account: Account) -> str:
    """The environment variable that holds something of an account: `MESH_PROFILE_PRODUCER_2`."""
    return prefix + account.upper().replace("-", "_")


class SessionError(RuntimeError):
    """There are no credentials for that account; the message says how to give some."""


def _order(account: Account) -> tuple[int, int]:
    number = account.partition("-")[2]
    return FIRST.index(kind_of(account)), int(number or 1)


def _profiles() -> dict[Account, str]:
    """The profile of each account that has one, by the environment."""
    given = {name.removeprefix(_PROFILE): value for name, value in os.environ.items() if name.startswith(_PROFILE)}
    named = {name.lower().replace("_", "-"): value for name, value in given.items() if value}
    return {name: value for name, value in named.items() if _NAME.fullmatch(name)}


class LocalSession(boto3.Session):
    """A session whose every client talks to the local mesh: boto3 itself has no endpoint per session."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._endpoint = environment["AWS_ENDPOINT_URL"]
        super().__init__(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment["AWS_SESSION_TOKEN"],
            region_name=environment["AWS_REGION"],
            botocore_session=botocore_session(),
        )

    def client(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as boto3's own
        """As boto3's, at the local endpoint."""
        return super().client(*args, **{"endpoint_url": self._endpoint, **options})


@dataclass
class Accounts:
    """`port` of the local mesh (None: the one started last)."""

    port: int | None = None

    def is_local(self) -> bool:
        """Whether no profile is given."""
        return not _profiles()

    def names(self) -> tuple[Account, ...]:
        """One account of each kind, and those further ones that there are: central, producers, consumers, each by
        number. On AWS those are the accounts with a profile."""
        further = self._opened() if self.is_local() else tuple(_profiles())
        return tuple(sorted({*FIRST, *further}, key=_order))

    def _opened(self) -> tuple[Account, ...]:
        try:
            return mesh.on_port(self.port).accounts()
        except mesh.MeshError:
            return ()

    def session(self, account: Account, role: str | None = None) -> boto3.Session:
        """A session in the account, as `role` in it if given. Raises `SessionError`."""
        if not self.is_local():
            return self._aws_session(account, role)
        found = self.environment(account, role)
        return LocalSession(found)

    def environment(self, account: Account, role: str | None = None) -> dict[str, str]:
        """The environment variables of a session in a local account. Raises `SessionError`."""
        local = self._local()
        if account not in local.accounts():
            raise SessionError(
                f"the mesh on port {local.port} has no account {account} yet: open it with `mesh env {account}`"
            )
        name = role or ADMIN_ROLE
        try:
            keys = account_bootstrap.assume(local.endpoint, ACCOUNTS[account], name)
        except ClientError as error:
            raise SessionError(f"cannot act as {name} in {account}: {error.response['Error']['Message']}") from error
        return {
            "AWS_ENDPOINT_URL": local.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **keys,
        }

    def open(self, account: Account) -> bool:
        """Set up an account of the laptop, without a stack, as a landing zone does; False where it is there. Raises
        `SessionError`."""
        local = self._local()
        if account in local.accounts():
            return False
        if account not in ACCOUNTS:
            raise SessionError(f"the laptop has no account {account}: the last ones are {', '.join(_LAST)}")
        account_bootstrap.make_admin_roles(local.endpoint, [ACCOUNTS[account]])
        return True

    def _local(self) -> mesh.Mesh:
        try:
            local = mesh.on_port(self.port)
        except mesh.MeshError as error:
            raise SessionError(str(error)) from error
        if local.pid() is None:
            raise SessionError(local.down())
        return local

    def _aws_session(self, account: Account, role: str | None) -> boto3.Session:
        profile = _profiles().get(account)
        if profile is None:
            raise SessionError(
                f"no AWS profile for the {account} account: "
                f"give --profile {account}=NAME, or set {variable_of(_PROFILE, account)}"
            )
        session = boto3.Session(profile_name=profile)
        if role is None:
            return session
        sts = session.client("sts")
        arn = f"arn:aws:iam::{sts.get_caller_identity()['Account']}:role/{role}"
        keys = sts.assume_role(RoleArn=arn, RoleSessionName="mesh")["Credentials"]
        # With the profile's other settings: its region, and endpoints that it names.
        return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], profile_name=profile)
