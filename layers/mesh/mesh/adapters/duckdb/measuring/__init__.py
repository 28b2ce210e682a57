"""Rows of a table → its profile, its findings, its scores: in DuckDB."""
