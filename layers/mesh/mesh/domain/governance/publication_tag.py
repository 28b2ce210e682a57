"""The mesh's own LF-Tag `publication`: how what is asked by LF-Tags is granted, and how it is told to people.

A column is `pending` from the moment a crawl writes it, since it inherits that from its database, and `published` once
central has given it all its other tags. Each grant by an expression on tables wants `published`, so that a new column
is read by nobody on the strength of tags that it merely inherits. People neither ask for the key nor see it.

Lake Formation evaluates an expression column by column, and the value nearest to the column wins; where only some
match, SELECT is of those and DESCRIBE is left of the rest. Source: the Lake Formation developer guide, "Assigning
LF-Tags to Data Catalog resources", "Lake Formation tag-based access control notes and restrictions".
"""

from mesh.domain.governance.expressions import Expression, Tags
from mesh.domain.governance.ontology import PUBLICATION, PUBLISHED


def granted_as(requested: Expression) -> Expression:
    """What is granted on tables for it: the same, of published columns alone."""
    if not requested.clauses:
        return requested  # it matches nothing, and stays so
    return Expression.of({**dict(requested.clauses), PUBLICATION: [PUBLISHED]})


def as_requested(granted: Expression) -> Expression:
    """The expression in the words of those who asked."""
    return Expression(tuple(clause for clause in granted.clauses if clause[0] != PUBLICATION))


def waits(granted: Expression) -> bool:
    """Whether a grant by it leaves out what is not published."""
    return any(key == PUBLICATION and values == {PUBLISHED} for key, values in granted.clauses)


def is_published(tags: Tags) -> bool:
    """Whether central has tagged what has these effective tags. Without the key it has not, and nothing matches it."""
    return tags.get(PUBLICATION) == PUBLISHED


def for_people(tags: Tags) -> dict[str, str]:
    """The tags that contracts, owners and policies speak of."""
    return {key: value for key, value in tags.items() if key != PUBLICATION}
