"""streamdouble, a Twilio double that nobody here wrote, places calls against the bridge.

It signs nothing and asks no webhook, so that its upgrade gets the header from a shim and its token from a webhook that
we post; it makes up its own ids, so that these are given to it.
"""

import secrets
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import aiohttp
import pytest
import websockets
from streamdouble import session as streamdouble_session
from streamdouble.api import CallReport as JudgesReport
from streamdouble.api import _run as judged
from streamdouble.chaos import Impairments
from streamdouble.protocol import StreamIdentity
from streamdouble.scenario import parse
from streamdouble.session import Session, SessionConfig

from ivr_bridge.simulator.phone.hearing import speech_bounds_ms
from ivr_bridge.simulator.phone.report import CallReport
from ivr_bridge.simulator.phone.signing import signature
from ivr_bridge.simulator.phone.voices import speak
from tests.calls.house import TOKEN, House, PlacedCall, house, sandbox

pytestmark = pytest.mark.timeout(120)

PATIENT = SessionConfig(response_timeout_s=15.0, quiet_period_s=2.5, max_drain_s=30.0, max_call_s=60.0)

ANSWERED_S = 5.0
"""Its `wait_for` means "ever happened": an answer is waited for by the clock."""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[House]:
    async with sandbox() as service_url, house(tmp_path, service_url) as here:
        yield here


def wav(folder: Path, text: str) -> Path:
    path = folder / "said.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(speak(text))
    return path


async def place(
    here: House, monkeypatch: pytest.MonkeyPatch, folder: Path, *steps: Any, config: SessionConfig = PATIENT
) -> tuple[JudgesReport, PlacedCall]:
    """One call of theirs: the voice webhook in their name, then their scenario."""
    identity = StreamIdentity(call_sid="CA" + secrets.token_hex(16), account_sid="AC" + "5a" * 16)
    url, token = await answered(here, identity)
    signed = {"X-Twilio-Signature": signature(TOKEN, url)}

    def connect(*arguments: Any, **options: Any) -> Any:
        return websockets.connect(*arguments, additional_headers=signed, **options)

    shim = SimpleNamespace(connect=connect, ConnectionClosed=websockets.ConnectionClosed)
    monkeypatch.setattr(streamdouble_session, "websockets", shim)
    config = replace(config, custom_parameters={"token": token})
    session = Session(url, scenario=parse({"steps": list(steps)}, base_dir=folder), config=config, identity=identity)
    report = await judged(session, url, None)
    async with aiohttp.ClientSession() as http:
        await posted(http, here, "/twilio/status", identity, CallStatus="completed")
    return report, await here.ended(CallReport(identity.call_sid, "completed", ""))


async def answered(here: House, identity: StreamIdentity) -> tuple[str, str]:
    """Stream URL and token of the answer to a signed voice webhook."""
    async with aiohttp.ClientSession() as http:
        text = await posted(http, here, "/twilio/voice", identity, CallStatus="ringing")
    (stream,) = ElementTree.fromstring(text).iter("Stream")
    (token,) = (entry.attrib["value"] for entry in stream.iter("Parameter") if entry.attrib["name"] == "token")
    return stream.attrib["url"], token


async def posted(http: aiohttp.ClientSession, here: House, path: str, identity: StreamIdentity, **more: str) -> str:
    form = {
        "CallSid": identity.call_sid,
        "AccountSid": identity.account_sid,
        "From": "+15550100001",
        "To": "+15550100002",
        **more,
    }
    headers = {"X-Twilio-Signature": signature(TOKEN, here.url + path, form.items())}
    async with http.post(here.url + path, data=form, headers=headers) as answer:
        assert answer.status in (200, 204), await answer.text()
        return await answer.text()


async def test_a_spoken_call_pleases_the_judge(here: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wav(tmp_path, "is there parking")
    script = [{"wait_for": "quiet"}, {"say": "said.wav"}, {"wait": ANSWERED_S}, {"expect": "audio"}, {"expect": "mark"}]
    report, call = await place(here, monkeypatch, tmp_path, *script, {"expect": "no_violations"})
    told = report.to_dict()
    assert report.exit_code == 0, told
    assert report.violations == []
    assert told["unknown_events"] == []
    assert told["closed_by"] is None or told["closed_by"] == "streamdouble", told
    assert told["marks_received"] == told["marks_echoed"] > 0
    assert speech_bounds_ms(report.audio_received) is not None
    assert call.texts("caller") == ["is there parking"]
    assert call.reason == "caller_hung_up"
    assert 0 < call.ended["marks_played"] <= told["marks_received"]


async def test_keys_and_lost_packets(here: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wav(tmp_path, "what are your opening hours")
    bad_line = replace(PATIENT, impairments=Impairments(loss=0.03), chaos_seed=7)
    script = [{"wait_for": "quiet"}, {"dtmf": "12#"}, {"say": "said.wav"}, {"wait": ANSWERED_S}, {"expect": "audio"}]
    report, call = await place(here, monkeypatch, tmp_path, *script, config=bad_line)
    told = report.to_dict()
    assert report.exit_code == 0, told
    assert report.violations == []
    assert told["frames_dropped"] > 0, "else nothing was lost"
    assert [event["pii.digit"] for event in call.named("caller.keyed")] == ["1", "2", "#"]
    ended = call.ended
    assert 0 < ended["gaps"] <= told["frames_dropped"]
    assert ended["gap_ms"] == pytest.approx(told["frames_dropped"] * 20, abs=20), "but for frames lost at the very end"
    assert call.texts("caller"), "it was understood, or asked again"
    assert ended["reason"] == "caller_hung_up"


async def test_barge_in_clears(here: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wav(tmp_path, "what are your opening hours")
    script = [
        {"wait_for": "quiet"},
        {"say": "said.wav"},
        {"wait": 4.0},
        {"say": "said.wav"},
        {"wait_for": "clear"},
        {"expect": "clear"},
    ]
    report, call = await place(here, monkeypatch, tmp_path, *script)
    assert report.violations == []
    assert report.exit_code == 0, report.to_dict()
    assert report.to_dict()["clears_received"] >= 1
    assert call.ended["barge_ins"] >= 1
    assert call.ended["reason"] == "caller_hung_up", "no mark is waited for that never comes back"


async def test_without_the_signature_it_is_not_let_in(here: House, tmp_path: Path):
    identity = StreamIdentity()
    url, token = await answered(here, identity)
    config = replace(PATIENT, custom_parameters={"token": token})
    session = Session(url, [b"\xff" * 160], config=config, identity=identity)
    with pytest.raises(websockets.InvalidStatus):
        await session.run()
