"""Deploys the mesh's templates into the local accounts with the real `sam build` and `sam deploy`."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from local import account_bootstrap, runtime
from local.accounts import ACCOUNTS, DOMAINS, FIRST, REGION, Kind, contact_of, kind_of
from local.mesh import ROOT, Mesh, MeshError

TEMPLATES: Final[dict[Kind, str]] = {
    "central": "template.yaml",
    "producer": "template.producer.yaml",
    "consumer": "template.consumer.yaml",
}
# What a build reads; the state machines and the layers' lock included.
SOURCES: Final = ("functions", "layers", "statemachines", "governance", "events", "samconfig.toml", "uv.lock")
IGNORED: Final = {"__pycache__", ".mypy_cache", ".ruff_cache"}
_COMPLETE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})

type Report = Callable[[str, str], None]
"""Told (account, what happens), such as ("central", "deploying")."""


@dataclass(frozen=True)
class Deployment:
    """`root` holds the templates; `accounts` are names, each deployed with its kind's template and `config-env`."""

    mesh: Mesh
    root: Path = ROOT
    accounts: tuple[str, ...] = FIRST
    report: Report = lambda account, what: None
    after_central: Callable[[list[str]], None] = lambda members: None
    """Called with central in place, before these members deploy: it is where they are admitted. Idempotent."""
    _processes: set[subprocess.Popen[bytes]] = field(default_factory=set, init=False, repr=False, compare=False)
    """Runs of sam that have not ended."""

    def run(self) -> bool:
        """Build what changed and deploy it: central, then the members, two at a time. False when nothing had to be
        done.

        Raises `MeshError` with what sam said.
        """
        # Once: a file that is edited meanwhile belongs to the next run.
        sources = self._sources()
        digests = {name: self._digest(name, sources) for name in self.accounts if kind_of(name) in sources}
        changed = {name: digest for name, digest in digests.items() if not self._is_deployed(name, digest)}
        if not changed:
            return False
        account_bootstrap.make_admin_roles(self.mesh.endpoint, (ACCOUNTS[name] for name in self.accounts))
        # Two at a time: sam is bound by the processor.
        with ThreadPoolExecutor(2) as threads:
            try:
                self._run(changed, sources, threads)
            except BaseException:  # an interrupt as well: what goes on would be waited for
                threads.shutdown(wait=False, cancel_futures=True)
                for process in tuple(self._processes):
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGTERM)
                raise
        return True

    def _run(self, changed: dict[str, str], sources: dict[Kind, str], threads: ThreadPoolExecutor) -> None:
        kinds = dict.fromkeys(kind_of(name) for name in changed)
        builds = {kind: threads.submit(self._build, kind, sources[kind]) for kind in kinds}
        if "central" in changed:
            builds["central"].result()
            self._deploy("central", changed["central"])
        members = [name for name in changed if name != "central"]
        self.after_central(members)
        _ = [build.result() for build in builds.values()]
        deployments = [threads.submit(self._deploy, name, changed[name]) for name in members]
        _ = [deployment.result() for deployment in deployments]

    def build(self) -> None:
        """Build what changed, for a deployment that follows. Raises `MeshError` with what sam said."""
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda source: self._build(*source), self._sources().items()))

    def is_built(self) -> bool:
        """Whether a deployment finds all that it needs built."""
        return all(self._has_built(kind, digest) for kind, digest in self._sources().items())

    def _build(self, kind: Kind, digest: str) -> None:
        if self._has_built(kind, digest):
            return
        target, stamp = self._build_dir(kind), self._built(kind)
        self.report(kind, "building")
        stamp.unlink(missing_ok=True)
        cache = ["--build-dir", str(target), "--cache-dir", str(target.parent / "cache")]
        self._sam(kind, "build", "--template-file", str(self.root / TEMPLATES[kind]), *cache)
        stamp.write_text(digest, encoding="utf-8")
        self.report(kind, "built")

    def _built(self, kind: Kind) -> Path:
        return self._build_dir(kind).parent / "digest"

    def _has_built(self, kind: Kind, digest: str) -> bool:
        stamp = self._built(kind)
        return stamp.exists() and stamp.read_text(encoding="utf-8") == digest

    def _deploy(self, name: str, digest: str) -> None:
        self.report(name, "deploying")
        options = ["--template-file", str(self._build_dir(kind_of(name)) / "template.yaml")]
        options += ["--no-fail-on-empty-changeset", "--no-confirm-changeset", "--no-progressbar", "--resolve-s3"]
        if overrides := self._overrides(name):
            # sam takes these alone, not those of samconfig beside them.
            whole = dict(each.split("=", 1) for each in self._settings(name)["parameter_overrides"]) | overrides
            options += ["--parameter-overrides", *(f"{key}={value}" for key, value in whole.items())]
        self._sam(name, "deploy", *options)
        _stamp(self.mesh, self.mesh.pid(), name).write_text(digest, encoding="utf-8")
        self.report(name, "deployed")

    def _overrides(self, name: str) -> dict[str, str]:
        """Parameters of the account that are not as samconfig has them for the first of its kind."""
        return {} if name in FIRST else {"Domains": DOMAINS[name], "OwnerContact": contact_of(name)}

    def _sam(self, name: str, command: str, *options: str) -> None:
        log = self.mesh.state_dir / f"sam-{command}-{name}.log"
        kind = kind_of(name)
        self._build_dir(kind).parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out, self.mesh.scratch() as scratch:
            process = subprocess.Popen(  # noqa: S603 - sam, in our own environment
                [
                    sys.executable,
                    "-m",
                    "local.sam",
                    str(self.mesh.cache_dir),
                    command,
                    "--config-file",
                    str(self.root / "samconfig.toml"),
                    "--config-env",
                    kind,
                    *options,
                ],
                # sam keeps its graph, cache and dependencies below where it runs; builds run at once.
                cwd=self._build_dir(kind).parent,
                env=self._environment(name, deploys=command == "deploy") | {"TMPDIR": str(scratch)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # A group of its own: it is stopped with all that it started.
                start_new_session=True,
            )
            self._processes.add(process)
            try:
                status = process.wait()
            except BaseException:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
                raise
            finally:
                self._processes.discard(process)
        if status:
            said = log.read_text(encoding="utf-8", errors="replace").strip()
            raise MeshError(f"sam {command} failed for {name} (all of it in {log}):\n{said[-3000:]}")

    def _environment(self, name: str, *, deploys: bool) -> dict[str, str]:
        """The caller's AWS settings stay out: this must never reach a real account."""
        environment = {key: value for key, value in runtime.child_environment().items() if not key.startswith("AWS_")}
        environment |= {
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.mesh.endpoint,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "PATH": f"{interpreter_with_pip()}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "SAM_CLI_POLL_DELAY": "0.1",
            "SAM_CLI_TELEMETRY": "0",
        }
        if deploys:
            environment |= account_bootstrap.admin_environment(self.mesh.endpoint, ACCOUNTS[name])
        return environment

    def _build_dir(self, kind: Kind) -> Path:
        root = "" if self.root == ROOT else hashlib.sha256(str(self.root).encode()).hexdigest()[:8]
        return self.mesh.home / "build" / root / kind / "out"

    def _is_deployed(self, name: str, digest: str) -> bool:
        """Whether these sources were deployed, and the stack is there: anybody may have deleted it since."""
        stamp = _stamp(self.mesh, self.mesh.pid(), name)
        return stamp.exists() and stamp.read_text(encoding="utf-8") == digest and self._is_complete(name)

    def _is_complete(self, name: str) -> bool:
        cloudformation = account_bootstrap.root_client("cloudformation", self.mesh.endpoint, ACCOUNTS[name])
        try:
            found = cloudformation.describe_stacks(StackName=self._settings(name)["stack_name"])
        except ClientError:  # a stack that is not there is a ValidationError
            return False
        return found["Stacks"][0]["StackStatus"] in _COMPLETE

    def _settings(self, name: str) -> dict[str, Any]:
        """What samconfig sets for the account's deployment, as sam reads it: a command's own, then those of all."""
        config = tomllib.loads((self.root / "samconfig.toml").read_text(encoding="utf-8"))[kind_of(name)]
        return dict(config.get("global", {}).get("parameters", {}) | config["deploy"]["parameters"])

    def _sources(self) -> dict[Kind, str]:
        """Of each kind that has a template here: the digest of all that its build and deployment read."""
        found = {kind: self._digest_of_files(kind) for kind, file in TEMPLATES.items() if (self.root / file).exists()}
        if not found:
            raise MeshError(f"no template to deploy in {self.root}")
        return found

    def _digest_of_files(self, kind: Kind) -> str:
        found = hashlib.sha256()
        for path in self._source_files(kind):
            found.update(f"{path.relative_to(self.root)}\0".encode())
            found.update(path.read_bytes())
        return found.hexdigest()

    def _digest(self, name: str, sources: dict[Kind, str]) -> str:
        return sources[kind_of(name)] + repr(sorted(self._overrides(name).items()))

    def _source_files(self, kind: Kind) -> Iterator[Path]:
        yield self.root / TEMPLATES[kind]
        for source in SOURCES:
            start = self.root / source
            if start.is_file():
                yield start
            for path in sorted(start.rglob("*")):
                if path.is_file() and not IGNORED & set(path.parts) and path.suffix != ".pyc":
                    yield path


def deployed_accounts(mesh: Mesh) -> tuple[str, ...]:
    """Names of the accounts that a `Deployment` has deployed, not of those where somebody called sam."""
    pid = mesh.pid()
    return tuple(name for name in ACCOUNTS if _stamp(mesh, pid, name).exists())


def _stamp(mesh: Mesh, pid: int | None, name: str) -> Path:
    """Says what was deployed in this run of the server: its accounts are empty again after a restart."""
    return mesh.state_dir / f"deployed-{name}-{pid}"


def interpreter_with_pip() -> Path:
    """`sam build` wants a python3.13 with pip first on the path; an environment made by uv has none."""
    return Path(os.path.realpath(sys.executable)).parent


def timed(report: Report) -> Report:
    """Puts the seconds since now before what is reported."""
    started = time.monotonic()
    return lambda account, what: report(account, f"{time.monotonic() - started:5.1f} s  {what}")
