"""Upgrades of a mesh, account by account, while it works."""
