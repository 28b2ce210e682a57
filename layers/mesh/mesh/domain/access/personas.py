"""The personas that read data in a consumer's account (governance/personas.yaml), and the IAM roles they are there."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, ValidationError

from mesh.domain.errors import Rejected
from mesh.domain.events import RoleName
from mesh.domain.governance.renamed_from import NewName, RenamedFrom, new_names, rename_faults
from mesh.domain.model import Model

PersonaName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]


class PersonasInvalid(Rejected):
    """`governance/personas.yaml` is invalid; `where["violations"]` lists up to 20 faults."""


class Persona(Model):
    """What a persona does, and the name of its IAM role in the receiving account."""

    role: RoleName
    meaning: str = Field(min_length=1)
    renamed_from: RenamedFrom = Field(default_factory=dict)


class Personas(Model):
    """All personas of the mesh."""

    personas: dict[PersonaName, Persona] = Field(min_length=1)

    @property
    def old_names(self) -> dict[str, RenamedFrom]:
        """Persona → its old names."""
        return {name: persona.renamed_from for name, persona in self.personas.items()}

    @property
    def renamed(self) -> Mapping[str, NewName]:
        """Old name → persona."""
        return self._renamed

    @cached_property
    def _renamed(self) -> dict[str, NewName]:
        return new_names(self.old_names)

    def role_of(self, reader: str | None) -> tuple[str, str]:
        """What a request's `reader` stands for: role name and persona; `("", "")` is the account as a whole.

        An IAM role may have any name that a persona could have, so a name that is not a persona is always taken for a
        role without a persona. Only the role's own account can check whether it exists, and does (`UnknownRole`).
        IAM compares role names case-insensitively, and so does this; the name is returned as personas.yaml writes it.
        """
        if not reader:
            return "", ""
        reader = self.renamed[reader].name if reader in self.renamed else reader
        if reader in self.personas:
            return self.personas[reader].role, reader
        for name, persona in self.personas.items():
            if persona.role.lower() == reader.lower():
                return persona.role, name
        return reader, ""


def parse_personas(document: Mapping[str, Any]) -> Personas:
    """The personas of a YAML document, `{personas: {name: {role, meaning}}}`. Raises `PersonasInvalid`."""
    try:
        found = Personas.model_validate(document, extra="forbid")
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    else:
        faults = _ambiguities(found)
        if not faults:
            return found
    raise PersonasInvalid(
        f"the personas are invalid: {faults[0]}", violations=faults[:20], remedy="Correct governance/personas.yaml."
    )


def _ambiguities(found: Personas) -> list[str]:
    """A role belongs to one persona, and no role has the name of another persona: otherwise a request is ambiguous."""
    faults, by_role = [f"{name}: {what}" for name, what in rename_faults(found.old_names)], dict[str, str]()
    for name, persona in found.personas.items():
        role = persona.role.lower()
        if role in by_role:
            faults.append(f"{name}.role: {persona.role} is also the role of {by_role[role]}")
        if role in found.personas and role != name:
            faults.append(f"{name}.role: {persona.role} is the name of another persona")
        by_role.setdefault(role, name)
    return faults
