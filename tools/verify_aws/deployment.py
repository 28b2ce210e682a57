"""Three stacks under the prefix, by the real sam, with parameters of the verification's own."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from tools.verify_aws.accounts import Account
from tools.verify_aws.commands import Commands
from tools.verify_aws.names import Names
from tools.verify_aws.progress import Progress
from tools.verify_aws.state import settings_of

DOMAINS: Final = {"producer": "consumer-banking", "consumer": "risk"}
"""Values of governance/ontology.yaml."""
_CONTACT: Final = "verify-aws@example.com"
_UPLOAD_WINDOW: Final = "1"


def deploy(commands: Commands, built: str, progress: Progress) -> None:
    """Central, membership, then the members at once. `built` leads to each account's build, by its name in `{account}`.
    Raises CommandFailed and ClientError."""
    accounts, names = commands.accounts, commands.names
    for account in accounts.values():
        administrate(account)
        _make_bucket(account, names.artifacts(account.number, account.region))
    with progress.step("central deployed"):
        _deploy(commands, accounts["central"], built, {})
    outputs = _outputs(accounts["central"], names)
    for role in ("producer", "consumer"):
        with progress.step(f"{role} admitted"):
            admitted = ("--role", role, "--domain", DOMAINS[role], "--contact", _CONTACT)
            commands.mesh("admit", accounts[role].number, *admitted)
    common = {
        "CentralAccountId": outputs["CentralAccountId"],
        "CentralBusArn": outputs["MeshBusArn"],
        "OwnerContact": _CONTACT,
    }
    own = {
        "producer": {"LocationRoleArn": outputs["LocationRoleArn"], "DataBucketPrefix": names.prefix,
                     "UploadWindowSeconds": _UPLOAD_WINDOW},
        "consumer": {},
    }  # fmt: skip
    with progress.step("producer and consumer deployed"), ThreadPoolExecutor(2) as threads:
        for done in [
            threads.submit(_deploy, commands, accounts[name], built, {**common, **own[name], "Domains": DOMAINS[name]})
            for name in ("producer", "consumer")
        ]:
            done.result()


def administrate(account: Account) -> None:
    """Whom the profile acts as administrates the data lake until the settings are put back: it removes grants,
    databases and tags at the end."""
    settings = settings_of(account)
    admins = settings.get("DataLakeAdmins", [])
    admin = {"DataLakePrincipalIdentifier": account.principal}
    if admin not in admins:
        settings["DataLakeAdmins"] = [*admins, admin]
        account.client("lakeformation").put_data_lake_settings(DataLakeSettings=settings)


def _make_bucket(account: Account, name: str) -> None:
    where: dict[str, Any] = {}
    if account.region != "us-east-1":
        where["CreateBucketConfiguration"] = {"LocationConstraint": account.region}
    account.client("s3").create_bucket(Bucket=name, **where)


def _deploy(commands: Commands, account: Account, built: str, parameters: dict[str, str]) -> None:
    stack = commands.names.stack(account.name)
    options = ["--stack-name", stack, "--template-file", f"{built.format(account=account.name)}/template.yaml"]
    options += ["--s3-bucket", commands.names.artifacts(account.number, account.region), "--s3-prefix", stack]
    options += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    options += ["--language-extensions", "--no-confirm-changeset", "--no-progressbar", "--on-failure", "DELETE"]
    if parameters:
        options += ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
    commands.sam(account, "deploy", *options)


def _outputs(account: Account, names: Names) -> dict[str, str]:
    stacks = account.client("cloudformation").describe_stacks(StackName=names.stack(account.name))["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
