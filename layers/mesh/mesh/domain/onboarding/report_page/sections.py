"""The parts of the page below its verdict: findings, rules, scores, columns."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from mesh.domain.onboarding.quality.model import ColumnProfile, Finding, RuleResult, Scores, TableReport
from mesh.domain.onboarding.report_page.charts import histogram, meter, paired_bars
from mesh.domain.onboarding.report_page.markup import Content, Markup, counted, table, tag, text, value

MAX_FINDINGS: Final = 200
MAX_KEYS: Final = 10
OPEN_COLUMNS: Final = 30
"""Up to so many columns a table's profile is unfolded at once."""
_WORDS: Final = {"error": "Error", "warning": "Warning", "info": "Note"}
_TOP_SHOWN: Final = 3
_POSITION: Final = re.compile(r"\.?(schema|properties|items)(\[[^\]]*\])?(?=\.|$)")
_LISTED: Final = re.compile(r"(quality|slaProperties)\[(\d{1,4})\]")


def distinct(findings: Sequence[Finding]) -> list[Finding]:
    """Each fault once: what the same check says of the same column in the same words is one, of all its objects."""
    found: dict[tuple[str, str, str, str], Finding] = {}
    for finding in findings:
        mark = (finding.code, finding.severity, finding.column, finding.message)
        known = found.get(mark)
        keys = (*known.keys, *finding.keys) if known else finding.keys
        found[mark] = (known or finding).evolve(keys=tuple(dict.fromkeys(keys)))
    return list(found.values())


def table_section(report: TableReport, hidden: Collection[str], shown_above: Collection[Finding] = ()) -> Markup:
    """All of one table. Messages of findings in `shown_above` are on the page already."""
    name = report.profile.table
    secret = {item.partition(".")[2] for item in hidden if item.partition(".")[0] == name}
    profile = report.profile
    sizes = [(profile.rows, "row"), (profile.objects, "object"), (profile.bytes, "byte")]
    facts = ", ".join(counted(count, noun) for count, noun in [*sizes, (len(profile.columns), "column")])
    sampled = "" if profile.exact else " The profile is of a sample of the rows."
    return tag(
        "section",
        tag("h2", "Table ", text(name)),
        tag("p", f"{facts}.{sampled}"),
        _findings(distinct(report.findings), secret, shown_above),
        _scores(report.scores),
        _rules(report.rules),
        _columns(report, secret),
        aria_label=f"Table {name}",
    )


def badge(severity: str) -> Markup:
    """A finding's severity as a word."""
    return tag("span", _WORDS.get(severity, severity), class_=f"badge {severity}")


def _findings(findings: Sequence[Finding], secret: Collection[str], shown_above: Collection[Finding]) -> Content:
    if not findings:
        return tag("p", "Nothing was found that is unlike the contract or the accepted data.")
    order = {"error": 0, "warning": 1, "info": 2}
    shown = sorted(findings, key=lambda finding: order[finding.severity])[:MAX_FINDINGS]
    more = len(findings) - len(shown)
    rest = tag("p", f"{more} more findings are in the JSON report.") if more else ""
    return [
        tag("h3", "Findings"),
        [_finding(finding, secret, shown_above=finding in shown_above) for finding in shown],
        rest,
    ]


def _finding(finding: Finding, secret: Collection[str], *, shown_above: bool) -> Markup:
    column = [" in column ", tag("b", finding.column)] if finding.column else ""
    return tag(
        "article",
        tag("h4", badge(finding.severity), " ", tag("code", finding.code), column),
        "" if shown_above else tag("p", finding.message),
        _measured(finding),
        paired_bars(finding.evidence, "Shares of the rows", hidden=finding.column in secret)
        if finding.evidence
        else "",
        tag("p", tag("b", "What to do: "), finding.remedy) if finding.remedy else "",
        _keys(finding.keys),
        class_=f"finding {finding.severity}",
    )


def _measured(finding: Finding) -> Content:
    parts = [f"Dimension: {finding.dimension}"]
    if finding.observed is not None:
        parts.append(f"observed {finding.observed:.4g}")
    if finding.threshold is not None:
        parts.append(f"threshold {finding.threshold:.4g}")
    if rule := in_words(finding.where):
        parts.append(f"rule: {rule}")
    return tag("p", "; ".join(parts), class_="aside")


