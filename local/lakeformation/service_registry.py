"""Plug a service that MiniStack lacks into its dispatcher: route, IAM action, IAM resource, handler."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from local.lakeformation.protocol import Answer

type Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]]


class Request(NamedTuple):
    """A call as MiniStack's dispatcher has it when it asks for the IAM resource."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: dict[str, list[str]]
    region: str
    account: str


type ResourceArn = Callable[[Request], str | None]

_resource_arns: dict[str, ResourceArn] = {}


def register(service: str, handler: Handler, resource_arn: ResourceArn) -> None:
    """Serve calls signed for `service` by `handler`; `resource_arn` names what IAM is asked about first,
    or is None where MiniStack knows."""
    from ministack import app  # noqa: PLC0415  (reads the environment when imported: only on installation)
    from ministack.core import iam_actions, router  # noqa: PLC0415

    app.SERVICE_HANDLERS[service] = handler
    router.SERVICE_PATTERNS.setdefault(service, {})
    iam_actions.SERVICE_TO_IAM_NAMESPACE.setdefault(service, service)
    iam_actions._BOTOCORE_SERVICE_MAP.setdefault(service, [service])
    if not _resource_arns:
        iam_actions.extract_resource_arn = _extract(iam_actions.extract_resource_arn)
    _resource_arns[service] = resource_arn


def _extract(original: Callable[..., str]) -> Callable[..., str]:
    def extract(service: str, *request: Any) -> str:  # noqa: ANN401  (MiniStack passes them by position)
        ours = _resource_arns.get(service)
        return (ours(Request(*request)) if ours else None) or original(service, *request)

    return extract
