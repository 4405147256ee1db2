"""Both webhooks over real sockets, with nothing of the bridge behind them."""

import asyncio
import base64
import hashlib
import json
import os
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from ivr_bridge.elevenlabs.webhooks import routes as module
from ivr_bridge.elevenlabs.webhooks.conversation_files import ConversationFiles
from ivr_bridge.elevenlabs.webhooks.routes import INIT_PATH, WEBHOOK_PATH, Introduction, RingingCall, add_routes
from ivr_bridge.telemetry.log import Log
from tests.elevenlabs.signed_webhook import SECRET, recording, signed, transcription, webhook

MEGABYTE = 1024 * 1024
INIT_SECRET = "a secret between us and the agent"
ASKED = {"caller_id": "+15550100001", "agent_id": "agent_1", "called_number": "+15550100002", "call_sid": "CA1"}


@dataclass
class House:
    """A server with both webhooks."""

    client: "TestClient[web.Request, web.Application]"
    files: ConversationFiles
    asked: list[RingingCall]
    came: list[bool] = field(default_factory=list)

    async def post(self, body: bytes, header: str | None = None) -> tuple[int, str]:
        headers = {"ElevenLabs-Signature": signed(body) if header is None else header}
        async with self.client.post(WEBHOOK_PATH, data=body, headers=headers) as response:
            return response.status, await response.text()

    async def ask(self, body: Any = ASKED, secret: str | None = INIT_SECRET) -> ClientResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"X-Ivr-Bridge-Secret": secret} if secret is not None else {}
        response = await self.client.post(INIT_PATH, data=data, headers=headers)
        await response.read()
        return response

    @property
    def names(self) -> list[str]:
        folder = self.files.folder
        return sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


class Callers:
    def __init__(self, asked: list[RingingCall]) -> None:
        self._asked = asked

    def introduce(self, call: RingingCall) -> Introduction:
        self._asked.append(call)
        if call.caller == "bug":
            raise ZeroDivisionError("of ours")
        return Introduction({"number": call.caller, "name": "Ana"}, {"agent": {"language": "es"}}, "main")


@pytest.fixture
def events() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


async def opened(files: ConversationFiles, **given: Any) -> House:
    app = web.Application()
    asked: list[RingingCall] = []
    house = House(TestClient(TestServer(app)), files, asked)
    known = {"secrets": (SECRET,), "init_secret": INIT_SECRET, **given}
    add_routes(app, files=files, came=lambda: house.came.append(True), callers=Callers(asked), log=Log(), **known)
    await house.client.start_server()
    return house


@pytest.fixture
async def house(tmp_path: Path, events: list[Any]) -> AsyncIterator[House]:
    house = await opened(ConversationFiles(tmp_path / "conversations"))
    yield house
    await house.client.close()


# What a conversation was


async def test_what_is_signed_is_kept_and_then_worked_on(house: House, events: list[Any]):
    assert await house.post(transcription()) == (200, "kept")
    assert house.names == ["conv_1.json"]
    assert house.came == [True]
    [event] = events
    assert (event["event"], event["file"], event["outcome"]) == ("conversation.kept", "conv_1.json", "new")
    assert event["bytes"] == len(transcription())


async def test_every_type_is_taken(house: House):
    for body in (recording(b"mp3"), webhook("call_initiation_failure", failure_reason="busy"), webhook("of_tomorrow")):
        assert (await house.post(body))[0] == 200
    assert house.names == [
        "conv_1.call_initiation_failure.json",
        "conv_1.mp3",
        "conv_1.of_tomorrow.json",
        "conv_1.post_call_audio.json",
    ]


async def test_twice_is_200_and_once(house: House, events: list[Any]):
    for _ in range(2):
        assert (await house.post(transcription()))[0] == 200
    assert house.names == ["conv_1.json"]
    assert [event["outcome"] for event in events] == ["new", "repeated"]


