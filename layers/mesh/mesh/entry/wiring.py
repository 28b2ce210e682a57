"""The one place where adapters are made: lazily, once per process, from a function's settings."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from mesh.adapters.aws import client
from mesh.adapters.dynamodb.access_registry import DynamoAccessRegistry
from mesh.adapters.dynamodb.items import Table
from mesh.adapters.dynamodb.locks import DynamoLocks
from mesh.adapters.dynamodb.quarantine import DynamoQuarantine
from mesh.adapters.dynamodb.raw_uploads import DynamoRawUploads
from mesh.adapters.dynamodb.registry import DynamoRegistry
from mesh.adapters.dynamodb.trace import DynamoTrace
from mesh.adapters.dynamodb.uploads import DynamoUploads
from mesh.adapters.executions import StateMachine, StepFunctionsAnswers
from mesh.adapters.glue.catalog import GlueCatalog, GlueCrawlers
from mesh.adapters.iam import IamPrincipals
from mesh.adapters.lakeformation.access_reader import AccessReader
from mesh.adapters.lakeformation.lake import LakeFormationAdapter
from mesh.adapters.messaging import EventBus, SnsInbox, SnsMemberTopics
from mesh.adapters.s3.storage import S3Objects, S3WorkFiles
from mesh.adapters.schedules import OneTimeSchedules
from mesh.domain.governance.tag_names import SAME_NAMES, TagNames
from mesh.domain.retention import Retention
from mesh.entry.governance_layer import ontology
from mesh.entry.settings import (
    AccountSettings,
    EntranceSettings,
    FailureSettings,
    LineageSettings,
    MeshBusSettings,
    RecipeJobSettings,
    RegistrySettings,
    TableSettings,
    WorkSettings,
)
from mesh.usecases.central_context import CentralContext

if TYPE_CHECKING:
    from mesh.adapters.bus_permissions import EventBusPermissions
    from mesh.adapters.dynamodb.announcements import DynamoAnnouncements
    from mesh.adapters.dynamodb.governance_record import DynamoGovernanceRecord
    from mesh.adapters.dynamodb.lake_admins import DynamoLakeAdmins
    from mesh.adapters.dynamodb.lineage import DynamoLineage
    from mesh.adapters.dynamodb.notices import DynamoNotices
    from mesh.adapters.dynamodb.proposals import DynamoProposals
    from mesh.adapters.dynamodb.revisions import DynamoRevisions
    from mesh.adapters.failed_messages import AwsRedeliveries, SqsFailedMessages
    from mesh.adapters.glue.product_databases import GlueProductDatabases
    from mesh.adapters.glue.recipe_jobs import DataBrewJobs
    from mesh.adapters.iceberg.reach import IcebergReach
    from mesh.adapters.kept_storage import DynamoKeptTables, S3KeptBuckets
    from mesh.adapters.resource_policies import StackPolicies
    from mesh.adapters.s3.job_files import S3JobFiles
    from mesh.adapters.s3.landing import S3LandingObjects
    from mesh.adapters.s3.published_files import S3PublishedFiles
    from mesh.adapters.s3.removed_objects import S3RemovedObjects
    from mesh.ports import LineageTransport
    from mesh.usecases.governance.compare_entrances import Entrances
    from mesh.usecases.named_accesses import NamedAccesses
    from mesh.usecases.onboarding.stage_version import StagingTools
    from mesh.usecases.publishing.commit_version import Committing
    from mesh.usecases.publishing.tag_pins import Tagging
    from mesh.usecases.publishing.verify_proposal import Verifier


class SystemClock:
    """The time, in UTC."""

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC)


clock = SystemClock()


def table(settings: TableSettings) -> Table:
    """The account's table."""
    return _table(settings.table_name, settings.history_days, settings.record_days)


@cache
def _table(name: str, history_days: int, record_days: int) -> Table:
    kept = Retention(history=timedelta(days=history_days), records=timedelta(days=record_days))
    return Table(client("dynamodb"), name, kept)


def registry(settings: TableSettings) -> DynamoRegistry:
    """Central's registry."""
    return DynamoRegistry(table(settings))


