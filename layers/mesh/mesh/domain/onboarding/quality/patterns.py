"""Regular expressions: which of a contract's the engine can evaluate, and those of the formats that have a name.

Contracts write ECMA-262; DuckDB has RE2, which knows no look-around and no back references, as both may take
exponential time.
"""

import re
from typing import Final

_BEYOND_RE2: Final = (
    (re.compile(r"(?<!\\)(?:\\\\)*\(\?<?[=!]"), "look-around"),
    (re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]"), "back references"),
    (re.compile(r"(?<!\\)(?:\\\\)*\\k<"), "back references"),
    (re.compile(r"(?<!\\)(?:\\\\)*\(\?>"), "atomic groups"),
    (re.compile(r"(?<!\\)(?:\\\\)*[*+?}]\+"), "possessive quantifiers"),
    (re.compile(r"(?<!\\)(?:\\\\)*\\u[0-9A-Fa-f{]"), r"\u escapes"),
)
_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_GROUP: Final = "[0-9A-Fa-f]{1,4}"
FORMATS: Final = {
    "email": r"^[^@\s,;]{1,64}@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,24}$",
    "uuid": "^[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s]+$",
    "hostname": rf"^{_LABEL}(?:\.{_LABEL})*$",
    "ipv4": rf"^{_OCTET}(?:\.{_OCTET}){{3}}$",
    "ipv6": f"^(?:(?:{_GROUP}:){{7}}{_GROUP}|(?:{_GROUP}:){{1,7}}:|:(?::{_GROUP}){{1,7}}|::"
    + "".join(f"|(?:{_GROUP}:){{1,{left}}}(?::{_GROUP}){{1,{7 - left}}}" for left in range(1, 7))
    + ")$",
}
"""Of `logicalTypeOptions.format`, what a text can be held to."""
INTEGER_FORMATS: Final = {
    **{f"i{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64, 128)},
    **{f"u{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64, 128)},
}


def beyond_re2(pattern: str) -> str:
    """What of the pattern RE2 cannot do, in words; "" where nothing is known against it."""
    return next((what for found, what in _BEYOND_RE2 if found.search(pattern)), "")
