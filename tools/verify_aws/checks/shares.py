"""RAM: how the shares that central's grants made came to the members."""

from contextlib import ExitStack
from typing import Any, Final

from tools.verify_aws.accounts import Account
from tools.verify_aws.checks.registry import REGISTRY, Bench, Seen, not_observable, same_if
from tools.verify_aws.inventory import pages

_WAITED_SECONDS: Final = 300.0
"""prepare-product and accept-share wait so long at least."""
_MOST_INVITATIONS: Final = 2


@REGISTRY.check(
    "RAM associates what is shared after a while, databases and tables apart",
    assumes=f"within {_WAITED_SECONDS:.0f} seconds",
)
def association(bench: Bench, _made: ExitStack) -> Seen:
    found = _associations(bench)
    done = [each for each in found if each["status"] == "ASSOCIATED"]
    if not done:
        return Seen(f"none of {len(found)} associated yet", "differs")
    slowest = max((each["lastUpdatedTime"] - each["creationTime"]).total_seconds() for each in done)
    return same_if(
        slowest <= _WAITED_SECONDS, f"{len(done)} of {len(found)} associated, the slowest in {slowest:.1f} s"
    )


@REGISTRY.check(
    "Outside an organization with RAM sharing each account accepts an invitation, producers too",
    assumes="two tag policies bring one or two invitations: one for each share",
)
def invitations(bench: Bench, _made: ExitStack) -> Seen:
    since = {name: _invitations(bench, bench.accounts[name]) for name in ("producer", "consumer")}
    told = ", ".join(f"{len(found)} to the {name}" for name, found in since.items())
    if not any(since.values()):
        return not_observable("the accounts share within an organization, where nobody is invited")
    return same_if(all(1 <= len(found) <= _MOST_INVITATIONS for found in since.values()), told)


def _associations(bench: Bench) -> list[dict[str, Any]]:
    """Of the shares that central did not have before."""
    known = bench.state["central"].inventory.get("shares", ())
    answers = pages(bench.central, "ram", "get_resource_share_associations", associationType="PRINCIPAL")
    return [
        each
        for page in answers
        for each in page["resourceShareAssociations"]
        if each["status"] != "DISASSOCIATED" and each["resourceShareArn"] not in known
    ]


def _invitations(bench: Bench, account: Account) -> list[dict[str, Any]]:
    """To the shares that there are: RAM still lists those to shares of an earlier run, which are gone."""
    shares = {each["resourceShareArn"] for each in _associations(bench)}
    answers = pages(account, "ram", "get_resource_share_invitations")
    return [each for page in answers for each in page["resourceShareInvitations"] if each["resourceShareArn"] in shares]
