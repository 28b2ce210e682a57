"""Input of the steps of an access: it names the record in the registry, which is authoritative."""

from mesh.domain.events import AccessId
from mesh.domain.model import Model


class AccessStep(Model):
    """A step about one access."""

    access: AccessId


class WaitingStep(AccessStep):
    """A step that sends an event, and whose run waits for the token's answer. Each attempt has a token of its own: no
    answer to an earlier one resumes the run."""

    token: str


class ApprovalStep(AccessStep):
    """A step that requests approval; `round` counts from 0."""

    round: int
    token: str
