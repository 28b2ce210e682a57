"""A consumer's request: who is to read what, for which purpose, until when. Validated before anything else uses it."""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, Literal

from mesh.domain.errors import Rejected, clipped
from mesh.domain.events import AccessRequested
from mesh.domain.governance.expressions import Expression, parse_expression
from mesh.domain.governance.ontology import PRODUCT
from mesh.domain.model import Model

_MOST_SHOWN: Final = 2_000


class AmbiguousRequest(Rejected):
    """The request is ambiguous: neither product nor expression, or both, or parts that exclude each other."""


class UnknownPurpose(Rejected):
    """A purpose that `governance/policies.yaml` does not list."""


class UntilInThePast(Rejected):
    """The requested end is in the past."""


class InvalidRowFilter(Rejected):
    """A predicate that Lake Formation does not accept as a row filter."""


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
        """For people: `credit-card.credit_card (alter, hoehe) where amount > 1000`; a long one is cut."""
        return clipped(self._what(), _MOST_SHOWN)

    def _what(self) -> str:
        if not self.product:
            return self.expression
        place = f"{self.product}.{self.table}" if self.table else self.product
        columns = f" ({', '.join(self.columns)})" if self.columns else ""
        return f"{place}{columns}{f' where {self.rows}' if self.rows else ''}"

    def fingerprint(self) -> str:
        """The same for the same request, whatever its end."""
        identity = self.model_dump(mode="json", exclude={"until", "persona"})
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


def normal_form(
    request: AccessRequested, *, reader: str, persona: str, purposes: Mapping[str, str] | Collection[str], now: datetime
) -> AccessRequest:
    """The request in an event; `reader` and `persona` are what its `reader` stands for.

    Raises AmbiguousRequest, InvalidExpression, UnknownPurpose, UntilInThePast.
    """
    if bool(request.product) == bool(request.expression.strip()):
        raise AmbiguousRequest("a request names one product, or one LF-Tag expression", remedy="mesh request --help")
    if request.expression and (request.table or request.columns or request.rows):
        raise AmbiguousRequest(
            "tables, columns and rows can be requested of a product, not of an expression",
            remedy="request the product, or narrow the expression",
        )
    if request.permission == "DESCRIBE" and (request.columns or request.rows):
        raise AmbiguousRequest(
            "DESCRIBE applies to whole tables", remedy="leave columns and rows out, or request SELECT"
        )
    if request.purpose not in purposes:
        raise UnknownPurpose(
            f"unknown purpose {request.purpose!r}", remedy=f"give one of: {', '.join(sorted(purposes))}"
        )
    if request.until <= now:
        raise UntilInThePast(
            f"{request.until.isoformat()} is in the past", until=request.until.isoformat(), remedy="give a later time"
        )
    tags = Expression.of({PRODUCT: [request.product]}) if request.product else parse_expression(request.expression)
    return AccessRequest(
        product=request.product or "",
        table=request.table or "",
        columns=tuple(dict.fromkeys(name.lower() for name in request.columns)),
        rows=" ".join(request.rows.split()),
        expression=str(tags),
        reader=reader,
        persona=persona,
        permission=request.permission,
        purpose=request.purpose,
        until=request.until,
    )
