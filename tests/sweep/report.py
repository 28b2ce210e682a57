"""What a sweep has found: as a table, and as JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.sweep.runner import Outcome, Schedule

VERDICTS: Final = ("converged", "announced", "kept", "unmet", "failed")
"""As it would have ended anyway; rejected, and told; ended well, with a message left for people; no call met the fault;
not so."""


@dataclass
class FlowReport:
    """One flow's part: its distinct calls, what was tried and what was not, and why."""

    flow: str
    what: str
    calls: int = 0
    possible: int = 0
    """Cases, with those that were not tried."""
    left_out: Counter[str] = field(default_factory=Counter)
    """(call, kind) that cannot be, by reason."""
    untold: list[str] = field(default_factory=list)
    """Calls that were not tried, since nothing tells whose they are."""
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    broken: str = ""
    """Why it could not be played to its end."""

    def counts(self) -> Counter[str]:
        return Counter(outcome.verdict for outcome in self.outcomes)

    def rendered(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "flow": self.flow,
            "what": self.what,
            "calls": self.calls,
            "possible": self.possible,
            "tried": len(self.outcomes),
            "seconds": round(self.seconds, 1),
            "left_out": dict(self.left_out),
            "untold": self.untold,
            "broken": self.broken,
            **{verdict: self.counts()[verdict] for verdict in VERDICTS},
            "cases": [_rendered(outcome) for outcome in self.outcomes],
        }


def _rendered(outcome: Outcome) -> dict[str, Any]:
    more = {"seed": outcome.play.seed} if isinstance(outcome.play, Schedule) else {}
    return {
        "case": str(outcome.play),
        **more,
        "verdict": outcome.verdict,
        "how": outcome.how,
        "runs": outcome.runs,
        "waited": outcome.waited,
        "seconds": round(outcome.seconds, 2),
    }


def played(reports: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Cases that need not be played again: of reports as `rendered`, what ended well."""
    cases = (case for report in reports for case in report["cases"])
    return frozenset(case["case"] for case in cases if case["verdict"] not in ("failed", "kept"))


def failed(reports: Iterable[FlowReport]) -> list[Outcome]:
    """Cases that did not end well."""
    return [outcome for report in reports for outcome in report.outcomes if outcome.verdict == "failed"]


def table(reports: Sequence[FlowReport]) -> str:
    """Readable; `of` is how many cases there are, `tried` how many were played."""
    heads: tuple[str, ...] = ("flow", "calls", "of", "tried", *VERDICTS, "waited", "seconds")
    rows = [heads]
    for report in reports:
        counts = report.counts()
        waited = sum(bool(outcome.waited) for outcome in report.outcomes)
        numbers = [report.calls, report.possible, len(report.outcomes), *(counts[verdict] for verdict in VERDICTS)]
        rows.append((report.flow, *map(str, numbers), str(waited), f"{report.seconds:.0f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return "\n".join("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
