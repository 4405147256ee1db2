import io
import wave

import pytest
from aiohttp import ClientSession

from tests.simulator.service.caller import served

KEYED = {"xi-api-key": "any"}
CLARA = "SandboxClara00000001"


async def get(path: str) -> tuple[int, dict]:
    async with (
        served() as server,
        ClientSession(headers=KEYED) as session,
        session.get(server.make_url(path)) as answer,
    ):
        return answer.status, await answer.json()


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
    assert (await get("/v1/voices/unknown"))[0] == 400


async def test_unknown_agent():
    status, body = await get("/v1/convai/agents/unknown")
    assert (status, body["detail"]["code"]) == (404, "agent_not_found")
    assert set(body["detail"]) == {"type", "code", "message", "status", "request_id"}


async def test_both_spellings_of_signed_url():
    for name in ("get-signed-url", "get_signed_url"):
        status, body = await get(f"/v1/convai/conversation/{name}?agent_id=agent_sandbox_desk")
        assert status == 200
        assert body["signed_url"].startswith("ws://127.0.0.1:")


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
