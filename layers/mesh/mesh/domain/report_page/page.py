"""The page as a whole, its verdict first."""

from collections.abc import Collection, Sequence
from typing import Final

from mesh.domain.quality.model import BatchReport, Finding
from mesh.domain.report_page.markup import Content, Markup, counted, table, tag, text
from mesh.domain.report_page.sections import badge, table_section
from mesh.domain.report_page.style import STYLE

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
MAX_REASONS: Final = 6
MAX_OBJECTS: Final = 500


def render(
    report: BatchReport,
    *,
    batch: str,
    status: str,
    objects: Sequence[tuple[str, str]] = (),
    commands: Sequence[str] = (),
    hidden: Collection[str] = (),
) -> str:
    """The page. `status` is what became of the batch in a word (`quarantined`), `objects` are keys with what became of
    each, `commands` what a person can enter now. Of the columns in `hidden` (`table.column`) no values are shown; texts
    of findings and rules are shown as they are.
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
        _verdict(report, batch, status, commands),
        [table_section(one, hidden) for one in report.tables],
        _objects(objects),
    ]
    return f"<!DOCTYPE html>\n{tag('html', tag('head', head), tag('body', tag('main', main)), lang='en')}\n"


def _verdict(report: BatchReport, batch: str, status: str, commands: Sequence[str]) -> Markup:
    errors, warnings = _of(report, "error"), _of(report, "warning")
    tone = "error" if errors and not report.released else "warning" if errors or warnings else "good"
    return tag(
        "header",
        tag("p", "Data product ", tag("b", report.product), class_="aside"),
        tag("h1", tag("span", status, class_=f"badge {tone}"), f" {_sentence(report, errors, warnings)}"),
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
    if not objects:
        return ""
    rows = [(tag("code", key), said) for key, said in objects[:MAX_OBJECTS]]
    more = len(objects) - len(rows)
    rest = tag("p", f"{more} more objects are in the JSON report.") if more else ""
    listed = table(["Object", "What became of it"], rows, counted(len(objects), "object"), class_="wide")
    return tag("section", tag("h2", "Objects"), listed, rest)


def _of(report: BatchReport, severity: str) -> list[Finding]:
    return [finding for one in report.tables for finding in one.findings if finding.severity == severity]