def uploads(settings: TableSettings) -> DynamoUploads:
    """A producer's uploads."""
    return DynamoUploads(table(settings))


def raw_uploads(settings: TableSettings) -> DynamoRawUploads:
    """A producer's raw objects and recipes."""
    return DynamoRawUploads(table(settings))


def quarantine(settings: TableSettings) -> DynamoQuarantine:
    """A producer's held batches."""
    return DynamoQuarantine(table(settings))


def notices(settings: TableSettings) -> "DynamoNotices":
    """A member's notices."""
    from mesh.adapters.dynamodb.notices import DynamoNotices  # noqa: PLC0415 - few functions use it

    return DynamoNotices(table(settings))


def trace(settings: TableSettings) -> DynamoTrace:
    """The account's part of each upload's trace."""
    return DynamoTrace(table(settings))


def catalog() -> GlueCatalog:
    """The account's own Glue Data Catalog."""
    return GlueCatalog(client("glue"))


def crawlers() -> GlueCrawlers:
    """Glue crawlers."""
    return GlueCrawlers(client("glue"))


def lake(settings: AccountSettings) -> LakeFormationAdapter:
    """Lake Formation, for the account's own catalog."""
    return LakeFormationAdapter(client("lakeformation"), settings.account_id)


def principals(settings: AccountSettings) -> IamPrincipals:
    """Roles and users of the account."""
    return IamPrincipals(client("iam"), settings.account_id)


def lake_admins(settings: TableSettings) -> "DynamoLakeAdmins":
    """The account's record of its administrators."""
    from mesh.adapters.dynamodb.lake_admins import DynamoLakeAdmins  # noqa: PLC0415 - for three functions

    return DynamoLakeAdmins(table(settings))


def governance_record(settings: TableSettings) -> "DynamoGovernanceRecord":
    """Central's record of the governance in force."""
    from mesh.adapters.dynamodb.governance_record import DynamoGovernanceRecord  # noqa: PLC0415 - for one function

    return DynamoGovernanceRecord(table(settings))


def product_databases() -> "GlueProductDatabases":
    """Central's databases that are products'."""
    from mesh.adapters.glue.product_databases import GlueProductDatabases  # noqa: PLC0415 - for one function

    return GlueProductDatabases(client("glue"))


def kept_buckets(settings: AccountSettings) -> "S3KeptBuckets":
    """Buckets that outlive the stack."""
    from mesh.adapters.kept_storage import S3KeptBuckets  # noqa: PLC0415 - for one function

    return S3KeptBuckets(client("s3"), account=settings.account_id, region=settings.aws_region)


def kept_tables() -> "DynamoKeptTables":
    """The table that outlives the stack."""
    from mesh.adapters.kept_storage import DynamoKeptTables  # noqa: PLC0415 - for one function

    return DynamoKeptTables(client("dynamodb"))


def bus(name_or_arn: str) -> EventBus:
    """An event bus."""
    return EventBus(client("events"), name_or_arn)


def bus_permissions(settings: MeshBusSettings) -> "EventBusPermissions":
    """Who may put events on central's bus."""
    from mesh.adapters.bus_permissions import EventBusPermissions  # noqa: PLC0415 - for four functions

    return EventBusPermissions(client("events"), settings.mesh_bus)


def entrances(settings: EntranceSettings) -> "Entrances":
    """Whom central's bus and the members' topics let in."""
    from mesh.usecases.governance.compare_entrances import Entrances  # noqa: PLC0415 - for two functions

    arn = f"arn:aws:events:{settings.aws_region}:{settings.account_id}:event-bus/{settings.mesh_bus}"
    return Entrances(arn, bus_permissions(settings), member_topics(settings))


def stack_policies(places: str) -> "StackPolicies":
    """Policies of queues (URLs) and topics (ARNs), with blanks between."""
    from mesh.adapters.resource_policies import StackPolicies  # noqa: PLC0415 - for one function

    return StackPolicies(client("sqs"), client("sns"), places.split())


def member_topics(settings: AccountSettings) -> SnsMemberTopics:
    """Central's topics."""
    return SnsMemberTopics(client("sns"), account=settings.account_id, region=settings.aws_region)


