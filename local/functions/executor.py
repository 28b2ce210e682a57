"""Puts the pool in the place of MiniStack's local executor.

MiniStack's own reports every exception as `Runtime.HandlerError`, runs functions in its own environment, and starts a
process per concurrent call without limit.
"""

import hashlib
import json
import secrets
import time
from pathlib import Path
from typing import Any

from local import calls, faults, limits, subjects
from local.functions import callers
from local.functions.package import PackageCache, layer_paths
from local.functions.pool import ProcessPool
from local.functions.process import Blueprint, FunctionProcess
from local.functions.runtime_api import Invocation, decode, error_payload
from local.options import ServerOptions
from local.values import Json

# What AWS's runtimes have; see "Defined runtime environment variables" in the Lambda guide.
_BASE_ENVIRONMENT = {
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "LANG": "en_US.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "TZ": ":UTC",
}


class Executor:
    """Runs invocations; `execute` has the signature and result of `lambda_svc._execute_function_warm`."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._packages = PackageCache(options.cache_dir / "packages")
        self.pool = ProcessPool(options.max_processes, options.functions_dir)

    def execute(self, func: dict[str, Any], event: Json, request_id: str) -> dict[str, Any]:
        config = func.get("config") or func
        blueprint = self._blueprint(config, func["code_zip"])
        with self.pool.lease(blueprint) as process:
            return _run(process, config, event, request_id)

    def _blueprint(self, config: dict[str, Any], code_zip: bytes) -> Blueprint:
        code, layers = self._packages.extract(code_zip), self._layers(config)
        environment = self._environment(config, code)
        identity = json.dumps([config["FunctionArn"], config.get("Version"), layers, environment], sort_keys=True)
        return Blueprint(
            name=config["FunctionName"],
            digest=hashlib.sha256(identity.encode()).hexdigest(),
            python=self._options.runtime_python,
            code=code,
            layers=layers,
            environment=environment,
        )

    def _layers(self, config: dict[str, Any]) -> str:
        from ministack.services import lambda_svc  # noqa: PLC0415 - after ServerOptions.apply

        archives = [lambda_svc._resolve_layer_zip(layer) for layer in config.get("Layers") or []]
        return layer_paths([self._packages.extract(data) for data in archives if data])

    def _environment(self, config: dict[str, Any], code: Path) -> dict[str, str]:
        from ministack.core.lambda_runtime import execution_credentials  # noqa: PLC0415 - after ServerOptions.apply
        from ministack.services import lambda_svc  # noqa: PLC0415

        name, region = config["FunctionName"], config["FunctionArn"].split(":")[3]
        return {
            **_BASE_ENVIRONMENT,
            **{str(key): str(value) for key, value in lambda_svc._runtime_env_vars(config).items()},
            **execution_credentials(config),
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self._options.endpoint,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(config.get("Version", "$LATEST")),
            "AWS_LAMBDA_LOG_GROUP_NAME": (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}",
            "AWS_REGION": region,
            "LAMBDA_TASK_ROOT": str(code),
            "_HANDLER": config["Handler"],
        }


def _run(process: FunctionProcess, config: dict[str, Any], event: Json, request_id: str) -> dict[str, Any]:
    """One call, with the platform's answers for a process that fails to start, exits or takes too long."""
    timeout = int(config.get("Timeout") or 3)
    seconds: float = timeout
    try:
        outcome = process.initialise()
        if outcome.kind == "ready":
            if faults.take("function_crash", faults.Where("lambda", "Invoke", resource=config["FunctionArn"])):
                process.stop()
            invocation = _invocation(config, event, request_id, seconds)
            subjects.mention(invocation.trace_id, invocation.payload)
            with callers.at_work(invocation.trace_id, process):
                outcome = process.invoke(invocation, seconds)
    except TimeoutError:
        log = process.take_log()
        process.stop()
        body = error_payload(request_id, "Sandbox.Timedout", f"Task timed out after {timeout}.00 seconds")
        return {"body": body, "error": True, "log": f"{log}{body['errorMessage']}\n"}
    log = process.take_log()
    if outcome.kind == "response" and len(outcome.body) > limits.ANSWER_BYTES:
        why = f"Response payload size exceeded maximum allowed payload size ({limits.ANSWER_BYTES} bytes)."
        return {"body": error_payload(request_id, "Function.ResponseSizeTooLarge", why), "error": True, "log": log}
    if outcome.kind == "response":
        return {"body": decode(outcome.body), "log": log}
    if outcome.kind == "error":
        return {"body": decode(outcome.body), "error": True, "log": log}
    if outcome.kind == "init_error":
        process.stop()
        return {"body": decode(outcome.body), "error": True, "log": log}
    body = error_payload(request_id, "Runtime.ExitError", f"Runtime exited with error: {process.exit_text}")
    return {"body": body, "error": True, "log": f"{log}{body['errorMessage']}\n"}


def _invocation(config: dict[str, Any], event: Json, request_id: str, seconds: float) -> Invocation:
    from ministack.services import lambda_svc  # noqa: PLC0415 - after ServerOptions.apply

    trace_id = lambda_svc._xray_trace_id_for_invocation(config, calls.trace_id.get()) or _unsampled_trace_id()
    return Invocation(
        request_id=request_id,
        payload=json.dumps(event).encode(),
        deadline_ms=int((time.time() + seconds) * 1000),
        function_arn=config["FunctionArn"],
        trace_id=trace_id,
    )


def _unsampled_trace_id() -> str:
    """Lambda always has a trace header, sampled or not."""
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0"


_installed: list[Executor] = []


def install(options: ServerOptions) -> Executor:
    """Replace MiniStack's local executor for this process."""
    from ministack.services import lambda_svc  # noqa: PLC0415 - after ServerOptions.apply

    from local.functions import asynchronous, batching, logs, permissions  # noqa: PLC0415

    asynchronous.install(options)
    batching.install(options)
    permissions.install()
    logs.install()
    executor = Executor(options)
    lambda_svc._execute_function_warm = executor.execute
    _installed.append(executor)
    return executor


def shutdown() -> None:
    """Stop every function process."""
    while _installed:
        _installed.pop().pool.close()