def in_words(where: str) -> str:
    """A path of the contract without positions: the column is named beside it. `$.schema[0].properties[3].quality[1]`
    is "quality rule 2"."""
    inner = _POSITION.sub("", where).lstrip("$.")
    if match := _LISTED.fullmatch(inner):
        name = {"quality": "quality rule", "slaProperties": "service level"}[match[1]]
        return f"{name} {int(match[2]) + 1}"
    return inner


def _keys(keys: Sequence[str]) -> Content:
    if not keys:
        return ""
    more = f"and {len(keys) - MAX_KEYS} more" if len(keys) > MAX_KEYS else ""
    return tag("ul", [tag("li", tag("code", key)) for key in keys[:MAX_KEYS]], tag("li", more) if more else "")


def _scores(scores: Scores) -> Markup:
    rows = [
        (name, meter(score) if score is not None else "not known: nothing says what it should be")
        for name, score in scores.model_dump().items()
    ]
    return table(["Score", "1 is best"], rows, "Scores", class_="scores")


def _rules(rules: Sequence[RuleResult]) -> Content:
    if not rules:
        return ""
    order = {"failed": 0, "skipped": 1, "passed": 2}
    rows = [
        (
            tag("b", rule.column) if rule.column else "the table",
            tag("code", rule.rule),
            tag("span", rule.outcome, class_=f"badge {_tone(rule)}"),
            rule.severity,
            rule.dimension,
            [rule.observed, " " if rule.observed and rule.reason else "", rule.reason],
            in_words(rule.where),
        )
        for rule in sorted(rules, key=lambda rule: order[rule.outcome])
    ]
    head = ["Column", "Rule", "Outcome", "Severity", "Dimension", "Observed", "In the contract"]
    return [tag("h3", "Rules of the contract"), table(head, rows, counted(len(rows), "rule"), class_="wide")]


def _tone(rule: RuleResult) -> str:
    if rule.outcome == "failed":
        return rule.severity
    return "good" if rule.outcome == "passed" else "info"


def _columns(report: TableReport, secret: Collection[str]) -> Markup:
    flagged = {finding.column: finding.severity for finding in reversed(report.findings) if finding.severity != "info"}
    rows = [_column(column, column.name in secret, flagged.get(column.name, "")) for column in report.profile.columns]
    head = ["Column", "Type", "Filled", "Different", "Values", "Shape"]
    listed = table(head, rows, "Columns of this batch", class_="wide columns")
    summary = tag("summary", f"Profile of {len(rows)} columns")
    opened = {"open": "open"} if len(rows) <= OPEN_COLUMNS else {}
    return tag("details", summary, listed, **opened)


def _column(column: ColumnProfile, hidden: bool, severity: str) -> tuple[Content, ...]:
    filled = 1 - column.nulls / column.rows if column.rows else 0.0
    return (
        [tag("code", text(column.name, 80)), " ", badge(severity) if severity else ""],
        column.type,
        f"{filled:.0%}" if filled in {0.0, 1.0} else f"{filled:.1%}",
        f"{column.distinct:,}",
        "personal or sensitive: not shown" if hidden else _values(column),
        histogram(column, hidden=hidden),
    )


def _values(column: ColumnProfile) -> Content:
    if column.kind == "number" and column.mean is not None:
        ends = f"{text(column.low or '', 30)} to {text(column.high or '', 30)}"
        middle = f", half of them {column.quartiles[0]:.4g} to {column.quartiles[2]:.4g}" if column.quartiles else ""
        return [Markup(ends), f"; mean {column.mean:.4g}{middle}"]
    if column.kind == "moment":
        return [value(column.low or ""), " to ", value(column.high or "")]
    if column.kind == "text" and column.distinct == column.rows - column.nulls:
        return "all different"
    known = max(1, column.rows - column.nulls)
    shown = [[value(item.value), f" {item.count / known:.0%}  "] for item in column.top[:_TOP_SHOWN]]
    return [*shown, "…" if len(column.top) > _TOP_SHOWN else ""]
