"""Request membership from central, at deploy (custom resource) and on a schedule until the inbox is subscribed."""

from typing import Any

from mesh.domain.membership.members import Role
from mesh.entry import wiring
from mesh.entry.custom_resource import answer_cloudformation
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, CentralBusSettings, load
from mesh.usecases.membership.join_mesh import Joined, JoinMesh, join_mesh


class Settings(AccountSettings, CentralBusSettings):
    """The function's environment."""

    member_role: Role
    member_domains: str
    member_contact: str
    member_topic_arn: str
    inbox_queue_arn: str
    inbox_dlq_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """CloudFormation's request, or a scheduled event → Joined."""
    if "RequestType" in event:
        return answer_cloudformation(event, context, lambda _new, _old: _join().model_dump())
    return _join()


def _join() -> Joined:
    settings = load(Settings)
    command = JoinMesh(
        account=settings.account_id,
        role=settings.member_role,
        domains=tuple(settings.member_domains.split(",")),
        contact=settings.member_contact,
        topic_arn=settings.member_topic_arn,
    )
    inbox = wiring.inbox(settings.inbox_queue_arn, settings.inbox_dlq_arn)
    return join_mesh(command, bus=wiring.bus(settings.central_bus_arn), inbox=inbox)
