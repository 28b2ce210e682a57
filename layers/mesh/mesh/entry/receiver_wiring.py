"""Adapters of what an account receives: shares, links, its accesses and their readers. See `entry.wiring`; apart, since
few functions load them."""

from mesh.adapters.athena import AthenaQueries
from mesh.adapters.aws import client
from mesh.adapters.dynamodb.consumer_accesses import DynamoConsumerAccesses
from mesh.adapters.lakeformation.reader_roles import ReaderRoles
from mesh.adapters.lakeformation.shares import GlueResourceLinks, RamShares
from mesh.entry.settings import TableSettings
from mesh.entry.wiring import table


def consumer_accesses(settings: TableSettings) -> DynamoConsumerAccesses:
    """A consumer's accesses."""
    return DynamoConsumerAccesses(table(settings))


def shares() -> RamShares:
    """RAM's invitations to this account."""
    return RamShares(client("ram"))


def resource_links() -> GlueResourceLinks:
    """Resource links of the account."""
    return GlueResourceLinks(client("glue"))


def readers() -> ReaderRoles:
    """Roles of the account, and what they were granted."""
    return ReaderRoles(client("iam"), client("lakeformation"))


def queries(workgroup: str) -> AthenaQueries:
    """Athena, in one workgroup."""
    return AthenaQueries(client("athena"), client("sts"), workgroup)
