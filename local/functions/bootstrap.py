"""The first thing a function's process runs: lay out `sys.path` as AWS does, then AWS's own runtime client.

Runs in the runtime's environment, which holds `awslambdaric` and `boto3` alone: standard library imports only.
"""

import os
import sys
import threading


def _die_with_the_server() -> None:
    """The server holds the other end of stdin: when it is gone, however it went, so are we."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _lay_out_path() -> None:
    """AWS's order: the task's own code, then layers, then the runtime."""
    layers = os.environ.pop("_MESH_LAYER_PATHS", "").split(os.pathsep)
    # The script's own folder (local/functions) is no part of a function's environment.
    sys.path[0:1] = [os.environ["LAMBDA_TASK_ROOT"], *filter(None, layers)]


def main() -> None:
    threading.Thread(target=_die_with_the_server, daemon=True).start()
    _lay_out_path()
    from awslambdaric.__main__ import main as run  # noqa: PLC0415 - its modules must be found on the path above

    run([sys.argv[0], os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
