"""The report page: what a steward sees first, that hostile data stays text, that hidden values stay hidden."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.onboarding.quality.model import BatchReport, Evidence, Finding, RuleResult, Scores, TableReport
from mesh.domain.onboarding.report_page import render
from mesh.domain.onboarding.report_page.sections import in_words

from tests.guard_profiles import profile_of

VOID = {"meta", "br", "img", "input", "link"}
ALLOWED = set(
    "html head meta title style body main header section article h1 h2 h3 h4 p b i span code pre ul li dl div dt dd "
    "table caption thead tbody tr th td svg rect details summary".split()
)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style><script>x</script>",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "&lt;b&gt;",
    "a\u202egnp.exe",
    "line\nbreak\x00\x1b[31m",
    "' onmouseover='x",
]  # fmt: skip


class Page(HTMLParser):
    """Elements, attributes and text; balanced, and of known kinds alone."""

    def __init__(self, html):
        super().__init__()
        self.open, self.seen, self.attributes, self.words = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED, tag
        self.seen.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


def finding(**more):
    given = {"code": "DistributionShifted", "severity": "error", "table": "t", "column": "a", "message": "It moved."}
    return Finding(**given | more)


def report(rows, *findings, rules=(), table="t", released=""):
    profile = profile_of(rows, table=table)
    one = TableReport(profile=profile, scores=Scores(completeness=0.5), rules=rules, findings=findings)
    return BatchReport(product="p", generation=3, correlation_id="c-1", tables=(one,), released=released)


def rendered(found, **more):
    html = render(found, **{"batch": "p-3", "status": "quarantined"} | more)
    return html, Page(html)


def test_verdict_reasons_and_commands_come_first():
    found = report([{"a": 1}], finding(remedy="Look."), finding(severity="warning", column="b", message="Odd."))
    _, page = rendered(found, commands=["mesh release p-3 --reason TEXT"])
    head = page.text[: page.text.index("Table t")]
    for said in ("quarantined", "1 error, 1 warning", "t.a", "It moved.", "mesh release p-3 --reason TEXT", "c-1"):
        assert said in head
    assert "Look." in page.text


def test_a_released_and_a_clean_batch_are_marked():
    _, page = rendered(report([{"a": 1}], finding(), released="by Ann: known cause"), status="released")
    assert "was released in spite of 1 error" in page.text
    assert "by Ann: known cause" in page.text
    _, page = rendered(report([{"a": 1}]), status="published")
    assert "This batch of 1 row passed its checks" in page.text


def test_nothing_is_run_or_loaded():
    html, page = rendered(report([{"a": text} for text in HOSTILE], finding(message=HOSTILE[0])))
    policy = ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'")
    assert policy in page.attributes
    assert ("meta", "http-equiv", "Content-Security-Policy") in page.attributes
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name in {"src", "href", "style"}]
    assert "url(" not in html
    assert "@import" not in html


def a_rule(text):
    return RuleResult(
        where=text, column=text, rule=text, outcome="failed", severity="error", dimension="validity", observed=text
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text_wherever_it_comes_from(text):
    rules = [a_rule(text)]
    evidence = Evidence(labels=(text,), accepted=(1.0,), batch=(1.0,))
    one = finding(message=text, remedy=text, column=text, where=text, keys=(text,), evidence=evidence, code=text)
    found = report([{text: text}], one, rules=tuple(rules), table=text, released=text)
    found = found.model_copy(update={"product": text, "correlation_id": text, "contract_version": text})
    html, page = rendered(found, batch=text, status=text, objects=[(text, text)], commands=[text])
    assert "script" not in page.seen
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", html)
    assert len(page.seen) == len(rendered_seen())


def test_a_rule_names_its_column():
    html, _ = rendered(report([{"x": "x"}], rules=(a_rule("monthly_income"),)))
    assert "<b>monthly_income</b>" in html
    assert '<th scope="col">Column</th>' in html


def rendered_seen():
    rules = [a_rule("x")]
    evidence = Evidence(labels=("x",), accepted=(1.0,), batch=(1.0,))
    one = finding(message="x", remedy="x", column="x", where="x", keys=("x",), evidence=evidence, code="x")
    found = report([{"x": "x"}], one, rules=tuple(rules), table="x", released="x")
    return rendered(found, batch="x", status="x", objects=[("x", "x")], commands=["x"])[1].seen


@given(
    st.lists(st.dictionaries(st.text(max_size=8), st.one_of(st.none(), st.text(), st.floats(-1e9, 1e9))), max_size=6)
)
def test_any_text_keeps_the_page_whole(rows):
    html, _ = rendered(report(rows, finding(message=str(rows))))
    assert html.encode("utf-8")


def test_a_formula_is_quoted_where_it_is_a_value():
    _, page = rendered(report([{"a": "=1+1"}]))
    assert "“=1+1”" in page.text


def test_values_of_hidden_columns_are_not_shown():
    rows = [{"name": f"secret{number % 2}", "age": 970000 + number, "free": "open"} for number in range(9)]
    evidence = Evidence(labels=("secret0", "secret1"), accepted=(0.25, 0.75), batch=(0.5, 0.5))
    found = report(rows, finding(column="name", evidence=evidence))
    html, page = rendered(found, hidden={"t.name", "t.age"})
    assert "secret" not in html
    assert "97000" not in html
    assert "9.7" not in page.text
    assert "“open”" in page.text
    assert "75.0%" in page.text
    assert "secret0" in rendered(found, hidden={"other.name"})[0]


def test_charts_have_their_numbers_as_text_and_tables_their_headers():
    evidence = Evidence(labels=("1 to 2", "above 2"), accepted=(0.9, 0.1), batch=(0.2, 0.8))
    html, page = rendered(report([{"a": number} for number in range(40)], finding(evidence=evidence)))
    for said in ("1 to 2", "90.0%", "20.0%", "above 2", "accepted before", "this batch"):
        assert said in page.text
    assert page.seen.count("caption") == page.seen.count("table")
    assert {scope for _, name, scope in page.attributes if name == "scope"} == {"col", "row"}
    assert "<title>20 bins of equal width from 0 to 39" in html


def test_a_hundred_columns_are_folded_and_long_values_cut():
    rows = [{f"column_{number}": "x" * 5_000 for number in range(100)}]
    html, page = rendered(report(rows))
    assert "Profile of 100 columns" in page.text
    assert ("details", "open", "open") not in page.attributes
    assert len(html) < 200_000
    assert ("details", "open", "open") in rendered(report([{"a": 1}]))[1].attributes


def test_each_fate_of_objects_is_said_once():
    fates = [
        ("k/a.csv", "held back: NotUnique"),
        ("k/b.csv", "published in version 2"),
        ("k/c.csv", "held back: NotUnique"),
    ]
    _, page = rendered(report([{"a": 1}], finding()), objects=fates)
    assert page.text.count("held back: NotUnique") == 1
    assert "held back: NotUnique (2 objects)" in page.text
    assert page.text.index("k/c.csv") < page.text.index("k/b.csv")
    assert page.text.index("k/a.csv") < page.text.index("Table t")


def test_each_fault_is_said_once():
    one, other = finding(keys=("k/a.csv",)), finding(keys=("k/b.csv",))
    _, page = rendered(report([{"a": 1}], one, other))
    assert page.text.count("It moved.") == 1
    assert "1 error" in page.text
    assert {"k/a.csv", "k/b.csv"} <= set(page.words)


@pytest.mark.parametrize(("where", "said"), [
    ("$.schema[0].properties[3]", ""),
    ("$.schema[0].properties[3].logicalType", "logicalType"),
    ("$.schema[0].properties[3].logicalTypeOptions.minimum", "logicalTypeOptions.minimum"),
    ("$.schema[0].properties[3].items.properties[0].required", "required"),
    ("$.schema[1].quality[1]", "quality rule 2"),
    ("$.slaProperties[0]", "service level 1"),
    ("$", ""),
])  # fmt: skip
def test_places_in_the_contract_are_readable(where, said):
    assert in_words(where) == said


def test_shapes_have_equal_width_and_mark_logarithmic_scales():
    few_far_out = [{"a": number % 40 + 1} for number in range(400)] + [{"a": 10**6}] * 3
    html, _ = rendered(report(few_far_out))
    assert "20 bins of equal width on a logarithmic scale from 1 to 1e+06" in html
    assert ">logarithmic<" in html
