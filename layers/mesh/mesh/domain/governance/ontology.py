"""The mesh's LF-Tags (governance/ontology.yaml): their model and Lake Formation's limits."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from pydantic import Field, ValidationError, field_validator, model_validator

from mesh.domain.errors import Rejected
from mesh.domain.governance.renamed_from import NewName, RenamedFrom, new_names, rename_faults
from mesh.domain.model import Model

DOMAIN: Final = "domain"
PRODUCT: Final = "product"
CONFIDENTIALITY: Final = "confidentiality"
PII: Final = "pii"
PUBLICATION: Final = "publication"
PENDING: Final = "pending"
PUBLISHED: Final = "published"
RESERVED: Final = {PUBLICATION: (PENDING, PUBLISHED)}
"""The mesh's own: databases are `pending`, columns `published` once central has tagged them. Only Meshwork sets it."""
MAX_CHARACTERS: Final = 50
MAX_VALUES: Final = 1000
MAX_KEYS: Final = 50


class OntologyInvalid(Rejected):
    """The LF-Tag ontology is invalid, or exceeds Lake Formation's limits."""


class UnknownLFTag(Rejected):
    """A contract uses an LF-Tag key or value that the ontology lacks."""


class TagValue(Model):
    """One value. `implies` holds, for other ordered keys, the least value that goes with this one; `renamed_from` its
    old names."""

    meaning: str = Field(min_length=1)
    implies: dict[str, str] = Field(default_factory=dict)
    renamed_from: RenamedFrom = Field(default_factory=dict)


