"""Athena for the local mesh: SELECT on the catalog's tables, with the caller's rights, on DuckDB."""


def install() -> None:
    """Serve queries in place of MiniStack's own execution; work groups and the rest stay MiniStack's. Idempotent."""
    from ministack import app  # noqa: PLC0415  (reads the environment when imported: only on installation)

    from local.athena import service  # noqa: PLC0415
    from local.lakeformation import service_registry  # noqa: PLC0415

    if not getattr(app, "_mesh_athena_installed", False):
        app._mesh_athena_installed = True
        service_registry.register("athena", service.handler(app.SERVICE_HANDLERS["athena"]), service.resource_arn)


def reset() -> None:
    """Cancel running queries, forget all, and the work groups."""
    from ministack.services import athena  # noqa: PLC0415

    from local.athena import executions  # noqa: PLC0415

    executions.reset()
    athena.reset()
