import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ivr_bridge.doctor.probe import MAX_BODY_BYTES, NoAnswer, Probes
from tests.support.vendor_server import raw_server


async def served(handler) -> TestServer:
    app = web.Application()
    app.router.add_route("*", "/", handler)
    server = TestServer(app)
    await server.start_server()
    return server


async def failure(url: str, timeout_s: float = 2.0) -> NoAnswer:
    probes = Probes(timeout_s=timeout_s)
    with pytest.raises(NoAnswer) as caught:
        await probes.get(url)
    await probes.close()
    return caught.value


async def test_any_status_is_an_answer_and_no_redirect_is_followed():
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}, text="x" * (MAX_BODY_BYTES + 10))

    server, probes = await served(handler), Probes()
    answer = await probes.get(str(server.make_url("/")))
    assert (answer.status, answer.headers["location"]) == (302, "http://127.0.0.1:1/")
    assert 0 < len(answer.body) <= MAX_BODY_BYTES
    assert answer.ms > 0
    await probes.close()
    await server.close()


async def test_a_form_is_posted_with_its_headers():
    async def handler(request: web.Request) -> web.Response:
        return web.json_response([dict(await request.post()), request.headers["X-A"]])

    server, probes = await served(handler), Probes()
    answer = await probes.post_form(str(server.make_url("/")), {"CallSid": "CA1"}, {"X-A": "b"})
    assert answer.body == b'[{"CallSid": "CA1"}, "b"]'
    await probes.close()
    await server.close()


async def test_nobody_there(unused_tcp_port: int):
    error = await failure(f"http://127.0.0.1:{unused_tcp_port}/")
    assert str(error).startswith("no connection to 127.0.0.1")
    assert error.remedy == "start what should serve there"


async def test_an_unknown_name():
    error = await failure("http://nobody.invalid/")
    assert str(error) == "the name nobody.invalid is not known"


async def test_no_tls_where_tls_should_be():
    async def handler(_request: web.Request) -> web.Response:
        return web.Response()

    server = await served(handler)
    error = await failure(f"https://127.0.0.1:{server.port}/")
    assert "certificate" in f"{error} {error.remedy}"
    await server.close()


async def test_a_silent_host():
    async def handler(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    server = await served(handler)
    error = await failure(str(server.make_url("/")), 0.05)
    assert str(error) == "127.0.0.1 did not answer in 0.05 s"
    await server.close()


async def test_a_host_that_breaks_off():
    async def play(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with raw_server(play) as url:
        error = await failure(url.replace("ws://", "http://"))
    assert "broke off" in str(error)


async def test_an_address_that_is_none():
    assert "is no address" in str(await failure("http://"))
