"""One call for each way a call can end by the caller, the network, the bridge and its operator; agents: next door."""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ivr_bridge.bridge import deadlines, live_calls, parked_agents, watch
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import CallScript, HangUp, Say, Wait
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.phone import new_call_sid
from ivr_bridge.simulator.phone.placed_call import PlacedCall as PhonesCall
from ivr_bridge.simulator.phone.voices import speak
from ivr_bridge.simulator.phone.webhooks import Webhooks
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.twilio import stream_socket
from tests.calls.conftest import Once
from tests.calls.house import House, PlacedCall, house, prompt_text, said_by_agent, sandbox
from tests.calls.listening import found_at_ms

pytestmark = pytest.mark.timeout(180)

SLOW = 40.0
"""Seconds that a caller would stay who is left alone."""

STORY = "Once upon a time there was a kitchen at the harbour, and it was open every day except Monday. " * 10


def nobody_says_what_follows(path: str, params: Mapping[str, str]) -> Mapping[str, str] | None:
    return params if path in ("/twilio/voice", "/twilio/stream-status") else None


def the_call_goes_on(path: str, params: Mapping[str, str]) -> Mapping[str, str] | None:
    """Somebody redirected the call: its stream stops, but the call does not."""
    if path == "/twilio/stream-ended":
        return {**params, "CallStatus": "in-progress"}
    return None if path == "/twilio/status" else params


async def by_the_network(here: House) -> dict[str, PlacedCall]:
    calls = {
        "caller hangs up": here.call(),
        "agent says goodbye": here.call(Say(speak("no thank you goodbye"))),
        "half-open": here.call(Wait(SLOW), faults=PhoneFaults(half_open_ms=2500)),
        "stop without close": here.call(Wait(1.5), HangUp(), faults=PhoneFaults(stop_without_close=True)),
        "no stop": here.call(Wait(1.5), HangUp(), faults=PhoneFaults(no_stop=True)),
        "unexplained": here.call(Wait(1.5), HangUp(), twist=nobody_says_what_follows),
        "stream refused": here.call(faults=PhoneFaults(unsigned_upgrade=True)),
        "no stream": only_rings(here),
    }
    return dict(zip(calls, await asyncio.gather(*calls.values()), strict=True))


async def without_another_stream(here: House) -> dict[str, PlacedCall]:
    """What becomes of a stream that is lost where it is not asked for again; test_streams_of_a_call.py has the rest."""
    reset, redirected = await asyncio.gather(
        here.call(Wait(SLOW), faults=PhoneFaults(reset_ms=2500)),
        here.call(Wait(1.5), HangUp(), twist=the_call_goes_on),
    )
    return {"reset": reset, "redirected": redirected}


async def only_rings(here: House) -> PlacedCall:
    """Twilio asks, is answered, and is never heard of again."""
    log = CallLog(new_call_sid())
    async with aiohttp.ClientSession() as session:
        webhooks = Webhooks(session, here.line, PhoneFaults())
        phone = PhonesCall(here.line, webhooks, CallScript(), PhoneFaults(), log)
        await phone._place()
    return await here.ended(log.report(phone.recording, phone.caller))


async def full(here: House) -> dict[str, PlacedCall]:
    first = asyncio.create_task(here.call(Wait(3), HangUp()))
    await asyncio.sleep(1)
    second = await here.call()
    return {"busy": second, "beside busy": await first}


async def drained(here: House) -> dict[str, PlacedCall]:
    first = asyncio.create_task(here.call(Wait(SLOW)))
    await asyncio.sleep(1)
    draining = asyncio.create_task(here.bridge.desk.drain(2.0))
    await asyncio.sleep(0.2)
    second = await here.call()
    await draining
    return {"draining": second, "drained": await first}


async def one(name: str, here: House) -> dict[str, PlacedCall]:
    return {name: await here.call(Wait(SLOW))}


