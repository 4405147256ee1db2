import pytest

from ivr_bridge.access.doors import Door, door_of


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/healthz", Door.OPEN),
        ("/readyz", Door.OPEN),
        ("/api/docs", Door.OPEN),
        ("/api/openapi.json", Door.OPEN),
        ("/api", Door.API_KEY),
        ("/api/", Door.API_KEY),
        ("/api/docs/", Door.API_KEY),
        ("/api/docs/more", Door.API_KEY),
        ("/api/v1/calls/{call_sid}/events", Door.API_KEY),
        ("/console", Door.API_KEY),
        ("/console/live", Door.API_KEY),
        ("/twilio/voice", Door.TWILIO_SIGNATURE),
        ("/twilio/media/0", Door.TWILIO_SIGNATURE),
        ("/elevenlabs/webhook", Door.ELEVENLABS_PROOF),
        ("/prompts/en/busy.wav", Door.SIGNED_URL),
    ],
)
def test_each_path_has_its_door(path: str, door: Door):
    assert door_of(path) is door


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//",
        "/favicon.ico",
        "/apis",
        "/API/v1",
        "/healthz/",
        "/twilio_voice",
        "api/v1",
        "//api/v1",
        "/api//v1",
        "/twilio/../api/v1",
        "/api/docs/../v1",
        "/prompts/./x",
        "/twilio/..\\api",
        "/..",
    ],
)
def test_every_other_path_has_none(path: str):
    assert door_of(path) is None
