import io

from aiohttp import FormData

from ivr_bridge.simulator.service.door import is_socket
from ivr_bridge.simulator.service.request_log import FormFile
from tests.simulator.service.asker import CLIENT_TOOL, asking


async def test_every_rest_request_is_noted_whole_and_shown_without_values():
    async with asking() as asker:
        await asker.good("GET", "/v1/convai/agents?tags=a&tags=b", headers={"X-Extra": "1"})
        await asker.good("POST", "/v1/convai/tools", {"tool_config": CLIENT_TOOL})
        form = FormData()
        form.add_field("file", b"\x00\xff", filename="a.bin", content_type="application/octet-stream")
        form.add_field("name", "n")
        await asker.good("POST", "/v1/convai/knowledge-base/file", data=form)
        await asker.ask("GET", "/v1/convai/agents/x")
        first, second, third, fourth = asker.log.calls
        assert (first.query, first.key, first.status) == ((("tags", "a"), ("tags", "b")), "k", 200)
        assert {"x-extra", "xi-api-key"} <= set(first.headers)
        assert second.json == {"tool_config": CLIENT_TOOL}
        assert third.form == {"file": FormFile("a.bin", "application/octet-stream", b"\x00\xff"), "name": "n"}
        assert (fourth.operation, fourth.status) == ("GET /v1/convai/agents/{agent_id}", 404)
        assert asker.log.counts["POST /v1/convai/tools"] == 1
        shown = await asker.good("GET", "/sandbox/log")
        assert set(shown) == {"requests", "conversations", "webhooks"}
        assert "lookup" not in str(shown)


async def test_a_body_that_is_too_long_is_refused():
    async with asking() as asker:
        body = io.BytesIO(bytes(65 * 2**20))
        status, _ = await asker.ask("POST", "/v1/convai/knowledge-base/text", data=body)
        assert status == 413
        assert asker.log.calls == []


async def test_an_outage_beats_all():
    async with asking(fault="outage") as asker:
        assert (await asker.ask("GET", "/v1/models"))[0] == 503


def test_sockets():
    assert is_socket("/v1/convai/conversation")
    assert is_socket("/v1/text-to-speech/x/multi-stream-input")
    assert not is_socket("/v1/text-to-speech/x/stream")
    assert not is_socket("/v1/convai/conversations")
