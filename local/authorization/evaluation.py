"""IAM's decision, by the Service Authorization Reference: what MiniStack's evaluator leaves out.

An action without resource types is allowed by `Resource: "*"` alone, whatever the call names. A resource of a type that
the action does not take cannot be allowed: such a call is one whose resource is not built here (`resources.py`). A
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
        refusal = _refusal(context)
        if refusal:
            logger.error("%s on %s: %s", context.action, context.resource_arn, refusal)
            return iam_evaluator.EvalResult("ImplicitDeny", context.principal_arn, "", refusal)
        return evaluate(_on_everything_or_resource(context), policies, *limits)

    return judged


def _refusal(context: iam_evaluator.EvalContext) -> str:
    """Why no policy can allow the request; empty where one can."""
    action = reference.action(context.action)
    if action is None:
        return "AWS has no such action"
    if not action.types or context.resource_arn == "*":  # which `Resource: "*"` alone covers
        return ""
    prefix = action.name.partition(":")[0]
    if any(reference.is_of_type(context.resource_arn, prefix, kind) for kind in action.types):
        return ""
    return f"not a resource of type {' or '.join(sorted(action.types))}"


def _on_everything_or_resource(context: iam_evaluator.EvalContext) -> iam_evaluator.EvalContext:
    action = reference.action(context.action)
    return context if action and action.types else dataclasses.replace(context, resource_arn="*")


def _known_keys(resolve: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    @functools.wraps(resolve)
    def resolved(key: str, context: iam_evaluator.EvalContext) -> Any:  # noqa: ANN401 - a key's value
        action = reference.action(context.action)
        return resolve(key, context) if action and action.knows(key) else None

    return resolved
