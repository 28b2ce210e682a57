"""Versions of a data product: what is staged by its producer, and committed by central."""
