"""Where lineage goes besides the account's table: files, an OpenLineage endpoint, Amazon DataZone."""

import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import IO, TYPE_CHECKING, Any, Final, override
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, message_of, transient_errors
from mesh.domain.errors import Transient
from mesh.domain.lineage.run_events import encoded, token_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SECONDS: Final = 10
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class LineageUndelivered(Transient):
    """A receiver of lineage did not take an event: the order goes back to its queue, at last to the DLQ."""


class FileTransport:
    """JSON lines below `lineage/dt=<day of the first event>/`; the same events are the same object."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def send(self, events: Sequence[Mapping[str, Any]]) -> None:
        """See the port."""
        if not events:
            return
        key = f"lineage/dt={events[0]['eventTime'][:10]}/{token_of(dict(events[-1]))}.jsonl"
        body = b"".join(encoded(dict(event)) + b"\n" for event in events)
        with transient_errors():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/x-ndjson")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token is for the host that was configured, and a redirected POST would become a GET."""

    @override
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


class HttpTransport:
    """One POST for each event, as OpenLineage's HTTP transport does (`/api/v1/lineage` of Marquez, for instance).

    Only https, unless the host is this machine: a bearer token and names of data must not travel in clear.
    """

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError(f"lineage goes to https alone, not to {parts.scheme}://{parts.hostname}")
        self._url = url
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._opener = urllib.request.build_opener(_NoRedirects)

    def send(self, events: Sequence[Mapping[str, Any]]) -> None:
        """See the port."""
        for event in events:
            self._post(encoded(dict(event)), str(event["run"]["runId"]))

    def _post(self, body: bytes, run: str) -> None:
        request = urllib.request.Request(self._url, data=body, headers=self._headers, method="POST")  # noqa: S310
        host = urlsplit(self._url).hostname
        try:
            with self._opener.open(request, timeout=_SECONDS):
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise LineageUndelivered(f"{host} answered {error.code}", run=run, status=error.code) from error
        except (OSError, HTTPException) as error:
            raise LineageUndelivered(f"no answer from {host}: {error}", run=run) from error


class DataZoneTransport:
    """PostLineageEvent of Amazon DataZone, and SageMaker Catalog. `client` is boto3's of `datazone`."""

    def __init__(self, client: Any, domain: str) -> None:  # noqa: ANN401 - boto3-stubs are not installed for it
        self._client = client
        self._domain = domain

    def send(self, events: Sequence[Mapping[str, Any]]) -> None:
        """See the port. ConflictException: that event was taken before."""
        for event in events:
            body, token = encoded(dict(event)), token_of(dict(event))
            try:
                with transient_errors():
                    self._client.post_lineage_event(domainIdentifier=self._domain, event=body, clientToken=token)
            except ClientError as error:
                if code_of(error) != "ConflictException":
                    said = f"DataZone: {code_of(error)}: {message_of(error)}"
                    raise LineageUndelivered(said, run=event["run"]["runId"], domain=self._domain) from error


def secret(client: Any, arn: str) -> str:  # noqa: ANN401 - boto3-stubs are not installed for it
    """A secret's text, from Secrets Manager."""
    with transient_errors():
        return str(client.get_secret_value(SecretId=arn)["SecretString"]).strip()
