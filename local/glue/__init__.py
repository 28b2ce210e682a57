"""The Glue data catalog under Lake Formation, and crawlers that crawl, for the local mesh."""


def install() -> None:
    """Serve the catalog and the crawlers in place of MiniStack's own. Idempotent."""
    from ministack import app  # noqa: PLC0415  (reads the environment when imported: only on installation)

    from local.glue import service  # noqa: PLC0415
    from local.lakeformation import service_registry  # noqa: PLC0415

    if not getattr(app, "_mesh_glue_installed", False):
        app._mesh_glue_installed = True
        service_registry.register("glue", service.handler(app.SERVICE_HANDLERS["glue"]), service.resource_arn)


def reset() -> None:
    """Stop running crawls and forget the catalog."""
    from ministack.services import glue  # noqa: PLC0415

    from local.glue import crawlers  # noqa: PLC0415

    crawlers.reset()
    glue.reset()
