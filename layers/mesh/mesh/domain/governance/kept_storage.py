"""What outlives a stack: buckets, and the account's table."""

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_pascal

from mesh.domain.errors import Rejected
from mesh.domain.model import Model


class BucketTaken(Rejected):
    """A bucket's name is another account's: bucket names are unique across all of AWS."""


class Expiry(Model):
    """What the bucket forgets; 0 days are never. With `tag` it is for objects that have this tag with the value `true`;
    with `under` only objects with one of these prefixes end after `days`."""

    model_config = ConfigDict(alias_generator=to_pascal, validate_by_name=True)

    id: str
    tag: str = ""
    under: tuple[str, ...] = ()
    days: int = Field(default=0, ge=0)
    noncurrent_days: int = Field(default=0, ge=0)
    unfinished_days: int = Field(default=0, ge=0)


class KeptBucket(Model):
    """A private, versioned bucket, by the properties of its custom resource, whose numbers CloudFormation turns into
    text. `events`: it tells EventBridge of its objects."""

    model_config = ConfigDict(alias_generator=to_pascal, validate_by_name=True)

    name: str
    events: bool = False
    expires: tuple[Expiry, ...] = Field(min_length=1)
