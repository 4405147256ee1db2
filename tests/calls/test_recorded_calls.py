"""Two calls in real time at once: one leaves a message, one is recorded; what lies on the disk is measured."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.audio.levels import active_level_dbov
from ivr_bridge.cli.main import main
from ivr_bridge.simulator.phone.caller import Digits, Say, Wait
from ivr_bridge.simulator.phone.voices import speak
from tests.calls.conftest import Once
from tests.calls.house import House, PlacedCall, house, mouth, prompt_text, sandbox
from tests.calls.listening import found_at_ms, trimmed
from tests.support.served import served
from tests.support.sounds import length_s, mono, pcm_sides

pytestmark = [pytest.mark.timeout(120), pytest.mark.realtime]

WORDS = "Hello, this is Ada. Please call me back tomorrow morning, it is about the garden gate."
NOTICE = (
    "Before we begin: what you say in this call is recorded and kept for thirty days, so that nothing is forgotten."
)
FLOWS: dict[str, Any] = {
    "message": {"numbers": ["+1"], "disclosure": False, "start": "m", "nodes": {"m": {"kind": "voicemail"}}},
    "recorded": {
        "numbers": ["*"],
        "disclosure": False,
        "recording": {"announce": "call_recorded", "keep_days": 30},
        "start": "closed",
        "nodes": {
            "closed": {"kind": "prompt", "prompt": "closed_now", "next": "menu"},
            "menu": {
                "kind": "menu",
                "prompt": "leave_or_go",
                "agent": False,
                "options": {"go": {"key": "1", "says": "go", "next": "bye"}},
                "otherwise": "bye",
            },
            "bye": {"kind": "hang_up", "prompt": "goodbye"},
        },
    },
}
PROMPTS = {"call_recorded": NOTICE, "leave_or_go": "To go, press 1."}


@dataclass
class Lived:
    message: PlacedCall
    recorded: PlacedCall
    said: bytes
    voicemail: bytes = b""
    recording: bytes = b""
    delivered: list[bytes] = field(default_factory=list)
    var: Path = Path()


async def live(folder: Path, rendered: Path) -> Lived:
    delivered: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        delivered.append(await request.read())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/messages", take)
    async with served(app, close_wait_s=0.5) as url, sandbox() as service_url:
        given: dict[str, Any] = {
            "voicemail_webhook_url": f"{url}/messages",
            "voicemail_webhook_secret": "s",
            "voicemail_webhook_private": True,
        }
        async with house(folder, service_url, rendered=rendered, flows=FLOWS, prompts=PROMPTS, **given) as here:
            await here.ready()
            lived = await both(here)
            async with asyncio.timeout(20):
                while not delivered or not list((folder / "var" / "recordings").glob("*.wav")):
                    await asyncio.sleep(0.1)
    lived.delivered, lived.var = delivered, folder / "var"
    [voicemail], [recording] = ((lived.var / kind).glob("*.wav") for kind in ("voicemails", "recordings"))
    lived.voicemail, lived.recording = voicemail.read_bytes(), recording.read_bytes()
    return lived


async def both(here: House) -> Lived:
    said = speak(WORDS)
    leaves = here.call(
        Say(said, WORDS, expects_answer=False), Digits("#", expects_answer=False), Wait(4), line={"called": "+1"}
    )
    records = here.call(
        Wait(5.5),
        Say(speak("good evening"), "good evening", expects_answer=False),
        Digits("1", expects_answer=False),
        Wait(6),
    )
    message, recorded = await asyncio.gather(leaves, records)
    return Lived(message, recorded, said)


@pytest.fixture(scope="module")
def lived(rendered: Path, once: Once) -> Lived:
    made: Lived = once("recorded_calls", lambda folder: live(folder, rendered))
    return made


def spoken(text: str) -> bytes:
    from ivr_bridge.simulator.service.voices import VOICES  # noqa: PLC0415

    return mouth().speak(text, VOICES["SandboxClara00000001"], language="en").pcm16


def test_the_message_is_whole_and_as_loud_as_it_was_spoken(lived: Lived) -> None:
    kept = mono(lived.voicemail)
    assert len(found_at_ms(lived.said, kept)) == 1
    words_s = length_s(trimmed(lived.said))
    assert words_s < length_s(kept) < words_s + 5
    heard = active_level_dbov(trimmed(kept), 8000)
    assert heard == pytest.approx(active_level_dbov(trimmed(lived.said), 8000), abs=1.0)


def test_the_caller_is_told_and_the_call_ends_well(lived: Lived) -> None:
    call = lived.message
    assert call.reason == "message_recorded"
    assert call.prompts == ["leave_message", "message_kept"]
    assert call.report.violations == []
    assert call.named("call.handed_over") == []
    [taken] = call.named("voicemail.taken")
    assert taken["duration_s"] == pytest.approx(length_s(mono(lived.voicemail)), abs=0.1)


def test_the_message_was_delivered_sound_and_all(lived: Lived) -> None:
    [body] = lived.delivered
    assert lived.voicemail in body
    assert b'"id":"VM' in body


def test_the_recording_has_what_came_after_the_announcement_on_its_sides(lived: Lived) -> None:
    left, right = pcm_sides(lived.recording)
    assert found_at_ms(spoken(NOTICE), right) == []
    [goodbye_ms] = found_at_ms(spoken(prompt_text("goodbye")), right)
    [words_ms] = found_at_ms(speak("good evening"), left)
    assert words_ms < goodbye_ms
    [ended] = lived.recorded.named("recording.ended") or [{"duration_s": len(left) / 16000}]
    assert ended["duration_s"] == pytest.approx(len(left) / 16000, abs=0.1)


def test_it_was_announced_first(lived: Lived) -> None:
    assert lived.recorded.prompts[0] == "call_recorded"
    assert lived.recorded.report.violations == []


def test_both_are_listed(lived: Lived, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["voicemail", "list", "--var", str(lived.var)]) == 0
    assert "VM" in capsys.readouterr().out
    assert main(["recordings", "list", "--var", str(lived.var)]) == 0
    assert lived.recorded.report.call_sid in capsys.readouterr().out
