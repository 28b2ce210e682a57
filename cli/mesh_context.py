"""Where things are: each account's stack outputs, and clients that act there in the role whose job it is."""

import os
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import ClientError
from mesh.adapters.dynamodb.announcements import DynamoAnnouncements
from mesh.adapters.dynamodb.items import Table
from mesh.adapters.dynamodb.proposals import DynamoProposals
from mesh.adapters.dynamodb.registry import DynamoRegistry
from mesh.adapters.dynamodb.trace import DynamoTrace

from cli.output import CommandFailed
from cli.session import Account, Accounts, SessionError, account_named, variable_of
from local.accounts import Kind, kind_of

_DEFAULT_ROLES: Final[dict[Kind, str]] = {
    "central": "DataMeshOwner",
    "producer": "ProducerSteward",
    "consumer": "ConsumerAdmin",
}
_STACK: Final = "MESH_STACK_"
OWN_CREDENTIALS: Final = "none"
"""`--as none`: act with the account's own credentials instead of assuming a role."""
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=120)

Port = Annotated[int | None, typer.Option(metavar="PORT", help="Port of the local mesh, if not the one started last.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def account_option(text: str) -> Any:  # noqa: ANN401 - as typer.Option
    """The option `--account`, with its help text."""
    return typer.Option("--account", metavar="ACCOUNT", parser=account_named, help=text)


InAccount = Annotated[Account, account_option("Account to act in: central, producer, consumer, producer-2 and so on.")]
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="ROLE",
        help="Act as this IAM role or persona, not the account's default role; none: with the credentials as they are.",
    ),
]


def is_denied(error: ClientError) -> bool:
    """Whether AWS refused for lack of a right."""
    return str(error.response["Error"].get("Code", "")).startswith(("AccessDenied", "Unauthorized", "NotAuthorized"))


def default_role(account: Account) -> str:
    """The role of the account's template that the command acts as, unless `--as` names another."""
    return _DEFAULT_ROLES[kind_of(account)]


def stack_name(account: Account) -> str:
    """`meshwork-producer` for each producer, or what `MESH_STACK_PRODUCER_2` says."""
    return os.environ.get(variable_of(_STACK, account)) or f"meshwork-{kind_of(account)}"


@dataclass
class MeshContext:
    """The accounts of one mesh. `role` overrides the default role in the account `acting`; sessions are made once."""

    accounts: Accounts
    acting: Account | None = None
    role: str | None = None
    _sessions: dict[Account, boto3.Session] = field(default_factory=dict)
    _clients: dict[tuple[Account, str], Any] = field(default_factory=dict)
    _outputs: dict[Account, dict[str, str]] = field(default_factory=dict)

    def role_in(self, account: Account) -> str | None:
        """The role to assume there; None for the account's own credentials."""
        role = self.role if self.role and account == self.acting else default_role(account)
        return None if role == OWN_CREDENTIALS else role

    def session(self, account: Account) -> boto3.Session:
        """A session there in the role. Raises `SessionError` and botocore's own errors."""
        if account not in self._sessions:
            self._sessions[account] = self.accounts.session(account, self.role_in(account))
        return self._sessions[account]

    def client(self, account: Account, service: str) -> Any:  # noqa: ANN401 - any service's client
        """A client there in the role."""
        key = (account, service)
        if key not in self._clients:
            self._clients[key] = self.session(account).client(service, config=_CONFIG)  # type: ignore[call-overload]
        return self._clients[key]

    def region(self, account: Account) -> str:
        """The session's region."""
        return str(self.session(account).region_name)

    def stack(self, account: Account) -> dict[str, Any]:
        """CloudFormation's description of the account's stack. Raises `CommandFailed` when there is none."""
        name = stack_name(account)
        try:
            return dict(self.client(account, "cloudformation").describe_stacks(StackName=name)["Stacks"][0])
        except ClientError as error:
            if "does not exist" not in error.response["Error"]["Message"]:
                raise
            raise CommandFailed(
                f"stack {name} not found in the {account} account",
                remedy=f"sam deploy --config-env {kind_of(account)}, or `mesh up` on a laptop; "
                f"another name: {variable_of(_STACK, account)}",
            ) from error

    def output(self, account: Account, name: str) -> str:
        """An output of the account's stack. Raises `CommandFailed`."""
        if account not in self._outputs:
            found = self.stack(account).get("Outputs", [])
            self._outputs[account] = {item["OutputKey"]: item["OutputValue"] for item in found}
        try:
            return self._outputs[account][name]
        except KeyError:
            raise CommandFailed(
                f"stack {stack_name(account)} of the {account} account has no output {name}",
                remedy="deploy this version's template, or choose another --account",
            ) from None

    def central_of(self, account: Account) -> str:
        """The number of central's account, as a member's stack was told it: that takes no right in central."""
        given = {item["ParameterKey"]: item["ParameterValue"] for item in self.stack(account).get("Parameters", [])}
        return str(given["CentralAccountId"])

    def table(self, account: Account) -> Table:
        """The account's table of the mesh."""
        return Table(self.client(account, "dynamodb"), self.output(account, "TableName"))

    def registry(self) -> DynamoRegistry:
        """Central's registry."""
        return DynamoRegistry(self.table("central"))

    def announcements(self) -> DynamoAnnouncements:
        """Central's record of announced contracts."""
        return DynamoAnnouncements(self.table("central"))

    def proposals(self) -> DynamoProposals:
        """Central's record of what was committed."""
        return DynamoProposals(self.table("central"))

    def trace(self, account: Account) -> DynamoTrace:
        """The account's part of every trace."""
        return DynamoTrace(self.table(account))

    def caller(self, account: Account) -> str:
        """The caller's ARN there, from STS."""
        return str(self.client(account, "sts").get_caller_identity()["Arn"])

    def account_id(self, account: Account) -> str:
        """The account's number, from its stack's ARN (no further call, no further right)."""
        return str(self.stack(account)["StackId"]).split(":")[4]

    def names(self) -> tuple[Account, ...]:
        """The accounts of the mesh, central first."""
        return self.accounts.names()

    def names_by_id(self) -> dict[str, Account]:
        """Number → name of each account that has a stack which these credentials may see."""
        found = {}
        for name in self.names():
            try:
                found[self.account_id(name)] = name
            except (SessionError, CommandFailed):
                continue
            except ClientError as error:
                if not is_denied(error):
                    raise
        return found


def mesh_context(port: int | None = None, *, acting: Account | None = None, role: str | None = None) -> MeshContext:
    """The mesh that the options and the environment mean; `role` may be a persona's name. Raises `CommandFailed`."""
    return MeshContext(Accounts(port=port), acting=acting, role=role_named(role))


def role_named(name: str | None) -> str | None:
    """The IAM role that `--as` means: a persona of governance/personas.yaml stands for its role."""
    if name is None or name == OWN_CREDENTIALS:
        return name
    from cli.governance.governance import role_of  # noqa: PLC0415 - few commands are given a role

    return role_of(name)
