"""Whatever a rule in SQL says, it gives a number or a stated fault, within its time.

`HYPOTHESIS_PROFILE=long` tries more.
"""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from mesh.adapters.duckdb.measuring.rule_process import Budget, Rows, Rule
from mesh.adapters.duckdb.measuring.rule_runs import run_rules
from mesh.domain.onboarding.budgets import RULES_MEMORY
from mesh.domain.onboarding.quality.rule_queries import fault_of

from tests.unit.fuzzing import in_time, long_texts, texts

WORDS = [
    "select", "count(*)", "from", "{object}", "{property}", "${table}", "t", "where", "a", "k", "=", "<", "'x'", "0",
    "1", "/", "(", ")", ",", "as", "with", "r", "union all", "group by", "order by", "join", "on", "true", "null", "x",
    "*", "limit", "case when", "then", "end", "interval", "'1'", "\\", "{x}", "recursive", ";", "--", "copy", "attach",
    "[", "]", "::int", "::date", "sum(k)", "list(a)", "unnest(range(10))", "range(1000000000000)",
    "repeat(a, 1000000000)", "lpad(a, 2000000000, 'x')", "current_setting('temp_directory')",
    "read_text('/etc/hosts')", "pragma_version()",
]  # fmt: skip
queries = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=8).map(lambda words: "select count(*) from t where " + " ".join(words)),
    texts,
    texts.map(lambda text: f"select {text} from t"),
)
ROWS = Rows("SELECT n AS k, 'x' || n AS a FROM range(100) AS made(n)", ["t"])


@settings(max_examples=max(1, settings().max_examples // 10))
@given(st.lists(queries, min_size=25, max_size=25))
def test_rules(written: list[str]) -> None:
    rules = [Rule(query, 0, "a") for query in written if not fault_of(query, frozenset({"t"}), on_column=True)]
    budget = Budget(seconds=1.0, total=10.0, memory=RULES_MEMORY)
    with tempfile.TemporaryDirectory() as folder:
        answers = run_rules([ROWS], rules, Path(folder), budget)
    assert len(answers) == len(rules)
    assert all((answer.value is None) == bool(answer.fault) for answer in answers)


@given(queries | long_texts | long_texts.map(lambda text: "select count(*) from t where " + text))
def test_what_is_seen_without_an_engine(query: str) -> None:
    with in_time(2.0):
        fault = fault_of(query, frozenset({"t"}), on_column=False)
    assert fault is None or fault.message
