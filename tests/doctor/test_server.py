from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from ivr_bridge.api import health
from ivr_bridge.doctor.server import auth_tokens, server, signature
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio import webhooks
from tests.doctor.conftest import Scene, finding_of
from tests.twilio.conftest import FakeDesk

TOKEN = "a-token"


@asynccontextmanager
async def bridge(
    *, tokens: tuple[str, ...] = (TOKEN,), base_url: str | None = None, **settings: Any
) -> AsyncIterator[tuple[str, FakeDesk]]:
    """The routes that a running server has for this, on a port."""
    app, desk = web.Application(), FakeDesk()
    served, url = TestServer(app), ""
    webhooks.add_routes(
        app,
        settings=Settings(**settings),
        auth_tokens=lambda: tokens,
        base_url=lambda: base_url or url,
        desk=desk,
        log=Log(),
    )
    health.add_routes(app, dependencies=dict, draining=lambda: False)
    await served.start_server()
    url = f"http://127.0.0.1:{served.port}"
    try:
        yield url, desk
    finally:
        await served.close()


@asynccontextmanager
async def something_else(status: int, text: str) -> AsyncIterator[str]:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    served = TestServer(app)
    await served.start_server()
    try:
        yield f"http://127.0.0.1:{served.port}"
    finally:
        await served.close()


def with_token(**more: Any) -> dict[str, Any]:
    return {"twilio_auth_token": SecretStr(TOKEN), **more}


class TestServerIsReached:
    async def test_ours_answers(self, scene: Scene):
        async with bridge() as (url, _):
            assert (await server(scene.around(url=url))).found == f"{url} answers"
            port = int(url.rpartition(":")[2])
            finding = await server(scene.around(port=port))
        assert finding.ok is True
        assert "for this machine only: PUBLIC_BASE_URL is not set" in finding.found

    async def test_nobody_at_the_public_address(self, scene: Scene, unused_tcp_port: int):
        finding = await finding_of(server, scene.around(public_base_url=f"https://127.0.0.1:{unused_tcp_port}"))
        assert (finding.ok, finding.remedy) == (False, "start what should serve there")

    async def test_no_certificate_at_the_public_address(self, scene: Scene):
        async with bridge() as (url, _):
            finding = await finding_of(server, scene.around(public_base_url=url.replace("http://", "https://")))
        assert finding.ok is False
        assert "certificate" in finding.remedy

    @pytest.mark.parametrize(
        ("status", "text"), [(200, "<html>tunnel"), (502, "Bad gateway"), (200, '{"status":"no"}')]
    )
    async def test_somebody_else_at_the_address(self, scene: Scene, status: int, text: str):
        async with something_else(status, text) as url:
            finding = await server(scene.around(url=url))
        assert finding.ok is False
        assert f"answered {status}" in finding.found

    async def test_on_a_machine_where_nothing_runs_it_is_not_asked(self, scene: Scene, unused_tcp_port: int):
        finding = await finding_of(server, scene.around(port=unused_tcp_port))
        assert finding.ok is None
        assert "ivr-bridge serve" in finding.remedy

    async def test_nobody_at_the_address_that_was_given_is_a_failure(self, scene: Scene, unused_tcp_port: int):
        assert (await finding_of(server, scene.around(url=f"http://127.0.0.1:{unused_tcp_port}"))).ok is False


class TestSignature:
    async def test_both_are_of_one_mind_and_nothing_happens_but_a_line_in_the_log(self, scene: Scene):
        async with bridge() as (url, desk):
            finding = await signature(scene.around(url=url, **with_token()))
        assert (finding.ok, finding.found) == (True, f"signed with our token for {url}: taken; unsigned: refused")
        [(name, call_sid, status, _)] = desk.asked
        assert (name, status) == ("status", "doctor")
        assert call_sid.startswith("CA")

    async def test_the_token_of_this_machine_will_do(self, scene: Scene):
        (scene.var / "twilio_auth_token").write_text(TOKEN + "\n")
        async with bridge() as (url, _):
            assert (await signature(scene.around(url=url))).ok is True

    async def test_each_token_of_a_rotation_is_tried(self, scene: Scene):
        async with bridge() as (url, _):
            finding = await signature(scene.around(url=url, twilio_auth_token=SecretStr(f"{TOKEN},newer")))
        assert finding.ok is False
        assert "signed with token 2 of 2" in finding.found

    async def test_another_token(self, scene: Scene):
        async with bridge(tokens=("another",)) as (url, desk):
            finding = await signature(scene.around(url=url, **with_token()))
        assert finding.ok is False
        assert "TWILIO_AUTH_TOKEN" in finding.remedy
        assert TOKEN not in f"{finding}"
        assert desk.asked == []

    async def test_a_server_that_was_told_another_address(self, scene: Scene):
        async with bridge(base_url="http://127.0.0.1:8080") as (url, _):
            finding = await signature(scene.around(url=url, **with_token()))
        assert finding.found == "the server believes that its public address is http://127.0.0.1:8080"
        assert f"PUBLIC_BASE_URL={url}" in finding.remedy

    async def test_a_server_of_another_account(self, scene: Scene):
        async with bridge(twilio_account_sid="AC-theirs") as (url, _):
            finding = await signature(scene.around(url=url, **with_token(twilio_account_sid="AC-ours")))
        assert (finding.ok, finding.found) == (False, "the server takes another account's calls")

    async def test_something_that_takes_everything(self, scene: Scene):
        async with something_else(200, "fine") as url:
            finding = await signature(scene.around(url=url, **with_token()))
        assert finding.ok is False
        assert "nobody signed" in finding.found

    @pytest.mark.parametrize("status", [404, 502])
    async def test_what_is_no_server_of_ours_is_told_by_its_own_check(self, scene: Scene, status: int):
        async with something_else(status, "who?") as url:
            finding = await finding_of(signature, scene.around(url=url, **with_token()))
        assert (finding.ok, finding.remedy) == (None, "see the check `server`")

    async def test_before_the_first_start_there_is_no_token(self, scene: Scene):
        finding = await finding_of(signature, scene.around())
        assert (finding.ok, finding.found) == (None, "there is no auth token yet")


def test_a_token_file_that_cannot_be_read_is_none(scene: Scene):
    (scene.var / "twilio_auth_token").mkdir()
    assert auth_tokens(scene.around()) == ()
