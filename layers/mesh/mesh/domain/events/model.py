"""What all events have in common: their structure, their ids, and how they are read from EventBridge's envelope."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import NAMESPACE_URL, uuid4, uuid5

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, ValidationError
from pydantic.config import ExtraValues

from mesh.domain.errors import Rejected
from mesh.domain.model import Model

SOURCE = "meshwork"
AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]
_PRODUCT_NAME = r"^[a-z0-9][a-z0-9-]{1,62}$"
_MOST_VERSIONS = 10**9
ProductName = Annotated[str, Field(pattern=_PRODUCT_NAME)]
TableName = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,255}$")]
ColumnName = Annotated[str, Field(pattern=r"^[^\s,.\"'`]{1,255}$")]
RoleName = Annotated[str, Field(pattern=r"^[\w+=,@-]{1,64}$")]
AccessId = Annotated[str, Field(pattern=r"^ac-[0-9a-f]{12}$")]
PinId = Annotated[str, Field(pattern=r"^pin-[0-9a-f]{12}$")]
Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(9000, 1, 1, tzinfo=UTC))]
"""A time with its zone that every calculation with days and zones can take."""
VersionNumber = Annotated[int, Field(ge=1, lt=_MOST_VERSIONS)]
_EVENT_ID = r"^[!-~]{1,128}$"
EventId = Annotated[str, Field(pattern=_EVENT_ID)]
"""Printable ASCII without spaces: ids become keys, names and lines of logs."""
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


class MalformedEvent(Rejected):
    """An event, or a call, that does not match its contract."""

    @classmethod
    def of(cls, invalid: ValidationError) -> "MalformedEvent":
        """The first fault, by its place."""
        fault = invalid.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        return cls(f"{place}: {fault['msg']}", field=place, remedy="see events/contracts/")


class Metadata(Model):
    """`id` is unique per event and stable over redelivery; `correlation_id` is one upload's whole trace."""

    id: EventId = Field(default_factory=lambda: str(uuid4()))
    version: Literal[1] = 1
    correlation_id: EventId = Field(default_factory=lambda: str(uuid4()))
    causation_id: EventId | None = None
    time: Moment = Field(default_factory=lambda: datetime.now(UTC))


class EventData(Model):
    """Base of every `data`; its class name is the detail-type."""

    @classmethod
    def detail_type(cls) -> str:
        """The EventBridge `detail-type`."""
        return cls.__name__


class LimitingData(EventData):
    """Of an event that says how much is asked for, or given: a field that the receiver does not know could be a limit,
    and would give more if it were ignored. It is refused, and its sender told."""


class Event[D: EventData](Model):
    """An event's whole `detail`."""

    metadata: Metadata = Field(default_factory=Metadata)
    data: D


class Reason(Model):
    """Why something was rejected: an error's `to_dict()`."""

    code: str
    message: str
    where: dict[str, Any] = Field(default_factory=dict)
    remedy: str = ""


MOST_SAID: Final = 8_000
"""Characters of each part of a reason that a member sends: all that its own machines say has 2,000."""


def _of_members(where: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(where)) > MOST_SAID:
        raise ValueError(f"more than {MOST_SAID} characters")
    return where


class MembersReason(Reason):
    """A reason that a member sends: central records it, and repeats it, so it has an end."""

    code: str = Field(max_length=128)
    message: str = Field(max_length=MOST_SAID)
    where: Annotated[dict[str, Any], AfterValidator(_of_members)] = Field(default_factory=dict)
    remedy: str = Field(default="", max_length=MOST_SAID)


class Envelope(Model):
    """EventBridge's envelope, as far as Meshwork relies on it."""

    model_config = ConfigDict(populate_by_name=True)

    REPLAY_FIELD: ClassVar[str] = "replay-name"
    id: str
    account: AccountId
    region: str = ""
    time: str = ""
    source: str
    detail_type: str = Field(alias="detail-type")
    detail: dict[str, Any]

    @property
    def product(self) -> str:
        """Which product it claims to be about, before the event is read; empty unless that can be a product's name."""
        name = self._unchecked("product")
        return name if isinstance(name, str) and re.fullmatch(_PRODUCT_NAME, name) else ""

    @property
    def version(self) -> int | None:
        """Which version it claims to be about, likewise."""
        number = self._unchecked("version")
        return number if type(number) is int and 1 <= number < _MOST_VERSIONS else None

    def quoted(self, field: str) -> str:
        """A field of `data` as it was sent, for what is said about an event that is rejected. See `quoted`."""
        return quoted(self._unchecked(field))

    def _unchecked(self, field: str) -> object:
        data = self.detail.get("data")
        return data.get(field, "") if isinstance(data, dict) else ""


def quoted(value: object) -> str:
    """What somebody sent, to be repeated in a message: its printable characters, a thousand at most."""
    text = value if isinstance(value, str) else ""
    return "".join(character for character in text[:1000] if character.isprintable())


def event_id(value: object) -> str:
    """What somebody sent, if it can be an `EventId`; else ""."""
    return value if isinstance(value, str) and re.fullmatch(_EVENT_ID, value) else ""


def metadata_of(envelope: Envelope) -> Metadata:
    """The event's metadata; if it is malformed, its delivery's, so that the sender can be answered."""
    try:
        return Metadata.model_validate(_metadata_in(envelope))
    except ValidationError:
        return Metadata.model_validate(_metadata_in(envelope.evolve(detail={})))


def read_event[D: EventData](kind: type[D], envelope: Envelope) -> Event[D]:
    """The event in an envelope. Raises MalformedEvent."""
    _require_text(envelope.detail)
    try:
        detail = {**envelope.detail, "metadata": _metadata_in(envelope)}
        extra: ExtraValues = "forbid" if issubclass(kind, LimitingData) else "ignore"
        return Event[kind].model_validate(detail, extra=extra)  # type: ignore[valid-type]
    except ValidationError as invalid:
        raise MalformedEvent.of(invalid) from invalid


def _require_text(detail: Mapping[str, Any]) -> None:
    """JSON's escapes can spell half a character (`\\ud800`), which nothing that is written down can have."""
    try:
        json.dumps(detail, ensure_ascii=False).encode()
    except UnicodeEncodeError as broken:
        raise MalformedEvent(
            "the event has half of a surrogate pair, which is no character", remedy="send whole characters"
        ) from broken


def _metadata_in(envelope: Envelope) -> object:
    """Missing ids, and a missing time, are taken from the delivery: a retry repeats them."""
    found = envelope.detail.get("metadata", {})
    sent = {"time": envelope.time} if envelope.time else {}
    return {"id": envelope.id, "correlation_id": envelope.id, **sent, **found} if isinstance(found, dict) else found


def whole_second(at: datetime) -> datetime:
    """A time of one's own clock, to be compared with that of an event: EventBridge gives its `time` in whole seconds,
    and one of the same second counts as the later."""
    return at.replace(microsecond=0)


def stable_id(*parts: object) -> str:
    """The same parts give the same id: an event sent twice is recognised as one."""
    return str(uuid5(NAMESPACE_URL, "/".join(str(part) for part in parts)))


def follow(cause: Metadata, *parts: object, at: datetime | None = None) -> Metadata:
    """Metadata of an event caused by another one: same trace, and an id that a retry repeats. It is of now, or of the
    time at which it will be sent."""
    return Metadata(
        id=stable_id(cause.id, *parts),
        correlation_id=cause.correlation_id,
        causation_id=cause.id,
        time=at or datetime.now(UTC),
    )
