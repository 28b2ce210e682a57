"""`python -m local.server --port 4566 --state-dir DIR`: three AWS accounts in one process, on 127.0.0.1.

MiniStack, embedded, behind our gateway; what it lacks is plugged in by the modules beside this one.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from local import clock
from local.options import ServerOptions, default_processes


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. 0 after a clean shutdown, 1 when the port is taken."""
    options, with_parent = _parse(arguments)
    options.state_dir.mkdir(parents=True, exist_ok=True)
    options.ready_file.unlink(missing_ok=True)
    options.apply()
    logging.basicConfig(
        filename=options.log_file,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s [%(name)s] %(message)s",
        force=True,
    )
    try:
        listening = _listen(options.port)
    except OSError as error:
        print(f"cannot listen on 127.0.0.1:{options.port}: {error.strerror or error}", file=sys.stderr)  # noqa: T201
        return 1
    # Only now: the port is ours, so nobody uses this folder any more.
    options.remove_what_is_left()
    options.scratch_dir.mkdir(parents=True)
    clock.install(options.clock_file)
    uvloop.run(_serve(options, listening, with_parent))
    return 0


def _listen(port: int) -> socket.socket:
    """Raises `OSError` when the port is taken."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    return listening


def _parse(arguments: list[str] | None) -> tuple[ServerOptions, bool]:
    parser = argparse.ArgumentParser(prog="python -m local.server", description=__doc__)
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--cache-dir", type=Path, help="extracted code, shared by several meshes (default: state dir)")
    parser.add_argument("--runtime-python", type=Path, required=True, help="interpreter that functions run on")
    parser.add_argument("--wait-scale", type=float, default=0.2, help="factor on waits and retry sleeps (AWS: 1)")
    parser.add_argument("--max-processes", type=int, default=default_processes())
    parser.add_argument(
        "--organization",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether accounts share without RAM invitations, as within an organization",
    )
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when standard input is closed")
    chosen = parser.parse_args(arguments)
    options = ServerOptions(
        port=chosen.port,
        state_dir=chosen.state_dir.resolve(),
        cache_dir=(chosen.cache_dir or chosen.state_dir).resolve(),
        # Not resolve(): an environment's python is a link, and following it leaves the environment.
        runtime_python=chosen.runtime_python.absolute(),
        wait_scale=chosen.wait_scale,
        max_processes=chosen.max_processes,
        organization=chosen.organization,
    )
    return options, chosen.exit_with_parent


def configuration(gateway: Any) -> uvicorn.Config:  # noqa: ANN401 - ASGI3Application, as uvicorn types it
    """How the gateway is served.

    A client may leave a connection idle for hours and then try once: were it closed at that moment, its call would be
    lost. Here clients close, not the server.
    """
    return uvicorn.Config(
        gateway,
        access_log=False,
        date_header=False,  # MiniStack sets both as AWS does
        http="httptools",
        lifespan="on",
        proxy_headers=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=24 * 60 * 60,
        ws="none",
    )


class _Server(uvicorn.Server):
    """Stopped by `should_exit` alone: uvicorn's own handlers raise a signal again when they are done with it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(options: ServerOptions, listening: socket.socket, with_parent: bool) -> None:
    from local import assembly  # noqa: PLC0415 - imports ministack, which reads the environment

    gateway: Any = assembly.build(options)
    # What is there now stays: a collection need not look at it again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    server = _Server(configuration(gateway))

    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    if with_parent:
        loop.run_in_executor(None, _wait_for_end_of_input, loop, stop)
    announcing = loop.create_task(_announce(options))
    try:
        await server.serve([listening])
    finally:
        announcing.cancel()
        options.ready_file.unlink(missing_ok=True)
        await asyncio.to_thread(assembly.shutdown)
        options.remove_what_is_left()
    # Executions in their sleep hold non-daemon worker threads: nothing is left to save, so do not wait for them.
    logging.shutdown()
    os._exit(0)


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    while os.read(0, 1024):
        pass
    loop.call_soon_threadsafe(stop)


async def _announce(options: ServerOptions) -> None:
    """Write the marker once the port answers: whoever waits for the mesh waits for this file."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", options.port)
            writer.close()
            break
        await asyncio.sleep(0.02)
    marker = {
        "pid": os.getpid(),
        "port": options.port,
        "endpoint": options.endpoint,
        "organization": options.organization,
    }
    partial = options.ready_file.with_suffix(".partial")
    partial.write_text(json.dumps(marker), encoding="utf-8")
    partial.rename(options.ready_file)


if __name__ == "__main__":
    sys.exit(main())
