"""Match many LF-Tag expressions against one tag set at once: a bit for each expression, an AND for each key."""

from collections.abc import Sequence

from mesh.domain.governance.expressions import ANY_VALUE, Expression

type TagSet = frozenset[tuple[str, str]]


class ExpressionIndex:
    """Bit `n` of an answer stands for the n-th expression. Results are cached by tag set."""

    def __init__(self, expressions: Sequence[Expression]) -> None:
        self._all = 0
        self._restricting: dict[str, int] = {}
        self._accepting: dict[tuple[str, str], int] = {}
        for number, expression in enumerate(expressions):
            bit = 1 << number
            self._all |= bit if expression.clauses else 0
            for key, values in expression.clauses:
                self._restricting[key] = self._restricting.get(key, 0) | bit
                for value in values:
                    self._accepting[key, value] = self._accepting.get((key, value), 0) | bit
        self._known: dict[TagSet, int] = {}

    def matching(self, tag_set: TagSet) -> int:
        """The expressions that match resources with these effective tags."""
        if tag_set not in self._known:
            tags, found = dict(tag_set), self._all
            for key, restricting in self._restricting.items():
                accepting = 0
                if key in tags:
                    accepting = self._accepting.get((key, tags[key]), 0) | self._accepting.get((key, ANY_VALUE), 0)
                found &= ~restricting | accepting
            self._known[tag_set] = found
        return self._known[tag_set]
