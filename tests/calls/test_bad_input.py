"""What no network should send: each ends in a clear event and the right Termination, and nothing is left of it."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from ivr_bridge.simulator.phone.caller import HangUp, Say, Wait
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.line import SANDBOX_ACCOUNT_SID
from ivr_bridge.simulator.phone.phone import new_call_sid
from ivr_bridge.simulator.phone.signing import signature
from ivr_bridge.simulator.phone.stream_socket import Closed, StreamRefusedError, StreamSocket
from ivr_bridge.simulator.phone.voices import speak
from ivr_bridge.simulator.phone.webhooks import WebhookAnswer, Webhooks
from tests.calls.conftest import Once
from tests.calls.house import TOKEN, House, PlacedCall, house, prompt_text, sandbox

pytestmark = pytest.mark.timeout(180)

SLOW = 40.0
"""Seconds that a caller would stay who is left alone."""

FAULTED = ("garbage", "binary", "huge", "duplicate_start")
REFUSED = ("media_before_start", "no_start", "wrong_token", "wrong_call_sid", "unsigned_upgrade")
SURVIVED = {
    "odd_sizes": PhoneFaults(odd_sizes=True),
    "burst": PhoneFaults(burst=True),
    "late": PhoneFaults(late_ms=150),
    "repeat_webhook": PhoneFaults(repeat_webhook=True),
}


@dataclass
class Lived:
    """What came of everything."""

    calls: dict[str, PlacedCall]
    closed: dict[str, list[int]]
    """Close codes of streams opened by hand, in order; 0: it was still open."""
    unsigned: PlacedCall
    log: list[Any]


async def lived_by_phone(here: House) -> dict[str, PlacedCall]:
    goodbye = Say(speak("no thank you goodbye"))
    stories = {name: here.call(Wait(SLOW), faults=PhoneFaults(**{name: True})) for name in (*FAULTED, *REFUSED)}
    stories |= {name: here.call(goodbye, faults=faults) for name, faults in SURVIVED.items()}
    stories["gaps"] = here.call(Wait(4), HangUp(), faults=PhoneFaults(gap_ms=200))
    return dict(zip(stories, await asyncio.gather(*stories.values()), strict=True))


# Streams by hand


async def ring(here: House, call_sid: str, path: str = "/twilio/voice", **more: str) -> WebhookAnswer:
    form = {"CallSid": call_sid, "AccountSid": SANDBOX_ACCOUNT_SID, "From": "+15550100001", "CallStatus": "ringing"}
    async with aiohttp.ClientSession() as session:
        return await Webhooks(session, here.line, PhoneFaults()).ask(here.url + path, form | more)


def token_of(here: House, call_sid: str) -> str:
    live = here.bridge.desk.calls.find(call_sid)
    assert live is not None
    assert live.answer is not None
    return live.answer.token


async def stream(here: House, call_sid: str, token: str, *, account_sid: str = SANDBOX_ACCOUNT_SID) -> StreamSocket:
    """Open and start one."""
    url = f"ws{here.url.removeprefix('http')}/twilio/media/0"
    socket = await StreamSocket.dial(url, signature(TOKEN, url))
    stream_sid = "MZ" + secrets.token_hex(16)
    start = {
        "accountSid": account_sid,
        "streamSid": stream_sid,
        "callSid": call_sid,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": token},
    }
    await socket.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
    await socket.send(json.dumps({"event": "start", "sequenceNumber": "1", "start": start, "streamSid": stream_sid}))
    return socket


async def close_code(socket: StreamSocket, wait_s: float = 1.5) -> int:
    """How the server closed it; 0 when it had not after `wait_s`."""
    try:
        async with asyncio.timeout(wait_s):
            while not isinstance(message := await socket.receive(), Closed):
                pass
    except TimeoutError:
        return 0
    return message.code


async def replayed(here: House) -> list[int]:
    """The token of a stream that lives, in a second one."""
    sid = new_call_sid()
    await ring(here, sid)
    token = token_of(here, sid)
    first = await stream(here, sid, token)
    await asyncio.sleep(0.3)
    second = await stream(here, sid, token)
    codes = [await close_code(second), await close_code(first)]
    await asyncio.gather(first.close(), second.close())
    await ring(here, sid, "/twilio/status", CallStatus="completed")
    return codes


async def stolen(here: House) -> list[int]:
    """A token presented with another call, then another account, then rightly: it was not used up."""
    sid, other = new_call_sid(), new_call_sid()
    await asyncio.gather(ring(here, sid), ring(here, other))
    token = token_of(here, sid)
    sockets = [
        await stream(here, other, token),
        await stream(here, sid, token, account_sid="AC" + "0" * 32),
    ]
    codes = [await close_code(socket) for socket in sockets]
    sockets.append(await stream(here, sid, token))
    codes.append(await close_code(sockets[-1]))
    await asyncio.gather(*(socket.close() for socket in sockets))
    for each in (sid, other):
        await ring(here, each, "/twilio/status", CallStatus="completed")
    return codes


async def two_at_once(here: House) -> list[int]:
    sid = new_call_sid()
    await ring(here, sid)
    token = token_of(here, sid)
    sockets = await asyncio.gather(stream(here, sid, token), stream(here, sid, token))
    codes = await asyncio.gather(*(close_code(socket) for socket in sockets))
    await asyncio.gather(*(socket.close() for socket in sockets))
    await ring(here, sid, "/twilio/status", CallStatus="completed")
    return sorted(codes)


async def live_through_all(folder: Path, rendered: Path) -> Lived:
    async with sandbox() as service_url, house(folder, service_url, rendered=rendered) as here:
        await here.ready()
        by_hand: dict[str, Callable[[House], Awaitable[list[int]]]] = {
            "replayed": replayed,
            "stolen": stolen,
            "two at once": two_at_once,
        }
        with capture_logs() as log:
            calls, unsigned, *codes = await asyncio.gather(
                lived_by_phone(here),
                phone_of_nobody(here),
                *(story(here) for story in by_hand.values()),
            )
        return Lived(calls, dict(zip(by_hand, codes, strict=True)), unsigned, log)


async def phone_of_nobody(here: House) -> PlacedCall:
    return await here.call(faults=PhoneFaults(bad_signature=True))


@pytest.fixture(scope="module")
def lived(rendered: Path, once: Once) -> Lived:
    made: Lived = once("bad", lambda folder: live_through_all(folder, rendered))
    return made


@pytest.mark.parametrize("name", FAULTED)
def test_a_stream_that_breaks_the_protocol(lived: Lived, name: str) -> None:
    call = lived.calls[name]
    assert call.reason == "stream_faulted"
    # 1009 is for too long a message; what of it was never read may cut the connection before the phone sees that.
    assert call.report.close_code in ((1009, 1006) if name == "huge" else (1008,))
    assert [fields["error"] for fields in call.named("stream.faulted")] != []
    assert call.told_by_network == [prompt_text("sorry")]
    assert call.is_freed


@pytest.mark.parametrize("name", REFUSED)
def test_a_stream_that_is_not_let_in(lived: Lived, name: str) -> None:
    call = lived.calls[name]
    assert call.reason == "stream_never_came"
    assert call.heard_ms == 0
    assert call.told_by_network == [prompt_text("sorry")]
    assert call.named("stream.started") == []
    let_go = [line["call_sid"] for line in lived.log if line["event"] == "agent.unclaimed"]
    assert call.report.call_sid in let_go or not call.named("agent.connected")
    assert call.is_freed


def test_why_is_in_the_log(lived: Lived) -> None:
    reasons = [line["reason"] for line in lived.log if line["event"] == "stream.refused"]
    assert "unsigned" in reasons
    assert "no_start" in reasons
    assert any("media" in reason for reason in reasons)
    assert any("token" in reason for reason in reasons)


@pytest.mark.parametrize("name", SURVIVED)
def test_what_a_call_survives(lived: Lived, name: str) -> None:
    call = lived.calls[name]
    assert call.texts("caller") == ["no thank you goodbye"]
    assert call.reason == "agent_hung_up"
    assert call.report.violations == []


def test_a_retried_webhook_gets_the_same_answer(lived: Lived) -> None:
    call = lived.calls["repeat_webhook"]
    assert call.report.repeat_identical is True
    assert [fields["same"] for fields in call.named("call.repeated")] == [True]
    assert call.ended["streams"] == 1


def test_gaps_are_counted_and_filled(lived: Lived) -> None:
    """200 ms of each second but the first were lost; the agent's clock did not notice."""
    ended = lived.calls["gaps"].ended
    assert ended["gaps"] >= 2
    assert ended["gap_ms"] == pytest.approx(200 * ended["gaps"], abs=30 * ended["gaps"])
    carried_ms = ended["bytes_in"] / 8
    assert carried_ms == pytest.approx(ended["frames_in"] * 20 + ended["gap_ms"], abs=100)