async def test_signed_nonsense_is_kept_aside(house: House, events: list[Any]):
    assert (await house.post(b"no json"))[0] == 200
    [name] = house.names
    assert name.startswith("unreadable-")
    assert events == [{"event": "conversation.unreadable", "file": name, "bytes": 7, "log_level": "warning"}]
    assert house.came == []


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (lambda: "", "unsigned"),
        (lambda: "t=1,v1=" + "0" * 64, "unsigned"),
        (lambda: signed(transcription(), at=time.time() - 1802), "too_old"),
        (lambda: signed(transcription(), at=time.time() + 320), "too_far_ahead"),
        (lambda: signed(transcription(), "wsec_other"), "wrong_signature"),
        (lambda: signed(b"another body"), "wrong_signature"),
    ],
    ids=["none", "of_another_scheme", "old", "ahead", "another_secret", "another_body"],
)
async def test_what_is_not_signed_well_is_401_and_not_kept(
    house: House, events: list[Any], header: Callable[[], str], reason: str
):
    assert await house.post(transcription(), header()) == (401, reason)
    assert house.names == []
    assert house.came == []
    assert [(event["event"], event["reason"]) for event in events] == [("webhook.refused", reason)]


async def test_a_clock_that_differs_a_little_is_no_matter(house: House):
    for seconds in (-1750, 250):
        assert (await house.post(transcription(), signed(transcription(), at=time.time() + seconds)))[0] == 200


async def test_while_a_secret_is_rotated_both_are_taken(tmp_path: Path):
    house = await opened(ConversationFiles(tmp_path / "conversations"), secrets=("wsec_new", SECRET))
    try:
        for secret, status in (("wsec_new", 200), (SECRET, 200), ("wsec_old", 401)):
            assert (await house.post(transcription(), signed(transcription(), secret)))[0] == status
    finally:
        await house.client.close()


async def test_without_a_secret_there_is_nothing_here(tmp_path: Path, events: list[Any]):
    house = await opened(ConversationFiles(tmp_path / "conversations"), secrets=(), init_secret=None)
    try:
        for secret in (SECRET, ""):
            assert (await house.post(transcription(), signed(transcription(), secret)))[0] == 404
        assert (await house.ask(secret="")).status == 404
    finally:
        await house.client.close()
    assert house.names == []
    assert events == []


@pytest.mark.parametrize("path", [WEBHOOK_PATH, INIT_PATH])
async def test_other_methods_say_which_one_is_right(house: House, path: str):
    for method in ("GET", "PUT", "DELETE"):
        response = await house.client.request(method, path)
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_too_much_is_413(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_BODY_BYTES", 50)
    assert await house.post(transcription()) == (413, "huge_body")
    assert house.names == []


async def begun(house: House, body: bytes, piece: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a well signed request has begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.client.port)
    head = (
        f"POST {WEBHOOK_PATH} HTTP/1.1",
        "Host: x",
        f"Content-Length: {len(body)}",
        f"ElevenLabs-Signature: {signed(body)}",
    )
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + piece)
    await writer.drain()
    return reader, writer


