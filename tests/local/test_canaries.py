"""Each part of MiniStack that we replace, and why: a test here fails when an upgrade makes the replacement needless.

They read MiniStack's source, since a server without our parts would be a second thing to keep alive.
"""

import importlib.metadata
import inspect
from types import ModuleType

import pytest
from ministack.core import iam_actions, iam_evaluator
from ministack.services import eventbridge, lambda_svc, s3, scheduler, stepfunctions
from ministack.services.cloudformation import provisioners

from local.options import SERVICES


def source(module: ModuleType, name: str) -> str:
    return inspect.getsource(getattr(module, name))


def test_the_version_these_were_written_for() -> None:
    assert importlib.metadata.version("ministack") == "1.5.33"


@pytest.mark.parametrize(
    ("module", "name", "lacking", "replaced_by"),
    [
        (lambda_svc, "_execute_function_warm", 'error_type = "Runtime.HandlerError"', "local/functions"),
        (lambda_svc, "_poll_sqs", 'batch_size = esm.get("BatchSize", 10)', "local/functions/batching.py"),
        (lambda_svc, "_emit_lambda_logs", "/[{qualifier}]{new_uuid()", "local/functions/logs.py"),
        (stepfunctions, "_call_lambda", "_execute_function_with_config_scope", "local/states/integrations.py"),
        (stepfunctions, "_invoke_with_callback", "except _ExecutionError:\n            pass", "local/states/tasks.py"),
        (
            stepfunctions,
            "_start_execution",
            "if exec_arn in _executions:\n        return",
            "local/states/executions.py",
        ),
        (stepfunctions, "_run_execution", "time.sleep(0.15)", "local/states/runner.py"),
        (stepfunctions, "_run_parallel_branches", "_apply_parameters(state_def, effective", "local/states/parallel.py"),
        (stepfunctions, "_error_matches", '"States.ALL" in error_equals or', "local/states/retries.py"),
        (eventbridge, "_events_resource_name_from_ref", "spec.account_id != get_account_id()", "local/events/bus.py"),
        (eventbridge, "_invoke_target", "does not model", "local/events/delivery.py"),
        (s3, "_fire_s3_event", '"sequencer": sequencer or "0"}', "local/objects/events.py"),
        (s3, "_foreign_bucket_allows", 'principal_arn=f"arn:aws:iam::{caller}:root"', "local/objects/sharing.py"),
        (provisioners, "_physical_name", 'if seed else f"{stack_name}:{logical_id}"', "local/stacks.py"),
        (provisioners, "_s3_delete", "_s3._buckets.pop(physical_id, None)", "local/stacks.py"),
        (scheduler, "_tick_schedules", "_eb._invoke_target(target, event, sched)", "local/schedules/firing.py"),
        (scheduler, "_ticker_loop", "time.sleep(_SCHEDULE_TICK_INTERVAL)", "local/schedules"),
        (iam_evaluator, "_principal_org_id", "member accounts are not modelled", "nothing yet"),
    ],
)
def test_still_as_it_was_when_replaced(module: ModuleType, name: str, lacking: str, replaced_by: str) -> None:
    assert lacking in source(module, name), f"MiniStack changed {name}: see whether {replaced_by} is still needed"


@pytest.mark.parametrize(
    ("module", "name", "lacking"),
    [
        (stepfunctions, "_find_matching_retrier", "JitterStrategy"),
        (stepfunctions, "_execute_task", "MaxDelaySeconds"),
        (stepfunctions, "handle_request", "RedriveExecution"),
        (eventbridge, "_put_permission", '"Policy"'),
        (provisioners, "_eb_event_bus_create", "Policy"),
        (provisioners, "_lambda_esm_create", "ReceiveMessage"),
        (provisioners, "_s3_create", "Lifecycle"),
        (provisioners, "_s3_apply_configurations", "Lifecycle"),
        (eventbridge, "_put_events", "_event_bus_policies"),
        (scheduler, "_create_schedule", "ClientToken"),
        (scheduler, "_create_schedule", "_schedule_last_fired"),
        (lambda_svc, "_create_function", "cannot be assumed by Lambda"),
    ],
)
def test_still_lacks(module: ModuleType, name: str, lacking: str) -> None:
    assert lacking not in source(module, name), f"MiniStack's {name} now knows {lacking}: ours may go"


def test_nothing_expires_by_itself() -> None:
    assert "LifecycleExpiration" not in inspect.getsource(s3), (
        "MiniStack expires objects now: compare with local/objects"
    )


def test_events_of_deletions_are_not_as_documented() -> None:
    # The module, as the function itself may be ours already.
    found = '"object": {"key": key, "size": size, "etag": clean_etag, "sequencer": sequencer or "0"},'
    assert found in inspect.getsource(s3), "local/objects/events.py: MiniStack changed the detail of S3's events"


def test_iam_simulates_all_actions_of_a_principal() -> None:
    # The whole module: in this process the function itself may be ours already.
    assert "PolicySourceArn" not in inspect.getsource(iam_actions), "local/condition_keys.py need not name it any more"


def test_a_sessions_role_is_not_its_principal_arn() -> None:
    found = 'if k == "aws:principalarn":\n        return ctx.principal_arn'
    assert found in inspect.getsource(iam_evaluator), "local/condition_keys.py may leave aws:PrincipalArn to MiniStack"


def test_services_it_lacks() -> None:
    from ministack import app

    known = set(app.SERVICE_REGISTRY)
    assert set(SERVICES) <= known
    assert not {"lakeformation", "ram"} & known, "MiniStack has Lake Formation or RAM now: compare with ours"
    assert not any(name.startswith(("AWS::LakeFormation::", "AWS::RAM::")) for name in provisioners._RESOURCE_HANDLERS)
