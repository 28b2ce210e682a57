"""Rows and bytes of objects, and of the tables that they make up."""

from pydantic import BaseModel, ConfigDict, Field


class ObjectCount(BaseModel):
    """What one object holds. `rows` is an estimate (0 where nobody looked) unless `rows_exact`."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    key: str
    rows: int = Field(ge=0)
    rows_exact: bool
    bytes: int = Field(ge=0)


class TableTotal(BaseModel):
    """What all objects of a table hold, each counted once however often it was uploaded."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    rows: int = Field(default=0, ge=0)
    rows_exact: bool = True
    bytes: int = Field(default=0, ge=0)
    objects: int = Field(default=0, ge=0)
