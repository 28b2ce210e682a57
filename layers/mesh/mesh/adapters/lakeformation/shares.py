"""RAM's invitations, and the resource links to what they share."""

from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.domain.shares import Invitation

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_ram import RAMClient

_SHARE_PREFIX: Final = "LakeFormation"
_ANSWERED: Final = frozenset(
    {
        "ResourceShareInvitationAlreadyAcceptedException",
        "ResourceShareInvitationAlreadyRejectedException",
        "ResourceShareInvitationExpiredException",
        "ResourceShareInvitationArnNotFoundException",
    }
)


class RamShares:
    """Implements `ports.Shares`."""

    def __init__(self, client: "RAMClient") -> None:
        self._client = client

    def invitations(self, owner: str) -> list[Invitation]:
        """See the port."""
        with transient_errors():
            pages = list(self._client.get_paginator("get_resource_share_invitations").paginate())
        found = [
            Invitation(arn=item["resourceShareInvitationArn"], status=item["status"], at=item["invitationTimestamp"])
            for page in pages
            for item in page["resourceShareInvitations"]
            if item["senderAccountId"] == owner and item.get("resourceShareName", "").startswith(_SHARE_PREFIX)
        ]
        return sorted(found, key=lambda invitation: invitation.at)

    def accept(self, arn: str) -> None:
        """See the port."""
        try:
            with transient_errors():
                self._client.accept_resource_share_invitation(resourceShareInvitationArn=arn)
        except ClientError as error:
            if code_of(error) not in _ANSWERED:
                raise


class GlueResourceLinks:
    """Implements `ports.ResourceLinks`."""

    def __init__(self, client: "GlueClient") -> None:
        self._client = client

    def visible(self, catalog: str, database: str) -> bool:
        """Glue hides what is not shared behind AccessDenied, as well as behind EntityNotFound."""
        try:
            with transient_errors():
                self._client.get_database(CatalogId=catalog, Name=database)
        except ClientError as error:
            if code_of(error) in {"EntityNotFoundException", "AccessDeniedException"}:
                return False
            raise
        return True

    def target(self, name: str) -> tuple[str, str] | None:
        """See the port."""
        try:
            with transient_errors():
                found = self._client.get_database(Name=name)["Database"].get("TargetDatabase", {})
        except ClientError as error:
            if code_of(error) != "EntityNotFoundException":
                raise
            return None
        return found.get("CatalogId", ""), found.get("DatabaseName", "")

    def delete(self, name: str) -> None:
        """See the port."""
        try:
            with transient_errors():
                self._client.delete_database(Name=name)
        except ClientError as error:
            if code_of(error) != "EntityNotFoundException":
                raise
