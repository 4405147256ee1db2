import copy
from typing import Any

import pytest

from ivr_bridge.agents.desired import joined, nested, without_none
from ivr_bridge.agents.difference import differences, patch
from tests.agents.house import wanted

WANTED = wanted(
    first_message={"en": "Hello.", "es": "Hola."}, voice={"speed": 1.1}, end_call=True, llm="gpt-5"
).document
CONFIG = "conversation_config"


def kept(**_: Any) -> dict[str, Any]:
    """As the vendor keeps it: nothing that is None, and much of its own."""
    document = copy.deepcopy(without_none(WANTED))
    document[CONFIG]["turn"] = {"turn_timeout": 7}
    document[CONFIG]["tts"]["stability"] = 0.5
    document[CONFIG]["language_presets"]["fr"] = {"overrides": {}}
    document["workflow"] = {}
    return document


def test_what_the_vendor_keeps_besides_is_no_difference() -> None:
    found = kept()
    found[CONFIG]["conversation"]["client_events"].reverse()
    found[CONFIG]["tts"]["speed"] = 1.1000000001
    found[CONFIG]["agent"]["prompt"]["built_in_tools"]["end_call"] |= {"response_timeout_secs": 20, "description": "x"}
    del found["platform_settings"]["overrides"]["conversation_config_override"]["tts"]
    assert differences(WANTED, found) == ()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("name",), "Other"),
        ((CONFIG, "agent", "prompt", "prompt"), "Be rude."),
        ((CONFIG, "agent", "prompt", "llm"), None),
        ((CONFIG, "agent", "first_message"), ""),
        ((CONFIG, "agent", "prompt", "built_in_tools", "end_call"), None),
        ((CONFIG, "agent", "prompt", "built_in_tools", "language_detection"), {"type": "system"}),
        ((CONFIG, "asr", "user_input_audio_format"), "pcm_16000"),
        ((CONFIG, "tts", "speed"), 1.2),
        ((CONFIG, "conversation", "client_events"), ["audio"]),
        ((CONFIG, "conversation", "client_events"), None),
        ((CONFIG, "conversation", "max_duration_seconds"), 60),
        ((CONFIG, "language_presets", "es", "overrides", "agent", "first_message"), "Buenas."),
        (("platform_settings", "overrides", "conversation_config_override", "agent", "language"), False),
        (("platform_settings", "overrides", "conversation_config_override", "tts", "voice_id"), True),
    ],
)
def test_one_difference_is_one_change_and_one_patch(path: tuple[str, ...], value: Any) -> None:
    found = joined(kept(), nested(path, value))
    (change,) = differences(WANTED, found)
    assert change.path == path
    assert change.before == value
    assert change.as_json().keys() == {"path", "from", "to", "level", "danger"}
    assert change.place == ".".join(path)
    assert patch((change,)) == nested(path, change.after)
    assert differences(WANTED, joined(found, patch((change,)))) == ()


def test_an_empty_document_lacks_everything_and_one_patch_mends_it() -> None:
    changes = differences(WANTED, {})
    assert len(changes) > 10
    assert differences(WANTED, patch(changes)) == ()


def test_a_part_of_another_type_is_replaced() -> None:
    changes = differences(WANTED, {**kept(), CONFIG: None})
    assert all(change.before is None for change in changes)
    assert differences(WANTED, {**kept(), "name": 3})[0].after == "Front desk"
