"""Long text travels compressed, and is the same text at the other end."""

import zlib
from base64 import b64encode

import pytest
from mesh.domain.events import Event, MalformedEvent, ProductDeclared, read_event
from mesh.domain.packing import MOST, PLAIN, UNPACKED, fits, pack, pack_object, unpack, unpack_object

from tests.builders import BUCKET, PRODUCT, an_envelope

LONG = "é" * PLAIN


def test_what_is_short_stays_readable():
    assert pack("a" * PLAIN) == "a" * PLAIN
    assert pack_object({"a": 1}) == {"a": 1}


def test_what_is_long_is_compressed_and_comes_back():
    assert len(pack(LONG)) < 1000
    assert unpack(pack(LONG)) == LONG
    packed = pack_object({"a": LONG})
    assert isinstance(packed, str)
    assert unpack_object(packed) == {"a": LONG}


def test_an_event_carries_it_packed_and_is_read_as_it_was():
    declared = ProductDeclared(product=PRODUCT, bucket=BUCKET, key="k", contract=LONG)
    sent = Event[ProductDeclared](data=declared).model_dump_json()
    assert len(sent) < 2000
    assert Event[ProductDeclared].model_validate_json(sent).data == declared


@pytest.mark.parametrize(
    "damaged",
    [
        b64encode(zlib.compress(b"a" * (UNPACKED + 1))).decode(),
        b64encode(zlib.compress(LONG.encode())[:-4]).decode(),
        b64encode(b"no stream").decode(),
        b64encode(zlib.compress(b"\xff")).decode(),
        "no base64!",
    ],
)
def test_what_is_damaged_or_unfolds_without_end_is_malformed(damaged):
    data = {"product": PRODUCT, "bucket": BUCKET, "key": "k", "contract": f"data:application/zlib;base64,{damaged}"}
    with pytest.raises(MalformedEvent, match="contract"):
        read_event(ProductDeclared, an_envelope(data, "ProductDeclared"))


def test_what_does_not_fit_is_known_before_it_travels():
    noise = "".join(f"{zlib.crc32(b'%d' % n):x}" for n in range(40_000))
    assert len(pack(noise)) > MOST
    assert not fits(noise)
    assert not fits("a" * (UNPACKED + 1))
    assert fits(LONG)
