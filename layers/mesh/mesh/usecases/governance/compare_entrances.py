"""Compare whom central's bus, topics and queues let in with who is a member, and with what central's stack makes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from mesh.domain.governance.drift import Drift
from mesh.domain.membership.entrances import (
    MEMBER,
    bus_faults,
    bus_statements,
    is_own,
    policy_faults,
)
from mesh.ports import BusPermissions, MemberTopics, Registry, ResourcePolicies
from mesh.usecases.central_context import CentralContext


@dataclass(frozen=True)
class Entrances:
    """Central's bus, by its ARN; and the members' topics."""

    bus_arn: str
    bus: BusPermissions
    topics: MemberTopics


def compare_entrances(
    entrances: Entrances, policies: ResourcePolicies, context: CentralContext
) -> Iterator[Callable[[], Iterable[Drift]]]:
    """The comparisons, each by itself. `policies`: of the other queues and topics of central's stack."""
    members = admitted(context.registry)
    yield partial(_bus, entrances, context.account, members)
    yield from (partial(_topic, account, entrances.topics) for account in sorted(members))
    yield partial(_policies, policies, context.account)


def admitted(registry: Registry) -> set[str]:
    """The accounts that are let onto the bus."""
    return {member.account for member in registry.members() if member.status == "admitted"}


def restore_statement(sid: str, entrances: Entrances, context: CentralContext) -> bool:
    """Bring one statement of the bus's policy to what it has to be by now; whether it is the mesh's."""
    own = bus_statements(entrances.bus_arn, context.account)
    if sid in own:
        entrances.bus.restore(own[sid])
    elif not sid.startswith(MEMBER):
        return False
    elif (account := sid.removeprefix(MEMBER)) in admitted(context.registry):
        entrances.bus.allow(account)
    else:
        entrances.bus.withdraw(account)
    return True


def _bus(entrances: Entrances, central: str, members: set[str]) -> Iterator[Drift]:
    for sid, what in bus_faults(entrances.bus.statements(), entrances.bus_arn, central, members):
        ours = is_own(sid)
        remedy = "mesh reconcile sets it again" if ours else f"aws events remove-permission --statement-id {sid}"
        yield Drift(kind="bus", principal=sid or "a statement without an id", what=what, ours=ours, remedy=remedy)


def _topic(account: str, topics: MemberTopics) -> Iterator[Drift]:
    if what := topics.fault(account):
        remedy = "mesh reconcile sets it again; the account subscribes within five minutes"
        yield Drift(kind="topic", principal=account, what=f"of its topic: {what}", remedy=remedy)


def _policies(policies: ResourcePolicies, account: str) -> Iterator[Drift]:
    for place, statements in policies.all().items():
        for fault in policy_faults(place, statements, account):
            remedy = "set its policy as template.yaml has it: CloudFormation leaves alone what did not change there"
            yield Drift(kind="policy", principal=place, what=fault, remedy=remedy)
