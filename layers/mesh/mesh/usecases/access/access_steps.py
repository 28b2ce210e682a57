"""What the machines hand to the steps of an access: the record in the registry is the truth, this names it."""

from mesh.domain.events import AccessId
from mesh.domain.model import Model


class AccessStep(Model):
    """A step about one access."""

    access: AccessId


class WaitingStep(AccessStep):
    """A step that tells somebody, and whose run waits for the token's answer."""

    token: str
    execution: str


class AskingStep(AccessStep):
    """A step that asks; `round` counts from 0."""

    round: int
    token: str
