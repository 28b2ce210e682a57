"""Queries in one Athena workgroup, as the function's own role or as a reader's."""

from typing import TYPE_CHECKING, Final

import boto3
from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, message_of, transient_errors
from mesh.domain.access.consumer_access import QueryRefused, QueryState

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_sts import STSClient

_SESSION: Final = "meshwork-proof"
_LEAST_SECONDS: Final = 900
_NOT_ALLOWED: Final = frozenset({"AccessDenied", "AccessDeniedException"})


class AthenaQueries:
    """Implements `ports.Queries`."""

    def __init__(self, client: "AthenaClient", sts: "STSClient", workgroup: str) -> None:
        self._client = client
        self._sts = sts
        self._workgroup = workgroup

    def start(self, sql: str, token: str, *, role_arn: str = "") -> str | None:
        """See the port."""
        client = self._as(role_arn) if role_arn else self._client
        if client is None:
            return None
        try:
            with transient_errors():
                answer = client.start_query_execution(
                    QueryString=sql, ClientRequestToken=token, WorkGroup=self._workgroup
                )
        except ClientError as error:
            if code_of(error) not in {"InvalidRequestException", *_NOT_ALLOWED}:
                raise
            raise QueryRefused(message_of(error), role=role_arn or None, remedy="docs/query.md") from error
        return answer["QueryExecutionId"]

    def state(self, query_execution_id: str) -> QueryState:
        """See the port."""
        with transient_errors():
            answer = self._client.get_query_execution(QueryExecutionId=query_execution_id)
        status = answer["QueryExecution"].get("Status", {})
        match status.get("State"):
            case "SUCCEEDED":
                return QueryState(state="succeeded")
            case "FAILED" | "CANCELLED":
                return QueryState(state="failed", reason=status.get("StateChangeReason", ""))
        return QueryState(state="running")

    def _as(self, role_arn: str) -> "AthenaClient | None":
        """A client with the role's credentials; None where its trust policy, or this role's policy, does not allow
        it."""
        try:
            with transient_errors():
                keys = self._sts.assume_role(
                    RoleArn=role_arn, RoleSessionName=_SESSION, DurationSeconds=_LEAST_SECONDS
                )["Credentials"]
        except ClientError as error:
            if code_of(error) not in _NOT_ALLOWED:
                raise
            return None
        return boto3.client(
            "athena",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
