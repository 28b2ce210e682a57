"""The door of the mesh: an ASGI application around MiniStack's, which records, injects faults, and answers `/_mesh`."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from local import calls, choices, clock, faults, limits, partial_answers, subjects
from local.accounts import ADMIN_ROLE
from local.call_log import Call, Record, principal_of
from local.functions import callers

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger("mesh.gateway")

_ERROR_BODY_BYTES = 4096


class _Answer:
    """Passes an answer on and notes what the record wants of it."""

    def __init__(self, send: Send | None, *, keep: bool = False) -> None:
        self._send = send
        self._keep = keep
        self.body = b""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.size = 0
        self.head = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            self.size += len(body)
            if self._keep:
                self.body += body
            if self.status >= 400 and len(self.head) < _ERROR_BODY_BYTES:
                self.head += body[:_ERROR_BODY_BYTES]
        if self._send:
            await self._send(message)

    async def hang_up(self) -> None:
        """Close the connection, which ASGI has no message for: uvicorn's `send` belongs to the request's cycle."""
        cycle: Any = getattr(self._send, "__self__", None)
        cycle.transport.close()
        while not cycle.disconnected:
            await asyncio.sleep(0)

    @property
    def error(self) -> str:
        return calls.error_code(self.headers, self.head) if self.status >= 400 else ""

    @property
    def request_id(self) -> str:
        found = (v for k, v in self.headers if k.lower() in (b"x-amzn-requestid", b"x-amz-request-id"))
        return next(found, b"").decode()


class _Caller(NamedTuple):
    """Who calls: account, IAM ARN of the role (not of its session), name of the session."""

    account: str
    principal: str
    session: str


class Gateway:
    """The ASGI application that is served."""

    def __init__(self, app: App, record: Record) -> None:
        self._app = app
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"].startswith("/_mesh/"):
            await self._control(scope, receive, send)
        elif scope["path"].startswith("/_ministack/"):
            # MiniStack's own admin endpoints (downloads of function code among them) are not AWS calls.
            await self._app(scope, receive, send)
        else:
            await self._call(scope, receive, send)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, counter = clock.machine_time(), time.perf_counter()
        body = await _read(receive)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        request = calls.parse(dict(scope), headers, body)
        answer = _Answer(send)
        calls.trace_id.set(headers.get("x-amzn-trace-id", ""))
        # The loopback stands in for TLS: `aws:SecureTransport` is true, or TLS-only buckets would admit nobody.
        # A caller that says "http" in X-Forwarded-Proto is taken at its word, so that such policies can be tested.
        scope = {**scope, "scheme": "https"}
        caller = _caller_of(request)
        await self._serve(scope, request, caller, _replay(body, receive), answer)
        try:
            self._record.add(_record_of(request, caller, answer, started, time.perf_counter() - counter))
        except Exception:
            # A call that cannot be described is still a call that was answered.
            logger.exception("cannot record %s:%s", request.service, request.action)

    async def _serve(
        self, scope: Scope, request: calls.Request, caller: _Caller, receive: Receive, answer: _Answer
    ) -> None:
        where = faults.Where(
            request.service, request.action, caller.account, request.path, caller.principal,
            calls.is_conditional(request), subjects.of(request),
        )  # fmt: skip
        faults.current.set(where)
        if fault := faults.take("delay", where):
            await asyncio.sleep(fault.seconds)
        if large := limits.exceeded(request):
            await _refuse(answer, request, large.code, large.message, large.status)
        elif fault := faults.take("throttle", where):
            await _refuse(answer, request, fault.code or "ThrottlingException", fault.message, fault.status or 400)
        elif fault := faults.take("error_after_effect", where):
            await self._app(scope, receive, _Answer(None))
            await _refuse(answer, request, fault.code or "InternalServerException", fault.message, fault.status or 500)
        elif fault := faults.take("lost_answer", where):
            await self._app(scope, receive, _Answer(None))
            await _break_off(answer, request)
        elif not await self._crash(scope, request, where, receive, answer):
            await self._pass_on(scope, request, where, receive, answer)

    async def _crash(
        self, scope: Scope, request: calls.Request, where: faults.Where, receive: Receive, answer: _Answer
    ) -> bool:
        """Whether the calling function's process was killed, before the call or after it."""
        process = callers.of(request.headers.get("x-amzn-trace-id", ""))
        if process is None:
            return False
        if faults.take("crash_before", where):
            process.kill()
        elif faults.take("crash_after", where):
            await self._app(scope, receive, _Answer(None))
            process.kill()
        else:
            return False
        await _break_off(answer, request)
        return True

    async def _pass_on(
        self, scope: Scope, request: calls.Request, where: faults.Where, receive: Receive, answer: _Answer
    ) -> None:
        """To the service; of a batch perhaps without its last entry, which then stands among the failures."""
        cut = partial_answers.cut(request)
        fault = faults.take("batch_failure", where) if cut else None
        if cut is None or fault is None:
            await self._app(scope, receive, answer)
            return
        code = fault.code or cut.usual_code
        body = cut.answer_without_service(code, fault.message)
        if body is None:
            kept = _Answer(None, keep=True)
            await self._app(_with_length(scope, len(cut.rest)), _replay(cut.rest, receive), kept)
            body = cut.answer(kept.body, code, fault.message)
        headers = [(b"content-type", cut.content_type.encode()), (b"content-length", str(len(body)).encode())]
        await answer({"type": "http.response.start", "status": 200, "headers": headers})
        await answer({"type": "http.response.body", "body": body})

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode()).items()}
        try:
            status, answer = self._control_answer(scope["method"], scope["path"], query, body)
        except (TypeError, ValueError) as error:
            status, answer = 400, {"error": str(error)}
        content = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _control_answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        match method, path:
            case "GET", "/_mesh/health":
                return 200, {"status": "ok"}
            case "GET", "/_mesh/accounts":
                return 200, {"accounts": _opened()}
            case "GET", "/_mesh/record/used":
                return 200, {"used": self._record.uses()}
            case "GET", "/_mesh/record":
                since = float(query.get("since", 0))
                return 200, {"calls": list(self._record.since(since, query.get("account", "")))}
            case "GET", "/_mesh/executions":
                return 200, {"running": _running()}
            case "GET", "/_mesh/faults":
                return 200, {"faults": faults.pending(), "late": faults.late()}
            case "POST", "/_mesh/faults":
                rules = json.loads(body)
                for rule in rules if isinstance(rules, list) else [rules]:
                    faults.add(rule)
                return 200, {"faults": faults.pending()}
            case "DELETE", "/_mesh/faults":
                faults.clear()
                return 200, {"faults": []}
            case "POST", "/_mesh/choices":
                return 200, choices.choose(json.loads(body))
            case "POST", "/_mesh/subjects":
                subjects.look_for(json.loads(body)["pattern"])
                return 200, {}
            case "GET" | "POST", "/_mesh/clock":
                return 200, _clock(json.loads(body or b'{"skip": 0}'))
        return 404, {"error": f"no {method} {path}"}


