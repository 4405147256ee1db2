"""One call over several streams, for real: a socket that breaks, and a worker that is killed, in mid-call."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ivr_bridge.simulator.phone.caller import CallScript, Say, Wait
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.phone import Line, Phone
from ivr_bridge.simulator.phone.report import CallReport
from ivr_bridge.simulator.phone.voices import speak
from tests.calls.conftest import Once
from tests.calls.house import TOKEN, PlacedCall, house, sandbox, sandbox_log
from tests.support.server_process import PATIENCE_S, ServerProcess
from tests.support.valkey_server import ValkeyServer

pytestmark = pytest.mark.timeout(150)

HOURS, PARKING, GOODBYE = "what are your opening hours", "is there parking", "no thank you goodbye"
PUBLIC = "https://bridge.example"


# A socket that breaks


@pytest.fixture(scope="module")
def broken(rendered: Path, once: Once) -> tuple[PlacedCall, list[str]]:
    async def live(folder: Path) -> tuple[PlacedCall, list[str]]:
        async with sandbox() as service_url, house(folder, service_url, rendered=rendered) as here:
            await here.ready()
            call = await here.call(
                Wait(4.0), Say(speak(PARKING), PARKING), Say(speak(GOODBYE), GOODBYE), faults=PhoneFaults(reset_ms=2500)
            )
            return call, [conversation["conversation_id"] for conversation in await sandbox_log(service_url)]

    lived: tuple[PlacedCall, list[str]] = once("broken-stream", live)
    return lived


def test_after_a_broken_socket_the_same_conversation_goes_on(broken: tuple[PlacedCall, list[str]]) -> None:
    call, conversations = broken
    assert (call.reason, call.ended["streams"]) == ("agent_hung_up", 2)
    assert conversations == [call.ended["conversation_id"]]
    assert PARKING in call.texts("caller")
    assert len(call.named("agent.kept")) == len(call.named("agent.returned")) == 1
    assert call.report.violations == []
    assert call.report.said_by_network == []


def test_each_stream_has_had_a_token_of_its_own(broken: tuple[PlacedCall, list[str]]) -> None:
    documents = [text for text in broken[0].report.twiml if "<Stream" in text]
    assert len(documents) == 2
    assert documents[0] != documents[1]


# A worker that is killed


@asynccontextmanager
async def front_door(*ports: int) -> AsyncIterator[str]:
    """A proxy that gives each connection to the first of these ports that answers."""
    passing: set[asyncio.Task[None]] = set()

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in ports:
            with suppress(ConnectionError):
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
                break
        else:
            writer.close()
            return
        await asyncio.gather(pass_on(reader, inner_writer), pass_on(inner_reader, writer))

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(let_in(reader, writer))
        passing.add(task)
        task.add_done_callback(passing.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(passing):
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)


async def call_through_both(one: ServerProcess, two: ServerProcess) -> CallReport:
    """The first worker is killed when it has answered a question."""
    ports = [urlsplit(server.url).port or 0 for server in (one, two)]
    async with front_door(*ports) as url:
        line = Line(url, PUBLIC, TOKEN)
        steps = (Say(speak(HOURS), HOURS), Wait(6.0), Say(speak(PARKING), PARKING), Say(speak(GOODBYE), GOODBYE))
        calling = asyncio.create_task(Phone(line).call(CallScript(steps)))
        async with asyncio.timeout(PATIENCE_S):
            while not one.named("caller.said") or len(one.named("agent.said")) < 2:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # a part of the answer is heard
        one.signal(signal.SIGKILL)
        report = await calling
        await asyncio.to_thread(two.until, "call.ended")
        return report


async def test_a_worker_that_is_killed_in_mid_call_is_stood_in_for_by_another(tmp_path: Path) -> None:
    valkey = ValkeyServer(tmp_path)
    await valkey.start()
    shared = {"REDIS_URL": valkey.url, "PUBLIC_BASE_URL": PUBLIC, "TWILIO_AUTH_TOKEN": TOKEN, "LOG_PII": "true"}
    try:
        with (
            ServerProcess(tmp_path / "one", WORKER_ID="one", **shared) as one,
            ServerProcess(tmp_path / "two", WORKER_ID="two", **shared) as two,
        ):
            report = await call_through_both(one, two)
            assert one.wait() == -signal.SIGKILL
    finally:
        await valkey.stop()
    assert not one.named("call.ended")
    [taken] = two.named("call.taken_over")
    assert (taken["worker"], taken["streams"], taken["call_sid"]) == ("one", 1, report.call_sid)
    assert [event["pii.text"] for event in two.named("caller.said")] == [PARKING, GOODBYE]
    [ended] = two.named("call.ended")
    assert (ended["reason"], ended["streams"]) == ("agent_hung_up", 2)
    assert report.said_by_network == [], "nobody had to apologise"
