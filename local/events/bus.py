"""PutEvents: each entry to the bus it names, in whatever account, if that bus's policy allows the caller.

Across accounts the policy must allow; in the bus's own account, where the identity policy suffices, it must not deny.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html
"""

import json
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region, json_response, new_uuid, request_scope
from ministack.services import eventbridge

from local import policies

type Answer = tuple[int, dict[str, str], bytes]
type Entry = dict[str, Any]


class Buses:
    """Wraps MiniStack's `_put_events`, which knows the caller's own buses alone."""

    def __init__(self) -> None:
        self._put_own = eventbridge._put_events

    def put_events(self, data: dict[str, Any], allow_aws_source: bool = False) -> Answer:
        """The identity policy has been checked before, on each entry's bus."""
        entries = data.get("Entries", [])
        if allow_aws_source or len(entries) > 10:
            return self._put_own(data, allow_aws_source)  # type: ignore[no-any-return]
        results = [self._put(entry) for entry in entries]
        failed = sum("ErrorCode" in result for result in results)
        return json_response({"FailedEntryCount": failed, "Entries": results})  # type: ignore[no-any-return]

    def _put(self, entry: Entry) -> dict[str, str]:
        caller = iam_evaluator.caller_arn()
        if _foreign(entry):
            return put_across(entry, caller, get_account_id())
        arn = _own_arn(entry)
        if _exists(arn) and not may_put(entry | {"EventBusName": arn}, caller):
            return _refused(arn, caller, "with an explicit deny in a resource-based policy")
        _, _, body = self._put_own({"Entries": [entry]})
        return json.loads(body)["Entries"][0]  # type: ignore[no-any-return]


def put_across(entry: Entry, caller: str, sender_account: str) -> dict[str, str]:
    """One entry to another account's bus: its result as PutEvents gives it. The sender's account is in the envelope."""
    if str(entry.get("Source", "")).startswith("aws."):
        return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
    if not may_put(entry, caller):
        return _refused(
            entry["EventBusName"], caller, "because no resource-based policy allows the events:PutEvents action"
        )
    event = {
        "EventId": new_uuid(),
        "Source": entry.get("Source", ""),
        "DetailType": entry.get("DetailType", ""),
        "Detail": entry.get("Detail", "{}"),
        "Time": int(eventbridge._now_ts()),
        "Resources": entry.get("Resources", []),
        "Account": sender_account,
        "Region": get_region(),
    }
    dispatch(event, entry["EventBusName"])
    return {"EventId": event["EventId"]}


def may_put(entry: Entry, caller: str) -> bool:
    """The decision of the bus's own policy on the caller; a missing bus denies everybody."""
    arn = entry["EventBusName"]
    account, region, name = parts(arn)
    if not _exists(arn):
        return False
    with request_scope(account, region):
        policy = eventbridge._event_bus_policies.get(name)
    keys = {"events:source": entry.get("Source", ""), "events:detail-type": entry.get("DetailType", "")}
    return policies.resource_allows_caller(policy, "events:PutEvents", arn, caller, keys)


def dispatch(event: dict[str, Any], bus_arn: str) -> None:
    """Hand an event to the rules of a bus, wherever it is."""
    account, region, name = parts(bus_arn)
    with request_scope(account, region):
        arrived = {**event, "EventBusName": name}
        eventbridge._events_log_list().append(arrived)
        eventbridge._dispatch_event(arrived)
        eventbridge._archive_event(arrived)


def parts(bus_arn: str) -> tuple[str, str, str]:
    """(account, region, name) of a bus."""
    _, _, _, region, account, resource = bus_arn.split(":", 5)
    return account, region, resource.partition("/")[2]


def _refused(arn: str, caller: str, why: str) -> dict[str, str]:
    message = f"User: {caller} is not authorized to perform: events:PutEvents on resource: {arn} {why}"
    return {"ErrorCode": "AccessDeniedException", "ErrorMessage": message}


def _exists(arn: str) -> bool:
    account, region, name = parts(arn)
    with request_scope(account, region):
        return name in eventbridge._event_buses


def _own_arn(entry: Entry) -> str:
    name = str(entry.get("EventBusName") or "default")
    return name if name.startswith("arn:") else f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{name}"


def _foreign(entry: Entry) -> bool:
    name = entry.get("EventBusName") or ""
    return name.startswith("arn:aws:events:") and parts(name)[0] != get_account_id()