class TagKey(Model):
    """One key. `ordered`: values run from the least to the most restrictive. `open`: products are added to it."""

    meaning: str = Field(min_length=1)
    values: dict[str, TagValue] = Field(default_factory=dict)
    ordered: bool = False
    open: bool = False
    default: str | None = None

    @field_validator("values", mode="before")
    @classmethod
    def _short_form(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        return {name: {"meaning": value} if isinstance(value, str) else value for name, value in values.items()}

    @model_validator(mode="after")
    def _consistent(self) -> "TagKey":
        if not self.values and not self.open:
            raise ValueError("a key needs values, or open: true")
        if self.default is not None and self.default not in self.values:
            hint = f"; it is called {self.renamed[self.default].name} by now" if self.default in self.renamed else ""
            raise ValueError(f"the default {self.default!r} is not one of its values{hint}")
        return self

    @property
    def old_names(self) -> dict[str, RenamedFrom]:
        """Value → its old names."""
        return {name: value.renamed_from for name, value in self.values.items()}

    @property
    def renamed(self) -> Mapping[str, NewName]:
        """Old name → value."""
        return self._renamed

    @cached_property
    def _renamed(self) -> dict[str, NewName]:
        return new_names(self.old_names)

    @property
    def most_restrictive(self) -> str:
        """The last value."""
        return list(self.values)[-1]


class Ontology(Model):
    """All keys the mesh owns."""

    keys: dict[str, TagKey]

    def tag_values(self) -> dict[str, tuple[str, ...]]:
        """Key → values, as Lake Formation's `CreateLFTag` takes them (open keys may have none), and the mesh's own."""
        return {**{name: tuple(key.values) for name, key in self.keys.items()}, **RESERVED}

    @property
    def renamed(self) -> Mapping[tuple[str, str], str]:
        """Key and old name of a value → its name."""
        return self._renamed

    @cached_property
    def _renamed(self) -> dict[tuple[str, str], str]:
        return {(key, old): new.name for key, found in self.keys.items() for old, new in found.renamed.items()}

    def current(self, key: str, value: str) -> str:
        """The value's name by now."""
        return self.renamed.get((key, value), value)

    def in_current_names(self, tags: Mapping[str, str]) -> dict[str, str]:
        """The same tags."""
        return {key: self.current(key, value) for key, value in tags.items()}

    def check(self, key: str, value: str, **where: str) -> None:
        """Raises `UnknownLFTag`, naming what exists, for a key or value that no contract may use."""
        known = self.keys.get(key)
        if key in RESERVED or (known is not None and known.open):
            raise UnknownLFTag(
                f"the LF-Tag {key!r} is set by Meshwork itself", lf_tag=f"{key}={value}", known=[],
                remedy=f"Remove {key} from the contract's lfTags.", **where,
            )  # fmt: skip
        if known is None:
            raise UnknownLFTag(
                f"there is no LF-Tag key {key!r}", lf_tag=f"{key}={value}", known=list(self.keys),
                remedy=f"Use one of {', '.join(self.keys)}, or ask the mesh owner for a new key.", **where,
            )  # fmt: skip
        if value in known.renamed:
            now = known.renamed[value].name
            raise UnknownLFTag(
                f"the LF-Tag {key!r} has no value {value!r} any more: it is called {now!r}",
                lf_tag=f"{key}={value}", known=list(known.values), remedy=f"Write {now} in place of {value}.", **where,
            )  # fmt: skip
        if value not in known.values:
            raise UnknownLFTag(
                f"the LF-Tag {key!r} has no value {value!r}", lf_tag=f"{key}={value}", known=list(known.values),
                remedy=f"Use one of {', '.join(known.values)}, or ask the mesh owner for a new value.", **where,
            )  # fmt: skip

    def stricter(self, key: str, left: str | None, right: str | None) -> str | None:
        """The more restrictive of two values of an ordered key; `None` is less than any."""
        order = list(self.keys[key].values)
        given = [value for value in (left, right) if value is not None]
        return max(given, key=order.index) if given else None

    def with_implied(self, tags: Mapping[str, str]) -> dict[str, str]:
        """The tags, with ordered keys lifted to what the values of others imply."""
        lifted = dict(tags)
        for key, value in tags.items():
            tag_value = self.keys[key].values.get(value)
            for other, least in tag_value.implies.items() if tag_value else ():
                lifted[other] = self.stricter(other, lifted.get(other), least) or least
        return lifted


def parse_ontology(document: Mapping[str, Any]) -> Ontology:
    """The ontology of a YAML document. Raises `OntologyInvalid` with each fault (`where["violations"]`)."""
    try:
        ontology = Ontology.model_validate(document, extra="forbid")
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    else:
        faults = [*_limit_faults(ontology), *_rule_faults(ontology)]
        if not faults:
            return ontology
    raise OntologyInvalid(
        f"the ontology is invalid: {faults[0]}", violations=faults[:20], remedy="Correct governance/ontology.yaml."
    )


def _limit_faults(ontology: Ontology) -> list[str]:
    """Lake Formation's limits: it stores lower-case, 50 characters, 1,000 values a key, 50 tags a resource."""
    most = MAX_KEYS - len(RESERVED)
    count = len(ontology.keys)
    faults = [f"{count} keys, Lake Formation assigns at most {most} beside the mesh's own"] * (count > most)
    for name, key in ontology.keys.items():
        if len(key.values) > MAX_VALUES:
            faults.append(f"{name}: {len(key.values)} values, Lake Formation holds at most {MAX_VALUES}")
        faults += [
            f"{name}: {text!r} is not 1 to {MAX_CHARACTERS} lower-case characters"
            for text in (name, *key.values, *key.renamed)
            if not 0 < len(text) <= MAX_CHARACTERS or text != text.lower() or text != text.strip()
        ]
    return faults


def _rule_faults(ontology: Ontology) -> list[str]:
    """The keys that the mesh's own rules depend on."""
    keys = ontology.keys
    faults = [f"the key {name!r} is missing" for name in (DOMAIN, PRODUCT, CONFIDENTIALITY, PII) if name not in keys]
    faults += [f"{name}: the key is the mesh's own" for name in RESERVED if name in keys]
    if PRODUCT in keys and not keys[PRODUCT].open:
        faults.append(f"{PRODUCT}: must be open")
    faults += [f"{name}: must be ordered" for name in (CONFIDENTIALITY, PII) if name in keys and not keys[name].ordered]
    for name, key in keys.items():
        faults += [f"{name}.{value}: {what}" for value, what in rename_faults(key.old_names)]
        if key.open and key.renamed:
            faults.append(f"{name}: values of an open key cannot be renamed")
        for value, tag_value in key.values.items():
            faults += [
                f"{name}.{value}: implies {other}={least}, which is not a value of an ordered key"
                + (f"; it is called {keys[other].renamed[least].name} by now" if _is_old(keys, other, least) else "")
                for other, least in tag_value.implies.items()
                if other not in keys or not keys[other].ordered or least not in keys[other].values
            ]
    return faults


def _is_old(keys: Mapping[str, TagKey], key: str, value: str) -> bool:
    return key in keys and value in keys[key].renamed
