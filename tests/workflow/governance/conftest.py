"""Products of each confidentiality, and accesses to them that end with the test."""

from tests.access_fixtures import accesses, products

__all__ = ["accesses", "products"]
