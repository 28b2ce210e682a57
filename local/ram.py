"""AWS Resource Access Manager for the local mesh: the shares that Lake Formation's cross-account grants create."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from local.lakeformation import service_registry
from local.lakeformation.identity import Identity, request_identity
from local.lakeformation.protocol import (
    Answer,
    AwsError,
    Json,
    Operation,
    error_answer,
    json_answer,
    page,
    rest_input,
    rest_operation,
    validate,
)


@dataclass
class Share:
    """A resource share of `owner` with one `receiver`; `invitation` is None within an organization."""

    arn: str
    name: str
    owner: str
    region: str
    receiver: str
    kind: str
    resources: dict[str, float] = field(default_factory=dict)
    created: float = field(default_factory=time.time)
    status: str = "ACTIVE"
    invitation: Json | None = None

    @property
    def association(self) -> str:
        """The state of the receiver's association."""
        states = {"PENDING": "ASSOCIATING", "REJECTED": "FAILED", "EXPIRED": "DISASSOCIATED"}
        return "ASSOCIATED" if self.invitation is None else states.get(self.invited, "ASSOCIATED")

    @property
    def invited(self) -> str:
        """The state of the invitation, empty without one. What is not answered in time has expired."""
        found = self.invitation
        if found is None:
            return ""
        if found["status"] == "PENDING" and time.time() - found["invitationTimestamp"] >= _mesh.invitation_seconds:
            found["status"] = "EXPIRED"
        return str(found["status"])


INVITATION_SECONDS = 12 * 3600.0
"""Glue's databases, tables and catalogs are not among the resource types whose invitations last seven days.

https://docs.aws.amazon.com/ram/latest/userguide/working-with-shared-invitations.html: after twelve hours the invitation
expires and the principal is disassociated.
"""


class _Mesh:
    """Settings of RAM that are the mesh's, not an account's, and every share in it."""

    def __init__(self) -> None:
        self.organization_sharing = True
        self.invitation_seconds = INVITATION_SECONDS
        self.shares: dict[str, Share] = {}
        self.invited: Callable[[Json], None] = lambda _invitation: None


_mesh = _Mesh()


def configure(
    *,
    organization_sharing: bool,
    invitation_seconds: float = INVITATION_SECONDS,
    invited: Callable[[Json], None] | None = None,
) -> None:
    """Whether accounts share within an organization, without invitations (the default).

    Without one `invited` is told of every new invitation, in the thread of the grant that caused it.
    """
    _mesh.organization_sharing = organization_sharing
    _mesh.invitation_seconds = invitation_seconds
    if invited is not None:
        _mesh.invited = invited


def reset() -> None:
    """Forget every share, and share within an organization again."""
    _mesh.__init__()  # type: ignore[misc]


def share(owner: str, region: str, receiver: str, kind: str, resource_arn: str) -> None:
    """Put a resource into the share of that `kind` (`Database`, `Table`) between two accounts, made if need be.

    The first share between accounts that are in no common organization brings the receiver an invitation; one that
    was refused or has expired is replaced by a new share with a new invitation.
    """
    found = share_of(owner, region, receiver, kind)
    if found is not None and found.association in ("FAILED", "DISASSOCIATED"):
        found.status = "DELETED"
        found = None
    if found is None:
        found = _new_share(owner, region, receiver, kind)
        _mesh.shares[found.arn] = found
        if found.invitation:
            _mesh.invited(found.invitation)
    found.resources.setdefault(resource_arn, time.time())


def unshare(owner: str, region: str, receiver: str, kind: str, resource_arn: str) -> None:
    """Take a resource out of its share; the last one takes the share with it."""
    found = share_of(owner, region, receiver, kind)
    if found is None:
        return
    found.resources.pop(resource_arn, None)
    if not found.resources:
        found.status = "DELETED"


def accepted(owner: str, receiver: str, region: str) -> bool:
    """Whether every live share of `owner` with `receiver` is in effect; with none there is nothing to accept."""
    live = [s for s in _mesh.shares.values() if (s.owner, s.receiver, s.region) == (owner, receiver, region)]
    return all(s.association == "ASSOCIATED" for s in live if s.status == "ACTIVE") and any(
        s.status == "ACTIVE" for s in live
    )


def share_of(owner: str, region: str, receiver: str, kind: str) -> Share | None:
    """The live share of that kind between two accounts."""
    wanted = (owner, region, receiver, kind)
    live = (s for s in _mesh.shares.values() if s.status == "ACTIVE")
    return next((s for s in live if (s.owner, s.region, s.receiver, s.kind) == wanted), None)


