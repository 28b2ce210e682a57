"""The flows of the sweep, most used first."""

from typing import Final

from tests.sweep import accesses, members, publishing
from tests.sweep.stage import Flow

_PUBLISHING: Final = (
    Flow(
        "publish",
        "the next upload → version → notice",
        publishing.published_once,
        publishing.upload,
        publishing.uploaded_and_published,
        publishing.rested,
        publishing.held_instead,
    ),
    Flow(
        "onboard",
        "the first upload → table, version, notice",
        publishing.registered_and_subscribed,
        publishing.upload,
        publishing.uploaded_and_published,
        rejected=publishing.held_instead,
    ),
    Flow(
        "register",
        "contract → database, tags, location, grants → prepared",
        publishing.nothing,
        publishing.declare,
        publishing.registered,
    ),
)
_ACCESSES: Final = (
    Flow(
        "grant",
        "request → decided, granted, accepted, proved, live",
        accesses.asks,
        accesses.request,
        accesses.granted,
        accesses.asks_again,
        accesses.undone,
    ),
    Flow(
        "revoke",
        "revocation → released, revoked, ended",
        accesses.live,
        accesses.revoke,
        accesses.ended,
        accesses.live_again,
    ),
    Flow(
        "expire",
        "the scheduled end → released, revoked, ended",
        accesses.live,
        accesses.expire,
        accesses.ended,
        accesses.live_again,
        begins_after=accesses.TICK_SECONDS,
    ),
)
_OWNERS: Final = (
    Flow(
        "hold",
        "an upload against its contract → held back",
        publishing.published_once,
        publishing.upload_too_much,
        publishing.held_back,
        publishing.rested,
    ),
    Flow(
        "release",
        "the owner's decision → checked again, published",
        publishing.held_once,
        publishing.release,
        publishing.released,
        publishing.held_again,
        publishing.held_instead,
    ),
    Flow(
        "rollback",
        "rollback → the earlier version, announced",
        publishing.published_twice,
        publishing.roll_back,
        publishing.published,
        publishing.rested,
        publishing.refused,
    ),
    Flow(
        "pin",
        "pin → a second table",
        publishing.published_once,
        publishing.pin,
        publishing.pinned,
        publishing.unpinned_again,
    ),
    Flow(
        "unpin",
        "unpin → the second table is gone",
        publishing.pinned_once,
        publishing.unpin,
        publishing.unpinned,
        publishing.pinned_again,
    ),
    Flow(
        "withdraw",
        "an earlier version is withdrawn → its files are gone",
        publishing.published_twice,
        publishing.withdraw,
        publishing.withdrawn,
        publishing.published_again,
    ),
)
_MEMBERS: Final = (
    Flow(
        "join",
        "an account is admitted",
        publishing.nothing,
        members.admit_account,
        members.is_member,
        members.expelled,
        of="accounts",
    ),
    Flow(
        "expel",
        "an account is expelled",
        members.admitted,
        members.expel_account,
        members.is_no_member,
        members.admitted,
        of="accounts",
    ),
)
FLOWS: Final = {flow.name: flow for flow in (*_PUBLISHING, *_ACCESSES, *_OWNERS, *_MEMBERS)}
