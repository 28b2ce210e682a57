"""A batch that is being published: what its producer staged, and central's answer."""

from typing import Annotated, Literal

from pydantic import Field

from mesh.domain.events.model import EventData, Moment, ProductName, Reason, TableName
from mesh.domain.model import Model

MAX_TABLES = 150
"""Tables of one proposal: it starts an execution, whose input is at most 262,144 bytes."""
ProposalId = Annotated[str, Field(pattern=r"^[0-9a-f-]{8,64}$")]
MetadataName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
"""A file in the table's folder `metadata/`: a name without a path, so that it cannot be elsewhere."""
Count = Annotated[int, Field(ge=0, lt=2**63)]
Outcome = Literal["published", "held", "refused", "rebase", "tagged"]


class ProposedTable(Model):
    """One table of a proposal. `base` is the metadata file that it was staged on, empty for a new table, which then has
    the file without data in `empty`. Totals are the whole table's after it.

    Nothing is `staged` of a table that a Glue crawler fills (`crawl: glue`): the catalog has it already, and a file of
    its `details` says what the batch brought.
    """

    name: TableName
    base: MetadataName | Literal[""] = ""
    staged: MetadataName | Literal[""] = ""
    empty: MetadataName | Literal[""] = ""
    details: MetadataName | Literal[""] = ""
    rows: Count
    bytes: Count
    files: Count


class VersionProposed(EventData):
    """Checked, written and staged: central may commit it until it `expires`. Sent again, it asks for the answer.

    `held` counts the objects of the batch that were held back; `contract_version` is the contract that the others were
    checked against. What a Glue crawler will fill is announced before it is put where readers look (`announces`
    findings): central tags the columns that are there, and publishes nothing.
    """

    product: ProductName
    proposal: ProposalId
    generation: Annotated[int, Field(ge=1, lt=2**31)]
    contract_version: str = Field(default="", max_length=64)
    expires: Moment
    held: Count = 0
    announces: Literal["version", "findings"] = "version"
    tables: tuple[ProposedTable, ...] = Field(min_length=1, max_length=MAX_TABLES)


class ProposalSettled(EventData):
    """Central's answer, the same at every repetition. `rebase`: the product has a newer version, so stage it again;
    `tagged`: what was announced as found is on the columns.

    `version` is the published one, 0 for any other outcome.
    """

    product: ProductName
    proposal: ProposalId
    outcome: Outcome
    version: int = Field(default=0, ge=0)
    reason: Reason | None = None