def _new_share(owner: str, region: str, receiver: str, kind: str) -> Share:
    token, name = uuid.uuid4(), f"LakeFormation-V4-{uuid.uuid4().hex[:10].upper()}"
    made = Share(f"arn:aws:ram:{region}:{owner}:resource-share/{token}", name, owner, region, receiver, kind)
    if not _mesh.organization_sharing:
        made.invitation = {
            "resourceShareInvitationArn": f"arn:aws:ram:{region}:{owner}:resource-share-invitation/{uuid.uuid4()}",
            "resourceShareName": name,
            "resourceShareArn": made.arn,
            "senderAccountId": owner,
            "receiverAccountId": receiver,
            "invitationTimestamp": time.time(),
            "status": "PENDING",
        }
    return made


def _get_invitations(caller: Identity, params: Json) -> Json:
    arns, shares = params.get("resourceShareInvitationArns"), params.get("resourceShareArns")
    found = [
        s.invitation
        for s in _in_region(caller)
        if s.invitation
        and _is_open(s)
        and s.receiver == caller.account
        and (not arns or s.invitation["resourceShareInvitationArn"] in arns)
        and (not shares or s.arn in shares)
    ]
    missing = set(arns or ()) - {i["resourceShareInvitationArn"] for i in found}
    if missing:
        raise AwsError("ResourceShareInvitationArnNotFoundException", f"Invitation {min(missing)} was not found")
    return _paged("resourceShareInvitations", found, params)


def _accept(caller: Identity, params: Json) -> Json:
    return {"resourceShareInvitation": _answer_invitation(caller, params, "ACCEPTED")}


def _reject(caller: Identity, params: Json) -> Json:
    return {"resourceShareInvitation": _answer_invitation(caller, params, "REJECTED")}


def _answer_invitation(caller: Identity, params: Json, status: str) -> Json:
    arn = params["resourceShareInvitationArn"]
    shares = (s for s in _in_region(caller) if s.invitation and s.receiver == caller.account and _is_open(s))
    found = next((s for s in shares if s.invitation and s.invitation["resourceShareInvitationArn"] == arn), None)
    if found is None or found.invitation is None:
        raise AwsError("ResourceShareInvitationArnNotFoundException", f"Invitation {arn} was not found")
    if found.invited != "PENDING":
        raise AwsError(_ANSWERED[found.invited], f"Invitation {arn} is {found.invited}")
    found.invitation["status"] = status
    return found.invitation


_ANSWERED = {
    "ACCEPTED": "ResourceShareInvitationAlreadyAcceptedException",
    "REJECTED": "ResourceShareInvitationAlreadyRejectedException",
    "EXPIRED": "ResourceShareInvitationExpiredException",
}


def _is_open(s: Share) -> bool:
    """An invitation to a share that is gone cannot be answered any more."""
    return s.invited != "PENDING" or s.status == "ACTIVE"


def _get_shares(caller: Identity, params: Json) -> Json:
    arns, status, name = (params.get(k) for k in ("resourceShareArns", "resourceShareStatus", "name"))
    found = [
        _render_share(s)
        for s in _owned(caller, params)
        if (not arns or s.arn in arns) and status in (None, s.status) and name in (None, s.name)
    ]
    return _paged("resourceShares", found, params)


def _render_share(s: Share) -> Json:
    return {
        "resourceShareArn": s.arn,
        "name": s.name,
        "owningAccountId": s.owner,
        "allowExternalPrincipals": True,
        "status": s.status,
        "creationTime": s.created,
        "lastUpdatedTime": max([s.created, *s.resources.values()]),
        "featureSet": "STANDARD",
    }


def _get_associations(caller: Identity, params: Json) -> Json:
    kind, arns = params["associationType"], params.get("resourceShareArns")
    wanted = params.get("principal") if kind == "PRINCIPAL" else params.get("resourceArn")
    found = [
        _association(s, kind, entity, status if s.status == "ACTIVE" else "DISASSOCIATED")
        for s in _in_region(caller)
        if caller.account == s.owner and (not arns or s.arn in arns)
        for entity, status in _entities(s, kind)
        if wanted in (None, entity)
    ]
    status = params.get("associationStatus")
    return _paged("resourceShareAssociations", [a for a in found if status in (None, a["status"])], params)


def _entities(s: Share, kind: str) -> list[tuple[str, str]]:
    return [(s.receiver, s.association)] if kind == "PRINCIPAL" else [(arn, "ASSOCIATED") for arn in s.resources]


