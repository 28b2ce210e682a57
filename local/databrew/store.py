"""DataBrew's state for each account and region: recipes with their versions, datasets, jobs with their runs."""

import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json

LOCK = threading.RLock()
_NAME = re.compile(r"[A-Za-z0-9 ._-]+")


@dataclass
class State:
    """By name. A recipe is its versions: `LATEST_WORKING` and published ones (`1.0`, …), in order."""

    recipes: dict[str, dict[str, Json]] = field(default_factory=dict)
    datasets: dict[str, Json] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)
    runs: dict[str, list[Json]] = field(default_factory=dict)


_states: dict[tuple[str, str], State] = {}


def state(owner: Identity) -> State:
    """The caller's account's, in its region."""
    return _states.setdefault((owner.account, owner.region), State())


def reset() -> None:
    _states.clear()


def checked(name: str) -> str:
    """Raises `AwsError` for letters that no name may have."""
    if not _NAME.fullmatch(name):
        raise AwsError(
            "ValidationException", f"The name {name} is not valid: letters, digits, hyphens, periods, spaces"
        )
    return name


def absent(what: str, name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The {what} {name} wasn't found", 404)


def conflict(message: str) -> AwsError:
    return AwsError("ConflictException", message, 409)


def found(items: dict[str, Json], what: str, name: str) -> Json:
    """Raises `AwsError`: `ResourceNotFoundException`."""
    if name not in items:
        raise absent(what, name)
    return items[name]


def new(owner: Identity, kind: str, params: Json) -> Json:
    """A resource as Describe shows it."""
    now = datetime.now(UTC)
    arn = f"arn:aws:databrew:{owner.region}:{owner.account}:{kind}/{checked(params['Name'])}"
    return {**params, "ResourceArn": arn, "CreateDate": now, "LastModifiedDate": now, "CreatedBy": owner.session}
