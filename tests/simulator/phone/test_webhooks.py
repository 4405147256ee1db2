import asyncio

import aiohttp
import pytest
from aiohttp import web

from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.webhooks import Webhooks

from .scripted_bridge import listener, serving

FORM = {"CallSid": "CA1", "From": "+15550100001", "Body": "a b&c=ü"}


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize("public", [None, "https://bridge.example"])
async def test_a_post_is_signed_as_the_network_knows_it(session, public):
    async with serving(listener, public_base_url=public) as bridge:
        line = bridge.line()
        answer = await Webhooks(session, line, PhoneFaults()).ask(
            line.known_url("/twilio/voice?x=a%20b%2Fc#rc=2"), FORM, idempotency="idem-1"
        )
        assert (answer.status, answer.content_type, answer.problem) == (200, "text/xml", "")
        assert answer.url.endswith("/twilio/voice?x=a%20b%2Fc")
        assert bridge.posts == [("/twilio/voice", FORM)]
        assert bridge.bad_signatures == []
        assert bridge.headers[0]["I-Twilio-Idempotency-Token"] == "idem-1"
        assert bridge.headers[0]["Content-Type"].startswith("application/x-www-form-urlencoded")


async def test_a_get_carries_its_parameters_in_the_query_and_signs_the_url(session):
    async with serving(listener) as bridge:
        line = bridge.line()
        answer = await Webhooks(session, line, PhoneFaults()).ask(line.known_url("/x"), FORM, method="get")
        assert answer.url.endswith("/x?CallSid=CA1&From=%2B15550100001&Body=a+b%26c%3D%C3%BC")
        assert (bridge.paths(), bridge.bad_signatures) == (["/x"], [])


async def test_a_bad_signature_is_bad(session):
    async with serving(listener) as bridge:
        line = bridge.line()
        await Webhooks(session, line, PhoneFaults(bad_signature=True)).ask(line.known_url("/x"), FORM)
        assert bridge.bad_signatures == ["/x"]


async def test_an_error_and_a_redirect_are_problems(session):
    moved = web.Response(status=302, headers={"Location": "/y"})
    async with serving(listener, answers={"/x": 500, "/r": moved}) as bridge:
        line = bridge.line()
        webhooks = Webhooks(session, line, PhoneFaults())
        failed = await webhooks.ask(line.known_url("/x"), FORM)
        assert (failed.status, failed.problem[:5], failed.is_unreachable) == (500, "11200", False)
        redirected = await webhooks.ask(line.known_url("/r"), FORM)
        assert (redirected.status, redirected.problem[:5]) == (302, "11200")
        assert bridge.paths() == ["/x", "/r"], "a redirect is not followed: it would lose the form"


async def test_nobody_there_too_slow_and_elsewhere(session):
    async with serving(listener) as bridge:
        gone = bridge.line()
    answer = await Webhooks(session, gone, PhoneFaults()).ask(gone.known_url("/x"), FORM)
    assert answer.is_unreachable
    assert answer.problem.startswith("11205")
    elsewhere = await Webhooks(session, gone, PhoneFaults()).ask("https://elsewhere.example/x", FORM)
    assert elsewhere.problem.startswith("11210")


async def test_the_time_limit(session):
    async def never(_reader, writer):
        await hold.wait()
        writer.close()

    hold = asyncio.Event()
    server = await asyncio.start_server(never, "127.0.0.1", 0)
    line = Line(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", None, "t", webhook_timeout_s=0.1)
    answer = await Webhooks(session, line, PhoneFaults()).ask(line.known_url("/x"), FORM)
    assert (answer.status, answer.is_unreachable) == (0, False)
    assert "did not answer within 0.1 s" in answer.problem
    hold.set()
    server.close()
    await server.wait_closed()


async def test_a_body_of_many_pieces_is_read_to_its_end(session):
    body = b"RIFF" + bytes(700_000)
    async with serving(listener, answers={"/x": web.Response(body=body, content_type="audio/wav")}) as bridge:
        line = bridge.line()
        answer = await Webhooks(session, line, PhoneFaults()).ask(line.known_url("/x"), {}, method="GET")
        assert answer.body == body
