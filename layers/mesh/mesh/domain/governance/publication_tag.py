"""The mesh's own LF-Tag `publication`: how a requested expression is granted, and how it is shown to people.

A column is `pending` from the moment a crawl writes it, since it inherits that from its database, and `published` once
central has given it all its other tags. Each grant by an expression on tables requires `published`, so that nobody
can read a new column by tags that it merely inherits. People neither request the key nor see it.

Lake Formation evaluates an expression column by column, and the value nearest to the column wins; where only some
match, SELECT is of those and DESCRIBE is left of the rest. Source: the Lake Formation developer guide, "Assigning
LF-Tags to Data Catalog resources", "Lake Formation tag-based access control notes and restrictions".
"""

from mesh.domain.governance.expressions import Expression, Tags
from mesh.domain.governance.ontology import PUBLICATION, PUBLISHED


def granted_as(requested: Expression) -> Expression:
    """The granted expression for tables: the same, limited to published columns."""
    if not requested.clauses:
        return requested  # it matches nothing, and must not match anything
    return Expression.of({**dict(requested.clauses), PUBLICATION: [PUBLISHED]})


def as_requested(granted: Expression) -> Expression:
    """The expression as it was requested."""
    return Expression(tuple(clause for clause in granted.clauses if clause[0] != PUBLICATION))


def waits(granted: Expression) -> bool:
    """Whether a grant by it excludes unpublished columns."""
    return any(key == PUBLICATION and values == {PUBLISHED} for key, values in granted.clauses)


def is_published(tags: Tags) -> bool:
    """Whether a resource with these effective tags is published. Without the key it is not, and no grant matches it."""
    return tags.get(PUBLICATION) == PUBLISHED


def for_people(tags: Tags) -> dict[str, str]:
    """The tags that contracts, owners and policies use."""
    return {key: value for key, value in tags.items() if key != PUBLICATION}
