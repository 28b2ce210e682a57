"""CHANGE_DATA_TYPE: a value in another type, null where it cannot be.

Source: AWS Glue DataBrew Developer Guide, CHANGE_DATA_TYPE: types and ranges. What it leaves open: a number with a
fraction is not an integer (12.0 is 12); numbers, dates and timestamps are written as Athena reads them.
"""

from collections.abc import Callable
from typing import Final

from mesh.domain.onboarding.curation.cells import Cell, boolean, from_number, number, text
from mesh.domain.onboarding.curation.dates import date_writer, read_moment

_DECIMAL_WHOLE_DIGITS: Final = 20
_write_date = date_writer("yyyy-mm-dd")
_write_timestamp = date_writer("yyyy-mm-dd HH:MM:SS")


def _integer(bits: int) -> Callable[[Cell], Cell]:
    limits = range(-(2 ** (bits - 1)), 2 ** (bits - 1))

    def convert(cell: Cell) -> Cell:
        value = number(cell)
        whole = from_number(value) if value is not None and value.adjusted() < 20 else None
        return whole if isinstance(whole, int) and whole in limits else None

    return convert


def _floating(cell: Cell) -> Cell:
    value = number(cell)
    return None if value is None else float(value)


def _decimal(cell: Cell) -> Cell:
    """38 digits, 18 of them after the point; more of those are rounded."""
    value = number(cell)
    if value is None or value.adjusted() >= _DECIMAL_WHOLE_DIGITS:
        return None
    exponent = value.as_tuple().exponent
    return round(value, 18) if isinstance(exponent, int) and exponent < -18 else value


def _date(cell: Cell) -> Cell:
    moment = read_moment(text(cell))
    return _write_date(moment) if moment else None


def _timestamp(cell: Cell) -> Cell:
    moment = read_moment(text(cell))
    return _write_timestamp(moment) if moment else None


CONVERTERS: Final[dict[str, Callable[[Cell], Cell]]] = {
    "byte": _integer(8),
    "short": _integer(16),
    "int": _integer(32),
    "long": _integer(64),
    "float": _floating,
    "double": _floating,
    "decimal": _decimal,
    "string": text,
    "boolean": boolean,
    "timestamp": _timestamp,
    "date": _date,
}
