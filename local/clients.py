"""SDK clients for the mesh's own services: a service that acts as a role calls the API like any other caller."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from local.values import Client

_CONFIG: Final = Config(retries={"total_max_attempts": 1}, read_timeout=930, max_pool_connections=20)
"""Who calls has retries of its own, as AWS documents them. A function may run for 15 minutes."""
_RETRYING: Final = Config(retries={"mode": "standard", "max_attempts": 3})
_KEPT: Final = 256
_MODELS: Final = Loader()
"""The services' models, read once in a process: each of botocore's own sessions would read them again."""


def botocore_session() -> botocore.session.Session:
    """A session for boto3's, with the models that others have read."""
    # boto3 adds the folder of its own models for every session.
    _MODELS.search_paths[:] = dict.fromkeys(_MODELS.search_paths)
    made = botocore.session.Session()
    made.register_component("data_loader", _MODELS)
    return made


class Clients:
    """One for each service, region and identity, kept while it is in use: what botocore reads for a new one takes a
    tenth of a second. Safe for threads. `before_sign` is botocore's hook, called with each request; `retrying` calls
    as botocore's standard mode does.
    """

    def __init__(
        self, endpoint: str, before_sign: Callable[..., None] | None = None, *, retrying: bool = False
    ) -> None:
        self._endpoint = endpoint
        self._config = _RETRYING if retrying else _CONFIG
        self._lock = threading.Lock()
        session = botocore_session()
        if before_sign is not None:
            session.register("before-sign", before_sign)
        self._session = boto3.Session(botocore_session=session)
        self._clients: OrderedDict[tuple[str, str, str], Client] = OrderedDict()

    def get(self, service: str, region: str, keys: dict[str, str]) -> Client:
        """The client that signs with `keys`, as `roles.credentials` gives them. Raises `UnknownServiceError`."""
        identity = (service, region, keys["aws_access_key_id"])
        with self._lock:
            client = self._clients.get(identity) or self._session.client(  # type: ignore[call-overload]
                service, region_name=region, endpoint_url=self._endpoint, config=self._config, **keys
            )
            self._clients[identity] = client
            self._clients.move_to_end(identity)
            if len(self._clients) > _KEPT:
                self._clients.popitem(last=False)
        return client
