"""Step Functions on a laptop: each Task a signed call of the state machine's own role, as on AWS."""

from local.states.install import install

__all__ = ["install"]
