"""Random states of a catalog, for the product's evaluator and its two judges: a naive oracle and the emulator."""

from hypothesis import strategies as st
from mesh.domain.governance.catalog_snapshot import (
    IAM_ALLOWED_PRINCIPALS,
    CatalogSnapshot,
    ColumnsGrant,
    Database,
    Grant,
    PolicyGrant,
    Principal,
    Table,
    TableGrant,
)
from mesh.domain.governance.expressions import Expression

CENTRAL, CONSUMER = "111111111111", "333333333333"
COLUMNS = ("a", "b", "c")
TABLES = ("t1", "t2")
DATABASES = ("d1", "d2")
KEYS = ("k1", "k2")
VALUES = ("v1", "v2", "v3")
STEWARD = f"arn:aws:iam::{CENTRAL}:role/steward"
ANALYST = f"arn:aws:iam::{CONSUMER}:role/analyst"
READERS = (
    Principal(STEWARD, CENTRAL),
    Principal(ANALYST, CONSUMER),
    Principal(ANALYST, CONSUMER, admin=True),
    Principal(CONSUMER, CONSUMER),
)

tags = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
permissions = st.frozensets(st.sampled_from(["SELECT", "DESCRIBE", "ALTER"]), min_size=1)
expressions = st.dictionaries(
    st.sampled_from(KEYS), st.frozensets(st.sampled_from([*VALUES, "*"]), min_size=1), min_size=1
).map(Expression.of)
databases_named, tables_named = st.sampled_from(DATABASES), st.sampled_from(TABLES)
some_columns = st.frozensets(st.sampled_from(COLUMNS), min_size=1)


@st.composite
def grants(draw):
    """One grant, with the grantors that Lake Formation can have: the catalog's account, or the receiver's."""
    principal = draw(st.sampled_from([STEWARD, ANALYST, CONSUMER, IAM_ALLOWED_PRINCIPALS]))
    own = principal == ANALYST and draw(st.booleans())
    resource = draw(
        st.one_of(
            st.builds(PolicyGrant, st.just("TABLE"), expressions),
            st.builds(PolicyGrant, st.just("DATABASE"), expressions),
            st.builds(TableGrant, databases_named, st.sampled_from(["", *TABLES])),
            st.builds(ColumnsGrant, databases_named, tables_named, some_columns),
            st.builds(ColumnsGrant, databases_named, tables_named, st.none(), some_columns),
        )
    )
    named_columns = isinstance(resource, ColumnsGrant)
    held = frozenset({"SELECT"}) if named_columns else draw(permissions)
    passed = draw(st.frozensets(st.sampled_from(sorted(held))))
    return Grant(principal, resource, held, passed, CONSUMER if own else CENTRAL)


@st.composite
def lakes(draw):
    """Two databases of two tables of three columns, tagged and granted at random."""
    databases = {
        name: Database(
            name,
            draw(tags),
            {
                table: Table(name, table, COLUMNS, draw(tags), draw(st.dictionaries(st.sampled_from(COLUMNS), tags)))
                for table in TABLES
            },
        )
        for name in DATABASES
    }
    given = draw(st.lists(grants(), max_size=8))
    merged = {(grant.principal, grant.resource): grant for grant in given}
    admins = draw(st.frozensets(st.just(STEWARD)))
    shares = {CONSUMER: draw(st.sampled_from(["accepted", "accepted", "pending"]))}
    return CatalogSnapshot(CENTRAL, databases, tuple(merged.values()), admins, shares=shares)
