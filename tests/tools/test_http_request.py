import asyncio
import gzip
import traceback
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from ivr_bridge.tools.http_request import (
    MAX_ANSWER_BYTES,
    HttpBadAnswer,
    HttpBadStatus,
    HttpFailed,
    HttpNotSendable,
    HttpRefused,
    HttpRequests,
    HttpTooSlow,
    HttpUnreachable,
)
from tests.tools.loopback_service import never, saying, service

HERE = ["127.0.0.1"]


@pytest.fixture
async def requests() -> AsyncIterator[HttpRequests]:
    made = HttpRequests()
    yield made
    await made.close()


async def test_what_is_sent_and_what_comes_back(requests: HttpRequests) -> None:
    async with service(saying('{"state":"sent"}')) as running:
        reply = await requests.ask(
            "POST",
            f"{running.url}/orders/a%2Fb?note=%26x",
            {"Authorization": "Bearer s3cret", "accept": "application/vnd.x+json"},
            {"people": 4, "who": "José"},
            timeout_s=5,
            allow_private=HERE,
        )
    assert (reply.status, reply.content_type, reply.text, reply.json) == (
        200,
        "application/json",
        '{"state":"sent"}',
        {"state": "sent"},
    )
    assert running.asked == ["POST /orders/a%2Fb?note=%26x"]
    assert running.bodies == ['{"people":4,"who":"José"}'.encode()]
    sent = running.headers[0]
    assert sent["Authorization"] == "Bearer s3cret"
    assert sent["Content-Type"] == "application/json"
    assert sent["User-Agent"] == "ivr-bridge"
    assert [value for name, value in sent.items() if name.lower() == "accept"] == ["application/vnd.x+json"]


async def test_a_request_without_a_body(requests: HttpRequests) -> None:
    async with service(saying("all well", "text/plain")) as running:
        reply = await requests.ask("GET", running.url, {}, timeout_s=5, allow_private=True)
    assert (reply.text, reply.json, reply.content_type) == ("all well", None, "text/plain")
    assert running.bodies == [b""]
    assert "Content-Type" not in running.headers[0]


async def test_an_empty_answer(requests: HttpRequests) -> None:
    async with service(saying("", status=204)) as running:
        reply = await requests.ask("DELETE", running.url, {}, timeout_s=5, allow_private=HERE)
    assert (reply.status, reply.text, reply.json) == (204, "", None)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1",
        "localhost", "LOCALHOST",
        "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "0.0.0.0", "0", "[::]",
        "127.255.255.254", "[64:ff9b::7f00:1]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("allow", [False, [], ["10.0.0.0/8", "orders.internal"]])
async def test_no_notation_of_this_machine_gets_through(
    requests: HttpRequests, host: str, allow: bool | list[str]
) -> None:
    async with service(saying()) as running:
        with pytest.raises(HttpRefused) as raised:
            await requests.ask("GET", f"http://{host}:{running.port}/", {}, timeout_s=5, allow_private=allow)
        assert running.asked == []
    assert raised.value.code == "http_address_refused"


