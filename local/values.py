"""Aliases for values without a static type."""

from typing import Any

type Json = Any
"""What `json.loads` gives, or an argument of an AWS call."""

type Client = Any
"""A boto3 client of a service known at run time only."""
