"""Lake Formation for the local mesh: settings, LF-Tags, locations, grants, and who may what because of them."""


def install() -> None:
    """Serve Lake Formation from MiniStack. Idempotent."""
    from local.lakeformation import service, service_registry  # noqa: PLC0415  (import MiniStack no sooner than needed)

    # No Lake Formation action has resource-level permissions:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslakeformation.html
    service_registry.register("lakeformation", service.handle_request, lambda *_request: "*")


def reset() -> None:
    """Forget every account's settings, tags, locations and grants."""
    from local.lakeformation import store  # noqa: PLC0415

    store.clear()
