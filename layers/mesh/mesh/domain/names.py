"""Names of what Meshwork makes, all by pattern from the product's contract (see docs/architecture.md)."""

import re
from typing import Final

DEFAULT_DATABASE = "default"
"""Athena asks for it in every account."""
RESOURCE_LINK_PREFIX = "rl_"
MEMBER_TOPIC_PREFIX = "mesh-to-"
MAX_EXECUTION_NAME = 71
"""Step Functions has 80: retry-run puts `-retry-1` behind it, and has to say again of which run it is."""
_PINNED_TABLE: Final = re.compile(r".+__v[1-9][0-9]*")


def resource_link(database: str) -> str:
    """`credit-card` → `rl_credit-card`."""
    return f"{RESOURCE_LINK_PREFIX}{database}"


def camel_case(product: str) -> str:
    """`credit-card` → `creditCard`."""
    head, *rest = product.split("-")
    return head + "".join(part.capitalize() for part in rest)


def crawler(prefix: str, account: str) -> str:
    """`credit`, `222222222222` → `creditCrawler-222222222222`. The prefix is the contract's, or the product's name."""
    return f"{prefix}Crawler-{account}"


def data_prefix(product: str) -> str:
    """Where the owner of a product puts its objects."""
    return f"{product}/data/"


def published_prefix(product: str) -> str:
    """Where Meshwork, and only Meshwork, writes what consumers read."""
    return f"{product}/published/"


def published_location_arn(bucket: str, product: str) -> str:
    """The S3 ARN of what is published, registered with Lake Formation (no trailing slash: it compares ARNs by
    prefix)."""
    return f"arn:aws:s3:::{bucket}/{published_prefix(product).rstrip('/')}"


def published_location_uri(bucket: str, product: str) -> str:
    """`s3://<bucket>/<product>/published/`."""
    return f"s3://{bucket}/{published_prefix(product)}"


def table_location(bucket: str, product: str, table: str) -> str:
    """The location of an Iceberg table: `s3://<bucket>/<product>/published/<table>/iceberg`."""
    return f"s3://{bucket}/{published_prefix(product)}{table}/iceberg"


def crawled_location(bucket: str, product: str) -> str:
    """What a Glue crawler crawls: `s3://<bucket>/<product>/published/hive/`, a folder for each table in it."""
    return f"s3://{bucket}/{published_prefix(product)}hive/"


def pinned_table(table: str, version: int) -> str:
    """`credit_card`, 3 → `credit_card__v3`: the second table, on what version 3 had."""
    return f"{table}__v{version}"


def is_pinned_table(table: str) -> bool:
    """Whether a table of the catalog is of a pinned version, and so not of the product's present state."""
    return _PINNED_TABLE.fullmatch(table) is not None


def present_table(table: str) -> str:
    """`credit_card__v3` → `credit_card`; the table itself if it is of no pinned version."""
    return table.rpartition("__v")[0] if is_pinned_table(table) else table


def member_topic(account: str) -> str:
    """The one topic through which central speaks to that account."""
    return f"{MEMBER_TOPIC_PREFIX}{account}"


def execution_name(product: str, token: str) -> str:
    """A Step Functions execution name: 1 to 71 characters, the product first so that people can find it."""
    return f"{product[: MAX_EXECUTION_NAME - len(token) - 1]}-{token}"
