"""A contract's next revision: its version must reflect the changes."""

from collections.abc import Callable
from typing import Final

from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.contract_diff import diff_contracts
from mesh.domain.contracts.evolution import Change, ContractDiff
from mesh.domain.errors import Rejected
from mesh.domain.semver import SemanticVersion, bump_between, raised

MAX_LISTED: Final = 20


class ContractVersionNotRaised(Rejected):
    """A changed contract with the version of the registered one, or with a lower one."""


class BreakingContractChange(Rejected):
    """The change breaks readers of the registered contract, and the major version is unchanged; or it is a draft."""


def check_revision(registered: Contract, contract: Contract, live_subscribers: Callable[[], int]) -> ContractDiff:
    """The changes from the registered contract to the declared one, if its version reflects them.

    The same contract again is not a change. A registered draft promised nothing: its owner's contract replaces it at
    any version. `live_subscribers` is only used to report a breaking change. Raises ContractVersionNotRaised,
    BreakingContractChange: `where` names the changes (at most 20), both versions and the version needed.
    """
    if registered.draft or _same(registered, contract):
        return ContractDiff(old_version=registered.version, new_version=contract.version)
    diff = diff_contracts(registered, contract)
    old, new = SemanticVersion.parse(registered.version), SemanticVersion.parse(contract.version)
    if old is None or new is None:
        return diff  # without a semantic version there is nothing to compare with
    needed = raised(old, diff.bump)
    if not new.follows(old):
        raise ContractVersionNotRaised(
            f"the contract changed ({_listed(diff.changes) or 'its text'}), but {contract.version} does not follow the "
            f"registered {registered.version}",
            remedy=f"Set version: {needed}, or a later one.",
            **_where(registered, contract, diff.changes, needed),
        )
    if diff.breaking and bump_between(old, new) != "major":
        readers = live_subscribers()
        raise BreakingContractChange(
            f"{_listed(diff.breaking)}: breaks readers of {registered.version}, of whom {readers} are subscribed",
            remedy=f"Set version: {needed}, or keep what {registered.version} promises.",
            subscribers=readers,
            **_where(registered, contract, diff.breaking, needed),
        )
    return diff


def require_no_draft(registered: Contract, contract: Contract) -> None:
    """A draft replaces drafts alone. What came after it would break promises without notice, since it is compared with
    nothing; and loosen by silence what the contract before stated. Raises BreakingContractChange."""
    if contract.draft and not registered.draft:
        raise BreakingContractChange(
            f"it is a draft, which promises nothing, and {registered.version} is registered",
            remedy="Set another status than draft.",
            registered=registered.version,
            declared=contract.version,
        )


def _same(registered: Contract, contract: Contract) -> bool:
    """By the document's digest; without one, by its version."""
    return registered.digest == contract.digest if registered.digest else registered.version == contract.version


def _listed(changes: tuple[Change, ...]) -> str:
    more = f"; and {len(changes) - 3} more" if len(changes) > 3 else ""
    return "; ".join(change.text for change in changes[:3]) + more


def _where(
    registered: Contract, contract: Contract, changes: tuple[Change, ...], needed: str
) -> dict[str, str | list[str]]:
    return {
        "registered": registered.version,
        "declared": contract.version,
        "needed": needed,
        "changes": [change.text for change in changes[:MAX_LISTED]],
    }
