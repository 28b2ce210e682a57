"""A table's objects, each read once: checked, profiled and written as Parquet. DuckDB is imported when it is used."""

from mesh.adapters.reading.reading import DuckReading, DuckReadings

__all__ = ["DuckReading", "DuckReadings"]
