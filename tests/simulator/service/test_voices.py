from ivr_bridge.simulator.service.voices import VOICES, voice_of


def test_ids_are_keys():
    assert all(voice.voice_id == key for key, voice in VOICES.items())
    assert len({(voice.variant, voice.pitch) for voice in VOICES.values()}) == len(VOICES)


def test_shape():
    shown = next(iter(VOICES.values())).as_json()
    assert shown["labels"]["gender"] in ("male", "female")
    assert {entry["language"] for entry in shown["verified_languages"]} == {"en", "es", "zh"}


def test_real_facts_of_the_vendors_own():
    sarah, rachel = (voice_of(one) for one in ("EXAVITQu4vr4xnSDxMaL", "21m00Tcm4TlvDq8ikWAM"))
    assert sarah is not None
    assert rachel is not None
    assert (sarah.name, sarah.gender, sarah.is_legacy) == ("Sarah", "female", False)
    assert (rachel.gender, rachel.is_legacy) == ("female", True)
    assert voice_of("AZnzlk1XvdvUeBnXmlld") is None
