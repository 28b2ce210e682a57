"""What a consumer asks for: who shall read what, why, until when. Checked at the edge, before anything looks at it."""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal

from mesh.domain.errors import Rejected
from mesh.domain.events import AccessRequested
from mesh.domain.governance.expressions import Expression, parse_expression
from mesh.domain.governance.ontology import PRODUCT
from mesh.domain.model import Model


class AmbiguousRequest(Rejected):
    """The request does not say one thing: neither product nor expression, or both, or parts that exclude each other."""


class UnknownPurpose(Rejected):
    """A purpose that `governance/policies.yaml` does not list."""


class UntilInThePast(Rejected):
    """Access was asked until a moment that is over."""


class InvalidRowFilter(Rejected):
    """A predicate that Lake Formation does not take as a row filter."""


class AccessRequest(Model):
    """A request in normal form. `expression` stands for a product as well; `reader` is a role name, empty: the account.

    `table`, `columns` and `rows` narrow a product further than any expression can.
    """

    product: str = ""
    table: str = ""
    columns: tuple[str, ...] = ()
    rows: str = ""
    expression: str
    reader: str = ""
    persona: str = ""
    permission: Literal["SELECT", "DESCRIBE"] = "SELECT"
    purpose: str
    until: datetime

    @property
    def tags(self) -> Expression:
        """The LF-Tag expression."""
        return parse_expression(self.expression)

    @property
    def what(self) -> str:
        """For people: `credit-card.credit_card (alter, hoehe) where amount > 1000`."""
        if not self.product:
            return self.expression
        place = f"{self.product}.{self.table}" if self.table else self.product
        columns = f" ({', '.join(self.columns)})" if self.columns else ""
        return f"{place}{columns}{f' where {self.rows}' if self.rows else ''}"

    def fingerprint(self) -> str:
        """The same for the same ask, whatever its end."""
        told = self.model_dump(mode="json", exclude={"until", "persona"})
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def normal_form(
    wish: AccessRequested, *, reader: str, persona: str, purposes: Mapping[str, str] | Collection[str], now: datetime
) -> AccessRequest:
    """The ask behind an event; `reader` and `persona` are what its `reader` stands for.

    Raises AmbiguousRequest, InvalidExpression, UnknownPurpose, UntilInThePast.
    """
    if bool(wish.product) == bool(wish.expression.strip()):
        raise AmbiguousRequest("a request names one product, or one LF-Tag expression", remedy="mesh request --help")
    if wish.expression and (wish.table or wish.columns or wish.rows):
        raise AmbiguousRequest(
            "tables, columns and rows can be requested of a product, not of an expression",
            remedy="request the product, or narrow the expression",
        )
    if wish.permission == "DESCRIBE" and (wish.columns or wish.rows):
        raise AmbiguousRequest(
            "DESCRIBE applies to whole tables", remedy="leave columns and rows out, or request SELECT"
        )
    if wish.purpose not in purposes:
        raise UnknownPurpose(f"unknown purpose {wish.purpose!r}", remedy=f"give one of: {', '.join(sorted(purposes))}")
    if wish.until <= now:
        raise UntilInThePast(
            f"{wish.until.isoformat()} is in the past", until=wish.until.isoformat(), remedy="give a later time"
        )
    tags = Expression.of({PRODUCT: [wish.product]}) if wish.product else parse_expression(wish.expression)
    return AccessRequest(
        product=wish.product or "",
        table=wish.table or "",
        columns=tuple(dict.fromkeys(name.lower() for name in wish.columns)),
        rows=" ".join(wish.rows.split()),
        expression=str(tags),
        reader=reader,
        persona=persona,
        permission=wish.permission,
        purpose=wish.purpose,
        until=wish.until,
    )
