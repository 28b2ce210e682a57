"""Parallel states: branches that do not see each other, and JSONata, which MiniStack leaves out here."""

import contextvars
import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ministack.services import stepfunctions

from local.values import Json


def execute_parallel(state: dict[str, Any], given: Json, execution: dict[str, Any], context: dict[str, Any]) -> Json:
    """(output, next state), under the state's Retry and Catch."""
    return stepfunctions._with_retry_and_catch(
        state, given, context, lambda: _run_branches(state, given, execution, context)
    )


def _run_branches(state: dict[str, Any], given: Json, execution: dict[str, Any], context: dict[str, Any]) -> Json:
    jsonata = stepfunctions._state_query_language(state, context) == "JSONata"
    if jsonata:
        effective = stepfunctions._apply_jsonata_arguments(state, given, context)
    else:
        chosen = stepfunctions._apply_input_path(state, given, context)
        effective = stepfunctions._apply_parameters(state, chosen, context)
    results = _results(state["Branches"], effective, execution, context)
    following = stepfunctions._next_or_end(state)
    if jsonata:
        output = stepfunctions._apply_jsonata_output(state, given, context, result=results, default=results)
        stepfunctions._apply_state_assign(state, given, context, result=results)
        return output, following
    selected = stepfunctions._apply_result_selector(state, results)
    output = stepfunctions._apply_result_path(state, given, selected)
    return stepfunctions._apply_output_path(state, output, context), following


def _results(branches: list[dict[str, Any]], given: Json, execution: dict[str, Any], context: dict[str, Any]) -> Json:
    """All branches run to their end; the first that failed, in their order, fails the state."""

    def run(branch: dict[str, Any]) -> Json:
        own = copy.deepcopy(context)
        return stepfunctions._run_sub_machine(branch["States"], branch["StartAt"], given, execution, own)

    with ThreadPoolExecutor(len(branches)) as threads:
        futures = [threads.submit(contextvars.copy_context().run, run, branch) for branch in branches]
    return [future.result() for future in futures]
