"""What announcing a change of a contract takes, in memory."""

from mesh.ports import Target
from mesh.usecases.central_context import CentralContext
from mesh.usecases.contracts.announce_change import Announcing

from tests.builders import CENTRAL, an_ontology
from tests.fakes import FakeAccessRegistry, FakeAnnouncements, FakeClock, FakeMemberTopics, FakeSchedules

AGAIN = Target("arn:of:register-product", "arn:of:schedule-role", "arn:of:dlq")


def announcing(registry, *, announcements=None, accesses=None, clock=None, schedules=None, topics=None, ontology=None):
    context = CentralContext(CENTRAL, registry, accesses or FakeAccessRegistry(), registry.trace, clock or FakeClock())
    return Announcing(
        context=context,
        announcements=announcements or FakeAnnouncements(),
        ontology=ontology or an_ontology(),
        topics=topics or FakeMemberTopics(),
        schedules=schedules or FakeSchedules(),
        again=AGAIN,
    )
