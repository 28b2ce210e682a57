"""The Lambda Runtime API (2018-06-01) for one function process.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import queue
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from local.values import Json

_ROUTE = re.compile(r"/2018-06-01/runtime/(?:invocation/(?P<id>[^/]+)/(?P<kind>response|error)|init/(?P<init>error))")
_NEXT = "/2018-06-01/runtime/invocation/next"


@dataclass(frozen=True)
class Invocation:
    """One event on its way to the handler; `deadline_ms` is Unix time in milliseconds."""

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str
    trace_id: str


@dataclass(frozen=True)
class Outcome:
    """What the process answered: `ready` after init, `response`, `error`, `init_error`, or `exit` when it died."""

    kind: Literal["ready", "response", "error", "init_error", "exit"]
    body: bytes = b""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without TCP_NODELAY each call waits 40 ms for the peer's delayed ACK.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "RuntimeApi"

    def do_GET(self) -> None:
        if self.path != _NEXT:
            self.send_error(404)
            return
        invocation = self.server.next_invocation()
        if invocation is None:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Lambda-Runtime-Aws-Request-Id", invocation.request_id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", invocation.function_arn)
        self.send_header("Lambda-Runtime-Trace-Id", invocation.trace_id)
        self._finish(invocation.payload)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        route = _ROUTE.fullmatch(self.path)
        if route is None:
            self.send_error(404)
            return
        self.send_response(202)
        self._finish(b'{"status":"OK"}')
        if route["init"]:
            self.server.outcomes.put(Outcome("init_error", body))
        else:
            self.server.outcomes.put(Outcome("response" if route["kind"] == "response" else "error", body))

    def _finish(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """The record of calls is the gateway's; the Runtime API is not an AWS call."""


class RuntimeApi(ThreadingHTTPServer):
    """Listens on a port of its own on 127.0.0.1, since the client can be given no more than host and port."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.invocations: queue.Queue[Invocation | None] = queue.Queue()
        self.outcomes: queue.Queue[Outcome] = queue.Queue()
        self._initialised = False
        threading.Thread(target=self.serve_forever, name="runtime-api", daemon=True).start()

    @property
    def address(self) -> str:
        host, port = self.server_address[:2]
        return f"{host!s}:{port}"

    def next_invocation(self) -> Invocation | None:
        """Block until there is work; the first call tells that the handler's module is imported."""
        if not self._initialised:
            self._initialised = True
            self.outcomes.put(Outcome("ready"))
        return self.invocations.get()

    def close(self) -> None:
        self.invocations.put(None)
        # shutdown() waits for the accept loop to look up, half a second at most: not on the caller's time.
        threading.Thread(target=self._close, daemon=True).start()

    def _close(self) -> None:
        self.shutdown()
        self.server_close()


def error_payload(request_id: str, error_type: str, message: str) -> dict[str, str]:
    """The payload AWS's sandbox gives for a process that timed out or exited."""
    return {"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {message}"}


def decode(body: bytes) -> Json:
    return json.loads(body) if body else None
