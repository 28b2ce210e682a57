"""Values as text → pyiceberg's: partition values, and the bounds of columns in manifests.

Source: Apache Iceberg specification, "Appendix D: Single-value serialization".
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from pyiceberg.conversions import to_bytes
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    PrimitiveType,
    StringType,
    TimestampType,
)

_EPOCH_DAY: Final = date(1970, 1, 1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_BOUND: Final = 16
"""Characters of a text in a bound, as Iceberg's own writers keep them (`truncate(16)`)."""


def _micros(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    gone = moment - _EPOCH
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds


_READERS: Final[Mapping[type[IcebergType], Callable[[str], Any]]] = {
    BooleanType: lambda text: {"true": True, "false": False}[text.lower()],
    IntegerType: int,
    LongType: int,
    FloatType: float,
    DoubleType: float,
    DecimalType: Decimal,
    StringType: str,
    DateType: lambda text: (date.fromisoformat(text) - _EPOCH_DAY).days,
    TimestampType: _micros,
}


def value_of(type_: IcebergType, text: str | None) -> Any:  # noqa: ANN401 - whatever the type holds
    """The value in pyiceberg's own form (days, microseconds). Raises KeyError for a type without one, ValueError."""
    return None if text is None else _READERS[type(type_)](text)


def text_of(type_: IcebergType, value: Any) -> str | None:  # noqa: ANN401 - whatever the type holds
    """The way back, for partition values."""
    if value is None:
        return None
    match type_:
        case BooleanType():
            return str(value).lower()
        case DateType():
            return str(date.fromordinal(_EPOCH_DAY.toordinal() + value))
        case TimestampType():
            return datetime.fromtimestamp(value / 1_000_000, UTC).replace(tzinfo=None).isoformat(" ")
    return str(value)


def bound(type_: IcebergType, text: str | None, *, upper: bool) -> bytes | None:
    """A bound's bytes; None for what is not a bound: unknown types, and an upper text that would have to be cut."""
    if text is None or type(type_) not in _READERS or not isinstance(type_, PrimitiveType):
        return None
    if isinstance(type_, StringType) and len(text) > _MAX_BOUND:
        if upper:
            return None
        text = text[:_MAX_BOUND]
    try:
        value = value_of(type_, text)
        if isinstance(type_, DecimalType):
            value = value.quantize(Decimal(1).scaleb(-type_.scale))
        return to_bytes(type_, value)
    except (KeyError, ValueError, ArithmeticError):  # `infinity` as a date: no bound is always right
        return None
