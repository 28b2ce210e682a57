"""`mesh demo`: the main job, live. A file uploaded in one account becomes a notice in another, and a table to query."""

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
import yaml

from cli import mesh_commands, output
from cli.contracts import products
from cli.mesh_context import AsJson, MeshContext, mesh_context
from cli.onboarding.upload_watcher import Baseline, Follower, Outcome
from cli.onboarding.uploads import PutFile, files_of, upload
from cli.publishing import notices, subscriptions
from cli.tracing import TraceStep, TraceView, row_of
from local import mesh
from local.deploy import Deployment, timed
from local.samples import credit, credit_english

DEADLINE_SECONDS = 180.0
HOLD_BACK: Final = timedelta(seconds=1.5)
NOTHING: Final = timedelta(days=-1)
"""Shows whatever there is, should another machine's clock be ahead as well."""
AFTERWARDS: Final = "run mesh demo --keep, then mesh doctor and mesh trace"
_POLL_SECONDS = 0.25
_WIDTHS = (8, 10, 18)

Crawl = Annotated[
    Literal["express", "glue"] | None, typer.Option(help="How to crawl, as set in the contract; if not given, auto.")
]


def demo_command(
    *,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Your own copy of the German credit data."),
    ] = None,
    crawl: Crawl = None,
    curate: Annotated[
        bool | None,
        typer.Option(help="Upload raw data with a recipe that translates it; on with --data.", show_default=False),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the mesh running.")] = False,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Port of the local mesh; if not given, one that is up, or 4566.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the whole flow on this machine: upload, notice, query.

    Starts three accounts, or uses a mesh that is up; publishes a product; shows each step in each account, then the
    consumer's notice and the tables to query.
    """
    with running_mesh(port, keep=keep, quiet=as_json) as local, local.scratch() as folder:
        where = mesh_context(local.port)
        demo = Demo(where, quiet=as_json)
        found = demo.run(sample(folder, where, data, crawl, curate=bool(data) if curate is None else curate))
        if as_json:
            output.emit(found)
        elif keep:
            output.say(f"the mesh stays up at {local.endpoint}: mesh show {credit.PRODUCT} --port {local.port}")


@contextlib.contextmanager
def running_mesh(port: int | None, *, keep: bool, quiet: bool) -> Iterator[mesh.Mesh]:
    """A mesh that is up and deployed; stopped at the end if it was started here and is not to be kept."""
    up = next(mesh.running(), None) if port is None else None
    local = up or mesh.Mesh(port or mesh_commands.DEFAULT_PORT, mesh.home())
    report = timed(mesh_commands.silent if quiet else mesh_commands.show)
    started = local.pid() is None
    with mesh_commands.stopped_by_interrupt(local, started=started):
        if started:
            report("demo", how_long(local))
            mesh_commands.starting(report)
            local.start(with_parent=not keep)
        try:
            mesh_commands.deploy(local, report)
            yield local
        finally:
            if started and not keep:
                local.stop()


def how_long(local: mesh.Mesh) -> str:
    """What to expect on two cores, downloads aside."""
    seconds = 30 if Deployment(local).is_built() else 75
    return f"three accounts, then an upload: about {seconds} seconds, beside downloads"


def sample(
    folder: Path, where: MeshContext, data: Path | None, crawl: str | None, *, curate: bool = False
) -> list[PutFile]:
    """The credit-card product: its contract, and the given file or a generated one, a new one at each version.

    With `curate` the file is raw data, and a recipe comes with it.
    """
    if data:
        product = credit_english.write_product(folder, data) if curate else credit.write_product_from(data, folder)
    else:
        known = where.registry().product(credit.PRODUCT)
        version = known.version if known else 0
        write = credit_english.write_product if curate else credit.write_product
        product = write(folder, seed=7 + version)
        (generated,) = (product / ("raw" if curate else "data") / credit.TABLE).iterdir()
        generated.rename(generated.with_stem(f"part-{version}"))
    if crawl:
        contract = product / "contract.yaml"
        document = yaml.safe_load(contract.read_text("utf-8"))
        document["customProperties"].append({"property": "crawl", "value": crawl})
        contract.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")
    return list(files_of(product, credit.PRODUCT))


class Demo:
    """One upload, watched. Times are relative to the beginning of the upload."""

    def __init__(self, where: MeshContext, *, quiet: bool) -> None:
        self._context = where
        self._quiet = quiet
        self._trace = TraceView(where, where.names())
        self._shown: set[TraceStep] = set()
        self._started: datetime | None = None

    def run(self, files: list[PutFile]) -> dict[str, Any]:
        """Contract, registration, subscription, data, notice. Raises `CommandFailed` when one does not come."""
        contract, data = files[0], files[1:]
        self._say(f"\n{credit.PRODUCT}: uploaded as ProducerSteward, watched in three accounts\n")
        self._headers()
        registered = self._put([contract], "the contract")
        subscription = subscriptions.change(self._context, "consumer", credit.PRODUCT)
        ids = [*registered.correlation_ids, subscription.correlation_id]
        self._show(ids, hold_back=NOTHING)
        uploaded = datetime.now(UTC)
        published = self._put(data, "the data", ids)
        version = published.versions[-1]
        notice = self._notice(version.version, [*ids, *published.correlation_ids])
        arrived = datetime.fromisoformat(notice["time"])
        seconds = (arrived - uploaded).total_seconds()
        product = products.describe(self._context, credit.PRODUCT)
        self._say(f"\nupload to notice: {seconds:.2f} s\n")
        if not self._quiet:
            self._result(notice, product)
        steps = [step.to_dict() for step in sorted(self._shown)]
        return {"upload_to_notice_seconds": seconds, "notice": notice, "product": product, "steps": steps}

    def _put(self, files: list[PutFile], what: str, ids: list[str] | None = None) -> Outcome:
        """Upload, and watch until it is through."""
        follower = Follower(self._context, Baseline.take(self._context, credit.PRODUCT), [file.key for file in files])
        for file in files:
            self._line(
                datetime.now(UTC),
                "producer",
                "",
                f"upload {file.key.partition('/')[2]}, {output.size(file.path.stat().st_size)}",
            )
            upload(self._context, file)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            outcome = follower.look()
            self._show([*(ids or []), *outcome.correlation_ids])
            if outcome.done:
                break
            if time.monotonic() > deadline:
                raise output.CommandFailed(
                    f"{what}: not finished within {DEADLINE_SECONDS:.0f} s, waiting for {outcome.waiting_for}",
                    remedy=AFTERWARDS,
                )
            time.sleep(_POLL_SECONDS)
        if not outcome.good:
            reasons = [*outcome.failures, *(json.dumps(report["reason"]) for report in outcome.rejections)]
            raise output.CommandFailed(f"{what} was not published: {'; '.join(reasons)}", remedy=AFTERWARDS)
        return outcome

    def _notice(self, version: int, ids: list[str]) -> dict[str, Any]:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            notice = notices.of_product(self._context, credit.PRODUCT, version)
            self._show(ids, hold_back=HOLD_BACK if notice is None else NOTHING)
            if notice is not None:
                return notice
            time.sleep(_POLL_SECONDS)
        raise output.CommandFailed(
            f"no notice of version {version} reached the consumer within {DEADLINE_SECONDS:.0f} s",
            remedy=AFTERWARDS,
        )

    def _show(self, ids: list[str], hold_back: timedelta = HOLD_BACK) -> None:
        """What is new since the last look, in order: a little late, since its first step's note makes a run known."""
        steps, _ = self._trace.gather(dict.fromkeys(ids))
        until = datetime.now(UTC) - hold_back
        for step in steps:
            if step not in self._shown and step.at <= until:
                self._shown.add(step)
                self._line(step.at, step.account, step.machine, step.what, step.detail)

    def _headers(self) -> None:
        names = ("seconds", "account", "machine")
        self._say("  ".join(f"{name:<{width}}" for name, width in zip(names, _WIDTHS, strict=True)) + "  what")

    def _line(self, at: datetime, account: str, machine: str, what: str, detail: str = "") -> None:
        if self._quiet:
            return
        self._started = self._started or at
        row = row_of(TraceStep(at, 0, account, machine, what, detail), self._started)
        output.columns(row, _WIDTHS)

    def _result(self, notice: dict[str, Any], product: dict[str, Any]) -> None:
        output.say("the consumer's notice (mesh notices)", style="bold")
        notices.render(notice)
        output.say("the tables to query (mesh show credit-card)", style="bold")
        for table in product["tables"]:
            products.render_table(table)

    def _say(self, text: str) -> None:
        if not self._quiet:
            output.say(text)