async def broken(here: House) -> dict[str, PlacedCall]:
    prompts = here.bridge.current.ivr.prompts
    get = prompts.get

    def break_in_the_stream(name: str, language: str) -> Prompt | None:
        if name in ("not_available", "sorry"):  # what the webhooks ask for
            return get(name, language)
        raise KeyError("a bug")

    prompts.get = break_in_the_stream  # type: ignore[method-assign]
    return await one("bug of ours", here)


async def stalled(here: House) -> dict[str, PlacedCall]:
    """The system's own buffers are made small, and the greeting is long: it would fit into them."""
    runner = here.bridge._runner
    assert runner is not None
    for site in runner.sites:
        for listening in site._server.sockets:  # type: ignore[attr-defined]
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
    patient = here.call(Wait(SLOW), faults=PhoneFaults(slow_reader=True))
    return {"slow reader": await patient}


async def live_through_all(folder: Path, rendered: Path) -> dict[str, PlacedCall]:
    async with AsyncExitStack() as stack:
        service_url = await stack.enter_async_context(sandbox())

        async def build(name: str, **settings: Any) -> House:
            here = await stack.enter_async_context(house(folder / name, service_url, rendered=rendered, **settings))
            await here.ready()
            return here

        network = await build("network")
        batches = [
            by_the_network(network),
            without_another_stream(await build("once", stream_retries=0)),
            full(await build("full", max_calls=1)),
            drained(await build("drained")),
            one("silent", await build("silent", caller_silent_s=4)),
            broken(await build("broken", caller_silent_s=4)),
            one("too long", await build("long", max_call_s=4)),
            stalled(await build("stalled", stream_retries=0, config={"greeting": "story"}, prompts={"story": STORY})),
        ]
        calls: dict[str, PlacedCall] = {}
        for batch in await asyncio.gather(*batches):
            calls |= batch
        assert len(network.bridge.desk.parked) == 0
        return calls


@pytest.fixture(scope="module")
def calls(rendered: Path, once: Once) -> dict[str, PlacedCall]:
    with pytest.MonkeyPatch.context() as shorter:
        shorter.setattr(deadlines, "NO_MEDIA_S", 3.0)
        shorter.setattr(live_calls, "NEXT_WORD_DUE_S", 2.0)
        shorter.setattr(live_calls, "STREAM_DUE_S", 4.0)
        shorter.setattr(parked_agents, "PARKED_S", 3.0)
        shorter.setattr(watch, "WRITE_STALLED_S", 1.5)
        shorter.setattr(stream_socket, "MAX_BUFFERED_BYTES", 2048)
        made: dict[str, PlacedCall] = once("endings", lambda folder: live_through_all(folder, rendered))
        return made


@pytest.mark.parametrize(
    ("name", "termination"),
    [
        ("caller hangs up", Termination.CALLER_HUNG_UP),
        ("agent says goodbye", Termination.AGENT_HUNG_UP),
        ("reset", Termination.STREAM_LOST),
        ("half-open", Termination.STREAM_SILENT),
        ("stop without close", Termination.CALLER_HUNG_UP),
        ("no stop", Termination.CALLER_HUNG_UP),
        ("unexplained", Termination.STREAM_UNEXPLAINED),
        ("redirected", Termination.STREAM_ENDED),
        ("stream refused", Termination.STREAM_NEVER_CAME),
        ("no stream", Termination.STREAM_NEVER_CAME),
        ("busy", Termination.BUSY),
        ("beside busy", Termination.CALLER_HUNG_UP),
        ("draining", Termination.DRAINING),
        ("drained", Termination.DRAINED),
        ("silent", Termination.CALLER_SILENT),
        ("bug of ours", Termination.BRIDGE_FAULTED),
        ("too long", Termination.CALL_TOO_LONG),
        ("slow reader", Termination.STREAM_STALLED),
    ],
)
def test_the_termination(calls: dict[str, PlacedCall], name: str, termination: Termination) -> None:
    ended = calls[name].ended
    assert (ended["reason"], ended["result"], ended["by"]) == (termination.code, termination.result, termination.by)
    assert calls[name].is_freed, "its slot is still taken"
    assert calls[name].report.violations == []
    assert [event.name for event in calls[name].events].count("call.ended") == 1


