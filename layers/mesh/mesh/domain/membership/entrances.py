"""Whom the policies of central's bus, topics and queues let in: as the mesh makes them, and what differs from that."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

type Statement = Mapping[str, Any]

MEMBER: Final = "member-"
"""So the id of a member's statement in the policy of central's bus begins; its account follows."""
STEWARDS_DECIDE: Final = "mesh-OnlyStewardsDecide"
CHECKS_PROPOSE: Final = "mesh-OnlyChecksPropose"
ORGANIZATION: Final = "mesh-OrganizationPutsEvents"
OF_STEWARDS: Final = ("AccessDecided", "RetirementRequested", "RollbackRequested", "WithdrawalRequested")
OWN_STATEMENTS: Final[Mapping[str, frozenset[str]]] = {
    "queue ": frozenset({"EventDlqFromItsRules", "TlsOnly"}),
    "AlarmTopic": frozenset({"AlarmsPublish"}),
    "topic ": frozenset({"__default_statement_ID"}),
}
"""What the name of a queue or topic of central's stack contains → the statements of its policy; the first that fits.
A topic without a policy of its own has SNS's."""


def topic_policy(arn: str, central: str, member: str) -> dict[str, Any]:
    """Of a member's topic: central alone publishes, and that member alone subscribes, with queues."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyThisMemberSubscribesItsQueues",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{member}:root"},
                "Action": ["sns:Subscribe", "sns:Receive"],
                "Resource": arn,
                "Condition": {"StringEquals": {"sns:Protocol": "sqs"}},
            },
            {
                "Sid": "OnlyCentralPublishes",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{central}:root"},
                "Action": "sns:Publish",
                "Resource": arn,
            },
        ],
    }


def bus_statements(bus_arn: str, central: str) -> dict[str, Statement]:
    """Of central's bus, by id: what its template denies (docs/decisions/0028)."""
    denied = {"Effect": "Deny", "Principal": "*", "Action": "events:PutEvents", "Resource": bus_arn}
    stewards = ["arn:aws:iam::*:role/ProducerSteward", f"arn:aws:iam::{central}:role/DataMeshOwner"]
    checks = "arn:aws:iam::*:role/*-ProposeVersionFunctionRole-*"
    return {
        STEWARDS_DECIDE: denied | _unless(OF_STEWARDS, stewards) | {"Sid": STEWARDS_DECIDE},
        CHECKS_PROPOSE: denied | _unless(("VersionProposed",), [checks]) | {"Sid": CHECKS_PROPOSE},
    }


def _unless(events: Collection[str], roles: list[str]) -> dict[str, Any]:
    condition = {
        "ForAnyValue:StringEquals": {"events:detail-type": list(events)},
        "ArnNotLike": {"aws:PrincipalArn": roles},
    }
    return {"Condition": condition}


def member_statement(bus_arn: str, account: str) -> Statement:
    """As PutPermission makes it for an account."""
    return {
        "Sid": f"{MEMBER}{account}",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "events:PutEvents",
        "Resource": bus_arn,
    }


def bus_faults(
    found: Iterable[Statement], bus_arn: str, central: str, members: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(statement's id, what differs). `members`: the accounts that are to be let onto the bus."""
    there = {str(each.get("Sid", "")): each for each in found}
    wanted = {MEMBER + account: member_statement(bus_arn, account) for account in sorted(members)}
    wanted |= bus_statements(bus_arn, central)
    for sid, statement in wanted.items():
        if sid not in there:
            yield sid, "it is gone from the policy of central's bus"
        elif not same(statement, there[sid]):
            yield sid, "it was changed in the policy of central's bus"
    for sid, statement in there.items():
        if sid.startswith(MEMBER) and sid not in wanted:
            yield sid, "it lets an account onto central's bus that is no admitted member"
        elif sid not in wanted and not (sid == ORGANIZATION and _is_of_an_organization(statement)):
            yield sid, "it is not the mesh's, in the policy of central's bus"


def is_own(sid: str) -> bool:
    """Whether the mesh made the statement of central's bus, and knows what it has to say."""
    return sid.startswith(MEMBER) or sid in {STEWARDS_DECIDE, CHECKS_PROPOSE}


def _is_of_an_organization(statement: Statement) -> bool:
    """Of one organization, which the stack's parameter names, and for events of the mesh alone."""
    conditions = statement.get("Condition", {})
    keys = {key for each in conditions.values() for key in each}
    return set(conditions) == {"StringEquals"} and {"aws:PrincipalOrgID", "events:source"} <= keys


def policy_faults(place: str, found: Iterable[Statement], account: str) -> list[str]:
    """What differs in the policy of a queue or topic of the stack of `account`.

    The rules that may send to a queue have names that the stack gives them: of these, that they are this account's.
    """
    known = next(sids for part, sids in OWN_STATEMENTS.items() if part in place)
    there = {str(each.get("Sid", "")): each for each in found}
    faults = [f"its statement {sid} is gone" for sid in sorted(known - there.keys())]
    for sid, statement in there.items():
        if sid not in known:
            faults.append(f"its statement {sid or 'without an id'} is not the stack's")
        elif statement.get("Effect") == "Allow" and not _from_within(statement, account):
            faults.append(f"its statement {sid} lets in others than this account")
        elif statement.get("Effect") == "Deny" and not same(statement, _tls_only(sid)):
            faults.append(f"its statement {sid} was changed")
    return faults


def _tls_only(sid: str) -> Statement:
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    return {"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*", "Condition": condition}


def _from_within(statement: Statement, account: str) -> bool:
    """Each value of a condition on the source is this account's, and there is one."""
    sources = [
        value
        for operator, keys in statement.get("Condition", {}).items()
        if operator in {"ArnEquals", "ArnLike", "StringEquals"}
        for key, values in keys.items()
        if key.lower() in {"aws:sourcearn", "aws:sourceaccount", "aws:sourceowner"}
        for value in _listed(values)
    ]
    return bool(sources) and all(account in (value, *value.split(":")[4:5]) for value in sources)


def same(one: Statement, other: Statement) -> bool:
    """Whether two statements say the same: one value or a list of it, in any order."""
    return bool(_normal(one) == _normal(other))


def _normal(value: Any) -> Any:  # noqa: ANN401 - a policy's JSON
    if isinstance(value, Mapping):
        return {key: _normal(each) for key, each in value.items()}
    return sorted(map(str, _listed(value)))


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - a policy's JSON
    return list(value) if isinstance(value, list | tuple) else [value]