async def test_too_many_at_once_are_sent_away(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BODIES_AT_ONCE", 1)
    body = transcription()
    _, writer = await begun(house, body, body[:10])
    async with asyncio.timeout(20):
        while (answer := await house.post(webhook("of_tomorrow"))) != (503, "too_many_at_once"):
            assert answer == (200, "kept")
    writer.write(body[10:])
    async with asyncio.timeout(20):
        while (await house.post(webhook("of_tomorrow")))[0] != 200:
            await asyncio.sleep(0.01)
    writer.close()
    assert "conv_1.json" in house.names


async def test_a_sender_that_goes_away_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BODIES_AT_ONCE", 1)
    body = recording(bytes(3 * MEGABYTE))
    _, writer = await begun(house, body, body[: 2 * MEGABYTE])
    async with asyncio.timeout(20):
        while await house.post(transcription()) != (503, "too_many_at_once"):
            await asyncio.sleep(0.01)
        writer.close()
        while (await house.post(transcription()))[0] != 200:
            await asyncio.sleep(0.01)
    assert house.names == ["conv_1.json"]


async def test_a_full_disk_is_503_so_that_it_comes_again(
    house: House, events: list[Any], monkeypatch: pytest.MonkeyPatch
):
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert await house.post(transcription()) == (503, "not_kept")
    assert house.names == []
    assert house.came == []
    [event] = events
    assert (event["event"], event["error"]) == ("conversation.unkept", "[Errno 28] No space left on device")
    assert (await house.post(transcription()))[0] == 200


async def test_a_bug_of_ours_is_logged_and_it_comes_again(
    house: House, events: list[Any], monkeypatch: pytest.MonkeyPatch
):
    async def keep(_body: Any) -> None:
        raise ZeroDivisionError("of ours")

    with monkeypatch.context() as patched:
        patched.setattr(house.files, "keep", keep)
        status, text = await house.post(transcription())
    assert status == 500
    assert "of ours" not in text
    assert [(event["event"], event["path"]) for event in events] == [("request.failed", WEBHOOK_PATH)]
    assert (await house.post(transcription()))[0] == 200


async def test_a_folder_that_cannot_be_made_is_503(tmp_path: Path):
    (tmp_path / "stone").write_text("")
    house = await opened(ConversationFiles(tmp_path / "stone" / "conversations"))
    try:
        assert await house.post(transcription()) == (503, "not_kept")
    finally:
        await house.client.close()


async def test_a_body_of_100_megabytes_is_never_in_memory(house: House):
    block = os.urandom(3 * MEGABYTE // 4)
    text = base64.b64encode(block)
    pieces = [b'{"type":"post_call_audio","data":{"conversation_id":"conv_1","full_audio":"', *[text] * 100, b'"}}']
    code, moment = module.hmac.new(SECRET.encode(), digestmod="sha256"), int(time.time())
    code.update(f"{moment}.".encode())
    for piece in pieces:
        code.update(piece)

    async def sent() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    headers = {"ElevenLabs-Signature": f"t={moment},v0={code.hexdigest()}"}
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        async with house.client.post(WEBHOOK_PATH, data=sent(), headers=headers) as response:
            assert response.status == 200
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert grown < 20 * MEGABYTE
    wanted = hashlib.sha256()
    for _ in range(100):
        wanted.update(block)
    with (house.files.folder / "conv_1.mp3").open("rb") as audio:
        assert hashlib.file_digest(audio, "sha256").digest() == wanted.digest()


# Who is calling


async def test_the_vendor_is_told_of_a_caller(house: House, events: list[Any]):
    response = await house.ask()
    assert (response.status, response.content_type) == (200, "application/json")
    assert await response.json() == {
        "type": "conversation_initiation_client_data",
        "dynamic_variables": {"number": "+15550100001", "name": "Ana"},
        "conversation_config_override": {"agent": {"language": "es"}},
    }
    assert house.asked == [RingingCall("+15550100001", "+15550100002", "CA1", "agent_1")]
    assert events == [
        {
            "event": "caller.introduced",
            "log_level": "info",
            "vendor_call_sid": "CA1",
            "agent_id": "agent_1",
            "flow": "main",
            "variables": ["name", "number"],
            "pii.caller": "+15550100001",
            "pii.called": "+15550100002",
        }
    ]


async def test_what_the_vendor_leaves_out_is_empty(house: House):
    assert (await house.ask({"caller_id": None, "more": 1})).status == 200
    assert house.asked == [RingingCall("", "", "", "")]


@pytest.mark.parametrize("secret", [None, "", "wrong", INIT_SECRET[:-1], INIT_SECRET + "x", "é"])
async def test_a_wrong_secret_is_401(house: House, events: list[Any], secret: str | None):
    assert (await house.ask(secret=secret)).status == 401
    assert house.asked == []
    assert [(event["event"], event["reason"]) for event in events] == [("webhook.refused", "wrong_secret")]


async def test_the_secret_is_compared_in_constant_time(house: House, monkeypatch: pytest.MonkeyPatch):
    compared = []

    def note(shown: bytes, ours: bytes) -> bool:
        compared.append((shown, ours))
        return True

    monkeypatch.setattr(module.hmac, "compare_digest", note)
    assert (await house.ask(secret="anything")).status == 200, "nothing else decides"
    assert compared == [(b"anything", INIT_SECRET.encode())]


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"no json", 400), (b"[]", 400), (b'"x"', 400), (b"{" + b" " * 20000 + b"}", 413)]
)
async def test_what_is_no_question_is_refused(house: House, body: bytes, status: int):
    assert (await house.ask(body)).status == status
    assert house.asked == []


async def test_a_mistake_of_ours_is_logged_and_told_without_its_words(house: House, events: list[Any]):
    response = await house.ask({**ASKED, "caller_id": "bug"})
    assert response.status == 500
    assert "of ours" not in await response.text()
    assert [(event["event"], event["path"]) for event in events] == [("request.failed", INIT_PATH)]


async def test_a_slow_question_is_408(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "INIT_TIMEOUT_S", 0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    headers = {"X-Ivr-Bridge-Secret": INIT_SECRET}
    async with house.client.post(INIT_PATH, data=never(), headers=headers) as response:
        assert response.status == 408
