"""AWS Resource Access Manager for the local mesh: the shares that Lake Formation's cross-account grants create."""

import json
import time

from local import shares
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
    found.invitation["status"], found.answered = status, time.time()
    return found.invitation


_ANSWERED = {
    "ACCEPTED": "ResourceShareInvitationAlreadyAcceptedException",
    "REJECTED": "ResourceShareInvitationAlreadyRejectedException",
    "EXPIRED": "ResourceShareInvitationExpiredException",
}


def _is_open(s: shares.Share) -> bool:
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


def _render_share(s: shares.Share) -> Json:
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


def _entities(s: shares.Share, kind: str) -> list[tuple[str, str]]:
    return [(s.receiver, s.association)] if kind == "PRINCIPAL" else [(arn, "ASSOCIATED") for arn in s.resources]


def _association(s: shares.Share, kind: str, entity: str, status: str) -> Json:
    return {
        "resourceShareArn": s.arn,
        "resourceShareName": s.name,
        "associatedEntity": entity,
        "associationType": kind,
        "status": status,
        "creationTime": s.created,
        "lastUpdatedTime": s.updated,
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
        if params.get("principal") in {None, _other_side(s, params)}
        for arn, since in s.resources.items()
        if not arns or arn in arns
    ]
    if kind := params.get("resourceType"):
        found = [resource for resource in found if resource["type"] == kind]
    return _paged("resources", found, params)


def _other_side(share: shares.Share, params: Json) -> str:
    """The principal of a share, as whoever lists its own, or what it receives, sees it."""
    return share.receiver if params["resourceOwner"] == "SELF" else share.owner


def _list_principals(caller: Identity, params: Json) -> Json:
    wanted = params.get("principals")
    found = [
        {
            "id": _other_side(s, params),
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
    found = shares.mesh.shares.get(params["resourceShareArn"])
    if found is None or found.owner != caller.account:
        raise AwsError("UnknownResourceException", f"Resource share {params['resourceShareArn']} was not found")
    found.status = "DELETED"
    return {"returnValue": True}


def _enable_organization(caller: Identity, params: Json) -> Json:
    shares.mesh.organization_sharing = True
    return {"returnValue": True}


def _in_region(caller: Identity) -> list[shares.Share]:
    return [s for s in shares.mesh.shares.values() if s.region == caller.region]


def _owned(caller: Identity, params: Json) -> list[shares.Share]:
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
    service_registry.register("ram", handle_request, _resource_arn)
