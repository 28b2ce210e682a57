"""AWS Glue DataBrew for the local mesh: recipes, datasets and recipe jobs that run, with the rights of their role."""


def install() -> None:
    """Serve DataBrew from MiniStack, which lacks it. Idempotent."""
    from local.databrew import service  # noqa: PLC0415  (reads the environment when imported: only on installation)
    from local.lakeformation import service_registry  # noqa: PLC0415

    service_registry.register("databrew", service.handle_request, service.resource_arn)


def reset() -> None:
    """Tell every run to stop, and forget all."""
    from local.databrew import running, store  # noqa: PLC0415

    running.reset()
    store.reset()
