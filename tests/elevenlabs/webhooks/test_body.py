import io
from typing import Any

import pytest
from aiohttp import StreamReader

from ivr_bridge.elevenlabs.webhooks import body as body_module
from ivr_bridge.elevenlabs.webhooks.body import BodyTooLarge, receive_body
from ivr_bridge.elevenlabs.webhooks.signature import BodyVerifier, read_claim
from tests.elevenlabs.signed_webhook import SECRET, signed


class Content:
    """A request's content: pieces, then the end, an error, or nothing ever again."""

    def __init__(self, *pieces: bytes, then: BaseException | None = None) -> None:
        self._pieces = list(pieces)
        self._then = then

    async def readany(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        if isinstance(self._then, TimeoutError):
            await body_module.asyncio.Event().wait()
        if self._then is not None:
            raise self._then
        return b""


def content(*pieces: bytes, then: BaseException | None = None) -> StreamReader:
    made: Any = Content(*pieces, then=then)
    return made


def verifier(body: bytes) -> BodyVerifier:
    claim = read_claim(signed(body))
    assert claim is not None
    return BodyVerifier(claim, (SECRET,))


async def test_every_byte_goes_into_the_file_and_through_the_verifier(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body_module, "WRITTEN_AT_ONCE", 7)
    pieces = [bytes([n]) * n for n in range(1, 12)]
    body, file = b"".join(pieces), io.BytesIO()
    checked = verifier(body)
    await receive_body(content(*pieces), file, checked)
    assert file.getvalue() == body
    assert checked.genuine()
    assert file.tell() == len(body)


async def test_too_much_is_not_read():
    with pytest.raises(BodyTooLarge):
        await receive_body(content(b"12345", b"67890"), io.BytesIO(), verifier(b""), max_bytes=9)
    await receive_body(content(b"12345", b"67890"), io.BytesIO(), verifier(b""), max_bytes=10)


@pytest.mark.parametrize("limit", ["timeout_s", "piece_timeout_s"])
async def test_too_slow_is_a_time_out(limit: str):
    with pytest.raises(TimeoutError):
        await receive_body(content(b"1", then=TimeoutError()), io.BytesIO(), verifier(b""), **{limit: 0.02})


async def test_what_breaks_off_is_told():
    with pytest.raises(ConnectionResetError):
        await receive_body(content(b"1", then=ConnectionResetError()), io.BytesIO(), verifier(b""))


async def test_a_full_disk_is_told():
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        await receive_body(content(b"1"), Full(), verifier(b"1"))