def _running() -> list[str]:
    from local.states import executions  # noqa: PLC0415 - after ServerOptions.apply

    return executions.running()


def _clock(asked: dict[str, float]) -> dict[str, float]:
    """Let so many seconds pass: what waits until then is due, what is kept until then goes. The time after that."""
    from ministack.services import lambda_svc  # noqa: PLC0415 - after ServerOptions.apply

    from local import expired_items  # noqa: PLC0415
    from local.objects import lifecycle  # noqa: PLC0415
    from local.states import executions  # noqa: PLC0415

    if clock.skip(float(asked["skip"])):
        lifecycle.expire()
        expired_items.delete()
        executions.forget()
        lambda_svc._esm_wake.set()
    return {"skipped": clock.skipped(), "now": time.time()}


def _opened() -> list[str]:
    """Ids of the accounts that the landing zone has set up (`account_bootstrap`)."""
    from ministack.services import iam  # noqa: PLC0415 - after ServerOptions.apply

    return sorted(account for account, role in list(iam._roles._data) if role == ADMIN_ROLE)


def _account_of(access_key: str) -> str:
    from ministack.core import responses  # noqa: PLC0415 - after ServerOptions.apply

    account = access_key if responses._12_DIGIT_RE.match(access_key or "") else ""
    return str(account or responses._account_from_sts_session(access_key) or "")


def _caller_of(request: calls.Request) -> _Caller:
    from ministack.core import iam_evaluator, responses  # noqa: PLC0415 - after ServerOptions.apply

    account = _account_of(request.access_key)
    with responses.request_scope(account, request.region):
        identity = iam_evaluator.resolve_caller_identity(request.access_key)
    return _Caller(account, *principal_of(identity["userArn"] if identity else "anonymous"))


def _record_of(request: calls.Request, caller: _Caller, answer: _Answer, started: float, duration: float) -> Call:
    from ministack.core import responses  # noqa: PLC0415 - after ServerOptions.apply

    with responses.request_scope(caller.account, request.region):
        resource = calls.resource_of(request, caller.account)
    return Call(
        time=started,
        duration=round(duration, 6),
        account=caller.account,
        principal=caller.principal,
        role_session=caller.session,
        service=request.service,
        action=request.action,
        resource=resource,
        status=answer.status,
        error=answer.error,
        request_id=answer.request_id,
        bytes_in=len(request.body),
        bytes_out=answer.size,
        trace_id=request.headers.get("x-amzn-trace-id", ""),
        conditional=calls.is_conditional(request),
        subjects=subjects.of(request),
        asked=calls.asked_of_iam(request, caller.account),
    )


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever the connection has to say (that it is gone)."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _with_length(scope: Scope, length: int) -> Scope:
    """The same call, its body's length being another."""
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


async def _refuse(answer: _Answer, request: calls.Request, code: str, message: str, status: int) -> None:
    content_type, body = calls.error_answer(request, code, message)
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-amzn-errortype", code.encode()),
    ]
    await answer({"type": "http.response.start", "status": status, "headers": headers})
    await answer({"type": "http.response.body", "body": body})


async def _break_off(answer: _Answer, request: calls.Request) -> None:
    """Promise a byte that never comes: the server then closes the connection, and the caller cannot know. An answer to
    HEAD has no bytes, and would be whole: nothing comes of it."""
    if request.method == "HEAD":
        await answer.hang_up()
        return
    await answer({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await answer({"type": "http.response.body", "body": b""})
