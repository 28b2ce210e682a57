"""A table that a Glue crawler fills (`crawl: glue`): where its files lie, and what Meshwork keeps of them.

```
<product>/published/hive/<table>/[k=v/…]<name>   what the crawler crawls, and consumers read
<product>/published/<table>/_staged/<name>       Parquet that passed the checks, until the whole batch has
<product>/published/<table>/metadata/            index of the present version, index of what lies in `hive/`, details
```

The table's folder is the last one before the partitions, since a crawler names a table after it.
"""

from collections.abc import Sequence
from typing import Final

from mesh.domain.names import crawled_location, published_prefix
from mesh.domain.onboarding.partitions import PartitionValue, partition_path

INDEX: Final = "index.parquet"
"""The sources of the present version: what the same bytes are compared with."""
PROMOTED: Final = "promoted.parquet"
"""The sources that lie in `hive/`: those of the present version, and of a batch that central has not answered."""
DETAILS: Final = "details.json"
"""What the batch that is proposed brought."""
FINDINGS: Final = "findings.json"
"""What was found in a batch that is not promoted yet."""
RESERVED: Final = frozenset({"hive", "iceberg", "metadata"})
"""No names of such tables: Meshwork's own folders have them, and rights go by these."""


def own_file(bucket: str, product: str, table: str, name: str) -> str:
    """One of the above four."""
    return f"s3://{bucket}/{published_prefix(product)}{table}/metadata/{name}"


def staged_folder(bucket: str, product: str, table: str) -> str:
    """Where files wait for the rest of their batch. No table has such a name."""
    return f"s3://{bucket}/{published_prefix(product)}{table}/_staged"


def table_folder(bucket: str, product: str, table: str) -> str:
    """The table's location, without a slash at its end."""
    return f"{crawled_location(bucket, product)}{table}"


def crawled_file(folder: str, partition: Sequence[PartitionValue], name: str) -> str:
    """Where a file is read, below its partition's folder."""
    return "/".join(part for part in (folder, partition_path(partition), name) if part)


def file_name(location: str) -> str:
    """The last part of a location."""
    return location.rpartition("/")[2]
