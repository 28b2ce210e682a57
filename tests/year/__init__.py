"""A mesh that lives through a year of changes."""
