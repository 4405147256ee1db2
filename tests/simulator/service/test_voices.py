from ivr_bridge.simulator.service.voices import VOICES


def test_ids_are_keys():
    assert all(voice.voice_id == key for key, voice in VOICES.items())
    assert len({(voice.variant, voice.pitch) for voice in VOICES.values()}) == len(VOICES)


def test_shape():
    shown = next(iter(VOICES.values())).as_json()
    assert shown["labels"]["gender"] in ("male", "female")
    assert {entry["language"] for entry in shown["verified_languages"]} == {"en", "es", "zh"}
