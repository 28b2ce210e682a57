"""Settings from the environment: small models, composed per function from shared parts.

A field is the variable of the same name in capitals. `tests/contract/test_settings.py` compares each function's model
with the variables that the template gives it, both ways.
"""

import os
from functools import cache
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base: immutable, hashable, nothing beyond its fields."""

    model_config = ConfigDict(defer_build=True, frozen=True)


class AccountSettings(Settings):
    """Where the function runs. `aws_region` is set by Lambda itself."""

    account_id: str
    aws_region: str


class TableSettings(Settings):
    """The account's own table: central's registry, a producer's uploads, a member's notices; and for how many days it
    keeps what is over (`domain.retention`)."""

    table_name: str
    history_days: int
    record_days: int


class RegistrySettings(AccountSettings, TableSettings):
    """Central's account, and the table that is its registry."""


class CentralBusSettings(Settings):
    """Central's event bus, by ARN: it is another account's."""

    central_bus_arn: str


class MeshBusSettings(Settings):
    """Central's event bus, in central itself, by name."""

    mesh_bus: str


class EntranceSettings(AccountSettings, MeshBusSettings):
    """Central's account, bus and members' topics."""


class OwnBusSettings(Settings):
    """The account's own bus, for its own rules."""

    own_bus_name: str


class WorkSettings(Settings):
    """The bucket for the work files of runs."""

    work_bucket: str


class FailureSettings(TableSettings):
    """`<name in the template>=<URL>`, with blanks between: queues of what could not be processed, and the queues that
    what lies in them came from, by the same name or their own."""

    failure_queues: str
    source_queues: str


class RecipeJobSettings(TableSettings, WorkSettings):
    """DataBrew jobs act as `job_role_arn`."""

    job_role_arn: str


class LineageSettings(AccountSettings, TableSettings, WorkSettings):
    """Where lineage goes besides the account's table. `lineage_target`: a bucket, a URL, or DataZone's domain id.

    `work_bucket` is empty in accounts whose runs have no work files.
    """

    lineage_transport: Literal["table", "file", "http", "datazone"]
    lineage_target: str
    lineage_token_arn: str


def load[S: Settings](model: type[S]) -> S:
    """The settings, read once. A missing variable is an error that names it."""
    return cast(S, _loaded(model))  # a generic function that is cached returns whatever its caller wants


@cache
def _loaded(model: type[Settings]) -> Settings:
    return model.model_validate({name: os.environ[name.upper()] for name in model.model_fields})
