"""A rule and a queue of a test's own, behind an account's bus: what a rule of its people receives."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.mesh_driver import MeshDriver


class EventQueue:
    """Receives the events of a bus that match a pattern, as EventBridge delivers them: more than once, in any order."""

    def __init__(self, mesh: MeshDriver, account: str, bus: str, name: str, pattern: Mapping[str, Any]) -> None:
        self._sqs, self._events = mesh.client(account, "sqs"), mesh.client(account, "events")
        self._bus, self._name = bus, name
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": arn}]}
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)})
        self._events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        self._events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        self._deliveries: list[dict[str, Any]] = []

    def deliveries(self) -> list[dict[str, Any]]:
        """All so far, in order of arrival."""
        while found := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self._deliveries.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return self._deliveries

    def events(self) -> list[dict[str, Any]]:
        """Each event once, told by the envelope's id."""
        return list({event["id"]: event for event in self.deliveries()}.values())

    def remove(self) -> None:
        """Rule and queue; nothing is received any more."""
        self._events.remove_targets(Rule=self._name, EventBusName=self._bus, Ids=["queue"])
        self._events.delete_rule(Name=self._name, EventBusName=self._bus)
        self._sqs.delete_queue(QueueUrl=self._url)


@contextmanager
def producers_events(mesh: MeshDriver, name: str, pattern: Mapping[str, Any]) -> Iterator[EventQueue]:
    """Of the producer's own bus; gone at the end."""
    queue = EventQueue(mesh, "producer", mesh.output("producer", "OwnBusName"), name, pattern)
    try:
        yield queue
    finally:
        queue.remove()