def inbox(queue_arn: str, dlq_arn: str) -> SnsInbox:
    """This account's inbox queue."""
    return SnsInbox(client("sns"), queue_arn, dlq_arn)


def objects() -> S3Objects:
    """The producer's objects."""
    return S3Objects(client("s3"))


def staging_tools(settings: WorkSettings) -> "StagingTools":
    """What it takes to stage a batch."""
    from mesh.adapters.duckdb.reading.rewriting import Rewriter  # noqa: PLC0415
    from mesh.adapters.iceberg.content import IcebergContents  # noqa: PLC0415 - one function of all uses these
    from mesh.adapters.iceberg.staging import IcebergStaging  # noqa: PLC0415
    from mesh.usecases.onboarding.stage_version import StagingTools  # noqa: PLC0415

    s3 = client("s3")
    return StagingTools(
        published=published_files(),
        staging=IcebergStaging(s3),
        contents=IcebergContents(s3),
        rewriter=Rewriter(),
        work=work(settings.work_bucket),
        clock=clock,
    )


def published_files() -> "S3PublishedFiles":
    """What the producer has published, and is about to."""
    from mesh.adapters.s3.published_files import S3PublishedFiles  # noqa: PLC0415 - two functions of all use it

    return S3PublishedFiles(client("s3"))


def landing_objects() -> "S3LandingObjects":
    """What lies below the producer's `data/` and `raw/`."""
    from mesh.adapters.s3.landing import S3LandingObjects  # noqa: PLC0415 - few functions use it

    return S3LandingObjects(client("s3"))


def tagging(settings: RegistrySettings) -> "Tagging":
    """What it takes to tag pinned tables."""
    from mesh.usecases.publishing.tag_pins import Tagging  # noqa: PLC0415 - read where tables are tagged, only

    return Tagging(catalog(), _tagged_lake(settings), registry(settings), ontology())


def _tagged_lake(settings: RegistrySettings) -> LakeFormationAdapter:
    """As `lake`, with tags by the names that their values have by now."""
    renamed = ontology().renamed
    names = TagNames(renamed, governance_record(settings).pending_renames()) if renamed else SAME_NAMES
    return LakeFormationAdapter(client("lakeformation"), settings.account_id, names)


def proposals(settings: TableSettings) -> "DynamoProposals":
    """Central's record of what was proposed, and answered."""
    from mesh.adapters.dynamodb.proposals import DynamoProposals  # noqa: PLC0415 - few functions of all use it

    return DynamoProposals(table(settings))


def verifier(settings: TableSettings) -> "Verifier":
    """What it takes to look at a staged version. The function has the staging layer."""
    from mesh.adapters.iceberg.content import IcebergContents  # noqa: PLC0415 - one function of all uses it
    from mesh.usecases.publishing.verify_proposal import Verifier  # noqa: PLC0415 - the same

    contents = IcebergContents(client("s3"))
    return Verifier(registry(settings), proposals(settings), catalog(), contents, clock, trace(settings))


def named_accesses(settings: RegistrySettings, revoke_access_arn: str) -> "NamedAccesses":
    """Accesses to columns by name, and the machine that ends one."""
    from mesh.usecases.named_accesses import NamedAccesses  # noqa: PLC0415 - read where tables are tagged, only

    accesses = DynamoAccessRegistry(table(settings))
    return NamedAccesses(registry(settings), accesses, ontology(), machine(revoke_access_arn))


def committing(settings: RegistrySettings, named: "NamedAccesses") -> "Committing":
    """What it takes to make a verified version the present one."""
    from mesh.usecases.publishing.commit_version import Committing  # noqa: PLC0415 - one function of all uses it

    tagged = _tagged_lake(settings)
    return Committing(
        registry(settings), proposals(settings), catalog(), tagged, ontology(), clock, named, locks(settings)
    )


def reaching() -> "IcebergReach":
    """What metadata files need. The function has the staging layer."""
    from mesh.adapters.iceberg.reach import IcebergReach  # noqa: PLC0415 - one function of all uses it

    return IcebergReach(client("s3"))


def removed_objects() -> "S3RemovedObjects":
    """Objects that go for good."""
    from mesh.adapters.s3.removed_objects import S3RemovedObjects  # noqa: PLC0415 - one function of all uses it

    return S3RemovedObjects(client("s3"))


