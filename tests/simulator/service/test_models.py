from ivr_bridge.simulator.service.models import DEFAULT_MODEL, MODELS


def test_the_vendors_limits():
    longest = {name: row["maximum_text_length_per_request"] for name, row in MODELS.items()}
    assert longest["eleven_flash_v2_5"] == 40_000
    assert longest["eleven_multilingual_v2"] == 10_000
    assert longest["eleven_flash_v2"] == 30_000
    assert DEFAULT_MODEL in MODELS
    assert [one["language_id"] for one in MODELS["eleven_flash_v2"]["languages"]] == ["en"]
