"""DynamoDB's time to live: what has expired is deleted some time later, and is read and written as ever until then.

"DynamoDB automatically deletes expired items within a few days of their expiration time": here two days after it, when
the mesh's clock is skipped, or within a minute, so that whatever is to be gone at once is seen to be there still.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ttl-expired-items.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
"""

import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import dynamodb

from local.values import Json

LATE_SECONDS: Final = 2 * 86_400
_OLDEST_SECONDS: Final = 5 * 365 * 86_400
"""What expired longer ago is taken for an error, and stays."""
_EACH_SECONDS: Final = 60


class _Settings(AccountRegionScopedDict):  # type: ignore[misc]  # MiniStack's
    """Of each table. MiniStack's own thread, which deletes at once, looks at all of them and finds none."""

    def all_items(self) -> tuple[()]:
        return ()


def install() -> None:
    """In the place of MiniStack's thread. Once per process."""
    dynamodb._ttl_settings = _Settings()
    threading.Thread(target=_keep_deleting, name="expired-items", daemon=True).start()


def delete() -> None:
    """What expired long enough ago, in every table of every account."""
    now = time.time()
    with dynamodb._lock:
        for place, setting in list(dynamodb._ttl_settings._data.items()):
            table = dynamodb._tables.get_scoped(*place)
            if setting.get("TimeToLiveStatus") == "ENABLED" and table:
                for partition, sort, moment in list(_expiring(table, setting["AttributeName"])):
                    if LATE_SECONDS <= now - moment <= _OLDEST_SECONDS + LATE_SECONDS:
                        dynamodb._remove_item(table, partition, sort)


def _expiring(table: Json, attribute: str) -> Iterator[tuple[Any, Any, float]]:
    """(partition, sort key, when) of items that have a number there: others never expire."""
    for partition, items in table["items"].items():
        for sort, item in items.items():
            if "N" in item.get(attribute, ()):
                yield partition, sort, float(item[attribute]["N"])


def _keep_deleting() -> None:
    while True:
        time.sleep(_EACH_SECONDS)
        delete()
