"""Replaces MiniStack's parts with ours."""

import json
from collections.abc import Callable
from typing import Any

from ministack.services import eventbridge, sns
from ministack.services.cloudformation import provisioners

from local.events import alarms, bus_policy, topics
from local.events.bus import Buses
from local.events.delivery import Deliveries
from local.options import ServerOptions


def install(options: ServerOptions) -> None:
    """Buses across accounts, checked deliveries; properties of buses and topics. Once per process."""
    eventbridge._put_events = Buses().put_events
    eventbridge._invoke_target = Deliveries(options).invoke_target
    bus_policy.install()
    topics.install()
    alarms.install()
    _also("AWS::Events::EventBus", _complete_bus)
    _also("AWS::SNS::Topic", _complete_topic)


def _also(kind: str, complete: Callable[[str, dict[str, Any]], None]) -> None:
    """What MiniStack's provisioner of that kind passes over: `complete` gets the physical id and the properties."""

    def completed(provision: Any, position: int) -> Any:  # noqa: ANN401
        def provision_and_complete(*arguments: Any) -> Any:  # noqa: ANN401
            answer = provision(*arguments)
            complete(answer[0], arguments[position])
            return answer

        return provision_and_complete

    handler = provisioners._RESOURCE_HANDLERS[kind]
    handler["create"] = completed(handler["create"], 1)
    handler["update"] = completed(handler["update"], 2)


def _complete_bus(name: str, properties: dict[str, Any]) -> None:
    """Its whole policy, where the template has one: statements that were put by themselves stay otherwise."""
    if "Policy" in properties:
        bus_policy.set_policy(name, properties["Policy"])


def _complete_topic(arn: str, properties: dict[str, Any]) -> None:
    """Its key; and its default policy is for its own account alone.

    https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
    """
    attributes = sns._topics[arn]["attributes"]
    attributes["KmsMasterKeyId"] = properties.get("KmsMasterKeyId", "")
    policy = json.loads(attributes["Policy"])
    if policy.get("Id") == "__default_policy_ID":
        for statement in policy["Statement"]:
            statement["Condition"] = {"StringEquals": {"AWS:SourceOwner": attributes["Owner"]}}
        attributes["Policy"] = json.dumps(policy)
