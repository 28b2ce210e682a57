"""Why a query fails, with Athena's messages.

Categories and types: https://docs.aws.amazon.com/athena/latest/ug/error-reference.html
"""

from local.lakeformation.protocol import AwsError

USER_ERROR = 2
SYNTAX = 1006
NOT_FOUND = 1301
UNAUTHORIZED = 1000
DATA = 1001
REJECTED = 1008
RESULTS_NOT_WRITTEN = 401
INTERNAL = 200
STOPPED = "Query cancelled by user"

_UNSEEN = "cannot be resolved or requester is not authorized to access requested resources"


class QueryError(Exception):
    """A query ends as FAILED; `reason` is its StateChangeReason, `kind` its AthenaError's ErrorType."""

    def __init__(self, reason: str, kind: int = SYNTAX) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind


class MissingObjectError(QueryError):
    """There is no such object, or no such bucket."""


class CancelledError(Exception):
    """A query ends as CANCELLED; the message is its StateChangeReason."""


def column_not_found(at: str, column: str) -> QueryError:
    """Absent and hidden columns read the same: the answer must not tell that there is one."""
    return QueryError(f"COLUMN_NOT_FOUND: {at}Column '{column}' {_UNSEEN}")


def no_columns(at: str) -> QueryError:
    """The table may be described, and no column of it selected."""
    return QueryError(f"COLUMN_NOT_FOUND: {at}Relation contains no accessible columns")


def table_not_found(at: str, database: str, table: str) -> QueryError:
    return QueryError(f"TABLE_NOT_FOUND: {at}Table 'awsdatacatalog.{database}.{table}' does not exist", kind=NOT_FOUND)


def schema_not_found(at: str, database: str) -> QueryError:
    return QueryError(f"SCHEMA_NOT_FOUND: {at}Schema '{database}' does not exist", kind=NOT_FOUND)


def refused(error: AwsError, service: str = "AmazonDataCatalog") -> QueryError:
    """A service denied a call made for the caller: its own message, with its name and code."""
    return QueryError(
        f"Insufficient permissions to execute the query. {error.message} "
        f"(Service: {service}; Status Code: {error.status}; Error Code: {error.code})",
        kind=UNAUTHORIZED,
    )