def work(bucket: str) -> S3WorkFiles:
    """Work files of runs."""
    return S3WorkFiles(client("s3"), bucket)


def revisions(settings: TableSettings) -> "DynamoRevisions":
    """The producer's record of its contracts' newest versions."""
    from mesh.adapters.dynamodb.revisions import DynamoRevisions  # noqa: PLC0415 - few functions of all use it

    return DynamoRevisions(table(settings))


def machine(arn: str) -> StateMachine:
    """A state machine."""
    return StateMachine(client("stepfunctions"), arn)


def locks(settings: TableSettings) -> DynamoLocks:
    """The account's locks."""
    return DynamoLocks(table(settings))


def central_context(settings: RegistrySettings) -> CentralContext:
    """What central's steps of an access look at and write down."""
    kept = table(settings)
    return CentralContext(
        settings.account_id, DynamoRegistry(kept), DynamoAccessRegistry(kept), DynamoTrace(kept), clock
    )


def announcements(settings: RegistrySettings) -> "DynamoAnnouncements":
    """Announced revisions of contracts."""
    from mesh.adapters.dynamodb.announcements import DynamoAnnouncements  # noqa: PLC0415 - two functions use it

    return DynamoAnnouncements(table(settings))


def schedules() -> OneTimeSchedules:
    """One-time schedules."""
    return OneTimeSchedules(client("scheduler"))


def answers() -> StepFunctionsAnswers:
    """Task tokens of runs that wait."""
    return StepFunctionsAnswers(client("stepfunctions"))


def access_reader(settings: AccountSettings) -> AccessReader:
    """Who can read what, in this account."""
    lakeformation, glue, ram, iam = (client(name) for name in ("lakeformation", "glue", "ram", "iam"))
    return AccessReader(lakeformation, glue, ram, iam, settings.account_id)


def job_files(bucket: str) -> "S3JobFiles":
    """What DataBrew jobs read and write."""
    from mesh.adapters.s3.job_files import S3JobFiles  # noqa: PLC0415 - one function of all uses it

    return S3JobFiles(client("s3"), bucket)


def recipe_jobs(settings: RecipeJobSettings) -> "DataBrewJobs":
    """DataBrew."""
    from mesh.adapters.glue.recipe_jobs import DataBrewJobs  # noqa: PLC0415 - one function of all uses it

    return DataBrewJobs(client("databrew"), settings.work_bucket, settings.job_role_arn)


def lineage(settings: LineageSettings) -> "DynamoLineage":
    """The account's own record of lineage."""
    from mesh.adapters.dynamodb.lineage import DynamoLineage  # noqa: PLC0415 - one function of all uses it

    return DynamoLineage(table(settings))


@cache
def lineage_transport(settings: LineageSettings) -> "LineageTransport | None":
    """The additional receiver of lineage; None for the table alone. Only the client that is needed is created."""
    from mesh.adapters import lineage_transports as transports  # noqa: PLC0415 - one function of all uses it

    target = settings.lineage_target
    match settings.lineage_transport:
        case "table":
            return None
        case "file":
            return transports.FileTransport(client("s3"), target)
        case "http":
            arn = settings.lineage_token_arn
            return transports.HttpTransport(target, transports.secret(client("secretsmanager"), arn) if arn else "")
        case "datazone":
            return transports.DataZoneTransport(client("datazone"), target)


def failed_messages(settings: FailureSettings) -> "SqsFailedMessages":
    """The account's queues of what could not be processed."""
    from mesh.adapters.failed_messages import SqsFailedMessages  # noqa: PLC0415 - one function uses it

    return SqsFailedMessages(client("sqs"), _by_name(settings.failure_queues))


def redeliveries(settings: FailureSettings) -> "AwsRedeliveries":
    """Where such messages were to go."""
    from mesh.adapters.failed_messages import AwsRedeliveries  # noqa: PLC0415 - one function uses it

    sources = _by_name(settings.source_queues)
    return AwsRedeliveries(client("stepfunctions"), client("lambda"), client("sns"), client("sqs"), sources)


def _by_name(pairs: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in pairs.split())
