"""The one place where adapters are made: lazily, once per process, from a function's settings."""

import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from mesh.adapters.aws import client
from mesh.adapters.dynamodb import Table
from mesh.adapters.executions import StateMachine
from mesh.adapters.glue import GlueCatalog, GlueCrawlers
from mesh.adapters.lakeformation import LakeFormationAdapter
from mesh.adapters.messaging import EventBus, SnsInbox, SnsMemberTopics
from mesh.adapters.notices import DynamoNotices
from mesh.adapters.registry import DynamoRegistry
from mesh.adapters.storage import S3Objects, S3WorkFiles
from mesh.adapters.trace import DynamoTrace
from mesh.adapters.uploads import DynamoUploads
from mesh.domain.ontology import Ontology, parse_ontology
from mesh.entry.settings import AccountSettings, TableSettings


class SystemClock:
    """The time, in UTC."""

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC)


clock = SystemClock()


@cache
def table(name: str) -> Table:
    """A DynamoDB table."""
    return Table(client("dynamodb"), name)


def registry(settings: TableSettings) -> DynamoRegistry:
    """Central's registry."""
    return DynamoRegistry(table(settings.table_name))


def uploads(settings: TableSettings) -> DynamoUploads:
    """A producer's uploads."""
    return DynamoUploads(table(settings.table_name))


def notices(settings: TableSettings) -> DynamoNotices:
    """A member's notices."""
    return DynamoNotices(table(settings.table_name))


def trace(settings: TableSettings) -> DynamoTrace:
    """The account's part of each upload's story."""
    return DynamoTrace(table(settings.table_name))


def catalog() -> GlueCatalog:
    """The account's own Glue Data Catalog."""
    return GlueCatalog(client("glue"))


def crawlers() -> GlueCrawlers:
    """Glue crawlers."""
    return GlueCrawlers(client("glue"))


def lake(settings: AccountSettings) -> LakeFormationAdapter:
    """Lake Formation, for the account's own catalog."""
    return LakeFormationAdapter(client("lakeformation"), settings.account_id)


def bus(name_or_arn: str) -> EventBus:
    """An event bus."""
    return EventBus(client("events"), name_or_arn)


def member_topics(settings: AccountSettings) -> SnsMemberTopics:
    """Central's topics."""
    return SnsMemberTopics(client("sns"), account=settings.account_id, region=settings.aws_region)


def inbox(queue_arn: str) -> SnsInbox:
    """This account's inbox queue."""
    return SnsInbox(client("sns"), queue_arn)


def objects() -> S3Objects:
    """The producer's objects."""
    return S3Objects(client("s3"))


def work(bucket: str) -> S3WorkFiles:
    """Working papers of runs."""
    return S3WorkFiles(client("s3"), bucket)


def machine(arn: str) -> StateMachine:
    """A state machine."""
    return StateMachine(client("stepfunctions"), arn)


class OntologyMissingError(RuntimeError):
    """The function lacks the governance layer."""


@cache
def ontology() -> Ontology:
    """`governance/ontology.yaml`, as the governance layer brings it (at the top of its `python/`)."""
    import yaml  # noqa: PLC0415 - only functions that tag or admit pay for it

    for folder in sys.path:
        path = Path(folder) / "ontology.yaml"
        if path.is_file():
            return parse_ontology(yaml.safe_load(path.read_text("utf-8")))
    raise OntologyMissingError("no ontology.yaml on sys.path: the function lacks the governance layer")