def test_an_unsigned_webhook_is_nobodys(lived: Lived) -> None:
    assert lived.unsigned.events == []
    assert lived.unsigned.report.reason == "webhook_failed"
    refused = [line for line in lived.log if line["event"] == "webhook.refused"]
    assert {line["reason"] for line in refused} == {"unsigned"}


def test_a_token_is_good_for_one_stream(lived: Lived) -> None:
    assert lived.closed["replayed"] == [1008, 0], "the second is refused, the first goes on"
    assert lived.closed["two at once"] == [0, 1008]


def test_a_token_in_wrong_hands_is_not_used_up(lived: Lived) -> None:
    assert lived.closed["stolen"] == [1008, 1008, 0]


# Two hundred


async def bad_call(here: House, number: int) -> None:
    """One of five kinds; those that were admitted end as Twilio ends them."""
    sid, kind = new_call_sid(), number % 5
    url = f"ws{here.url.removeprefix('http')}/twilio/media/0"
    if kind == 0:
        with pytest.raises(StreamRefusedError):
            await StreamSocket.dial(url, "nonsense")
        return
    if kind == 1:
        async with aiohttp.ClientSession() as session, session.post(f"{here.url}/twilio/voice", data=b"\xff%%") as got:
            assert got.status == 403
        return
    if kind == 2:
        socket = await StreamSocket.dial(url, signature(TOKEN, url))
        await socket.send_binary(secrets.token_bytes(200))
        assert await close_code(socket, 10) == 1008
        await socket.close()
        return
    await ring(here, sid)
    if kind == 3:
        socket = await stream(here, sid, "no such token")
        assert await close_code(socket, 10) == 1008
        await socket.close()
    else:
        socket = await stream(here, sid, token_of(here, sid))
        await socket.send("{{{")
        await close_code(socket, 10)
        await socket.close()
    await ring(here, sid, "/twilio/status", CallStatus="completed")


