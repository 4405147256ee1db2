from base64 import b64decode

from ivr_bridge.speech.prompt import Prompt


def test_payload_and_duration() -> None:
    mulaw = bytes(range(256)) * 5
    prompt = Prompt("busy", "en", "Busy.", mulaw)
    assert b64decode(prompt.payload) == mulaw
    assert prompt.payload is prompt.payload
    assert prompt.duration_ms == 160
    assert "payload" not in repr(prompt)
