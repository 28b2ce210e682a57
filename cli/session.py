"""Who the command line acts as: a boto3 session for the central, producer or consumer account.

On the laptop it comes from the mesh under `.mesh/`; on AWS from a profile per account (`--profile-central` or
`MESH_PROFILE_CENTRAL`, and so on). A profile given wins over a local mesh that happens to be up.
"""

import os
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import boto3
from botocore.exceptions import ClientError

from local import account_bootstrap, mesh
from local.accounts import ACCOUNTS, ADMIN_ROLE, REGION
from local.clients import botocore_session

Account = Literal["central", "producer", "consumer"]
ACCOUNT_NAMES: tuple[Account, ...] = get_args(Account)


class SessionError(RuntimeError):
    """There are no credentials for that account; the message says how to give some."""


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
    """`profiles` by account name, `port` of the local mesh (None: the one started last)."""

    profiles: dict[Account, str] = field(default_factory=dict)
    port: int | None = None

    def is_local(self) -> bool:
        return not any(self._profile(name) for name in ACCOUNT_NAMES)

    def session(self, account: Account, role: str | None = None) -> boto3.Session:
        """A session in the account, as `role` in it if given. Raises `SessionError`."""
        if not self.is_local():
            return self._aws_session(account, role)
        found = self.environment(account, role)
        return LocalSession(found)

    def environment(self, account: Account, role: str | None = None) -> dict[str, str]:
        """The environment variables of a session in a local account. Raises `SessionError`."""
        try:
            local = mesh.on_port(self.port)
        except mesh.MeshError as error:
            raise SessionError(str(error)) from error
        if local.pid() is None:
            raise SessionError(f"the mesh on port {local.port} is down: start it with `mesh up --port {local.port}`")
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

    def _profile(self, account: Account) -> str | None:
        return self.profiles.get(account) or os.environ.get(f"MESH_PROFILE_{account.upper()}")

    def _aws_session(self, account: Account, role: str | None) -> boto3.Session:
        profile = self._profile(account)
        if profile is None:
            raise SessionError(
                f"no AWS profile for the {account} account: set --profile-{account} or MESH_PROFILE_{account.upper()}"
            )
        session = boto3.Session(profile_name=profile)
        if role is None:
            return session
        sts = session.client("sts")
        arn = f"arn:aws:iam::{sts.get_caller_identity()['Account']}:role/{role}"
        keys = sts.assume_role(RoleArn=arn, RoleSessionName="mesh")["Credentials"]
        # With the profile's other settings: its region, and endpoints that it names.
        return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], profile_name=profile)
