"""The page as a whole, its verdict first."""

from collections.abc import Collection, Sequence
from typing import Final

from mesh.domain.onboarding.quality.model import BatchReport, Finding
from mesh.domain.onboarding.report_page.markup import Content, Markup, counted, table, tag, text
from mesh.domain.onboarding.report_page.sections import badge, distinct, table_section
from mesh.domain.onboarding.report_page.style import STYLE

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
MAX_REASONS: Final = 6
MAX_OBJECTS: Final = 200
"""Keys that are listed of each fate."""


def render(
    report: BatchReport,
    *,
    batch: str,
    status: str,
    objects: Sequence[tuple[str, str]] = (),
    commands: Sequence[str] = (),
    hidden: Collection[str] = (),
    held: int = 0,
) -> str:
    """The page.

    `status` is what became of the batch in a word (`held`), `objects` are keys with what became of each (those of one
    fate stand together), `commands` what a person can enter now. Of the columns in `hidden` (`table.column`) no values
    are shown; texts of findings and rules are shown as they are. `held` counts objects that the report is not about,
    since they were held back beside those that passed.
    """
    title = f"{report.product}: batch {batch}, {status}"
    head = [
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        tag("style", Markup(STYLE)),
    ]
    main = [
        _verdict(report, batch, status, commands, held),
        _objects(objects),
        [table_section(one, hidden, _all_findings(report)) for one in report.tables],
    ]
    return f"<!DOCTYPE html>\n{tag('html', tag('head', head), tag('body', tag('main', main)), lang='en')}\n"


def _verdict(report: BatchReport, batch: str, status: str, commands: Sequence[str], held: int) -> Markup:
    errors, warnings = _of(report, "error"), _of(report, "warning")
    tone = "error" if errors and not report.released else "warning" if errors or warnings or held else "good"
    return tag(
        "header",
        tag("p", "Data product ", tag("b", report.product), class_="aside"),
        tag(
            "h1", tag("span", status, class_=f"badge {tone}"), f" {_sentence(report, errors, warnings)}{_beside(held)}"
        ),
        tag("p", report.released) if report.released else "",
        _reasons(errors or warnings),
        _commands(commands),
        _facts(report, batch),
        class_=f"verdict {tone}",
    )


def _sentence(report: BatchReport, errors: Sequence[Finding], warnings: Sequence[Finding]) -> str:
    size = counted(sum(one.profile.rows for one in report.tables), "row")
    counts = [(len(errors), "error"), (len(warnings), "warning")]
    said = ", ".join(counted(count, noun) for count, noun in counts if count)
    if errors and report.released:
        return f"This batch of {size} was released in spite of {said}"
    if errors:
        return f"This batch of {size} is unlike what was promised or accepted: {said}"
    return f"This batch of {size} passed its checks{', with ' if said else ''}{said}"


def _all_findings(report: BatchReport) -> list[Finding]:
    """The findings named in the verdict: they are not repeated below."""
    return (_of(report, "error") or _of(report, "warning"))[:MAX_REASONS]


def _beside(held: int) -> str:
    return f"; {counted(held, 'other object')} {'was' if held == 1 else 'were'} held back" if held else ""


def _reasons(findings: Sequence[Finding]) -> Content:
    if not findings:
        return ""
    listed = [
        tag("li", badge(finding.severity), " ", _place(finding), finding.message) for finding in findings[:MAX_REASONS]
    ]
    more = len(findings) - len(listed)
    return [tag("h2", "Why"), tag("ul", listed, tag("li", f"and {more} more, below") if more else "", class_="reasons")]


def _place(finding: Finding) -> Content:
    place = f"{finding.table}.{finding.column}" if finding.column else finding.table
    return [tag("code", text(place, 120)), " "]


def _commands(commands: Sequence[str]) -> Content:
    if not commands:
        return ""
    return [tag("h2", "What to do"), tag("pre", "\n".join(commands), tabindex="0")]


def _facts(report: BatchReport, batch: str) -> Markup:
    facts = {
        "Batch": batch,
        "Generation": f"{report.generation}",
        "Contract": report.contract_version or "none",
        "Correlation id": report.correlation_id,
    }
    return tag("dl", [tag("div", tag("dt", name), tag("dd", said)) for name, said in facts.items()])


def _objects(objects: Sequence[tuple[str, str]]) -> Content:
    """The objects grouped by outcome."""
    if not objects:
        return ""
    by_fate: dict[str, list[str]] = {}
    for key, fate in objects:
        by_fate.setdefault(fate, []).append(key)
    rows = [(f"{fate} ({counted(len(keys), 'object')})", _keys(keys)) for fate, keys in by_fate.items()]
    listed = table(["Outcome", "Objects"], rows, counted(len(objects), "object"), class_="wide objects")
    return tag("section", tag("h2", "Objects"), listed)


def _keys(keys: Sequence[str]) -> Content:
    more = len(keys) - MAX_OBJECTS
    rest = tag("li", f"and {more:,} more, in the JSON listing") if more > 0 else ""
    return tag("ul", [tag("li", tag("code", key)) for key in keys[:MAX_OBJECTS]], rest)


def _of(report: BatchReport, severity: str) -> list[Finding]:
    return [finding for one in report.tables for finding in distinct(one.findings) if finding.severity == severity]
