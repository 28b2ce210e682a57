"""Lambda on a laptop: the Lambda Runtime API served to AWS's own runtime client, one process per environment."""

from local.functions.executor import install, shutdown

__all__ = ["install", "shutdown"]