def open_files() -> int:
    """Of this process; 0 where nobody tells."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


SPARE = {"files": 10}
"""The store's connections are pooled: as many as were busy at once."""


async def two_hundred(folder: Path, rendered: Path) -> tuple[dict[str, int], dict[str, int]]:
    async with sandbox() as service_url, house(folder, service_url, rendered=rendered) as here:
        await here.ready()

        async def left() -> dict[str, int]:
            await here.bridge.rests.close()  # its idle connections would be kept for some seconds
            desk = here.bridge.desk
            return {
                "tasks": len(asyncio.all_tasks()),
                "calls": len(desk.calls),
                "parked agents": len(desk.parked),
                "files": open_files(),
                "store keys": len(await here.bridge.store.keys_like("")),
            }

        for number in range(5):
            await bad_call(here, number)
        await asyncio.sleep(3)
        before = await left()
        for begin in range(0, 200, 20):
            await asyncio.gather(*(bad_call(here, number) for number in range(begin, begin + 20)))
        for _ in range(60):
            after = await left()
            if all(after[name] <= before[name] + SPARE.get(name, 0) for name in before):
                break
            await asyncio.sleep(0.2)
        return before, after


def test_nothing_is_left_of_two_hundred_bad_calls(rendered: Path, tmp_path: Path) -> None:
    before, after = asyncio.run(two_hundred(tmp_path, rendered))
    assert all(after[name] <= before[name] + SPARE.get(name, 0) for name in before), (before, after)
    assert after["calls"] == after["parked agents"] == 0
