"""Readers of heads and footers: CSV, JSON lines, Parquet. None of them reads a whole large object."""
