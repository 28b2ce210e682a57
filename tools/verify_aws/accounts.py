"""The three accounts, each reached through a profile of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tools.verify_aws.names import ACCOUNT_NAMES, AccountName

_CONFIG: Final = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=10, read_timeout=120)


class Refused(RuntimeError):  # noqa: N818 - the name is the outcome
    """The verification cannot begin, and has made nothing; the message says why and what to do."""


@dataclass
class Account:
    """`principal` is the ARN of the role or user that the profile acts as."""

    name: AccountName
    profile: str
    number: str
    region: str
    principal: str
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    def client(self, service: str, role: str = "") -> Any:  # noqa: ANN401 - any service's client
        """As the profile, or in a role that it may assume. Raises ClientError."""
        key = (service, role)
        if key not in self._clients:
            session = self._in_role(role) if role else boto3.Session(profile_name=self.profile)
            self._clients[key] = session.client(service, config=_CONFIG)  # type: ignore[call-overload]
        return self._clients[key]

    def forget(self, role: str) -> None:
        """Assume the role anew when a client is asked for next."""
        self._clients = {key: client for key, client in self._clients.items() if key[1] != role}

    def arn_of_role(self, name: str) -> str:
        return f"arn:aws:iam::{self.number}:role/{name}"

    def _in_role(self, role: str) -> boto3.Session:
        keys = self.client("sts").assume_role(RoleArn=self.arn_of_role(role), RoleSessionName="verify")["Credentials"]
        return boto3.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], self.region, profile_name=self.profile
        )


type Accounts = Mapping[AccountName, Account]


def accounts_of(profiles: Mapping[AccountName, str]) -> Accounts:
    """Three different accounts in one region, whose credentials work. Raises `Refused`."""
    found = {name: _account(name, profiles[name]) for name in ACCOUNT_NAMES}
    if len({account.number for account in found.values()}) < len(found):
        told = ", ".join(f"{account.profile} is {account.number}" for account in found.values())
        raise Refused(f"three different accounts are needed: {told}")
    if len({account.region for account in found.values()}) > 1:
        told = ", ".join(f"{account.profile} in {account.region}" for account in found.values())
        raise Refused(f"all three in one region: {told}; set `region` in each profile")
    return found


def _account(name: AccountName, profile: str) -> Account:
    try:
        session = boto3.Session(profile_name=profile)
        if session.region_name is None:
            raise Refused(f"profile {profile} ({name}) has no region: aws configure set region … --profile {profile}")
        identity = session.client("sts", config=_CONFIG).get_caller_identity()
        principal = _principal(session, str(identity["Arn"]))
    except (BotoCoreError, ClientError) as error:
        raise Refused(f"profile {profile} ({name}) does not work: {error}") from error
    return Account(name, profile, str(identity["Account"]), session.region_name, principal)


def _principal(session: boto3.Session, arn: str) -> str:
    """Lake Formation knows roles and users, and not their sessions; a session's ARN leaves out its role's path."""
    if arn.endswith(":root"):
        raise Refused("the root user administrates no data lake: use a profile of a role or of another user")
    if ":assumed-role/" not in arn:
        return arn
    role = arn.split("/")[1]
    return str(session.client("iam", config=_CONFIG).get_role(RoleName=role)["Role"]["Arn"])
