"""Whether the accounts are free for a mesh: the templates name some resources themselves, so there is one at most."""

import re
from typing import Any, Final

import yaml

from tools.templates import ROOT, load, resources
from tools.verify_aws.accounts import Account, Accounts
from tools.verify_aws.names import AccountName, Names
from tools.verify_aws.state import State

TEMPLATES: Final[dict[AccountName, str]] = {
    "central": "template.yaml",
    "producer": "template.producer.yaml",
    "consumer": "template.consumer.yaml",
}
_NAMED: Final = {
    "AWS::IAM::Role": ("roles", "RoleName"),
    "AWS::Events::EventBus": ("buses", "Name"),
    "AWS::Serverless::StateMachine": ("machines", "Name"),
    "AWS::CloudWatch::Dashboard": ("dashboards", "DashboardName"),
    "AWS::Athena::WorkGroup": ("work groups", "Name"),
    "Custom::KeptBucket": ("buckets", "Name"),
    "Custom::KeptTable": ("tables", "Name"),
}
"""Resource type → kind in the inventory, and the property that names it."""


def fixed_names(account: Account, names: Names) -> dict[str, set[str]]:
    """What the account's stack will be called by, by kind: by the template, or after the prefix."""
    values = {
        "AWS::AccountId": account.number,
        "AWS::Region": account.region,
        "AWS::StackName": names.stack(account.name),
        "DataBucketPrefix": names.prefix,
    }
    found: dict[str, set[str]] = {"stacks": {names.stack(account.name)}}
    template = load(ROOT / TEMPLATES[account.name])
    for kind, (listed, key) in _NAMED.items():
        for properties in resources(template, kind).values():
            if key in properties:
                found.setdefault(listed, set()).add(_filled(properties[key], values))
    found.setdefault("buckets", set()).add(names.artifacts(account.number, account.region))
    if account.name == "central":
        found["LF-Tags"] = mesh_tags()
    return found


def mesh_tags() -> set[str]:
    """The keys of the LF-Tags that central makes."""
    ontology = yaml.safe_load((ROOT / "governance" / "ontology.yaml").read_text("utf-8"))
    return {*ontology["keys"], "publication"}


def taken(accounts: Accounts, names: Names, state: State) -> list[str]:
    """What is in the way, a line each: empty where the accounts are free."""
    found = []
    for name, account in accounts.items():
        held = state[name].inventory
        for kind, wanted in fixed_names(account, names).items():
            there = sorted(wanted & set(held.get(kind, ())))
            found += [f"{name} ({account.number}) has {kind} {', '.join(there)}"] if there else []
        ours = [each for each in held.get("topics", ()) if ":mesh-to-" in each]
        ours += [each for each in held.get("schedules", ()) if each.startswith("mesh-")]
        ours += [each for kind in held.values() for each in kind if names.prefix in each]
        found += [f"{name} ({account.number}) has {', '.join(sorted(set(ours)))}"] if ours else []
    return found


def _filled(value: Any, values: dict[str, str]) -> str:  # noqa: ANN401 - a string or an intrinsic function
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return values[name]
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: values[found[1]], text)
    raise ValueError(f"a name of another form: {value}")