def test_every_call_of_this_table_is_tested(calls: dict[str, PlacedCall]) -> None:
    assert len(calls) == 18


def test_nobody_is_left_in_silence(calls: dict[str, PlacedCall]) -> None:
    """But for the caller whose stream never came: Twilio has the words for that one in the first document."""
    silent = [name for name, call in calls.items() if call.heard_ms < 500 and not call.told_by_network]
    assert silent == ["no stream"]
    assert prompt_text("not_available") in calls["no stream"].report.twiml[0]


@pytest.mark.parametrize("name", ["reset", "half-open", "stream refused", "bug of ours", "slow reader"])
def test_an_apology_by_the_network(calls: dict[str, PlacedCall], name: str) -> None:
    """What could not be played in the stream is said by Twilio, once."""
    assert calls[name].told_by_network == [prompt_text("sorry")]


@pytest.mark.parametrize("name", ["unexplained", "redirected", "caller hangs up", "agent says goodbye", "no stop"])
def test_no_apology_without_need(calls: dict[str, PlacedCall], name: str) -> None:
    assert calls[name].told_by_network == []
    assert calls[name].prompts == []


def test_who_is_cut_off_by_a_redirect_would_be_told(calls: dict[str, PlacedCall]) -> None:
    call = calls["redirected"]
    (path,) = [path for path, text in call.prompts_by_path.items() if text == prompt_text("sorry")]
    assert path in call.report.twiml[-1]


@pytest.mark.parametrize(
    ("name", "prompts"),
    [
        ("too long", ["time_is_up"]),
        ("silent", ["are_you_there", "goodbye_silence"]),
        ("drained", ["restarting"]),
    ],
)
def test_a_prompt_is_played_to_its_end(calls: dict[str, PlacedCall], name: str, prompts: list[str]) -> None:
    heard = calls[name].report.heard_pcm16
    assert calls[name].prompts == prompts
    assert [len(found_at_ms(said_by_agent(prompt_text(prompt)), heard)) for prompt in prompts] == [1] * len(prompts)
    assert calls[name].report.close_code == 1000


@pytest.mark.parametrize(("name", "prompt"), [("busy", "busy"), ("draining", "draining")])
def test_a_call_that_is_not_taken(calls: dict[str, PlacedCall], name: str, prompt: str) -> None:
    call = calls[name]
    assert call.told_by_network == [prompt_text(prompt)]
    names = [event.name for event in call.events[:3]]
    assert names == ["flow.chosen", "call.refused", "call.ended"], "no agent was dialled"
    assert call.report.stream_sids == []


def test_the_last_words_are_played_to_their_end(calls: dict[str, PlacedCall]) -> None:
    call = calls["agent says goodbye"]
    assert call.texts("agent")[-1] == "Thank you for calling. Goodbye."
    farewell = said_by_agent("Thank you for calling. Goodbye.")
    assert len(found_at_ms(farewell, call.report.heard_pcm16)) == 1
    assert call.ended["agent_close_code"] == 1000


def test_the_silent_caller_is_asked_once(calls: dict[str, PlacedCall]) -> None:
    assert len(calls["silent"].named("caller.asked")) == 1


def test_the_bug_is_in_the_log(calls: dict[str, PlacedCall]) -> None:
    (fault,) = calls["bug of ours"].named("call.faulted")
    assert "a bug" in fault["error"]
    assert "Traceback" in fault["traceback"]


def test_a_parked_agent_that_nobody_claims_is_let_go(calls: dict[str, PlacedCall]) -> None:
    assert [fields["reason"] for fields in calls["no stream"].named("agent.unclaimed")] == ["expired"]
