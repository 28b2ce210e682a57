"""EventBridge on a laptop: buses across accounts, and deliveries that are checked, retried and never lost."""

from local.events.install import install

__all__ = ["install"]
