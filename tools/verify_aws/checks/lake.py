"""Lake Formation's settings, grants that were passed on, links."""

import time
from contextlib import ExitStack
from typing import Any, Final

from botocore.exceptions import ClientError

from tools.verify_aws.accounts import Account
from tools.verify_aws.checks.registry import REGISTRY, Bench, Seen, code_of, same_if
from tools.verify_aws.inventory import grants
from tools.verify_aws.progress import until
from tools.verify_aws.state import settings_of

_READER: Final = "DataAnalyst"
_ARRIVES_SECONDS: Final = 180.0
_GOES_SECONDS: Final = 4.0
"""What is still listed so long after a revocation counts as listed."""


@REGISTRY.check(
    "PutDataLakeSettings refuses an administrator that does not exist", assumes="refused with InvalidInputException"
)
def refused_administrator(bench: Bench, made: ExitStack) -> Seen:
    lake, settings = bench.consumer.client("lakeformation"), settings_of(bench.consumer)
    nobody = {"DataLakePrincipalIdentifier": bench.consumer.arn_of_role(f"{bench.names.prefix}-nobody")}
    made.callback(lake.put_data_lake_settings, DataLakeSettings=settings)
    try:
        lake.put_data_lake_settings(
            DataLakeSettings={**settings, "DataLakeAdmins": [*settings["DataLakeAdmins"], nobody]}
        )
    except ClientError as error:
        return same_if(code_of(error) == "InvalidInputException", f"refused with {code_of(error)}")
    return Seen("taken", "differs")


@REGISTRY.check(
    "What an account passed on gives nothing once it is revoked from the account",
    assumes="the grants stay listed, and are taken back one by one",
)
def passed_on(bench: Bench, made: ExitStack) -> Seen:
    """A database that the consumer gets with grant option, and passes on to its analyst."""
    name, lakes = f"{bench.names.prefix}_passed_on", (bench.central, bench.consumer)
    central, consumer = (account.client("lakeformation") for account in lakes)
    make_database(bench.central, name, made)
    database = {"Database": {"CatalogId": bench.central.number, "Name": name}}
    to_account = _grant(bench.consumer.number, database) | {"PermissionsWithGrantOption": ["DESCRIBE"]}
    central.grant_permissions(**to_account)
    revoked = made.enter_context(ExitStack())
    revoked.callback(central.revoke_permissions, **to_account)
    to_reader = _grant(bench.consumer.arn_of_role(_READER), database)

    def passes_on() -> bool:
        try:
            consumer.grant_permissions(**to_reader)
        except ClientError as error:
            if code_of(error) in {"AccessDeniedException", "EntityNotFoundException", "InvalidInputException"}:
                return False
            raise
        return True

    until(passes_on, "the consumer passes the database on", _ARRIVES_SECONDS)
    made.callback(_revoke_if_there, consumer, to_reader)
    revoked.close()
    time.sleep(_GOES_SECONDS)
    reader = bench.consumer.arn_of_role(_READER)
    listed = [
        grant
        for grant in grants(bench.consumer, bench.central.number)
        if grant["Principal"]["DataLakePrincipalIdentifier"] == reader and name in str(grant["Resource"])
    ]
    return same_if(bool(listed), "they stay listed" if listed else "they are not listed any more")


@REGISTRY.check(
    "A link shows its target's properties to those who may describe it; table links behind a database link are neither "
    "created nor followed",
    assumes="GetDatabase answers with the link's name",
)
def name_of_link(bench: Bench, _made: ExitStack) -> Seen:
    link = f"rl_{bench.names.product}"
    found = bench.consumer.client("glue", _READER).get_database(Name=link)["Database"]["Name"]
    return same_if(found == link, f"GetDatabase of {link} answers with {found}")


def make_database(account: Account, name: str, made: ExitStack) -> None:
    """Removed with what is on the stack."""
    account.client("glue").create_database(DatabaseInput={"Name": name})
    made.callback(drop_database, account, name)


def drop_database(account: Account, name: str) -> None:
    """As the account's administrator, whoever made it; nothing happens where it is gone."""
    lake = account.client("lakeformation")
    drop = _grant(account.principal, {"Database": {"Name": name}}) | {"Permissions": ["DROP"]}
    try:
        lake.grant_permissions(**drop)
        account.client("glue").delete_database(Name=name)
    except ClientError as error:
        if code_of(error) != "EntityNotFoundException":
            raise


def _grant(principal: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {
        "Principal": {"DataLakePrincipalIdentifier": principal},
        "Resource": resource,
        "Permissions": ["DESCRIBE"],
    }


def _revoke_if_there(lake: Any, grant: dict[str, Any]) -> None:  # noqa: ANN401 - a client
    try:
        lake.revoke_permissions(**grant)
    except ClientError as error:
        if code_of(error) not in {"InvalidInputException", "EntityNotFoundException"}:
            raise
