"""Lines of JSON."""

from collections.abc import AsyncIterator

import pytest

from ivr_bridge.elevenlabs.rest import json_lines as module
from ivr_bridge.elevenlabs.rest.json_lines import json_lines
from ivr_bridge.errors import VendorFailed


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((), []),
        ((b"\n \r\n",), []),
        ((b'{"a":1}\r\n[2]\n',), [{"a": 1}, [2]]),
        ((b'{"a"', b":1", b"}"), [{"a": 1}]),
        ((b'"x\\ny"\n\n', b"1\n2"), ["x\ny", 1, 2]),
    ],
)
async def test_lines(given: tuple[bytes, ...], found: list[object]):
    assert [line async for line in json_lines(pieces(*given), "GET /x")] == found


async def test_a_line_comes_as_soon_as_it_is_whole():
    async def endless() -> AsyncIterator[bytes]:
        yield b"1\n2"
        raise AssertionError("the second line was not asked for")

    lines = json_lines(endless(), "GET /x")
    assert await anext(lines) == 1
    await lines.aclose()


async def test_no_json_and_no_end(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(VendorFailed, match=r"GET /x: a line is no JSON"):
        _ = [line async for line in json_lines(pieces(b"1\n{"), "GET /x")]
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 10)
    with pytest.raises(VendorFailed, match="longer than 10 bytes"):
        _ = [line async for line in json_lines(pieces(b"x" * 6, b"x" * 6), "GET /x")]
