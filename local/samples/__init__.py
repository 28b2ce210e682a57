"""Sample data products for demos and tests."""
