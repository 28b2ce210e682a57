"""Which accounts are admitted when their own stacks ask (governance/members.yaml); all others wait for the owner."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from mesh.domain.errors import Rejected
from mesh.domain.events import AccountId
from mesh.domain.membership.members import Role
from mesh.domain.model import Model


class MembersInvalid(Rejected):
    """`governance/members.yaml` is invalid; `where["violations"]` lists up to 20 faults."""


class AdmissionRule(Model):
    """Accounts (`any`: whoever may put events on central's bus), and the roles and domains that they may ask for."""

    accounts: Literal["any"] | tuple[AccountId, ...] = Field(min_length=1)
    roles: tuple[Role, ...] = Field(min_length=1)
    domains: tuple[str, ...] = Field(min_length=1)

    def covers(self, account: str, role: Role, domains: Collection[str]) -> bool:
        """Whether it admits the account with that role and all those domains."""
        named = self.accounts == "any" or account in self.accounts
        return named and role in self.roles and set(domains) <= set(self.domains)


class SelfAdmission(Model):
    """All rules: none admits nobody."""

    admit: tuple[AdmissionRule, ...]

    def covers(self, account: str, role: Role, domains: Collection[str]) -> bool:
        """Whether one rule covers all that the account asks for."""
        return any(rule.covers(account, role, domains) for rule in self.admit)


def parse_self_admission(document: Mapping[str, Any], domains: Collection[str]) -> SelfAdmission:
    """The rules of a YAML document, `{admit: [{accounts, roles, domains}]}`. Raises MembersInvalid."""
    try:
        found = SelfAdmission.model_validate(document, extra="forbid")
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    else:
        unknown = [domain for rule in found.admit for domain in rule.domains if domain not in domains]
        faults = [f"there is no domain {domain!r} in the ontology" for domain in unknown]
        if not faults:
            return found
    raise MembersInvalid(
        f"the members are invalid: {faults[0]}", violations=faults[:20], remedy="Correct governance/members.yaml."
    )
