"""Semantic versions (semver.org 2.0.0): a contract's revision, and how it compares with another."""

import re
from typing import Final, Literal, NamedTuple, Self

Bump = Literal["none", "patch", "minor", "major"]
BUMPS: Final[tuple[Bump, ...]] = ("none", "patch", "minor", "major")
_NUMBER: Final = r"(0|[1-9]\d{0,17})"
_LABEL: Final = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION: Final = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_LABEL}(?:\.{_LABEL})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)


class SemanticVersion(NamedTuple):
    """`major.minor.patch[-pre-release]`; build metadata does not count, as the specification says."""

    major: int
    minor: int
    patch: int
    pre_release: str = ""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The version, or `None` for what is none (`1`, `v1.0.0`, `01.0.0`)."""
        match = _VERSION.fullmatch(text)
        return cls(int(match[1]), int(match[2]), int(match[3]), match[4] or "") if match else None

    def follows(self, other: "SemanticVersion") -> bool:
        """Whether it has the higher precedence (rule 11): a pre-release comes before its release."""
        mine, others = (self.major, self.minor, self.patch), (other.major, other.minor, other.patch)
        if mine != others or not (self.pre_release and other.pre_release):
            return (mine, not self.pre_release) > (others, not other.pre_release)
        return _precedence(self.pre_release) > _precedence(other.pre_release)


def bump_between(old: SemanticVersion, new: SemanticVersion) -> Bump:
    """What was raised from `old` to a later `new`.

    Major zero is for initial development (rule 4): there a raised minor stands for a raised major. A pre-release
    promises nothing yet (rule 9): whatever follows it may break.
    """
    if new.major != old.major or (old.pre_release and new != old):
        return "major"
    if new.minor != old.minor:
        return "minor" if new.major else "major"
    return "patch" if new != old else "none"


def raised(version: SemanticVersion, bump: Bump) -> str:
    """The least version that `bump` leads to."""
    if bump == "major":
        return f"{version.major + 1}.0.0" if version.major else f"0.{version.minor + 1}.0"
    if bump == "minor" and version.major:
        return f"{version.major}.{version.minor + 1}.0"
    return f"{version.major}.{version.minor}.{version.patch + 1}"


def _precedence(pre_release: str) -> tuple[tuple[bool, int, str], ...]:
    """Numbers compare as numbers and come before words; with all else equal the longer one is higher."""
    return tuple((False, int(label), "") if label.isdecimal() else (True, 0, label) for label in pre_release.split("."))
