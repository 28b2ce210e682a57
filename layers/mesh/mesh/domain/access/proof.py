"""The query that proves an access, and what stands in its way: invitations that wait, links that others hold."""

from datetime import datetime
from typing import Literal

from mesh.domain import names
from mesh.domain.access.holding import Held
from mesh.domain.errors import Rejected, Transient
from mesh.domain.events import Model


class NotYetShared(Transient):
    """Central granted, and the account does not see it yet: RAM and Lake Formation take a moment."""


class ShareRefused(Rejected):
    """The account refused central's share, or let the invitation expire: central has to share anew."""


class LinkTaken(Rejected):
    """The name of the resource link is taken by something else of the account."""


class QueryRefused(Rejected):
    """Athena did not take the proving query at all."""


class ProofFailed(Rejected):
    """The proving query failed, or the reader's grants are not there: what was granted cannot be read."""


class Invitation(Model):
    """An invitation of RAM to a share of Lake Formation's."""

    arn: str
    status: str
    at: datetime


class QueryState(Model):
    """How an Athena query stands; `reason` is Athena's own where it failed."""

    state: Literal["running", "succeeded", "failed"]
    reason: str = ""


def proving_query(held: Held) -> str:
    """One row of the granted columns of the first table, through its link; empty where nothing can be selected."""
    selects = any("SELECT" in entry.permissions for entry in held.entries)
    if not selects or not held.tables:
        return ""
    table = held.tables[0]
    columns = ", ".join(quoted(column) for column in table.columns) or "*"
    return f"SELECT {columns} FROM {quoted(names.resource_link(table.database))}.{quoted(table.table)} LIMIT 1"  # noqa: S608 - quoted


def quoted(identifier: str) -> str:
    """As Athena takes any name: in double quotes, those within doubled."""
    return '"' + identifier.replace('"', '""') + '"'
