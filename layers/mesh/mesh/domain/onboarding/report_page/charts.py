"""Charts as tables: bars are inline SVG beside the number that they show, so they are read without seeing them, and
text keeps its size on a narrow screen."""

from collections.abc import Sequence
from typing import Final

from mesh.domain.onboarding.quality.model import ColumnProfile, Evidence
from mesh.domain.onboarding.report_page.markup import Content, Markup, counted, table, tag, text

MAX_BARS: Final = 30
_HEIGHT: Final = 24


def paired_bars(evidence: Evidence, caption: str, *, hidden: bool) -> Markup:
    """Accepted data beside the batch, over the same labels. `hidden`: the labels are values, not to be shown."""
    rows = list(zip(evidence.labels, evidence.accepted, evidence.batch, strict=False))[:MAX_BARS]
    longest = max((max(left, right) for _, left, right in rows), default=0.0) or 1.0
    return table(
        ["", legend()],
        [
            (f"group {place}" if hidden else text(label, 40), _pair(left, right, longest))
            for place, (label, left, right) in enumerate(rows, start=1)
        ],
        caption,
        class_="chart",
    )


def legend() -> Markup:
    """What the two bars are."""
    return tag("span", tag("i", class_="key past"), "accepted before  ", tag("i", class_="key now"), "this batch")


def meter(share: float) -> Markup:
    """One bar from 0 to 1 and its number."""
    return _bar(share, 1.0, "now", f"{share:.0%}" if share in {0.0, 1.0} else f"{share:.1%}")


def histogram(column: ColumnProfile, *, hidden: bool) -> Content:
    """A small histogram of a number, or the shares of a category's values; without a scale where that is hidden."""
    if column.shape and sum(column.shape.counts):
        counts: Sequence[int] = column.shape.counts
        scale = "" if hidden else f" from {column.low} to {column.high}"
        on = " on a logarithmic scale" if column.shape.logarithmic else ""
        label = (
            f"{counted(len(counts), 'bin')} of equal width{on}{scale}; the fullest has {max(counts):,} of "
            f"{sum(counts):,} values"
        )
        if column.shape.logarithmic:
            return [_columns(counts, label), tag("span", "logarithmic", class_="aside")]
    elif column.top and column.kind == "category":
        counts = [item.count for item in column.top]
        label = f"{len(counts)} values by frequency; the first has {counts[0]:,} of {column.rows - column.nulls:,}"
    else:
        return ""
    return _columns(counts, label)


def _columns(counts: Sequence[int], label: str) -> Markup:
    most = max(counts)
    bars = [
        tag("rect", x=place, y=round(_HEIGHT - height, 1), width="0.9", height=round(height, 1))
        for place, count in enumerate(counts)
        if (height := max(1.0, _HEIGHT * count / most) if count else 0.0)
    ]
    return tag(
        "svg", tag("title", label), bars, class_="small", role="img", viewBox=f"0 0 {max(len(counts), 8)} {_HEIGHT}",
        preserveAspectRatio="none",
    )  # fmt: skip


def _pair(left: float, right: float, longest: float) -> list[Markup]:
    return [_bar(left, longest, "past", _percent(left)), _bar(right, longest, "now", _percent(right))]


def _bar(share: float, longest: float, kind: str, number: str) -> Markup:
    width = f"{max(0.0, min(1.0, share / longest)) * 100:.1f}%"
    bar = tag("svg", tag("rect", width=width, height="100%"), aria_hidden="true")
    return tag("div", bar, tag("span", number), class_=f"bar {kind}")


def _percent(share: float) -> str:
    return f"{share:.1%}" if share else "0%"
