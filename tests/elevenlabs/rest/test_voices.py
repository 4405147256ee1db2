"""Voices: which requests are made, what is read."""

import pytest

from ivr_bridge.elevenlabs.rest.voices import Voice, Voices
from tests.support.vendor_answers import VendorAnswers

ALICE = {
    "voice_id": "v1",
    "name": "Alice",
    "category": "premade",
    "labels": {"gender": "female", "accent": "british"},
    "settings": {"stability": 0.5, "speed": 1.0, "newer": 1},
    "verified_languages": [{"language": "en", "model_id": "m"}],
    "is_legacy": False,
    "newest": True,
}


async def test_a_search_goes_on_by_its_token():
    vendor = VendorAnswers(
        {"voices": [ALICE], "has_more": True, "total_count": 2, "next_page_token": "p2"},
        {"voices": [{**ALICE, "voice_id": "v2"}], "has_more": False, "total_count": 2, "next_page_token": "p3"},
    )
    found = [v.voice_id async for v in Voices(vendor.transport).search(gender="female", language=["en", "es"])]
    assert found == ["v1", "v2"]
    query = {"page_size": 100, "gender": "female", "language": ["en", "es"]}
    assert vendor.asked == [("GET /v2/voices", query), ("GET /v2/voices", {**query, "next_page_token": "p2"})]


async def test_all_at_once_with_those_that_go_away():
    vendor = VendorAnswers({"voices": [ALICE]})
    assert [voice.name async for voice in Voices(vendor.transport).list(show_legacy=True)] == ["Alice"]
    assert vendor.asked == [("GET /v1/voices", {"show_legacy": True})]


async def test_one_voice_and_who_it_is():
    vendor = VendorAnswers(ALICE)
    voice = await Voices(vendor.transport).get("v/1", max_age_s=60)
    assert (voice.gender, voice.accent, voice.is_legacy) == ("female", "british", False)
    assert voice.settings is not None
    assert voice.settings.speed == 1.0
    assert vendor.asked == [("GET /v1/voices/v%2F1", {})]
    await Voices(vendor.transport).get("v")
    assert vendor.max_ages_s == [60, 0], "without a word only a new answer"


def test_of_an_unknown_voice_nothing_is_made_up():
    voice = Voice.model_validate({"voice_id": "v", "labels": {"gender": None}})
    assert (voice.gender, voice.accent, voice.settings, voice.verified_languages) == ("", "", None, None)


async def test_settings_are_read_and_set():
    vendor = VendorAnswers({"stability": 0.4, "speed": None})
    voices = Voices(vendor.transport)
    assert (await voices.settings("v1")).stability == 0.4
    assert (await voices.default_settings()).speed is None
    await voices.edit_settings("v1", {"speed": 1.1, "style": None})
    assert [what for what, _ in vendor.asked] == [
        "GET /v1/voices/v1/settings",
        "GET /v1/voices/settings/default",
        "POST /v1/voices/v1/settings/edit",
    ]
    assert vendor.bodies[2] == {"speed": 1.1}
    assert vendor.forgotten == ["/v1/voices/v1"]
    with pytest.raises(ValueError, match="speed"):
        await voices.edit_settings("v1", {"speed": 3})
    assert len(vendor.requests) == 3
