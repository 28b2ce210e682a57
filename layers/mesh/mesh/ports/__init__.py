"""What the use cases need from the world. Adapters implement these; `tests/fakes` does too."""

from mesh.ports.catalogs import Catalog, CatalogState, Crawlers, LakeFormation, MemberState
from mesh.ports.messages import Bus, Inbox, LineageLog, LineageTransport, MemberTopics, Trace
from mesh.ports.objects import (
    JobFiles,
    Objects,
    Part,
    Readings,
    RecipeJobs,
    TableReading,
    WorkFiles,
)
from mesh.ports.publishing import (
    LandingObjects,
    Proposals,
    PublishedFiles,
    Reaching,
    RemovedObjects,
    Rewriter,
    TableContents,
    TableStaging,
)
from mesh.ports.readers import HeldAccesses, Queries, Readers, ResourceLinks, Shares
from mesh.ports.registries import AccessRegistry, DraftContract, Notices, ReadContract, Registry
from mesh.ports.runs import Clock, Executions, Locks, Schedules, Target, TaskAnswers
from mesh.ports.uploads import Quarantine, RawUploads, Revisions, Uploads

__all__ = [
    "AccessRegistry",
    "Bus",
    "Catalog",
    "CatalogState",
    "Clock",
    "Crawlers",
    "DraftContract",
    "Executions",
    "HeldAccesses",
    "Inbox",
    "JobFiles",
    "LakeFormation",
    "LandingObjects",
    "LineageLog",
    "LineageTransport",
    "Locks",
    "MemberState",
    "MemberTopics",
    "Notices",
    "Objects",
    "Part",
    "Proposals",
    "PublishedFiles",
    "Quarantine",
    "Queries",
    "RawUploads",
    "Reaching",
    "ReadContract",
    "Readers",
    "Readings",
    "RecipeJobs",
    "Registry",
    "RemovedObjects",
    "ResourceLinks",
    "Revisions",
    "Rewriter",
    "Schedules",
    "Shares",
    "TableContents",
    "TableReading",
    "TableStaging",
    "Target",
    "TaskAnswers",
    "Trace",
    "Uploads",
    "WorkFiles",
]