def _association(s: Share, kind: str, entity: str, status: str) -> Json:
    return {
        "resourceShareArn": s.arn,
        "resourceShareName": s.name,
        "associatedEntity": entity,
        "associationType": kind,
        "status": status,
        "creationTime": s.created,
        "lastUpdatedTime": s.created,
        "external": s.invitation is not None,
    }


def _list_resources(caller: Identity, params: Json) -> Json:
    arns, shares = params.get("resourceArns"), params.get("resourceShareArns")
    found = [
        {
            "arn": arn,
            "type": "glue:" + arn.split(":")[5].split("/")[0].title(),
            "resourceShareArn": s.arn,
            "status": "AVAILABLE",
            "creationTime": since,
            "lastUpdatedTime": since,
            "resourceRegionScope": "REGIONAL",
        }
        for s in _owned(caller, params)
        if s.status == "ACTIVE" and (not shares or s.arn in shares)
        for arn, since in s.resources.items()
        if not arns or arn in arns
    ]
    if kind := params.get("resourceType"):
        found = [resource for resource in found if resource["type"] == kind]
    return _paged("resources", found, params)


def _list_principals(caller: Identity, params: Json) -> Json:
    wanted = params.get("principals")
    found = [
        {
            "id": s.receiver if params["resourceOwner"] == "SELF" else s.owner,
            "resourceShareArn": s.arn,
            "creationTime": s.created,
            "lastUpdatedTime": s.created,
            "external": s.invitation is not None,
        }
        for s in _owned(caller, params)
        if s.status == "ACTIVE"
    ]
    return _paged("principals", [p for p in found if not wanted or p["id"] in wanted], params)


def _delete_share(caller: Identity, params: Json) -> Json:
    found = _mesh.shares.get(params["resourceShareArn"])
    if found is None or found.owner != caller.account:
        raise AwsError("UnknownResourceException", f"Resource share {params['resourceShareArn']} was not found")
    found.status = "DELETED"
    return {"returnValue": True}


def _enable_organization(caller: Identity, params: Json) -> Json:
    _mesh.organization_sharing = True
    return {"returnValue": True}


def _in_region(caller: Identity) -> list[Share]:
    return [s for s in _mesh.shares.values() if s.region == caller.region]


def _owned(caller: Identity, params: Json) -> list[Share]:
    """The caller's own shares (`SELF`), or those that it received and accepted (`OTHER-ACCOUNTS`)."""
    if params["resourceOwner"] == "SELF":
        return [s for s in _in_region(caller) if s.owner == caller.account]
    return [s for s in _in_region(caller) if s.receiver == caller.account and s.association == "ASSOCIATED"]


def _paged(member: str, found: list[Json], params: Json) -> Json:
    items, rest = page(found, params)
    return {member: items} | ({"nextToken": rest["NextToken"]} if rest else {})


OPERATIONS: dict[str, Operation[Identity]] = {
    "GetResourceShareInvitations": _get_invitations,
    "AcceptResourceShareInvitation": _accept,
    "RejectResourceShareInvitation": _reject,
    "GetResourceShares": _get_shares,
    "GetResourceShareAssociations": _get_associations,
    "ListResources": _list_resources,
    "ListPrincipals": _list_principals,
    "DeleteResourceShare": _delete_share,
    "EnableSharingWithAwsOrganization": _enable_organization,
}


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
) -> Answer:
    """Serve one call in MiniStack's handler protocol: `(status, headers, body)`."""
    try:
        operation = rest_operation("ram", method, path)
        params = rest_input(operation, body, query_params)
        validate(operation.input_shape, params, "InvalidParameterException")
        if operation.name not in OPERATIONS:
            raise AwsError("UnknownOperationException", f"{operation.name} is not emulated", 501)
        return json_answer(OPERATIONS[operation.name](request_identity(headers, query_params), params))
    except AwsError as error:
        return error_answer(error)


def _resource_arn(request: service_registry.Request) -> str:
    """IAM's resource: the share or invitation that the call names, else `*`."""
    named = json.loads(request.body) if request.body[:1] == b"{" else {}
    queried = request.query.get("resourceShareArn") or ["*"]
    return named.get("resourceShareInvitationArn") or named.get("resourceShareArn") or queried[0]


def install() -> None:
    """Serve RAM from MiniStack. Idempotent."""
    service_registry.plug("ram", handle_request, _resource_arn)
