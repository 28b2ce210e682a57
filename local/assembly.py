"""Assembles the mesh: MiniStack, the services that it lacks, and the gateway around it."""

from ministack import app as ministack_app

from local import (
    athena,
    authorization,
    condition_keys,
    databrew,
    events,
    expired_items,
    functions,
    glue,
    lakeformation,
    objects,
    principals,
    ram,
    schedules,
    shares,
    shortcuts,
    signatures,
    stacks,
    states,
)
from local.call_log import Record
from local.gateway import Gateway
from local.options import ServerOptions

_records: list[Record] = []


def build(options: ServerOptions) -> Gateway:
    """The ASGI application. Once per process, after `ServerOptions.apply()`."""
    functions.install(options)
    states.install(options)
    events.install(options)
    schedules.install(options)
    condition_keys.install()
    authorization.install()
    objects.install()
    expired_items.install()
    signatures.install()
    stacks.install()
    principals.install()
    lakeformation.install()
    ram.install()
    shares.configure(
        organization_sharing=options.organization, association_seconds=shares.ASSOCIATION_SECONDS * options.wait_scale
    )
    glue.install()
    athena.install()
    databrew.install()
    shortcuts.install()
    record = Record(options.state_dir / "calls.jsonl")
    _records.append(record)
    return Gateway(ministack_app.app, record)


def shutdown() -> None:
    """Stop what outlives a request: function processes first, so that nothing calls a closed gateway."""
    functions.shutdown()
    while _records:
        _records.pop().close()
