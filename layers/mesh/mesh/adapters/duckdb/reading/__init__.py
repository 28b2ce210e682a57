"""A table's objects, each read once: checked, profiled and written as Parquet. DuckDB is imported when it is used."""

from mesh.adapters.duckdb.engine import Limits
from mesh.adapters.duckdb.reading.reading import DuckReading, DuckReadings
from mesh.adapters.duckdb.reading.rewriting import Rewriter

__all__ = ["DuckReading", "DuckReadings", "Limits", "Rewriter"]
