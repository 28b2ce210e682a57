"""What a verification costs, said before it: from the templates as they are deployed, and AWS's list prices."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from tools import list_prices
from tools.list_prices import Price
from tools.sam_transform import transformed
from tools.templates import ROOT, TEMPLATES

HOURS: Final = 1.0
"""From the first deployment to the last deletion: 30 to 45 minutes are expected."""
_ONE_OF_A_MILLION: Final = 1e-6
_QUERIES: Final = 12
"""The flow's, the checks', and the one that proves the access."""
_TIMES: Final = 3
_CALLS_FOR_A_TRANSITION: Final = 6
"""82 to 85 calls for the 15 transitions of an upload (benchmarks/upload_to_notice.py), rounded up."""
_SECONDS_OF_A_FUNCTION, _GIGABYTES_OF_A_FUNCTION = 10.0, 1.0
"""Every function starts cold; none has more memory but one."""
_WRITES: Final = 2_000
_PRORATED: Final = {
    "AWS::KMS::Key": ("KMS keys", list_prices.KMS_KEY_MONTH),
    "AWS::CloudWatch::Alarm": ("alarms", list_prices.ALARM_MONTH),
    "AWS::CloudWatch::Dashboard": ("dashboards", list_prices.DASHBOARD_MONTH),
}


@dataclass(frozen=True)
class Cost:
    """A line: how many of what, each so many units of a price."""

    what: str
    count: float
    price: Price
    units: float = 1.0

    @property
    def total(self) -> float:
        """US dollars."""
        return self.count * self.units * self.price.dollars


def costs() -> list[Cost]:
    """Of three stacks for `HOURS`, and of the flow, each state of each machine so often: more than it enters."""
    kinds: Counter[str] = Counter()
    states = 0
    for template in TEMPLATES:
        for resource in transformed(ROOT / template)["Resources"].values():
            kinds[resource["Type"]] += 1
            if resource["Type"] == "AWS::StepFunctions::StateMachine":
                states += len(resource["Properties"]["Definition"]["States"]) * _TIMES
    calls = states * _CALLS_FOR_A_TRANSITION
    compute, month = _SECONDS_OF_A_FUNCTION * _GIGABYTES_OF_A_FUNCTION, HOURS / list_prices.HOURS_A_MONTH
    million = list_prices.MILLION
    dearest = max(price for name, price in million.items() if name != "states")
    return [
        *(Cost(f"{name}, {HOURS:.0f} h", kinds[kind], price, month) for kind, (name, price) in _PRORATED.items()),
        Cost("state transitions, all states thrice", states, million["states"], _ONE_OF_A_MILLION),
        Cost("AWS calls of functions, each as the dearest", calls, dearest, _ONE_OF_A_MILLION),
        Cost("functions, 10 GB-seconds each", kinds["AWS::Lambda::Function"], list_prices.LAMBDA_GB_SECOND, compute),
        Cost("Athena queries, 10 MB each", _QUERIES, list_prices.ATHENA_TERABYTE, list_prices.ATHENA_LEAST_TERABYTES),
        Cost("DynamoDB writes on demand", _WRITES, million["dynamodb"], _ONE_OF_A_MILLION),
    ]


def cost_lines() -> list[str]:
    """The table, as text, and where each price was read: `unconfirmed`, if that is no page of AWS's own."""
    found = costs()
    lines = [f"{'what':<46}{'count':>8}{'US dollars':>14}"]
    lines += [
        f"{cost.what:<46}{cost.count:>8.0f}{cost.total:>14.4f}{'' if cost.price.confirmed else '  unconfirmed'}"
        for cost in found
    ]
    lines.append(f"{'at most':<46}{'':>8}{sum(cost.total for cost in found):>14.4f}")
    return [*lines, "", *(f"{cost.what.partition(',')[0]}: {cost.price.source}" for cost in found)]