@pytest.mark.parametrize("host", ["169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "224.0.0.1", "0.0.0.0"])
async def test_special_addresses_are_not_private_ones(requests: HttpRequests, host: str) -> None:
    with pytest.raises(HttpRefused):
        await requests.ask("GET", f"http://{host}/latest/meta-data/", {}, timeout_s=5, allow_private=True)


@pytest.mark.parametrize("allow", [True, ["localhost"], ["127.0.0.0/8", "::1"]])
async def test_a_listed_name_is_asked(requests: HttpRequests, allow: bool | list[str]) -> None:
    async with service(saying()) as running:
        url = f"http://localhost:{running.port}/"
        assert (await requests.ask("GET", url, {}, timeout_s=5, allow_private=allow)).json == {"ok": True}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(requests: HttpRequests, status: int) -> None:
    async with service(saying()) as inside:

        async def lead_on(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": f"{inside.url}/?token=s3cret"})

        async with service(lead_on) as running:
            with pytest.raises(HttpBadStatus, match="did not work") as raised:
                await requests.ask("GET", running.url, {}, timeout_s=5, allow_private=HERE)
    assert inside.asked == []
    assert raised.value.status == status
    assert raised.value.cause == f"127.0.0.1 answered {status}, a redirect; write the address it leads to"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_an_error_status(requests: HttpRequests, status: int) -> None:
    async with service(saying('{"detail":"the card 4111"}', status=status)) as running:
        with pytest.raises(HttpBadStatus) as raised:
            await requests.ask("GET", running.url, {}, timeout_s=5, allow_private=HERE)
    assert (raised.value.status, raised.value.cause) == (status, f"127.0.0.1 answered {status}")


async def test_an_answer_that_is_too_long(requests: HttpRequests) -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async with service(pour) as running:
        with pytest.raises(HttpBadAnswer, match="did not work") as raised:
            await requests.ask("GET", running.url, {}, timeout_s=5, allow_private=HERE)
        assert "more than 65536 bytes" in raised.value.cause
    async with service(saying("x" * MAX_ANSWER_BYTES, "text/plain")) as running:
        reply = await requests.ask("GET", running.url, {}, timeout_s=5, allow_private=HERE)
    assert len(reply.text) == MAX_ANSWER_BYTES


async def test_a_compressed_answer_is_not_unpacked(requests: HttpRequests) -> None:
    async def bomb(_: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b"0" * 10_000_000), headers={"Content-Encoding": "gzip"})

    async with service(bomb) as running:
        with pytest.raises(HttpBadAnswer) as raised:
            await requests.ask("GET", running.url, {}, timeout_s=5, allow_private=HERE)
    assert "compressed" in raised.value.cause
    assert running.headers[0]["Accept-Encoding"] == "identity"


async def test_an_answer_that_says_it_is_json(requests: HttpRequests) -> None:
    async with service(saying("<html>")) as running:
        with pytest.raises(HttpBadAnswer) as raised:
            await requests.ask("GET", running.url, {}, timeout_s=5, allow_private=HERE)
    assert raised.value.cause == "127.0.0.1 says it answered in JSON and did not"


async def test_letters_of_another_charset(requests: HttpRequests) -> None:
    async def latin(_: web.Request) -> web.StreamResponse:
        return web.Response(body="sí".encode("latin-1"), headers={"Content-Type": "text/plain; charset=latin-1"})

    async def unheard_of(_: web.Request) -> web.StreamResponse:
        return web.Response(body="sí".encode(), headers={"Content-Type": "text/plain; charset=klingon"})

    for answer in (latin, unheard_of):
        async with service(answer) as running:
            reply = await requests.ask("GET", running.url, {}, timeout_s=5, allow_private=HERE)
        assert reply.text == "sí"


async def test_no_answer_in_time(requests: HttpRequests) -> None:
    async with service(never) as running:
        with pytest.raises(HttpTooSlow, match="taking too long") as raised:
            await requests.ask("GET", running.url, {}, timeout_s=0.05, allow_private=HERE)
        await asyncio.wait_for(running.gave_up.wait(), 5)
    assert raised.value.cause == "127.0.0.1: no answer within 0.05 s"


async def test_an_answer_that_drips_is_too_slow_as_a_whole(requests: HttpRequests) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.01)

    async with service(drip) as running:
        with pytest.raises(HttpTooSlow):
            await requests.ask("GET", running.url, {}, timeout_s=0.1, allow_private=HERE)


async def test_cancelling_closes_the_connection(requests: HttpRequests) -> None:
    async with service(never) as running:
        asking = asyncio.create_task(requests.ask("GET", running.url, {}, timeout_s=30, allow_private=HERE))
        while not running.asked:
            await asyncio.sleep(0.005)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(running.gave_up.wait(), 5)


async def test_nobody_there(requests: HttpRequests) -> None:
    async with service(saying()) as running:
        pass
    with pytest.raises(HttpUnreachable) as raised:
        await requests.ask("GET", running.url, {}, timeout_s=5, allow_private=HERE)
    assert raised.value.cause.startswith("127.0.0.1: ClientConnectorError")


async def test_a_service_that_speaks_no_http() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    asking = HttpRequests()
    try:
        port = server.sockets[0].getsockname()[1]
        # Made here: a traceback shows the lines of the call itself.
        url, headers = f"http://127.0.0.1:{port}/?q=s3cret", {"X-Key": "s3cret"}
        with pytest.raises(HttpUnreachable) as raised:
            await asking.ask("GET", url, headers, timeout_s=5, allow_private=HERE)
        assert "s3cret" not in "".join(traceback.format_exception(raised.value)) + repr(raised.value.__context__)
    finally:
        await asking.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    "url",
    [
        "", "orders", "/orders", "ftp://example.com/", "file:///etc/passwd", "http://", "http:///x",
        "http://a b/", "http://x:99999/",
        "http://user:s3cret@example.com/", "http://s3cret@example.com/", "http://example.com/\r\nX: y", "http://exämple.com/",
        "http://\uff11\uff12\uff17.0.0.1/", "http://[::1/", "http://example.com/a/../b", "http://example.com/%2E%2e/b",
        "http://example.com/.",
        "http://example.com/" + "x" * 9000,
    ],
)  # fmt: skip
async def test_a_url_that_cannot_be_sent(requests: HttpRequests, url: str) -> None:
    with pytest.raises(HttpNotSendable) as raised:
        await requests.ask("GET", url, {}, timeout_s=5, allow_private=True)
    assert "s3cret" not in raised.value.cause


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a\x7fb"])
async def test_a_header_that_would_become_two(requests: HttpRequests, value: str) -> None:
    with pytest.raises(HttpNotSendable) as raised:
        await requests.ask("GET", "http://127.0.0.1:1/", {"X-Name": value}, timeout_s=5, allow_private=True)
    assert raised.value.cause == "header X-Name would hold a line break or another control character"


@pytest.mark.parametrize("body", ["x" * 70_000, object()])
async def test_a_body_that_cannot_be_sent(requests: HttpRequests, body: object) -> None:
    with pytest.raises(HttpNotSendable):
        await requests.ask("POST", "http://127.0.0.1:1/", {}, body, timeout_s=5, allow_private=True)


async def test_after_closing_a_request_opens_new_connections(requests: HttpRequests) -> None:
    async with service(saying()) as running:
        for _ in range(2):
            await requests.ask("GET", running.url, {}, timeout_s=5, allow_private=HERE)
            await requests.close()
    assert len(running.asked) == 2


def test_every_failure_has_a_code_of_its_own() -> None:
    kinds = [HttpNotSendable, HttpRefused, HttpUnreachable, HttpTooSlow, HttpBadStatus, HttpBadAnswer]
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(issubclass(kind, HttpFailed) for kind in kinds)
