import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.dialects import legacy
from ivr_bridge.elevenlabs.conversation.dialling import AgentDialler, _is_vendors, wire_of
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import AgentRefused, AgentUnreachable, AudioFormatError
from ivr_bridge.settings import BridgeConfig
from ivr_bridge.telemetry.log import Log
from tests.support.vendor_server import Vendor, vendor_server

SIGNED = "/v1/convai/conversation/get-signed-url"
QUERY = "?agent_id=agent_1&conversation_signature=cvtkn%2Fab%2Bc%3D%3D"


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


async def _listen(vendor: Vendor, ws: web.WebSocketResponse) -> None:
    await vendor.begin(ws)
    await vendor.read_all(ws)


def _signs(url: str | None = None) -> dict[str, Any]:
    async def sign(request: web.Request) -> web.Response:
        return web.json_response({"signed_url": url or f"ws://{request.host}/v1/convai/conversation{QUERY}"})

    return {f"GET {SIGNED}": sign}


def _fails(status: int, detail: object) -> dict[str, Any]:
    async def fail(_: web.Request) -> web.Response:
        return web.json_response({"detail": detail}, status=status)

    return {f"GET {SIGNED}": fail}


async def _dial(vendor: Vendor, agent_id: str = "agent_1", **given: Any) -> Any:
    rest = ElevenLabsAPIClient(vendor.http_url, "SECRET")
    how = {
        key: given.pop(key)
        for key in ("auth", "dialect", "overrides", "open_timeout_s", "metadata_timeout_s")
        if key in given
    }
    try:
        return await AgentDialler(rest, agent_id, log=Log(), **how).dial(**given)
    finally:
        await rest.close()


async def test_a_signed_url_is_fetched_with_the_key_and_opened_byte_for_byte(logs: list[Any]):
    async with vendor_server(_listen, _signs()) as vendor:
        conversation = await _dial(vendor, dynamic_variables={"caller": "x"})
        (_, asked, asked_headers, _), (_, opened, opened_headers, _) = vendor.requests
        assert asked == f"{SIGNED}?agent_id=agent_1"
        assert asked_headers["xi-api-key"] == "SECRET"
        assert opened == "/v1/convai/conversation" + QUERY
        assert "xi-api-key" not in opened_headers
        await conversation.close()
    assert [line["event"] for line in logs] == ["agent.dialled", "agent.connected"]
    assert logs[1]["conversation_id"] == "conv_1"
    assert (logs[1]["input_format"], logs[1]["output_format"]) == ("ulaw_8000", "ulaw_8000")
    assert logs[1]["ms"] > 0
    assert "SECRET" not in str(logs)
    assert "cvtkn" not in str(logs)


async def test_pitfall_2_a_signed_url_for_each_conversation(logs: list[Any]):
    async with vendor_server(_listen, _signs()) as vendor:
        for _ in range(2):
            await (await _dial(vendor)).close()
        assert [path.split("?")[0] for _, path, _, _ in vendor.requests] == [SIGNED, "/v1/convai/conversation"] * 2


@pytest.mark.parametrize(("auth", "key"), [("public", None), ("header", "SECRET")])
async def test_without_a_signed_url_the_id_goes_into_the_address_and_the_key_never(
    logs: list[Any], auth: str, key: str | None
):
    async with vendor_server(_listen) as vendor:
        conversation = await _dial(vendor, agent_id="agent/1&x", auth=auth)
        ((_, path, headers, _),) = vendor.requests
        assert path == "/v1/convai/conversation?agent_id=agent%2F1%26x"
        assert headers.get("xi-api-key") == key
        await conversation.close()


