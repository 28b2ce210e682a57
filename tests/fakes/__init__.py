"""The ports in memory. `tests/component/` runs one contract suite against these and against the real adapters."""

from tests.fakes.catalogs import (
    FakeCatalog,
    FakeCatalogState,
    FakeCrawlers,
    FakeGovernanceRecord,
    FakeLakeFormation,
    FakePrincipals,
)
from tests.fakes.messages import (
    BUS_ARN,
    FakeBus,
    FakeBusPermissions,
    FakeInbox,
    FakeMemberTopics,
    FakeStackPolicies,
    FakeTrace,
    topic_of,
)
from tests.fakes.objects import (
    FakeJobFiles,
    FakeLanding,
    FakeObjects,
    FakeReader,
    FakeRecipeJobs,
    FakeWorkFiles,
)
from tests.fakes.publishing import FakeContents, FakeProposals
from tests.fakes.registries import FakeAccessRegistry, FakeAnnouncements, FakeNotices, FakeRegistry
from tests.fakes.runs import NOON, FakeAnswers, FakeClock, FakeExecutions, FakeLocks, FakeSchedules
from tests.fakes.uploads import FakeQuarantine, FakeRawUploads, FakeRevisions, FakeUploads

__all__ = [
    "BUS_ARN",
    "NOON",
    "FakeAccessRegistry",
    "FakeAnnouncements",
    "FakeAnswers",
    "FakeBus",
    "FakeBusPermissions",
    "FakeCatalog",
    "FakeCatalogState",
    "FakeClock",
    "FakeContents",
    "FakeCrawlers",
    "FakeExecutions",
    "FakeGovernanceRecord",
    "FakeInbox",
    "FakeJobFiles",
    "FakeLakeFormation",
    "FakeLanding",
    "FakeLocks",
    "FakeMemberTopics",
    "FakeNotices",
    "FakeObjects",
    "FakePrincipals",
    "FakeProposals",
    "FakeQuarantine",
    "FakeRawUploads",
    "FakeReader",
    "FakeRecipeJobs",
    "FakeRegistry",
    "FakeRevisions",
    "FakeSchedules",
    "FakeStackPolicies",
    "FakeTrace",
    "FakeUploads",
    "FakeWorkFiles",
    "topic_of",
]
