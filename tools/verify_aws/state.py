"""What the accounts held before, kept in a file: a second run removes what one that was killed has left."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.verify_aws.accounts import Account, Accounts, Refused
from tools.verify_aws.inventory import Inventory, inventory
from tools.verify_aws.names import AccountName


@dataclass(frozen=True)
class Before:
    """Of one account: its number, its data lake settings, what it held."""

    number: str
    settings: dict[str, Any]
    inventory: Inventory


type State = dict[AccountName, Before]


def look(accounts: Accounts) -> State:
    """The accounts as they are."""
    return {name: Before(each.number, settings_of(each), inventory(each)) for name, each in accounts.items()}


def settings_of(account: Account) -> dict[str, Any]:
    """The data lake settings, such as PutDataLakeSettings takes them."""
    return dict(account.client("lakeformation").get_data_lake_settings()["DataLakeSettings"])


def keep(file: Path, state: State) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".part")
    partial.write_text(json.dumps({name: asdict(before) for name, before in state.items()}, indent=1), "utf-8")
    partial.rename(file)


def kept(file: Path, accounts: Accounts) -> State:
    """What a run before this one kept. Raises `Refused` where there is nothing, or of other accounts."""
    try:
        document = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise Refused(f"{file} is not there: nothing was made under that prefix, or from another folder") from None
    state: State = {name: Before(**before) for name, before in document.items()}
    for name, account in accounts.items():
        if state[name].number != account.number:
            raise Refused(f"profile {account.profile} is {account.number}; {name} was {state[name].number}")
    return state
