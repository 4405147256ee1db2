"""A spoken call in every format that an agent may have, and with audio in pieces of odd sizes."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from ivr_bridge.simulator.phone.caller import Say
from ivr_bridge.simulator.phone.voices import speak
from tests.calls.conftest import Once
from tests.calls.house import PlacedCall, house, said_by_agent, sandbox
from tests.calls.listening import found_at_ms

pytestmark = pytest.mark.timeout(180)

RATES_HZ = (8000, 16000, 22050, 24000, 44100, 48000)
FORMATS = ("ulaw_8000", *(f"pcm_{rate_hz}" for rate_hz in RATES_HZ))
PIECES = (("odd_chunks", "pcm_22050"), ("odd_chunks", "ulaw_8000"), ("big_chunks", "pcm_16000"))

QUESTION, ANSWER = "is there parking", "Yes, there is free parking behind the house."


async def conversation(folder: Path, rendered: Path, name: str, fault: str | None = None) -> PlacedCall:
    async with (
        sandbox(output_format=name, input_format=name, fault=fault) as service_url,
        house(folder / f"{name}-{fault}", service_url, rendered=rendered) as here,
    ):
        await here.ready()
        return await here.call(Say(speak(QUESTION)))


async def hold_all(folder: Path, rendered: Path) -> dict[str, PlacedCall]:
    stories = {name: conversation(folder, rendered, name) for name in FORMATS}
    stories |= {f"{name} {fault}": conversation(folder, rendered, name, fault) for fault, name in PIECES}
    return dict(zip(stories, await asyncio.gather(*stories.values()), strict=True))


@pytest.fixture(scope="module")
def calls(rendered: Path, once: Once) -> dict[str, PlacedCall]:
    made: dict[str, PlacedCall] = once("formats", lambda folder: hold_all(folder, rendered))
    return made


@pytest.mark.parametrize("name", [*FORMATS, *(f"{name} {fault}" for fault, name in PIECES)])
def test_both_understand_each_other(calls: dict[str, PlacedCall], name: str) -> None:
    call = calls[name]
    assert call.texts("caller") == [QUESTION]
    assert call.texts("agent")[1:] == [ANSWER]
    assert call.reason == "caller_hung_up"
    assert call.report.violations == []
    assert len(found_at_ms(said_by_agent(ANSWER), call.report.heard_pcm16)) == 1, "heard once and whole"
    assert call.prompts == []


@pytest.mark.parametrize("name", FORMATS)
def test_the_chain_is_logged_once(calls: dict[str, PlacedCall], name: str) -> None:
    call = calls[name]
    assert (call.ended["input_format"], call.ended["output_format"]) == (name, name)
    (chain,) = call.named("audio.chained")
    assert name in chain["caller_to_agent"]
    assert name in chain["agent_to_caller"]


@pytest.mark.parametrize("name", [*FORMATS, *(f"{name} {fault}" for fault, name in PIECES)])
def test_the_voice_keeps_its_level_and_no_noise_is_added(calls: dict[str, PlacedCall], name: str) -> None:
    """Beside passthrough: half a sample too much or too little would be noise at full scale."""
    levels_db = []
    for each in ("ulaw_8000", name):
        report = calls[each].report
        start_ms, end_ms = report.heard_at_ms[-1]
        clip = np.frombuffer(report.heard_pcm16[int(start_ms) * 16 : int(end_ms) * 16], "<i2").astype(float)
        levels_db.append(20 * np.log10(np.sqrt(np.mean(clip**2)) + 1))
    assert levels_db[1] == pytest.approx(levels_db[0], abs=2.0)
