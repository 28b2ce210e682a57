"""How a quality rule is called in messages and lists."""

from collections.abc import Mapping
from typing import Any


def rule_text(rule: Mapping[str, Any]) -> str:
    """A quality rule in a few words: `library nullValues mustBe 0`, `text: no gaps`."""
    kind = str(rule.get("type", "library"))
    said = rule.get("metric") or rule.get("rule") or rule.get("query") or rule.get("engine") or rule.get("description")
    bounds = " ".join(f"{name} {value}" for name, value in rule.items() if name.startswith("must"))
    return " ".join(word for word in (kind, str(said or rule.get("name", "")), bounds) if word)[:300]
