"""Versions in the order that the specification itself gives."""

import itertools

import pytest
from mesh.domain.semver import SemanticVersion, bump_between, raised

# semver.org 2.0.0, rule 11.
ORDERED = (
    "0.9.9 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 "
    "1.0.0 1.0.1 1.9.0 1.10.0 2.0.0-x 2.0.0"
).split()


def parse(text):
    version = SemanticVersion.parse(text)
    assert version is not None, text
    return version


def test_precedence():
    for (i, low), (j, high) in itertools.product(enumerate(ORDERED), repeat=2):
        assert parse(high).follows(parse(low)) is (j > i), (low, high)


def test_build_metadata_does_not_count():
    assert not parse("1.0.0+b2").follows(parse("1.0.0+b1"))


@pytest.mark.parametrize(
    "text", ["1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0 ", "\u0661.0.0", ""]
)
def test_an_unknown_version(text):
    assert SemanticVersion.parse(text) is None


@pytest.mark.parametrize(
    ("old", "new", "bump"),
    [
        ("1.0.0", "2.0.0", "major"), ("1.0.0", "1.1.0", "minor"), ("1.0.0", "1.0.1", "patch"),
        ("0.1.0", "0.2.0", "major"), ("0.1.0", "0.1.1", "patch"), ("0.1.0", "1.0.0", "major"),
        ("2.0.0-rc.1", "2.0.0", "major"), ("1.0.0", "1.0.0", "none"),
    ],
)  # fmt: skip
def test_what_was_raised(old, new, bump):
    assert bump_between(parse(old), parse(new)) == bump


@pytest.mark.parametrize(
    ("version", "bump", "least"),
    [
        ("1.2.3", "major", "2.0.0"), ("1.2.3", "minor", "1.3.0"), ("1.2.3", "patch", "1.2.4"),
        ("0.2.3", "major", "0.3.0"), ("0.2.3", "minor", "0.2.4"),
    ],
)  # fmt: skip
def test_the_least_sufficient_version(version, bump, least):
    assert raised(parse(version), bump) == least
