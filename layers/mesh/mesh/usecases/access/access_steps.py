"""Input of the steps of an access: it names the record in the registry, which is authoritative."""

from mesh.domain.events import AccessId
from mesh.domain.model import Model


class AccessStep(Model):
    """A step about one access."""

    access: AccessId


class WaitingStep(AccessStep):
    """A step that sends an event, and whose run waits for the token's answer. `attempt` counts from 0: each has a token
    of its own, and no answer to an earlier one resumes the run."""

    token: str
    execution: str
    attempt: int = 0


class ApprovalStep(AccessStep):
    """A step that requests approval; `round` counts from 0."""

    round: int
    token: str
