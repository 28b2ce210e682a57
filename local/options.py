"""The options of one local mesh."""

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local.accounts import REGION

# Everything the three templates, the CLI and the states call; MiniStack answers the rest as unsupported.
SERVICES: Final = (
    "athena",
    "cloudformation",
    "dynamodb",
    "dynamodbstreams",
    "events",
    "glue",
    "iam",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "organizations",
    "s3",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "states",
    "sts",
    "tagging",
)


def default_processes() -> int:
    """Enough for each function of the mesh to stay warm (about 65 MB each): the runs of an upload and of a request
    call some forty, and with fewer processes each of these calls would start one."""
    return max(64, 4 * (os.cpu_count() or 2))


@dataclass(frozen=True)
class ServerOptions:
    """`wait_scale` multiplies Wait states, retry sleeps and delivery back-offs (1 = as on AWS).

    Without `organization` the first share between two accounts brings RAM invitations.
    """

    port: int
    state_dir: Path
    cache_dir: Path
    runtime_python: Path
    wait_scale: float = 0.2
    max_processes: int = field(default_factory=default_processes)
    organization: bool = True

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready_file(self) -> Path:
        return self.state_dir / "ready.json"

    @property
    def scratch_dir(self) -> Path:
        """For temporary files: emptied when the server starts, gone when it stops."""
        return self.state_dir / "tmp"

    @property
    def functions_dir(self) -> Path:
        """Logs and temporary files of function processes, as `scratch_dir`."""
        return self.state_dir / "functions"

    @property
    def clock_file(self) -> Path:
        """How far the mesh's clock is ahead of the machine's (`local.clock`)."""
        return self.state_dir / "clock"

    @property
    def log_file(self) -> Path:
        return self.state_dir / "server.log"

    def ministack_environment(self) -> dict[str, str]:
        """MiniStack reads its settings from the environment when its modules are imported. Nothing of it, and no
        temporary file, lies outside the state folder."""
        return {
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "EDGE_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            "LOG_LEVEL": "WARNING",
            "MINISTACK_REGION": REGION,
            "S3_DATA_DIR": str(self.scratch_dir / "s3"),
            "SERVICES": ",".join(SERVICES),
            "SFN_WAIT_SCALE": str(self.wait_scale),
            "STATE_DIR": str(self.scratch_dir / "ministack"),
            "TMPDIR": str(self.scratch_dir),
        }

    def apply(self) -> None:
        """Set the environment; call before the first import of `ministack`.

        AWS settings of the shell that started us must not leak in: MiniStack takes `AWS_ACCESS_KEY_ID` of its own
        environment for a root key.
        """
        if "ministack" in sys.modules:
            raise RuntimeError("ServerOptions.apply() must run before ministack is imported")
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(self.ministack_environment())

    def remove_what_is_left(self) -> None:
        """Of this server, or of one before it that was killed."""
        for folder in (self.scratch_dir, self.functions_dir):
            shutil.rmtree(folder, ignore_errors=True)
