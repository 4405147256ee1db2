import base64
import io
import json
import wave

import pytest
from aiohttp import ClientSession

from tests.simulator.service.asker import asking
from tests.simulator.service.caller import served

KEYED = {"xi-api-key": "any"}
CLARA = "SandboxClara00000001"


async def speak(query: str, body: object, *, path: str = CLARA):
    async with (
        served() as server,
        ClientSession(headers=KEYED) as session,
        session.post(server.make_url(f"/v1/text-to-speech/{path}?{query}"), json=body) as answer,
    ):
        return answer.status, answer.headers, await answer.read()


@pytest.mark.parametrize(
    ("name", "bytes_per_s"), [("ulaw_8000", 8000), ("alaw_8000", 8000), ("pcm_16000", 32000), ("pcm_44100", 88200)]
)
async def test_speech_in_every_codec(name: str, bytes_per_s: int):
    status, headers, audio = await speak(f"output_format={name}", {"text": "Good evening to you."})
    assert status == 200
    assert headers["Content-Type"].startswith("audio/")
    assert 0.8 < len(audio) / bytes_per_s < 3.0


async def test_speech_as_wav():
    _, _, audio = await speak("output_format=wav_16000", {"text": "Good evening."})
    with wave.open(io.BytesIO(audio)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)


async def test_streamed_speech_is_as_long():
    _, _, whole = await speak("output_format=pcm_16000", {"text": "Good evening."})
    _, headers, streamed = await speak("output_format=pcm_16000", {"text": "Good evening."}, path=f"{CLARA}/stream")
    assert len(streamed) == pytest.approx(len(whole), rel=0.02)
    assert headers["Transfer-Encoding"] == "chunked"


async def test_languages_sound_different():
    _, _, spanish = await speak("output_format=ulaw_8000", {"text": "hola", "language_code": "es"})
    _, _, english = await speak("output_format=ulaw_8000", {"text": "hola", "language_code": "en"})
    assert spanish != english
    _, _, chinese = await speak("output_format=ulaw_8000", {"text": "欢迎光临"})
    assert len(chinese) > 4000


@pytest.mark.parametrize(
    ("path", "query", "body", "status"),
    [
        ("unknown", "output_format=ulaw_8000", {"text": "hi"}, 400),
        (CLARA, "output_format=mp3_44100_128", {"text": "hi"}, 400),
        (CLARA, "", {"text": "hi"}, 400),
        (CLARA, "output_format=ulaw_8000", {}, 422),
        (CLARA, "output_format=ulaw_8000", {"text": "x" * 40001}, 400),
    ],
)
async def test_refused_speech(path: str, query: str, body: dict, status: int):
    got, _, answer = await speak(query, body, path=path)
    assert got == status, answer


async def test_an_unknown_voice_is_named_as_the_vendor_does():
    _, headers, answer = await speak("output_format=ulaw_8000", {"text": "hi"}, path="unknown")
    assert b'"voice_not_found"' in answer
    assert headers["request-id"]


async def test_each_agents_voice_speaks():
    async with served() as server, ClientSession(headers=KEYED) as session:
        async with session.get(server.make_url("/v1/convai/agents")) as answer:
            agents = (await answer.json())["agents"]
        assert agents[0]["agent_id"] == "agent_sandbox_desk"
        for entry in agents:
            async with session.get(server.make_url(f"/v1/convai/agents/{entry['agent_id']}")) as answer:
                voice = (await answer.json())["conversation_config"]["tts"]["voice_id"]
            url = server.make_url(f"/v1/text-to-speech/{voice}?output_format=pcm_16000")
            async with session.post(url, json={"text": "Hello."}) as answer:
                assert answer.status == 200


SARAH, RACHEL, DOMI = "EXAVITQu4vr4xnSDxMaL", "21m00Tcm4TlvDq8ikWAM", "AZnzlk1XvdvUeBnXmlld"
QUERY = "output_format=ulaw_8000"


async def test_what_each_model_takes():
    async with asking() as asker:
        path = f"/v1/text-to-speech/{SARAH}?{QUERY}"
        long = {"text": "x " * 5001}
        assert await asker.refused("POST", path, long) == (400, "text_too_long")
        assert await asker.refused("POST", path, {"text": "x", "model_id": "nobody"}) == (400, "model_not_found")
        fast = {"text": "Hello.", "model_id": "eleven_flash_v2_5", "voice_settings": {"speed": 1.2}, "seed": 7}
        assert len(await asker.good("POST", path, fast)) > 2000


@pytest.mark.parametrize(
    "change", [{"voice_settings": {"speed": 1.3}}, {"voice_settings": {"stability": "high"}}, {"seed": -1}]
)
async def test_settings_out_of_range(change: dict):
    async with asking() as asker:
        path = f"/v1/text-to-speech/{SARAH}?{QUERY}"
        assert (await asker.ask("POST", path, {"text": "Hello.", **change}))[0] == 422


async def test_legacy_voices_are_for_those_who_pay():
    async with asking() as asker:
        path = f"/v1/text-to-speech/{RACHEL}?{QUERY}"
        await asker.good("POST", path, {"text": "Hello."})
        await asker.good("POST", "/sandbox/subscription", {"tier": "free"})
        assert await asker.refused("POST", path, {"text": "Hello."}) == (402, "paid_plan_required")
        gone = f"/v1/text-to-speech/{DOMI}?{QUERY}"
        assert await asker.refused("POST", gone, {"text": "Hello."}) == (400, "voice_not_found")


async def test_characters_are_counted_until_there_are_none():
    async with asking() as asker:
        path = f"/v1/text-to-speech/{SARAH}?{QUERY}"
        await asker.good("POST", "/sandbox/subscription", {"character_limit": 10})
        await asker.good("POST", path, {"text": "Hello."})
        assert (await asker.good("GET", "/v1/user/subscription"))["character_count"] == 6
        assert await asker.refused("POST", path, {"text": "Hello."}) == (401, "quota_exceeded")
        assert (await asker.good("GET", "/v1/user/subscription"))["character_count"] == 6


async def test_times_of_characters():
    text = "Good evening, and welcome to the Harbour Kitchen."
    async with asking() as asker:
        path = f"/v1/text-to-speech/{SARAH}"
        whole = await asker.good("POST", f"{path}/with-timestamps?{QUERY}", {"text": text})
        url = asker.server.make_url(f"{path}/stream/with-timestamps?{QUERY}")
        async with asker.session.post(url, json={"text": text}) as answer:
            lines = [json.loads(line) for line in (await answer.read()).splitlines()]
    alignment = whole["alignment"]
    starts, ends = alignment["character_start_times_seconds"], alignment["character_end_times_seconds"]
    assert alignment["characters"] == list(text)
    assert starts == sorted(starts)
    assert starts[0] == 0
    audio = base64.b64decode(whole["audio_base64"])
    assert ends[-1] == pytest.approx(len(audio) / 8000, abs=0.01)
    assert len(lines) > 2
    streamed_audio = b"".join(base64.b64decode(line["audio_base64"]) for line in lines)
    assert len(streamed_audio) == pytest.approx(len(audio), rel=0.02)
    alignments = [line["alignment"] for line in lines if line["alignment"]]
    streamed = [start for one in alignments for start in one["character_start_times_seconds"]]
    assert streamed == pytest.approx(starts, abs=0.05)
