"""`mesh put`: a product's folder into its producer's bucket, contract first, and what became of it."""

import mimetypes
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import typer
from mesh.adapters.odcs.contracts import load_document
from mesh.domain.contracts.contract import ContractNotYaml
from mesh.domain.onboarding.keys import PRODUCT
from rich.progress import Progress

from cli import interrupts, output
from cli.mesh_context import As, AsJson, InAccount, MeshContext, Port, mesh_context
from cli.onboarding.upload_watcher import Baseline, Follower, Outcome

DEADLINE_SECONDS = 900.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class PutFile:
    """One file of a product's folder, and the key it gets."""

    path: Path
    key: str


def put_command(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", exists=True, file_okay=False, help="contract.yaml, recipe.json, raw/, data/"),
    ],
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is published, or held (exit code 1).")] = False,
    deadline: Annotated[float, typer.Option(help="With --wait: the maximum number of seconds.")] = DEADLINE_SECONDS,
    account: InAccount = "producer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Upload a product's folder, contract first.

    After contract.yaml come recipe.json, raw/ and data/. With --wait, the exit code is 1 unless all of it is published.
    """
    where = mesh_context(port, acting=account, role=role)
    product = product_name(folder)
    files = list(files_of(folder, product))
    if not files:
        raise output.CommandFailed(
            f"{folder} contains nothing to upload",
            remedy="a product's folder has contract.yaml, recipe.json, raw/ or data/",
        )
    baseline = Baseline.take(where, product)
    upload_shown(where, files, quiet=as_json)
    document: dict[str, Any] = {"product": product, "bucket": bucket(where), "keys": [file.key for file in files]}
    if not wait:
        if as_json:
            output.emit(document)
        else:
            output.say(f"uploaded {output.amount(len(files), 'file')} of {product}; next: mesh show {product}")
        return
    interrupts.leaves(f"see what becomes of it: mesh show {product}")
    follower = Follower(where, baseline, [file.key for file in files])
    outcome = wait_for(follower, deadline)
    if as_json:
        output.emit({**document, **outcome.to_dict()})
    else:
        render(product, outcome)
    if not outcome.good:
        raise typer.Exit(1)


def product_name(folder: Path) -> str:
    """The contract's name where there is one, else the folder's. Raises `CommandFailed` for one that cannot be."""
    name: object = folder.resolve().name
    contract = folder / "contract.yaml"
    if contract.exists():
        try:
            written = load_document(contract.read_bytes()).get("name")
        except ContractNotYaml:
            written = None  # Meshwork itself says what is wrong with it, with line and column
        if isinstance(written, str):
            name = written
    if not isinstance(name, str) or not PRODUCT.fullmatch(name):
        raise output.CommandFailed(
            f"{name!r} is not a valid product name",
            remedy=f"the folder's name, or the contract's, must match {PRODUCT.pattern}",
            folder=str(folder),
        )
    return name


def files_of(folder: Path, product: str) -> Iterator[PutFile]:
    """What belongs to a product, contract first; hidden files are left out."""
    for single in ("contract.yaml", "recipe.json"):
        if (folder / single).is_file():
            yield PutFile(folder / single, f"{product}/{single}")
    for part in ("raw", "data"):
        for path in sorted((folder / part).rglob("*")):
            inside = path.relative_to(folder)
            if path.is_file() and not any(name.startswith(".") for name in inside.parts):
                yield PutFile(path, f"{product}/{inside.as_posix()}")


def bucket(where: MeshContext) -> str:
    """The producer's bucket."""
    return where.output(where.acting or "producer", "DataBucketName")


def upload(where: MeshContext, file: PutFile, progress: Callable[[int], None] = lambda _: None) -> None:
    """One file, in parts when it is large; `progress` receives the bytes of each part."""
    kind = mimetypes.guess_type(file.key)[0] or "application/octet-stream"
    client = where.client(where.acting or "producer", "s3")
    client.upload_file(str(file.path), bucket(where), file.key, ExtraArgs={"ContentType": kind}, Callback=progress)


def upload_shown(where: MeshContext, files: list[PutFile], *, quiet: bool = False) -> None:
    """All files in order, with a bar on a terminal."""
    total = sum(file.path.stat().st_size for file in files)
    with Progress(console=output.console, transient=True, disable=quiet or not output.console.is_terminal) as bar:
        task = bar.add_task("uploading", total=total)
        for file in files:
            bar.update(task, description=file.key)
            upload(where, file, lambda count: bar.advance(task, count))
            interrupts.leaves(f"{file.key} was uploaded and is being processed")
            if not quiet:
                bar.console.print(f"{output.size(file.path.stat().st_size):>12}  {file.key}", markup=False)


def wait_for(follower: Follower, deadline_seconds: float) -> Outcome:
    """Look until there is an end. Raises `CommandFailed` when the deadline passes first."""
    deadline = time.monotonic() + deadline_seconds
    while True:
        outcome = follower.look()
        if outcome.done:
            return outcome
        if time.monotonic() > deadline:
            ids = ", ".join(outcome.correlation_ids) or "none yet"
            raise output.CommandFailed(
                f"not done within {deadline_seconds:.0f} s: waiting for {outcome.waiting_for}",
                remedy=f"mesh trace CORRELATION_ID (known: {ids}); mesh doctor",
            )
        time.sleep(_POLL_SECONDS)


def render(product: str, outcome: Outcome) -> None:
    """What became of an upload, for people."""
    for version in outcome.versions:
        output.say(f"published {product} version {version.version}: mesh show {product}")
        output.say_whole(f"  trace  {version.correlation_id}")
    if outcome.registered and not outcome.versions:
        output.say(f"{product} is registered: mesh show {product}")
    if outcome.announced:
        at = output.day_text(datetime.fromisoformat(outcome.announced))
        output.say(f"{product}: the contract breaks its readers, who were told; it comes into force at {at} UTC")
    if outcome.unchanged:
        output.say(f"no changes: the same data of {product} is published already")
    render_held(outcome.held)
    for report in outcome.rejections:
        reason = report["reason"]
        output.say(f"rejected {report['key']}: {reason['message']}")
        if reason.get("remedy"):
            output.say(f"  next: {reason['remedy']}")
        output.say_whole(f"  report s3://{report['bucket']}/{report['report']}")
    if outcome.left_waiting:
        count = output.amount(len(outcome.left_waiting), "file")
        output.say(f"{count} of data wait for an accepted contract")
    if outcome.for_recipe:
        count = output.amount(len(outcome.for_recipe), "file")
        output.say(f"{count} of raw data wait for a recipe")
    for failure in outcome.failures:
        output.say(f"failed {failure}")


def render_held(held: list[dict[str, Any]]) -> None:
    """What was held back, batch by batch: which objects, why, and what to do."""
    for name, items in groupby(held, key=itemgetter("batch")):
        for item in items:
            output.say_whole(f"held {item['key']}: {item['reason']['message']}")
            if item["reason"].get("remedy"):
                output.say(f"  {item['reason']['remedy']}")
        output.say(f"  next: mesh quarantine {name}")
