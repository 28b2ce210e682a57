"""A batch's data, measured in DuckDB. The engine is imported when something is measured: only one function has it."""

from mesh.adapters.measuring.measurements import DuckMeasurements

__all__ = ["DuckMeasurements"]
