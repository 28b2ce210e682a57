"""EventBridge Scheduler for the local mesh: what creating a schedule asks for, and firing as the schedule's role."""

from local.options import ServerOptions


def install(options: ServerOptions) -> None:
    """Put our parts in the place of MiniStack's. Once per process, after the events."""
    from ministack import app  # noqa: PLC0415  (reads the environment when imported: only on installation)
    from ministack.services import eventbridge, scheduler  # noqa: PLC0415

    from local.lakeformation.service_registry import register  # noqa: PLC0415
    from local.schedules import service  # noqa: PLC0415
    from local.schedules.firing import Firings  # noqa: PLC0415

    scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS
    eventbridge._invoke_target = Firings(options).in_place_of(eventbridge._invoke_target)
    register("scheduler", service.handler(app.SERVICE_HANDLERS["scheduler"]), service.resource_arn)


TICK_SECONDS = 0.25
"""How often due schedules are looked for: AWS is within a minute of the time, the laptop within this."""