async def test_a_first_message_is_merged_into_the_overrides_and_changes_them_for_one_call_only(logs: list[Any]):
    overrides = {"agent": {"language": "es"}, "tts": {"speed": 1.1}}
    async with vendor_server(_listen) as vendor:
        rest = ElevenLabsAPIClient(vendor.http_url, "")
        dialler = AgentDialler(rest, "a", log=Log(), auth="public", overrides=overrides)
        await (await dialler.dial(first_message="Hola", user_id="u")).close()
        await (await dialler.dial()).close()
        assert [message.get("conversation_config_override") for message in vendor.received] == [
            {"agent": {"language": "es", "first_message": "Hola"}, "tts": {"speed": 1.1}},
            overrides,
        ]
        assert vendor.received[0]["user_id"] == "u"
        await (await AgentDialler(rest, "a", log=Log(), auth="public").dial()).close()
        assert "conversation_config_override" not in vendor.received[2]


@pytest.mark.parametrize(
    ("status", "detail", "error"),
    [
        (401, {"status": "invalid_api_key", "message": "no"}, AgentRefused),
        (404, {"status": "agent_not_found", "message": "no"}, AgentRefused),
        (429, {"code": "concurrent_limit_exceeded", "message": "no"}, AgentUnreachable),
        (503, "down", AgentUnreachable),
    ],
)
async def test_no_signed_url_is_told_by_whose_fault_it_is(logs, status: int, detail: Any, error: type[Exception]):
    async with vendor_server(_listen, _fails(status, detail)) as vendor:
        with pytest.raises(error, match=f"HTTP {status}") as failed:
            await _dial(vendor)
        assert failed.value.__cause__ is not None
        assert len(vendor.requests) == 1
    dialled, unreached = (line for line in logs if line["event"].startswith("agent."))
    assert (dialled["event"], unreached["event"]) == ("agent.dialled", "agent.unreached")
    assert unreached["code"] == failed.value.code
    assert "SECRET" not in str(logs)


@pytest.mark.parametrize(
    "url", ["wss://evil.example/x?sig=cvtkn", "http://127.0.0.1/", "", "ws://127.0.0.1:1/x", "ws://[bad", 5]
)
async def test_a_signed_url_that_leads_elsewhere_is_not_opened(logs: list[Any], url: Any):
    async with vendor_server(_listen, _signs(url) if url else _signs(" ")) as vendor:
        with pytest.raises((AgentRefused, AgentUnreachable)) as refused:
            await _dial(vendor)
        assert "cvtkn" not in str(refused.value)
        assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("url", "base", "ok"),
    [
        ("wss://api.elevenlabs.io/x?s=1", "wss://api.elevenlabs.io", True),
        ("wss://api.eu.residency.elevenlabs.io/x", "wss://api.elevenlabs.io", True),
        ("ws://api.elevenlabs.io/x", "wss://api.elevenlabs.io", False),
        ("wss://elevenlabs.io.evil.example/x", "wss://api.elevenlabs.io", False),
        ("wss://evilelevenlabs.io/x", "wss://api.elevenlabs.io", False),
        ("wss://user@evil.example/.elevenlabs.io", "wss://api.elevenlabs.io", False),
        ("ws://127.0.0.1:5000/x", "ws://127.0.0.1:5000", True),
        ("ws://127.0.0.1:5001/x", "ws://127.0.0.1:5000", False),
        ("ws://127.0.0.1:port/x", "ws://127.0.0.1:5000", False),
    ],
)
def test_whose_host_a_signed_url_names(url: str, base: str, ok: bool):
    assert _is_vendors(url, base) is ok


async def test_a_time_limit_on_the_signed_url(logs: list[Any]):
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with vendor_server(_listen, {f"GET {SIGNED}": hang}) as vendor:
        with pytest.raises(AgentUnreachable, match=r"no answer in 0\.1 s"):
            await _dial(vendor, open_timeout_s=0.1)


async def test_an_unspeakable_format_is_logged_and_raised(logs: list[Any]):
    async def announces(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws, user_input_audio_format="opus_1")
        await vendor.read_all(ws)

    async with vendor_server(announces, _signs()) as vendor:
        with pytest.raises(AudioFormatError):
            await _dial(vendor)
    assert logs[-1]["event"] == "agent.unreached"
    assert logs[-1]["code"] == "audio_format_error"


