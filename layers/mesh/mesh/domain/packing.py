"""Long text in events, payloads of states and items: compressed, so that what people write fits where AWS has limits.

An event that starts an execution, and what a state returns, have 262,144 bytes, a message of a topic as many, an item
400 KB. What is longer than PLAIN travels as a data URL (RFC 2397) of its zlib stream (RFC 6713): a contract of 5,000
columns has 350 KB as JSON, and 18 KB so.
"""

import json
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic_core import CoreSchema, core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SerializationInfo, SerializerFunctionWrapHandler

PLAIN: Final = 32 * 1024
"""Bytes of what stays readable as it is."""
MOST: Final = 120_000
"""Characters that anything packed may have: half of a state's payload, with room for what is beside it."""
UNPACKED: Final = 32 * 1024 * 1024
"""Bytes that a packed text may unfold to; text of people that is packed has less."""
_PREFIX: Final = "data:application/zlib;base64,"
_SAYS: Final = f"Longer than {PLAIN} bytes: a data URL, {_PREFIX}…, of the zlib stream of the text or JSON."


def pack(text: str) -> str:
    """The text, or the data URL of a long one."""
    content = text.encode()
    if len(content) <= PLAIN:
        return text
    from base64 import b64encode  # noqa: PLC0415 - most functions never meet anything long

    return _PREFIX + b64encode(compressed(text)).decode()


def compressed(text: str) -> bytes:
    """Its zlib stream."""
    import zlib  # noqa: PLC0415 - see `pack`

    return zlib.compress(text.encode())


def unpack(value: Any) -> Any:  # noqa: ANN401 - what is no data URL is left to the field's own check
    """The text again. Raises ValueError for what is damaged, or unfolds to more than UNPACKED bytes."""
    if not isinstance(value, str) or not value.startswith(_PREFIX):
        return value
    import zlib  # noqa: PLC0415 - see `pack`
    from base64 import b64decode  # noqa: PLC0415

    stream = zlib.decompressobj()
    try:
        content = stream.decompress(b64decode(value.removeprefix(_PREFIX), validate=True), UNPACKED)
    except zlib.error as damaged:
        raise ValueError(f"no zlib stream: {damaged}") from damaged
    if not stream.eof:
        raise ValueError(f"incomplete, or more than {UNPACKED} bytes unpacked")
    return content.decode()


def fits(text: str) -> bool:
    """Whether it may be packed: a text that is refused here would be stuck in the middle of its way."""
    return len(text.encode()) <= UNPACKED and len(pack(text)) <= MOST


def pack_object[Value: Any](value: Value) -> Value | str:
    """The value, or the data URL of a long one's JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    packed = pack(text)
    return value if packed is text else packed


def unpack_object(value: Any) -> Any:  # noqa: ANN401 - see `unpack`
    """The value again. Raises ValueError."""
    text = unpack(value)
    return value if text is value else json.loads(text)


class Packed:
    """Marks a model's field that may be long: it is packed when the model becomes JSON, and unpacked when that is
    read. `READABLE`, as the context of a dump, leaves it as it is: for people and their programs."""

    READABLE: Final = "readable"

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> CoreSchema:  # noqa: ANN401
        """Around the field's own schema."""
        inner = handler(source)
        packing = core_schema.wrap_serializer_function_ser_schema(
            _packing, info_arg=True, schema=inner, when_used="json"
        )
        return core_schema.no_info_before_validator_function(unpack_object, inner, serialization=packing)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: "GetJsonSchemaHandler") -> dict[str, Any]:
        """The field's own, or a data URL."""
        return {"anyOf": [handler(schema), {"type": "string", "pattern": f"^{_PREFIX}", "description": _SAYS}]}


class _PackedText(Packed):
    """The same for text, which is no JSON."""

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> CoreSchema:  # noqa: ANN401
        packing = core_schema.plain_serializer_function_ser_schema(pack, when_used="json")
        return core_schema.no_info_before_validator_function(unpack, handler(source), serialization=packing)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: "GetJsonSchemaHandler") -> dict[str, Any]:
        return {**handler(schema), "description": _SAYS}


def _packing(value: Any, handler: "SerializerFunctionWrapHandler", info: "SerializationInfo") -> Any:  # noqa: ANN401
    plain = handler(value)
    return plain if info.context == Packed.READABLE else pack_object(plain)


PackedText = Annotated[str, _PackedText()]
PackedObject = Annotated[dict[str, Any], Packed()]
