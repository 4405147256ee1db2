"""The client as one object."""

import pytest
from aiohttp import web

from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorRejected
from tests.support.vendor_server import vendor_server


async def test_all_parts_share_one_transport_and_the_session_ends_with_the_block():
    async def page(_: web.Request) -> web.Response:
        return web.json_response({"agents": [{"agent_id": "a"}], "has_more": False})

    async with vendor_server(routes={"GET /v1/convai/agents": page}) as vendor:
        async with ElevenLabsAPIClient(vendor.http_url + "/v1", "sk_one, sk_two,") as client:
            assert [agent.agent_id async for agent in client.agents.list()] == ["a"]
            assert client.key_header == {"xi-api-key": "sk_one"}
            assert client.transport._session is not None
        assert client.transport._session is None
    assert vendor.requests[0][2]["xi-api-key"] == "sk_one"
    parts = [getattr(client, name) for name in client.__slots__ if name != "transport"]
    assert len(parts) == 12
    assert all(part._transport is client.transport for part in parts)


@pytest.mark.parametrize(
    ("base_url", "host", "websocket"),
    [
        ("https://api.elevenlabs.io/", "https://api.elevenlabs.io", "wss://api.elevenlabs.io"),
        ("https://api.elevenlabs.io/v1/", "https://api.elevenlabs.io", "wss://api.elevenlabs.io"),
        ("http://127.0.0.1:5/v1", "http://127.0.0.1:5", "ws://127.0.0.1:5"),
    ],
)
def test_one_base_url_drives_both(base_url: str, host: str, websocket: str):
    client = ElevenLabsAPIClient(base_url)
    assert (client.base_url, client.websocket_url) == (host, websocket)
    assert client.key_header == {}


def test_no_key_is_shown():
    client = ElevenLabsAPIClient(api_keys=("SECRET",))
    assert "SECRET" not in repr(client) + repr(client.transport) + repr(client.transport.keys)
    assert isinstance(client.transport, Transport)


async def test_two_keys_given_as_text_are_two():
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"detail": {"status": "invalid_api_key", "message": "no"}}, status=401)

    async with (
        vendor_server(routes={"GET /v1/convai/agents/a": refuse}) as vendor,
        ElevenLabsAPIClient(vendor.http_url, "sk_one,sk_two") as client,
    ):
        with pytest.raises(VendorRejected, match="every one of the 2 keys"):
            await client.agents.get("a")
    assert [headers["xi-api-key"] for _, _, headers, _ in vendor.requests] == ["sk_one", "sk_two"]