async def test_the_calls_own_log_is_used_when_given(logs: list[Any]):
    async with vendor_server(_listen, _signs()) as vendor:
        await (await _dial(vendor, log=Log().bind(call_sid="CA1"))).close()
    assert {line["call_sid"] for line in logs} == {"CA1"}


@pytest.mark.parametrize(
    ("auth", "path", "key"),
    [
        ("header", "/v1/convai/stream?agent_id=agent_1", "SECRET"),
        ("legacy_key_in_url", "/v1/convai/stream?agent_id=agent_1&xi-api-key=SECRET", None),
    ],
)
async def test_the_older_dialect_has_the_key_where_the_operator_wants_it(
    logs: list[Any], auth: str, path: str, key: str | None
):
    async def talks(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.read_all(ws)

    async with vendor_server(talks) as vendor:
        conversation = await _dial(vendor, auth=auth, dialect=legacy(AudioFormat.parse("ulaw_8000")))
        await conversation.close()
        (_, opened, headers, _) = vendor.requests[0]
    assert (opened, headers.get("xi-api-key")) == (path, key)
    assert "SECRET" not in str(logs)


async def test_a_key_in_the_url_is_in_no_error(logs: list[Any]):
    async with vendor_server() as vendor:
        with pytest.raises(AgentRefused) as caught:
            await _dial(vendor, auth="legacy_key_in_url", dialect=legacy(AudioFormat.parse("ulaw_8000")))
    error: BaseException | None = caught.value
    while error is not None:
        assert "SECRET" not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__
    assert "SECRET" not in str(logs)
    rest = ElevenLabsAPIClient("http://127.0.0.1:9", "SECRET")
    with pytest.raises(AgentUnreachable) as unreached:
        await AgentDialler(rest, "a", log=Log(), auth="legacy_key_in_url").dial()
    assert "SECRET" not in f"{unreached.value!r} {unreached.value.__cause__!r} {logs}"


async def test_a_url_that_the_server_repeats_is_in_no_error(logs: list[Any]):
    async def repeats(request: web.Request) -> web.StreamResponse:
        return web.json_response({"detail": f"there is no {request.raw_path}"}, status=404)

    key = "sk_secret/+012345"
    async with vendor_server(routes={"GET /v1/convai/stream": repeats}) as vendor:
        rest = ElevenLabsAPIClient(vendor.http_url, key)
        older = legacy(AudioFormat.parse("ulaw_8000"))
        with pytest.raises(AgentRefused, match=r"no /v1/convai/stream\?agent_id=a&xi-api-key=<hidden>"):
            await AgentDialler(rest, "a", log=Log(), auth="legacy_key_in_url", dialect=older).dial()
    assert logs
    assert "secret" not in str(logs)


@pytest.mark.parametrize(
    ("config", "auth", "name"),
    [
        ({}, "signed_url", "today"),
        ({"agent_auth": "public"}, "public", "today"),
        ({"agent_dialect": "legacy"}, "header", "legacy"),
        ({"agent_dialect": "legacy", "agent_auth": "public"}, "public", "legacy"),
        ({"agent_dialect": "legacy", "legacy_key_in_url": True}, "legacy_key_in_url", "legacy"),
    ],
)
def test_the_operator_chooses_the_wire(config: dict[str, Any], auth: str, name: str):
    chosen, dialect = wire_of(BridgeConfig(**config))
    assert (chosen, dialect.name) == (auth, name)


def test_the_format_of_the_older_wire_is_agreed_on():
    _, dialect = wire_of(BridgeConfig(agent_dialect="legacy", legacy_audio_format="pcm_16000"))
    (started,) = dialect.codec().opened()
    assert str(getattr(started, "input_format", "")) == "pcm_16000"
