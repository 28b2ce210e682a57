"""What lies in the producer's bucket, beside what is known of it: an upload whose event never came is found."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from mesh.domain.model import Model
from mesh.domain.onboarding.formats.model import ObjectRef

LATE: Final = timedelta(minutes=15)
"""The events of younger objects may be on their way: a batching window, and a queue that is full."""
_BEFORE_ANY: Final = "0" * 32
"""S3's own sequencers are shorter, and not all zeros."""


class ListedObject(NamedTuple):
    """The newest version of an object, which S3's listing has without its id, and when it was written."""

    ref: ObjectRef
    modified: datetime


class Listing(NamedTuple):
    """Objects in the order of their keys; `after` is the key that the next ones follow, "" at the end."""

    objects: tuple[ListedObject, ...]
    after: str


class Known(NamedTuple):
    """The newest version of an object that is known: the sequencer of its event, and its digest ("" of one that was
    deleted, None of one that came before digests were kept)."""

    sequencer: str
    etag: str | None


class LandingAudit(Model):
    """A walk through the whole bucket: since when, after which key it goes on, and whether it is over."""

    began: datetime
    after: str = ""
    over: bool = False


def missed(listed: ObjectRef, known: Known | None) -> ObjectRef | None:
    """The object as an upload that is newer than what is known and older than whatever comes next; None for one whose
    event came."""
    if known is None:
        return listed
    if known.etag is None or known.etag == listed.etag:
        return None
    return listed.evolve(sequencer=sequencer_after(known.sequencer))


def sequencer_after(known: str) -> str:
    """One that is later than this, and earlier than any that S3 gives next: they are hexadecimal text, compared as if
    zeros followed the shorter one. What was missed before may have none."""
    return f"{known or _BEFORE_ANY}1"
