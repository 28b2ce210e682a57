"""What every model of the domain has in common."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict
from pydantic.config import ExtraValues


class Model(BaseModel):
    """Immutable. Closed when it is made: a field that is not in the contract is an error. Open when it is read:
    accounts are upgraded one after the other, so a field that this release does not know is ignored, and one that is
    missing has its default. What people write by hand is read with `extra="forbid"`: there an unknown field is a slip.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    @classmethod
    def model_validate(cls, obj: Any, *, extra: ExtraValues | None = "ignore", **options: Any) -> Self:  # noqa: ANN401
        """Read a value. Raises ValidationError."""
        return super().model_validate(obj, extra=extra, **options)

    @classmethod
    def model_validate_json(
        cls,
        json_data: str | bytes | bytearray,
        *,
        extra: ExtraValues | None = "ignore",
        **options: Any,  # noqa: ANN401
    ) -> Self:
        """Read a JSON text. Raises ValidationError."""
        return super().model_validate_json(json_data, extra=extra, **options)

    def evolve(self, **values: Any) -> Self:  # noqa: ANN401 - the fields' own types, which are validated
        """A copy with other values, validated: `model_copy(update=…)` takes any name and any type.

        Raises ValidationError.
        """
        return type(self).model_validate(dict(iter(self)) | values, extra="forbid", by_name=True)
