"""IAM's decision, by the Service Authorization Reference: what MiniStack's evaluator leaves out.

An action without resource types is allowed by `Resource: "*"` alone, whatever the call names. So is one that is asked
about a resource of a type that it does not take: a call whose resource is not built here (`resources.py`). A
condition on a key that requests for the action do not carry finds no value, as for any key that is missing.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition.html
"""

import dataclasses
import functools
import logging
from typing import Any

from ministack.core import iam_evaluator

from local.authorization import reference

logger = logging.getLogger("mesh.iam")

type Statements = list[iam_evaluator.ParsedStatement]


def install() -> None:
    """Put our decision around MiniStack's. Idempotent."""
    if hasattr(iam_evaluator.evaluate, "__wrapped__"):
        return
    iam_evaluator.evaluate = _by_reference(iam_evaluator.evaluate)
    iam_evaluator._resolve_condition_key = _known_keys(iam_evaluator._resolve_condition_key)


def _by_reference(evaluate: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    @functools.wraps(evaluate)
    def judged(context: iam_evaluator.EvalContext, policies: list[Statements], *limits: Any) -> Any:  # noqa: ANN401
        action = reference.action(context.action)
        if action is None:
            why = "AWS has no such action"
            logger.error("%s on %s: %s", context.action, context.resource_arn, why)
            return iam_evaluator.EvalResult("ImplicitDeny", context.principal_arn, "", why)
        if not _is_taken(action, context.resource_arn):
            context = dataclasses.replace(context, resource_arn="*")  # which `Resource: "*"` alone covers
        return evaluate(context, policies, *limits)

    return judged


def _is_taken(action: reference.Action, resource: str) -> bool:
    """Whether the action takes the resource that it is asked about."""
    prefix = action.name.partition(":")[0]
    taken = any(reference.is_of_type(resource, prefix, kind) for kind in action.types)
    if action.types and not taken and resource != "*":
        logger.error("%s on %s: not a resource of type %s", action.name, resource, " or ".join(sorted(action.types)))
    return taken


def _known_keys(resolve: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    @functools.wraps(resolve)
    def resolved(key: str, context: iam_evaluator.EvalContext) -> Any:  # noqa: ANN401 - a key's value
        action = reference.action(context.action)
        return resolve(key, context) if action and action.knows(key) else None

    return resolved
