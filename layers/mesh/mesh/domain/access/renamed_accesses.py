"""Requests and accesses that say old names of LF-Tag values, purposes or personas, by the names that they have now."""

from collections.abc import Mapping
from datetime import date

from mesh.domain.access.policy import Policies
from mesh.domain.access.record import Access, Decided
from mesh.domain.access.request import AccessRequest, AmbiguousRequest, UnknownPurpose
from mesh.domain.events import AccessRequested, ExposedClass
from mesh.domain.governance.expressions import parse_expression
from mesh.domain.governance.ontology import CONFIDENTIALITY, DOMAIN, PII, Ontology, UnknownLFTag
from mesh.domain.governance.renamed_from import NewName
from mesh.domain.governance.renames import expression_of


def request_by_new_names(request: AccessRequested, policies: Policies, today: date) -> AccessRequested:
    """What somebody requests. Raises UnknownPurpose, UnknownLFTag, AmbiguousRequest (of a persona) for an old name that
    may not be written any more."""
    late = _late(policies.renamed_purposes, request.purpose, today)
    if late is not None:
        raise UnknownPurpose(f"unknown purpose {request.purpose!r}", remedy=f"it is called {late}: give that")
    late = _late(policies.personas.renamed, request.reader or "", today)
    if late is not None:
        raise AmbiguousRequest(f"unknown persona {request.reader!r}", remedy=f"it is called {late}: give that")
    expression = request.expression
    for key, values in parse_expression(expression).clauses if expression.strip() else ():
        known = policies.ontology.keys.get(key)
        for value in sorted(values) if known else ():
            if known and (late := _late(known.renamed, value, today)) is not None:
                message = f"the LF-Tag {key!r} has no value {value!r} any more"
                raise UnknownLFTag(message, lf_tag=f"{key}={value}", remedy=f"it is called {late}: give that")
    return request.evolve(
        purpose=_now(policies.renamed_purposes, request.purpose),
        reader=_now(policies.personas.renamed, request.reader) if request.reader else request.reader,
        expression=_expression(expression, policies.ontology) if expression.strip() else expression,
    )


def access_by_new_names(access: Access, policies: Policies) -> Access:
    """The same access; what was granted stays as it is (`renames.widened`)."""
    ontology = policies.ontology
    if not (ontology.renamed or policies.renamed_purposes or policies.personas.renamed):
        return access
    request, decided = asked_by_new_names(access.request, policies), access.decided
    return access.evolve(
        request=request,
        receiver_domains=domains_by_new_names(access.receiver_domains, ontology),
        decided=decided and _decided(decided, ontology),
    )


def asked_by_new_names(request: AccessRequest, policies: Policies) -> AccessRequest:
    """A recorded request."""
    return request.evolve(
        purpose=_now(policies.renamed_purposes, request.purpose),
        persona=_now(policies.personas.renamed, request.persona),
        expression=_expression(request.expression, policies.ontology),
    )


def domains_by_new_names(domains: tuple[str, ...], ontology: Ontology) -> tuple[str, ...]:
    """A member's lines of business."""
    return tuple(ontology.current(DOMAIN, domain) for domain in domains)


def _decided(decided: Decided, ontology: Ontology) -> Decided:
    def named(level: str, pii: str) -> tuple[str, str]:
        return ontology.current(CONFIDENTIALITY, level), ontology.current(PII, pii)

    def shown(each: ExposedClass) -> ExposedClass:
        level, pii = named(each.confidentiality, each.pii)
        return each.evolve(confidentiality=level, pii=pii)

    return decided.evolve(
        exposure=tuple(data.evolve(classes=tuple(map(shown, data.classes))) for data in decided.exposure),
        filtered_by={name: named(*classes) for name, classes in decided.filtered_by.items()},
    )


def _expression(text: str, ontology: Ontology) -> str:
    return str(expression_of(parse_expression(text), lambda key, value: {ontology.current(key, value)}))


def _now(renamed: Mapping[str, NewName], name: str) -> str:
    return renamed[name].name if name in renamed else name


def _late(renamed: Mapping[str, NewName], name: str, today: date) -> str | None:
    """What it is called by now, if people may not write the old name any more."""
    return renamed[name].name if name in renamed and today > renamed[name].until else None
