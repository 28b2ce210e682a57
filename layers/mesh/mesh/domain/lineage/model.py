"""Datasets and runs in OpenLineage's terms, before they become JSON.

Names follow "Naming conventions" of the OpenLineage specification: an S3 object is `s3://<bucket>` and its key, a table
of the Glue Data Catalog `arn:aws:glue:<region>:<account>` and `table/<database>/<table>`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from mesh.domain.model import Model

type Facet = dict[str, Any]
type Facets = dict[str, Facet]

IDENTITY: Final = "IDENTITY"
TRANSFORMATION: Final = "TRANSFORMATION"


class ColumnOrigin(Model):
    """What one column of a curated object was made of: columns of the raw object, and steps by number, in order."""

    inputs: tuple[str, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run ran."""

    account: str
    region: str

    @property
    def namespace(self) -> str:
        """Of this account's jobs."""
        return f"meshwork.{self.account}.{self.region}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """An input or an output. `role_facets` are those of being one: `inputFacets`, or `outputFacets`."""

    namespace: str
    name: str
    facets: Facets = field(default_factory=dict)
    role_facets: Facets = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepRun:
    """One run of one step. `run_id` is a UUID that a retry repeats; `parent` is (run id, job name) of what it was
    part of, in the same namespace."""

    place: Place
    job: str
    run_id: str
    began: datetime
    ended: datetime
    outcome: Literal["COMPLETE", "FAIL"] = "COMPLETE"
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    parent: tuple[str, str] | None = None
    run_facets: Facets = field(default_factory=dict)
    job_facets: Facets = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)


def s3_object(bucket: str, key: str, facets: Facets | None = None, role_facets: Facets | None = None) -> Dataset:
    """An object of a bucket."""
    return Dataset(f"s3://{bucket}", key, facets or {}, role_facets or {})


def glue_namespace(place: Place) -> str:
    """Of the tables of an account's catalog."""
    return f"arn:aws:glue:{place.region}:{place.account}"


def glue_table(
    place: Place, database: str, table: str, facets: Facets | None = None, role_facets: Facets | None = None
) -> Dataset:
    """A table, or what a resource link shows of it; `place` is whose catalog it is in."""
    return Dataset(glue_namespace(place), table_name(database, table), facets or {}, role_facets or {})


def table_name(database: str, table: str) -> str:
    """`table/<database>/<table>`."""
    return f"table/{database}/{table}"
