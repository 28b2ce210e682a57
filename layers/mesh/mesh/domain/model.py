"""What every model of the domain has in common."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Immutable, and closed: a field that is not in the contract is an error, not noise."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    def evolve(self, **values: Any) -> Self:  # noqa: ANN401 - the fields' own types, which are validated
        """A copy with other values, validated: `model_copy(update=…)` takes any name and any type.

        Raises ValidationError.
        """
        return type(self).model_validate(dict(iter(self)) | values, by_name=True)
