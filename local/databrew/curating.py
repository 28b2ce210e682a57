"""A job's work: an object's bytes, a recipe's steps, the output's bytes, by the product's own curation.

So a local job gives the same rows as the function. It does not show what DataBrew itself would give.
"""

import json
from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.onboarding.curation.objects import read_raw, write_rows
from mesh.domain.onboarding.curation.plan import plan_recipe
from mesh.domain.onboarding.curation.recipe import parse_recipe
from mesh.domain.onboarding.curation.text import RawFormat


class JobFailedError(Exception):
    """The run ends as FAILED, with this message."""


def curate(body: bytes, steps: list[dict[str, Any]], *, bucket: str, key: str, kind: str) -> bytes:
    """`key` says the input's format, `kind` (CSV, JSON) is the output's. Raises JobFailedError."""
    format_: RawFormat = "json" if kind == "JSON" else "csv"
    try:
        source = read_raw(body, bucket=bucket, key=key)
        plan = plan_recipe(parse_recipe(json.dumps(steps).encode()), source.columns)
        return write_rows(format_, plan.columns, plan.apply(source.rows))[0]
    except Rejected as refusal:
        raise JobFailedError(f"{type(refusal).__name__}: {refusal.message}") from refusal
